import type { NotebookPanel } from '@jupyterlab/notebook';

import type { Applier } from './applier';
import type { Channel } from './channel';
import type { ICellRecord, ServerMessage } from './messages';
import type { IFlightLine } from './shown';

type Apply = Extract<ServerMessage, { type: 'apply' }>;

/** The hands of the autopilot: puts its steps into this notebook, runs them, takes them back. */
export class Flight {
  constructor(private _options: Flight.IOptions) {}

  /** A new flight begins. */
  begin(): void {
    this._flown = [];
    this._stopped = false;
  }

  /** Put one step in, run it and report; a step that was stopped while it ran is taken back. */
  async apply({ acceptance, gain, id }: Apply): Promise<void> {
    const { applier, channel, cells, arrived } = this._options;
    const answer = { type: 'applied', id, cell_id: '', problem: '' };
    let run = { outputs: [], execution_count: null, seconds: 0, error: null } as Awaited<
      ReturnType<Applier['run']>
    >;
    this._applying = true;
    try {
      answer.cell_id = applier.put(acceptance, gain, false);
      this._flown.push(answer.cell_id);
      arrived(answer.cell_id);
      run = await applier.run(answer.cell_id, acceptance.source);
    } catch (error) {
      answer.problem = error instanceof Error ? error.message : String(error);
    } finally {
      this._applying = false;
    }
    if (this._stopped) {
      this.retract(answer.cell_id);
    }
    channel.say({ ...answer, run, cells: cells() });
  }

  /** End the flight at once, a cell of it that is running included. */
  stop(): void {
    this._stopped = true;
    if (this._applying) {
      void this._options.panel.sessionContext.session?.kernel?.interrupt();
    }
  }

  /** Take one cell out again. */
  retract(cellId: string): void {
    this._flown = this._flown.filter(id => id !== cellId);
    this._options.applier.takeBack([cellId]);
  }

  /** Take every cell of the flight out again; `lines` names those that a reloaded page did not put in. */
  undo(lines: readonly IFlightLine[]): void {
    this._options.applier.takeBack(this._cellsOf(lines).reverse());
    this._flown = [];
  }

  /** Whether there is something to take back. */
  canUndo(lines: readonly IFlightLine[]): boolean {
    return this._cellsOf(lines).length > 0;
  }

  private _cellsOf(lines: readonly IFlightLine[]): string[] {
    const kept = lines.flatMap(line => (line.cellId ? [line.cellId] : []));
    const cells = this._options.panel.content.model?.cells ?? [];
    const here = new Set(Array.from(cells, cell => cell.id));
    return [...new Set([...kept, ...this._flown])].filter(id => here.has(id));
  }

  private _flown: string[] = [];
  private _applying = false;
  private _stopped = false;
}

export namespace Flight {
  export interface IOptions {
    panel: NotebookPanel;
    applier: Applier;
    channel: Channel;
    /** The notebook as the server needs it. */
    cells: () => ICellRecord[];
    /** A step stands in the notebook. */
    arrived: (cellId: string) => void;
  }
}
