import { type ISignal, Signal } from '@lumino/signaling';

import type { Channel } from '../channel';
import type { ICellRecord, ServerMessage } from '../messages';
import { SearchModel } from './model';
import { type INodeDetail, isSearchEvent } from './records';

/** What limits a search, and how it goes about it. */
export interface ISearchWishes {
  steps: number;
  minutes: number | null;
  candidates: number;
  allowUnguarded: boolean;
}

/** The search over one notebook: what the person says to it, and what it says. */
export class SearchDesk {
  readonly model = new SearchModel();

  constructor(private _options: SearchDesk.IOptions) {}

  /** The notebook as it stands at a node came, to be shown. */
  get looked(): ISignal<this, INodeDetail> {
    return this._looked;
  }

  /** The person asked for the tree. */
  get wanted(): ISignal<this, void> {
    return this._wanted;
  }

  /** Begin; when its budget is spent, this page puts the path it chose into the notebook. */
  begin({ steps, minutes, candidates, allowUnguarded }: ISearchWishes): void {
    this.model.reset();
    this._mine = true;
    this._options.channel.say({
      type: 'explore',
      cells: this._options.cells(),
      steps,
      seconds: minutes === null ? null : minutes * 60,
      candidates,
      allow_unguarded: allowUnguarded
    });
  }

  /** Have the tree shown beside the notebook. */
  show(): void {
    this._wanted.emit();
  }

  /** Pause, or go on. */
  togglePause(): void {
    this._say(this.model.paused ? 'search_resume' : 'search_pause');
  }

  /** End now; what was found stays to be looked at, and kept on demand. */
  stop(): void {
    this._mine = false;
    this._say('search_stop');
  }

  /** Take the selected branch out of the search, or back into it. */
  togglePrune(): void {
    const pruned = this.model.selected?.status === 'pruned';
    this._steer(pruned ? 'search_restore' : 'search_prune');
  }

  /** Have the search go on below the selected node, or no longer. */
  togglePin(): void {
    this._steer('search_pin', { pinned: !this.model.selected?.pinned });
  }

  /** Say what is wanted of the selected branch; empty takes it back. */
  hint(text: string): void {
    this._steer('search_hint', { text });
  }

  /** Show the notebook as it would stand at the selected node. */
  look(): void {
    this._sayOfSelected('search_look');
  }

  /** Put the path to a node (the selected one) into the notebook and run it; a search under way ends. */
  keep(node = this.model.selected?.id): void {
    if (node) {
      this._mine = false;
      this._options.keeping();
      const cells = this._options.cells();
      this._options.channel.say({ type: 'search_keep', node, cells });
    }
  }

  hear(message: ServerMessage): void {
    if (isSearchEvent(message)) {
      this.model.apply(message);
      if (message.type === 'path_chosen' && this._mine && message.node !== null) {
        this._chosen = message.node;
      }
      return;
    }
    switch (message.type) {
      case 'room_state':
        this.model.running = message.searching;
        this.model.reset();
        this.model.apply(...message.search);
        break;
      case 'working':
        this.model.running = message.searching;
        this.model.touch();
        this._keepChosen();
        break;
      case 'node_detail':
        this._looked.emit(message);
        break;
      default:
        break;
    }
  }

  /** Once the search has let go of everything. */
  private _keepChosen(): void {
    const chosen = this._chosen;
    if (!this.model.running && chosen !== null) {
      this._chosen = null;
      if (this._mine) {
        this.keep(chosen);
      }
    }
  }

  /** Where to go on; of a search that has ended there is nothing to say. */
  private _steer(type: string, fields: Record<string, unknown> = {}): void {
    if (this.model.running) {
      this._sayOfSelected(type, fields);
    }
  }

  private _sayOfSelected(type: string, fields: Record<string, unknown> = {}): void {
    const { selected } = this.model;
    if (selected) {
      this._say(type, { node: selected.id, ...fields });
    }
  }

  private _say(type: string, fields: Record<string, unknown> = {}): void {
    this._options.channel.say({ type, ...fields });
  }

  private _mine = false;
  private _chosen: number | null = null;
  private _looked = new Signal<this, INodeDetail>(this);
  private _wanted = new Signal<this, void>(this);
}

export namespace SearchDesk {
  export interface IOptions {
    channel: Channel;
    /** The notebook as the server needs it. */
    cells: () => ICellRecord[];
    /** A path is about to be put into the notebook. */
    keeping: () => void;
  }
}
