import { type ISignal, Signal } from '@lumino/signaling';

import {
  adapters,
  compareAdapter,
  type IAdapterInfo,
  type IAdapterTable,
  type IComparison,
  type ITrainingStatus,
  pauseTraining,
  promoteAdapter,
  resumeTraining,
  rollBack,
  startTraining,
  training,
  type TrainingKind,
  useAdapter
} from './learning';
import type { ServerMessage } from './messages';

/** The server's adapters and training run, for everything that shows them. */
export class LearningStore {
  table: IAdapterTable | null = null;
  status: ITrainingStatus | null = null;
  comparison: IComparison | null = null;
  /** The adapter that a wish without a name is about. */
  selected: string | null = null;
  comparing = false;
  /** Why the last wish failed: one sentence. */
  problem = '';

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** The adapter that engines start with. */
  get active(): IAdapterInfo | null {
    return this.table?.known.find(one => one.active) ?? null;
  }

  /** Take in what any notebook's channel hears of training. */
  hear(message: ServerMessage): void {
    if (message.type !== 'training_changed') {
      return;
    }
    const ended = this.status?.state === 'running' && message.state !== 'running';
    this.status = message;
    this._changed.emit();
    if (ended) {
      void this.refresh();
    }
  }

  refresh(): Promise<void> {
    return this._act(async () => {
      this.status = await training();
      this.table = await adapters();
    });
  }

  use(name: string | null): Promise<void> {
    return this._act(async () => (this.table = await useAdapter(name)));
  }

  /** Choose the adapter that comparing and promoting are about. */
  select(name: string | null): void {
    this.selected = name;
    this.comparison = null;
    this._changed.emit();
  }

  async compare(): Promise<void> {
    const name = this.selected;
    if (name === null) {
      return;
    }
    this.comparing = true;
    this.comparison = null;
    this._changed.emit();
    await this._act(async () => {
      try {
        const comparison = await compareAdapter(name);
        this.comparison = this.selected === name ? comparison : null;
      } finally {
        this.comparing = false;
      }
    });
  }

  async promote(): Promise<void> {
    const name = this.selected;
    if (name !== null) {
      await this._act(async () => (this.table = await promoteAdapter(name)));
    }
  }

  rollBack(): Promise<void> {
    return this._act(async () => (this.table = await rollBack()));
  }

  start(kind: TrainingKind): Promise<void> {
    return this._act(async () => (this.status = await startTraining(kind)));
  }

  /** Pause a run, or let a paused one go on. */
  togglePause(): Promise<void> {
    const resume = this.status?.state === 'paused';
    return this._act(
      async () => (this.status = await (resume ? resumeTraining() : pauseTraining()))
    );
  }

  private async _act(work: () => Promise<unknown>): Promise<void> {
    this.problem = '';
    try {
      await work();
    } catch (error) {
      this.problem = error instanceof Error ? error.message : String(error);
    }
    this._changed.emit();
  }

  private _changed = new Signal<this, void>(this);
}
