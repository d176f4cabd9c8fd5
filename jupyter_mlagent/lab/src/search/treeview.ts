import type { TranslationBundle } from '@jupyterlab/translation';

import { shortNumber } from '../measure';
import { layout } from './layout';
import type { SearchModel } from './model';
import type { INode } from './records';

const SVG = 'http://www.w3.org/2000/svg';
const COLUMN = 46;
const ROW = 58;
const MARGIN = 28;
const RADIUS = 12;

/** The live tree: nodes coloured by metric, chosen with a click or the arrow keys. */
export class TreeView {
  readonly node = document.createElementNS(SVG, 'svg');

  constructor(
    private _model: SearchModel,
    private _trans: TranslationBundle
  ) {
    this.node.setAttribute('class', 'jp-mlagent-Tree');
    this.node.setAttribute('role', 'tree');
    this.node.setAttribute('tabindex', '0');
    this.node.setAttribute('aria-label', _trans.__('Search tree'));
    this.node.addEventListener('keydown', event => this._pressed(event));
  }

  show(): void {
    const { nodes, selected } = this._model;
    const places = layout(nodes);
    const at = (id: number) => {
      const { x, y } = places.get(id)!;
      return { x: MARGIN + x * COLUMN, y: MARGIN + y * ROW };
    };
    const columns = Math.max(0, ...Array.from(places.values(), place => place.x));
    const rows = Math.max(0, ...Array.from(places.values(), place => place.y));
    this.node.setAttribute('width', String(2 * MARGIN + columns * COLUMN));
    this.node.setAttribute('height', String(2 * MARGIN + rows * ROW + 12));
    const edges = nodes.flatMap(node =>
      node.parent === null ? [] : [edge(at(node.parent), at(node.id), node.best)]
    );
    const circles = nodes.map(node => this._circle(node, at(node.id), node === selected));
    this.node.replaceChildren(...edges, ...circles);
    this.node.setAttribute('aria-activedescendant', selected ? domId(selected) : '');
  }

  /** Bring the selected node into view. */
  reveal(): void {
    this.node
      .querySelector('[aria-selected="true"]')
      ?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  }

  private _circle(
    node: INode,
    { x, y }: { x: number; y: number },
    selected: boolean
  ): SVGElement {
    const group = make('g', {
      id: domId(node),
      class: 'jp-mlagent-Node',
      role: 'treeitem',
      transform: `translate(${x} ${y})`,
      'aria-level': node.depth + 1,
      'aria-selected': selected,
      'aria-label': this._words(node)
    });
    group.dataset.status = node.status;
    group.classList.toggle('jp-mod-failed', !node.works && node.id !== 0);
    group.classList.toggle('jp-mod-best', node.best);
    group.classList.toggle('jp-mod-pinned', node.pinned);
    if (node.shade !== null) {
      group.style.setProperty('--jp-mlagent-shade', `${Math.round(100 * node.shade)}%`);
    }
    const title = make('title');
    title.textContent = this._words(node);
    const name = make('text', { class: 'jp-mlagent-Node-name', y: 4 });
    name.textContent = node.works || node.id === 0 ? String(node.id) : '×';
    const value = make('text', { class: 'jp-mlagent-Node-metric', y: RADIUS + 12 });
    value.textContent = node.metric === null ? '' : shortNumber(node.metric);
    const mark = make('text', { class: 'jp-mlagent-Node-mark', x: RADIUS, y: 4 - RADIUS });
    mark.textContent = (node.pinned ? '★' : '') + (node.hint ? '✎' : '');
    group.append(title, make('circle', { r: RADIUS }), name, value, mark);
    group.addEventListener('click', () => {
      this._model.select(node.id);
      this.node.focus();
    });
    return group;
  }

  /** A node in words, for its tool tip and for those who do not see it. */
  private _words(node: INode): string {
    const trans = this._trans;
    const words = [`${node.id}: ${node.plan}`];
    if (node.metric !== null) {
      words.push(shortNumber(node.metric));
    }
    if (node.error) {
      words.push(node.error);
    }
    const notes = [
      node.best ? trans.__('on the best path') : '',
      node.status === 'expanding' ? trans.__('being worked in') : '',
      node.pinned ? trans.__('pinned') : '',
      node.hint ? trans.__('hint: %1', node.hint) : '',
      node.ended
    ];
    return [...words, ...notes.filter(Boolean)].join(' · ');
  }

  private _pressed(event: KeyboardEvent): void {
    const { selected } = this._model;
    if (!selected) {
      return;
    }
    const siblings =
      selected.parent === null ? [selected] : this._model.children(selected.parent);
    const place = siblings.findIndex(node => node.id === selected.id);
    const targets: Record<string, number | null | undefined> = {
      ArrowUp: selected.parent,
      ArrowDown: this._model.children(selected.id)[0]?.id,
      ArrowLeft: siblings[place - 1]?.id,
      ArrowRight: siblings[place + 1]?.id,
      Home: 0,
      End: this._model.best?.id
    };
    if (event.key in targets) {
      event.preventDefault();
      event.stopPropagation();
      const target = targets[event.key];
      if (target !== null && target !== undefined) {
        this._model.select(target);
        this.show();
        this.reveal();
      }
    }
  }
}

function domId(node: INode): string {
  return `jp-mlagent-node-${node.id}`;
}

function make(
  tag: string,
  attributes: Record<string, string | number | boolean> = {}
): SVGElement {
  const node: SVGElement = document.createElementNS<'g'>(SVG, tag as 'g');
  for (const [name, value] of Object.entries(attributes)) {
    node.setAttribute(name, String(value));
  }
  return node;
}

function edge(from: { x: number; y: number }, to: { x: number; y: number }, best: boolean) {
  const middle = (from.y + to.y) / 2;
  const d = `M${from.x} ${from.y}C${from.x} ${middle} ${to.x} ${middle} ${to.x} ${to.y}`;
  return make('path', { class: best ? 'jp-mlagent-Edge jp-mod-best' : 'jp-mlagent-Edge', d });
}
