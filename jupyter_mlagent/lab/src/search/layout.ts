/** Where a node stands: its column (a leaf takes one, a parent stands above the middle of its children). */
export interface IPlace {
  x: number;
  y: number;
}

interface ITreeNode {
  id: number;
  parent: number | null;
  depth: number;
}

/** A tidy tree: one place for each node, in columns and rows; nodes come before their children. */
export function layout(nodes: readonly ITreeNode[]): Map<number, IPlace> {
  const children = new Map<number, number[]>();
  for (const { id, parent } of nodes) {
    if (parent !== null) {
      children.set(parent, [...(children.get(parent) ?? []), id]);
    }
  }
  const depths = new Map(nodes.map(node => [node.id, node.depth]));
  const places = new Map<number, IPlace>();
  let column = 0;
  const place = (id: number): number => {
    const below = children.get(id) ?? [];
    const columns = below.map(place);
    const x = columns.length ? (columns[0] + columns[columns.length - 1]) / 2 : column++;
    places.set(id, { x, y: depths.get(id) ?? 0 });
    return x;
  };
  nodes.filter(node => node.parent === null).forEach(node => place(node.id));
  return places;
}
