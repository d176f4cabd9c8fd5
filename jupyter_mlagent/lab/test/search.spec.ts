import type { Channel } from '../src/channel';
import type { ServerMessage } from '../src/messages';
import { SearchDesk } from '../src/search/desk';
import { layout } from '../src/search/layout';
import { SearchModel } from '../src/search/model';
import type { INode, SearchEvent } from '../src/search/records';
import { searchWords } from '../src/search/words';
import { trans } from './words';

function node(id: number, parent: number | null, depth: number, more: Partial<INode> = {}): INode {
  return {
    id,
    parent,
    depth,
    status: 'open',
    best: false,
    shade: null,
    visits: 0,
    mean: 0,
    ended: '',
    pinned: false,
    hint: '',
    operator: id ? 'improve' : null,
    plan: `plan ${id}`,
    works: id !== 0,
    metric: id,
    code: '',
    diff: '',
    output: '',
    error: '',
    seconds: 1,
    ...more
  };
}

const BEGAN: SearchEvent = {
  type: 'search_began',
  nodes: [node(0, null, 0)],
  budget: { seconds: null, steps: 4, tokens: null },
  workers: 1,
  metric: null
};
const CHOSEN: SearchEvent = {
  type: 'path_chosen',
  node: 2,
  steps: [],
  changed: false,
  sentence: 'It won.'
};

function standing(id: number, more: Partial<INode>): SearchEvent {
  return { type: 'standings_changed', nodes: [{ ...node(id, 0, 1), ...more }] };
}

describe('the model of a search', () => {
  it('grows with its nodes, and keeps what changes of their standing', () => {
    const model = new SearchModel();
    model.apply(BEGAN, { type: 'node_added', node: node(1, 0, 1) });
    model.apply(standing(1, { best: true, pinned: true }));
    expect(model.nodes.map(one => one.id)).toEqual([0, 1]);
    expect(model.best?.id).toBe(1);
    expect(model.nodes[1].plan).toBe('plan 1');
    expect(model.nodes[1].pinned).toBe(true);
    expect(searchWords(model, trans)).toContain('1 of 4 steps');
  });

  it('shows the chosen path at its end, unless the person looks elsewhere', () => {
    for (const looks of [null, 1]) {
      const model = new SearchModel();
      model.apply(BEGAN);
      model.apply({ type: 'node_added', node: node(1, 0, 1) });
      model.apply({ type: 'node_added', node: node(2, 1, 2) });
      if (looks !== null) {
        model.select(looks);
      }
      model.apply(CHOSEN);
      expect(model.selected?.id).toBe(looks ?? 2);
    }
  });

  it('begins empty again', () => {
    const model = new SearchModel();
    model.apply(BEGAN, { type: 'node_added', node: node(1, 0, 1) }, CHOSEN);
    model.apply(BEGAN);
    expect([model.nodes.length, model.chosen, model.sentence]).toEqual([1, null, '']);
  });
});

describe('the places of a tree', () => {
  it('stands a parent above the middle of its children, and no two nodes in one place', () => {
    const nodes = [node(0, null, 0), node(1, 0, 1), node(2, 0, 1), node(3, 1, 2), node(4, 1, 2)];
    const places = layout(nodes);
    const x = (id: number) => places.get(id)!.x;
    expect(x(1)).toBe((x(3) + x(4)) / 2);
    expect(x(0)).toBe((x(1) + x(2)) / 2);
    const keys = new Set(Array.from(places.values(), ({ x, y }) => `${x} ${y}`));
    expect(keys.size).toBe(nodes.length);
  });
});

describe('what is said to a search', () => {
  const said: { type: string; node?: number }[] = [];
  const channel = {
    say: (message: { type: string }) => said.push(message)
  } as unknown as Channel;
  const working = (searching: boolean): ServerMessage => ({
    type: 'working',
    working: true,
    flying: false,
    searching
  });
  let desk: SearchDesk;

  beforeEach(() => {
    said.length = 0;
    desk = new SearchDesk({ channel, cells: () => [], keeping: () => {} });
    desk.begin({ steps: 4, minutes: 1, candidates: 2, allowUnguarded: false });
    desk.hear(working(true));
    desk.hear(BEGAN);
    desk.hear({ type: 'node_added', node: node(1, 0, 1) });
    desk.hear({ type: 'node_added', node: node(2, 0, 1) });
  });

  it('keeps the chosen path once the search that began here has let go', () => {
    desk.hear(CHOSEN);
    expect(said.map(one => one.type)).toEqual(['explore']);
    desk.hear(working(false));
    expect(said[1]).toMatchObject({ type: 'search_keep', node: 2 });
    desk.hear(working(false));
    expect(said.length).toBe(2);
  });

  it('keeps nothing by itself after a stop, or of a search that began in another page', () => {
    desk.stop();
    desk.hear(CHOSEN);
    desk.hear(working(false));
    const other = new SearchDesk({ channel, cells: () => [], keeping: () => {} });
    other.hear(BEGAN);
    other.hear(CHOSEN);
    other.hear(working(false));
    expect(said.map(one => one.type)).toEqual(['explore', 'search_stop']);
  });

  it('prunes and restores, pins and unpins the selected node', () => {
    desk.model.select(1);
    desk.togglePrune();
    desk.togglePin();
    desk.hear(standing(1, { status: 'pruned', pinned: true }));
    desk.togglePrune();
    desk.togglePin();
    expect(said.slice(1)).toEqual([
      { type: 'search_prune', node: 1 },
      { type: 'search_pin', node: 1, pinned: true },
      { type: 'search_restore', node: 1 },
      { type: 'search_pin', node: 1, pinned: false }
    ]);
    desk.hear(working(false));
    desk.togglePin();
    desk.togglePrune();
    desk.hint('more trees');
    expect(said.length).toBe(5);
  });

  it('never puts the notebook itself into the notebook', () => {
    desk.model.select(0);
    desk.keep();
    expect(said.map(one => one.type)).toEqual(['explore']);
  });
});
