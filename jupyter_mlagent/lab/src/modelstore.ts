import { type ISignal, Signal } from '@lumino/signaling';

import { cancelDownload, downloadModel, type IModelTable, models, useModel } from './rest';

const POLL_MS = 1000;
const UNDER_WAY = ['waiting', 'fetching', 'checking'];

/** The server's models and the one download under way, for everything that shows them. */
export class ModelStore {
  table: IModelTable | null = null;
  /** Why the last wish failed: one sentence. */
  problem = '';

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get downloading(): boolean {
    return UNDER_WAY.includes(this.table?.download?.doing ?? '');
  }

  /** From 0 to 1. */
  get progress(): number {
    const download = this.table?.download;
    return download ? download.done_bytes / download.total_bytes : 0;
  }

  /** The model that would be used and is not on this machine; null when there is one to use. */
  get missing(): IModelTable['models'][number] | null {
    const { missing, models: rows } = this.table ?? { missing: null, models: [] };
    return rows.find(row => row.name === missing) ?? null;
  }

  refresh(): Promise<void> {
    return this._act(models);
  }

  use(name: string): Promise<void> {
    return this._act(() => useModel(name));
  }

  download(name: string): Promise<void> {
    return this._act(() => downloadModel(name));
  }

  cancel(): Promise<void> {
    return this._act(cancelDownload);
  }

  private async _act(work: () => Promise<IModelTable>): Promise<void> {
    try {
      this.table = await work();
      this.problem = this.table.download?.problem ?? '';
    } catch (error) {
      this.problem = error instanceof Error ? error.message : String(error);
    }
    window.clearTimeout(this._poll);
    if (this.downloading) {
      this._poll = window.setTimeout(() => void this.refresh(), POLL_MS);
    }
    this._changed.emit();
  }

  private _poll = 0;
  private _changed = new Signal<this, void>(this);
}
