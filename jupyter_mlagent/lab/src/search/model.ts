import { type ISignal, Signal } from '@lumino/signaling';

import type { IMetric } from '../messages';
import type { INode, ISearchBudget, SearchEvent } from './records';

type Ended = Extract<SearchEvent, { type: 'search_ended' }>;
type Spent = Extract<SearchEvent, { type: 'budget_spent' }>;

/** A search over a notebook, grown from events; the same events always give the same model. */
export class SearchModel {
  metric: IMetric | null = null;
  budget: ISearchBudget | null = null;
  spent: Spent | null = null;
  /** Whether it is under way, as the server says. */
  running = false;
  paused = false;
  /** Whether the best paths are being measured on other splits of the data. */
  selecting = false;
  ended: Ended | null = null;
  /** The node whose path was chosen at the end; null: none. */
  chosen: number | null = null;
  /** Why that path, or what else there is to say. */
  sentence = '';

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** In the order of growth; empty where there was no search. */
  get nodes(): readonly INode[] {
    return this._nodes;
  }

  /** The node that the person looks at. */
  get selected(): INode | null {
    return this._nodes[this._selected] ?? null;
  }

  get best(): INode | null {
    const path = this._nodes.filter(node => node.best);
    return path[path.length - 1] ?? null;
  }

  children(id: number): INode[] {
    return this._nodes.filter(node => node.parent === id);
  }

  select(id: number): void {
    if (this._nodes[id] && id !== this._selected) {
      this._selected = id;
      this._changed.emit();
    }
  }

  /** A new search was asked for: what the last one found is gone. */
  reset(): void {
    this._clear();
    this._changed.emit();
  }

  /** Something outside the events changed (whether it runs). */
  touch(): void {
    this._changed.emit();
  }

  apply(...events: readonly SearchEvent[]): void {
    events.forEach(event => this._take(event));
    this._changed.emit();
  }

  private _take(event: SearchEvent): void {
    switch (event.type) {
      case 'search_began':
        this._clear();
        this.metric = event.metric;
        this.budget = event.budget;
        this._nodes = [...event.nodes];
        break;
      case 'node_added':
        this._nodes[event.node.id] = event.node;
        break;
      case 'standings_changed':
        for (const standing of event.nodes) {
          const node = this._nodes[standing.id];
          if (node) {
            this._nodes[standing.id] = { ...node, ...standing };
          }
        }
        break;
      case 'budget_spent':
        this.spent = event;
        break;
      case 'search_paused':
        this.paused = true;
        break;
      case 'search_resumed':
        this.paused = false;
        break;
      case 'search_ended':
        this.ended = event;
        this.paused = false;
        break;
      case 'selection_began':
        this.selecting = true;
        break;
      case 'path_chosen':
        this.selecting = false;
        this.chosen = event.node;
        this.sentence = event.sentence;
        if (event.node !== null && this._selected === 0) {
          this._selected = event.node;
        }
        break;
      case 'expansion_failed':
        this.sentence = event.reason;
        break;
      default:
        // The standings say it, too.
        break;
    }
  }

  private _clear(): void {
    this._nodes = [];
    this._selected = 0;
    this.metric = this.budget = this.spent = this.ended = null;
    this.paused = this.selecting = false;
    this.chosen = null;
    this.sentence = '';
  }

  private _nodes: INode[] = [];
  private _selected = 0;
  private _changed = new Signal<this, void>(this);
}
