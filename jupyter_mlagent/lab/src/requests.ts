import type { NotebookPanel } from '@jupyterlab/notebook';
import type { TranslationBundle } from '@jupyterlab/translation';

import type { Channel } from './channel';
import type { Flight } from './flight';
import type { Direction, ICellRecord, IMetric } from './messages';
import type { Mirror } from './mirror';
import type { SuggestionModel } from './model';
import type { Placement } from './placement';
import type { SearchDesk } from './search/desk';

/** What a person set; read anew at every request. */
export interface IWishes {
  candidates: number;
  allowUnguarded: boolean;
  autoAsk: boolean;
}

/** What a person asks the server to do with one notebook, and how it is ended. */
export class Requests {
  constructor(private _options: Requests.IOptions) {}

  /** Ask for proposals for what follows the active cell; `quietly`: nobody pressed a key for it. */
  ask(hint = '', quietly = false): void {
    const { model, channel, placement, cells, wishes } = this._options;
    const { candidates, allowUnguarded } = wishes();
    if (!this._begin()) {
      return;
    }
    if (!quietly) {
      placement.reveal();
    }
    model.working = true;
    channel.say({
      type: 'ask',
      cells: cells(),
      focus_cell_id: placement.hostId,
      hint,
      candidates,
      allow_unguarded: allowUnguarded
    });
  }

  /** Start the autopilot. */
  fly(steps: number, minutes: number | null, allowUnguarded = false): void {
    const { channel, flight, cells, wishes } = this._options;
    if (!this._begin()) {
      return;
    }
    flight.begin();
    channel.say({
      type: 'fly',
      cells: cells(),
      steps,
      seconds: minutes === null ? null : minutes * 60,
      candidates: wishes().candidates,
      allow_unguarded: allowUnguarded
    });
  }

  /** Start the autopilot with a tree search. */
  explore(steps: number, minutes: number | null, allowUnguarded = false): void {
    const { placement, search, wishes } = this._options;
    if (this._begin()) {
      // It has a view of its own.
      placement.hide();
      search.begin({ steps, minutes, candidates: wishes().candidates, allowUnguarded });
    }
  }

  /** End the request, flight or search under way. */
  stop(): void {
    const { model, channel, flight, search } = this._options;
    if (search.model.running) {
      search.stop();
      return;
    }
    channel.say({ type: 'stop' });
    if (model.flying) {
      flight.stop();
    }
  }

  async findMetrics(): Promise<IMetric[]> {
    const { channel, cells } = this._options;
    const answer = await channel.request<'found_metrics'>({ type: 'find_metrics', cells: cells() });
    return answer.metrics;
  }

  /** Take an expression as the metric; rejects with a `Refusal`. */
  async setMetric(expression: string | null, direction: Direction | null): Promise<void> {
    const { channel, cells } = this._options;
    await channel.request<'done'>({ type: 'set_metric', cells: cells(), expression, direction });
  }

  /** A request or flight begins at the active cell; false, and shown, where the server cannot be reached. */
  private _begin(): boolean {
    const { panel, model, channel, placement, mirror, trans, greet } = this._options;
    model.reset();
    placement.hostId = panel.content.activeCell?.model.id ?? null;
    if (!channel.connected) {
      const message = trans.__('The Jupyter server cannot be reached at the moment.');
      mirror.show({ type: 'failed', message });
      return false;
    }
    placement.show();
    greet();
    return true;
  }
}

export namespace Requests {
  export interface IOptions {
    panel: NotebookPanel;
    model: SuggestionModel;
    channel: Channel;
    mirror: Mirror;
    placement: Placement;
    flight: Flight;
    search: SearchDesk;
    trans: TranslationBundle;
    cells: () => ICellRecord[];
    wishes: () => IWishes;
    /** Tell the server which kernel the notebook has. */
    greet: () => void;
  }
}
