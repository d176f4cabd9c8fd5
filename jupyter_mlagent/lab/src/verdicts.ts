import type { Applier } from './applier';
import { type Channel, Refusal } from './channel';
import type { IAcceptance, ICellRecord, IGain } from './messages';
import type { SuggestionModel } from './model';

/** What a person says about the shown candidate, carried out: recorded, inserted, run. */
export class Verdicts {
  constructor(private _options: Verdicts.IOptions) {}

  /** Whether an accepted cell is being put in or run. */
  get accepting(): boolean {
    return this._accepting;
  }

  /** Keep the current candidate, edits included; `run` it at once. */
  async accept(run: boolean): Promise<void> {
    const { model, channel, applier, cells, arrived } = this._options;
    const view = this._options.view();
    const shown = model.current;
    const blocked = !model.ranked || model.accepted || model.stale;
    if (!shown?.proposal || !view || shown.verdict || blocked || this._accepting) {
      return;
    }
    this._accepting = true;
    try {
      applier.writable();
      const edited = view.editing && view.source !== shown.code;
      const { acceptance, gain } = await channel.request<'accepted'>({
        type: 'accept',
        proposal_id: shown.proposal.id,
        cells: cells(),
        edited_source: edited ? view.source : null
      });
      const cellId = this._put(acceptance, gain);
      arrived(cellId);
      if (run) {
        const done = await applier.run(cellId, acceptance.source);
        if (!done.error) {
          const id = channel.nextId();
          channel.say({ type: 'ran', id, proposal_id: acceptance.proposal_id });
        }
      }
    } catch (error) {
      this._refused(error);
    } finally {
      this._accepting = false;
    }
  }

  /** Throw the current candidate away. */
  async reject(reason = ''): Promise<void> {
    const { model, channel, done } = this._options;
    const shown = model.current;
    if (!shown?.proposal || shown.verdict || !model.ranked || model.accepted) {
      return;
    }
    try {
      await channel.request({ type: 'reject', proposal_id: shown.proposal.id, reason });
      if (!model.pending && !model.working) {
        done();
      }
    } catch (error) {
      this._refused(error);
    }
  }

  private _put(acceptance: IAcceptance, gain: IGain): string {
    const { applier, channel } = this._options;
    try {
      return applier.put(acceptance, gain, true);
    } catch (error) {
      // The verdict is in the journal, the cell is not in the notebook.
      channel.say({ type: 'undo', proposal_id: acceptance.proposal_id });
      throw error;
    }
  }

  private _refused(error: unknown): void {
    const { model } = this._options;
    const sentence = error instanceof Error ? error.message : String(error);
    if (error instanceof Refusal && error.stale) {
      model.stale = sentence;
    } else {
      model.notices.push(sentence);
    }
    model.touch();
  }

  private _accepting = false;
}

export namespace Verdicts {
  export interface IOptions {
    model: SuggestionModel;
    channel: Channel;
    applier: Applier;
    /** The notebook as the server needs it. */
    cells: () => ICellRecord[];
    /** What shows the current candidate, and holds the person's edit of it. */
    view: () => { readonly editing: boolean; readonly source: string } | null;
    /** An accepted cell stands in the notebook. */
    arrived: (cellId: string) => void;
    /** Every candidate got its verdict. */
    done: () => void;
  }
}
