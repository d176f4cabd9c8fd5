import { type Cell } from '@jupyterlab/cells';
import type { IEditorServices } from '@jupyterlab/codeeditor';
import { type NotebookPanel } from '@jupyterlab/notebook';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { IDisposable } from '@lumino/disposable';
import { type ISignal, Signal } from '@lumino/signaling';
import type { PanelLayout } from '@lumino/widgets';

import { Applier } from './applier';
import { cellRecords, indexOfCell, sourceHash } from './cells';
import { Channel, Refusal } from './channel';
import type {
  Direction,
  IEngineStatus,
  IMetric,
  ServerMessage,
  SessionEvent
} from './messages';
import { SuggestionModel } from './model';
import { type Choice, ProposalView } from './view/proposal';

/** What a person set; read anew at every request. */
export interface IWishes {
  candidates: number;
  allowUnguarded: boolean;
  autoAsk: boolean;
}

/** The suggestions of one open notebook: its channel, its model and the view below a cell. */
export class NotebookAssistant implements IDisposable {
  readonly model = new SuggestionModel();
  metric: IMetric | null = null;
  engine: IEngineStatus | null = null;
  journalProblem = '';

  constructor(private _options: NotebookAssistant.IOptions) {
    const { panel } = _options;
    this._applier = new Applier(panel);
    this._channel = new Channel(localPath(panel));
    this._channel.received.connect(this._heard, this);
    this._channel.connectedChanged.connect(this._connected, this);
    panel.context.pathChanged.connect(this._renamed, this);
    panel.sessionContext.kernelChanged.connect(this._greet, this);
    panel.content.model?.cells.changed.connect(this._cellsChanged, this);
    panel.content.model?.contentChanged.connect(this._check, this);
    panel.disposed.connect(this.dispose, this);
  }

  get panel(): NotebookPanel {
    return this._options.panel;
  }

  get channel(): Channel {
    return this._channel;
  }

  /** Whether an accepted cell is being put in or run. */
  get accepting(): boolean {
    return this._accepting;
  }

  get view(): ProposalView | null {
    return this._view && !this._view.isDisposed ? this._view : null;
  }

  /** Engine, metric or connection changed. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  /** Whether suggestions come by themselves after a successful run. */
  get auto(): boolean {
    return this._auto ?? this._options.wishes().autoAsk;
  }

  set auto(value: boolean) {
    this._auto = value;
    this._changed.emit();
  }

  /** Ask for proposals for what follows the active cell. */
  ask(hint = ''): void {
    const cell = this.panel.content.activeCell;
    const { candidates, allowUnguarded } = this._options.wishes();
    this.model.reset();
    this._hostId = cell?.model.id ?? null;
    if (!this._channel.connected) {
      this._show({
        type: 'failed',
        message: 'The Jupyter server cannot be reached at the moment.'
      });
      return;
    }
    this.model.working = true;
    this._place();
    this._greet();
    this._channel.say({
      type: 'ask',
      cells: this._cells(),
      focus_cell_id: this._hostId,
      hint,
      candidates,
      allow_unguarded: allowUnguarded
    });
  }

  stop(): void {
    this._channel.say({ type: 'stop' });
  }

  /** Keep the current candidate, edits included; `run` it at once. */
  async accept(run: boolean): Promise<void> {
    const shown = this.model.current;
    const view = this.view;
    if (!shown?.proposal || !view || shown.verdict || this._accepting) {
      return;
    }
    this._accepting = true;
    try {
      const edited = view.editing && view.source !== shown.code;
      const { acceptance, gain } = await this._channel.request<'accepted'>({
        type: 'accept',
        proposal_id: shown.proposal.id,
        cells: this._cells(),
        edited_source: edited ? view.source : null
      });
      const cellId = this._applier.put(acceptance, gain, true);
      this._inserted.set(cellId, acceptance.proposal_id);
      this._moveView(cellId);
      if (run) {
        const done = await this._applier.run(cellId, acceptance.source);
        if (!done.error) {
          const id = this._channel.nextId();
          this._channel.say({ type: 'ran', id, proposal_id: acceptance.proposal_id });
        }
      }
    } catch (error) {
      this._refused(error);
    } finally {
      this._accepting = false;
    }
  }

  async reject(reason = ''): Promise<void> {
    const id = this.model.current?.proposal?.id;
    if (!id) {
      return;
    }
    try {
      await this._channel.request({ type: 'reject', proposal_id: id, reason });
      if (!this.model.pending && !this.model.working) {
        this.close();
      }
    } catch (error) {
      this._refused(error);
    }
  }

  /** Start the autopilot. */
  fly(steps: number, minutes: number | null): void {
    const { candidates, allowUnguarded } = this._options.wishes();
    this.model.reset();
    this._hostId = this.panel.content.activeCell?.model.id ?? null;
    this._flown = [];
    this._place();
    this._greet();
    this._channel.say({
      type: 'fly',
      cells: this._cells(),
      steps,
      seconds: minutes === null ? null : minutes * 60,
      candidates,
      allow_unguarded: allowUnguarded
    });
  }

  /** Take every cell of the last flight out again. */
  undoFlight(): void {
    for (const cellId of this._flown.reverse()) {
      this._applier.remove(cellId);
    }
    this._flown = [];
  }

  get canUndoFlight(): boolean {
    return this._flown.length > 0 && !this.model.flying;
  }

  async findMetrics(): Promise<IMetric[]> {
    const answer = await this._channel.request<'found_metrics'>({
      type: 'find_metrics',
      cells: this._cells()
    });
    return answer.metrics;
  }

  /** Take an expression as the metric; rejects with a `Refusal`. */
  async setMetric(expression: string | null, direction: Direction | null): Promise<void> {
    await this._channel.request<'done'>({
      type: 'set_metric',
      cells: this._cells(),
      expression,
      direction
    });
  }

  /** Do what a button or a shortcut says. */
  choose(choice: Choice): void {
    switch (choice) {
      case 'accept-run':
        void this.accept(true);
        break;
      case 'accept':
        void this.accept(false);
        break;
      case 'edit':
        this.view?.edit();
        break;
      case 'reject':
        void this.reject();
        break;
      case 'previous':
        this.model.move(-1);
        break;
      case 'next':
        this.model.move(1);
        break;
      case 'hint':
        this.view?.askHint();
        break;
      case 'stop':
        this.stop();
        break;
      case 'close':
        this.close();
        break;
    }
  }

  /** Put the proposal away; what got no verdict stays without one. */
  close(): void {
    this._view?.dispose();
    this._view = null;
    this.panel.content.removeClass(PENDING_CLASS);
    this.panel.content.activate();
  }

  dispose(): void {
    if (this._isDisposed) {
      return;
    }
    this._isDisposed = true;
    this._channel.dispose();
    this._view?.dispose();
    Signal.clearData(this);
  }

  private _heard(_: Channel, message: ServerMessage): void {
    switch (message.type) {
      case 'room_state':
        this.metric = message.metric;
        this.engine = message.engine;
        this.journalProblem = message.journal_problem;
        this.model.working = message.working;
        this.model.flying = message.flying;
        this._restore(message.events);
        this._changed.emit();
        break;
      case 'engine_changed':
        this.engine = message.engine;
        this._changed.emit();
        break;
      case 'metric_changed':
        this.metric = message.metric;
        this._changed.emit();
        break;
      case 'working':
        this.model.working = message.working;
        this.model.flying = message.flying;
        this.model.touch();
        break;
      case 'apply':
        void this._apply(message);
        break;
      case 'retract':
        this._flown = this._flown.filter(id => id !== message.cell_id);
        this._applier.remove(message.cell_id);
        break;
      case 'problem':
        this.model.notices.push(message.message);
        this.model.touch();
        break;
      case 'accepted':
      case 'done':
      case 'found_metrics':
      case 'completion':
        break;
      default:
        this._show(message);
    }
  }

  private _show(event: SessionEvent): void {
    this.model.apply(event);
    if (event.type === 'started' || event.type === 'failed') {
      this._place();
    }
    this._check();
  }

  /** After a reload or a lost connection: what the server remembers, below the cell it belongs to. */
  private _restore(events: SessionEvent[]): void {
    if (events.length === 0) {
      if (this.model.pending) {
        this.model.stale =
          'The Jupyter server was restarted; these proposals are gone. Ask again.';
        this.model.touch();
      }
      return;
    }
    this.model.replay(events);
    const anchor = this.model.current?.proposal?.anchor.cell_id;
    this._hostId = this._hostId ?? anchor ?? null;
    if (this.model.pending || this.model.working) {
      void this.panel.revealed.then(() => {
        this._place();
        this._check();
      });
    }
  }

  private async _apply(
    message: Extract<ServerMessage, { type: 'apply' }>
  ): Promise<void> {
    const { acceptance, gain, id } = message;
    const answer = { type: 'applied', id, cell_id: '', problem: '' };
    try {
      answer.cell_id = this._applier.put(acceptance, gain, false);
      this._flown.push(answer.cell_id);
      this._inserted.set(answer.cell_id, acceptance.proposal_id);
      this._moveView(answer.cell_id);
      const run = await this._applier.run(answer.cell_id, acceptance.source);
      this._channel.say({ ...answer, run, cells: this._cells() });
    } catch (error) {
      const run = { outputs: [], execution_count: null, seconds: 0, error: null };
      const problem = error instanceof Error ? error.message : String(error);
      this._channel.say({ ...answer, run, cells: this._cells(), problem });
    }
  }

  private _refused(error: unknown): void {
    const sentence = error instanceof Error ? error.message : String(error);
    if (error instanceof Refusal && error.stale) {
      this.model.stale = sentence;
    } else {
      this.model.notices.push(sentence);
    }
    this.model.touch();
  }

  /** Put the view below its cell; made anew when the cell's widget was. */
  private _place(): void {
    const { panel, services, trans, shortcutOf } = this._options;
    const host = this._host();
    if (!host) {
      return;
    }
    if (!this.view) {
      this._view = new ProposalView({
        model: this.model,
        services,
        trans,
        rendermime: panel.content.rendermime,
        shortcutOf,
        sourceOf: id => {
          const cell = panel.content.widgets.find(one => one.model.id === id);
          return cell?.model.sharedModel.getSource() ?? null;
        }
      });
      this._view.chosen.connect((_, choice) => this.choose(choice));
      this._view.hinted.connect((_, hint) => this.ask(hint));
    }
    const layout = host.layout as PanelLayout;
    if (this._view!.parent !== host) {
      layout.addWidget(this._view!);
    }
    panel.content.addClass(PENDING_CLASS);
  }

  private _host(): Cell | undefined {
    const { content } = this.panel;
    return (
      content.widgets.find(one => one.model.id === this._hostId) ??
      content.activeCell ??
      undefined
    );
  }

  private _moveView(cellId: string): void {
    this._hostId = cellId;
    if (this.view) {
      this._place();
    }
  }

  private _cellsChanged(): void {
    const model = this.panel.content.model;
    if (!model) {
      return;
    }
    for (const [cellId, proposalId] of this._inserted) {
      if (indexOfCell(model, cellId) < 0) {
        this._inserted.delete(cellId);
        this._channel.say({ type: 'undo', proposal_id: proposalId });
      }
    }
    // A moved cell gets a new widget, which took the view along; a deleted one leaves its proposal stale.
    if (this._view?.isDisposed && (this.model.pending || this.model.working)) {
      queueMicrotask(() => this._place());
    }
    this._check();
  }

  /** Mark the proposals stale as soon as their cell is gone or edited. */
  private _check(): void {
    const model = this.panel.content.model;
    const anchor = this.model.current?.proposal?.anchor;
    if (!model || !anchor?.cell_id || !this.model.pending || this.model.accepted) {
      return;
    }
    const at = indexOfCell(model, anchor.cell_id);
    let stale = '';
    if (at < 0) {
      stale = 'The cell this proposal belongs to is gone; ask again.';
    } else if (sourceHash(model.cells.get(at).sharedModel.getSource()) !== anchor.source_hash) {
      stale = 'The cell this proposal belongs to was edited meanwhile; ask again.';
    }
    if (stale !== this.model.stale) {
      this.model.stale = stale;
      this.model.touch();
    }
  }

  private _connected(_: Channel, connected: boolean): void {
    if (connected) {
      this._greet();
    }
    this._changed.emit();
  }

  private _greet(): void {
    const kernel = this.panel.sessionContext.session?.kernel;
    this._channel.say({ type: 'hello', kernel_id: kernel?.id ?? null });
  }

  private _renamed(): void {
    this._channel.rename(localPath(this.panel));
  }

  private _cells() {
    return cellRecords(this.panel.content.model!, this._hostId);
  }

  private _applier: Applier;
  private _channel: Channel;
  private _view: ProposalView | null = null;
  private _hostId: string | null = null;
  private _auto: boolean | null = null;
  private _accepting = false;
  private _flown: string[] = [];
  private _inserted = new Map<string, string>();
  private _isDisposed = false;
  private _changed = new Signal<this, void>(this);
}

/** On a notebook that shows a proposal: what the verdicts' shortcuts select. */
export const PENDING_CLASS = 'jp-mod-mlagent';

/** The notebook's path without the drive that a collaboration extension may add. */
function localPath(panel: NotebookPanel): string {
  return panel.context.localPath;
}

export namespace NotebookAssistant {
  export interface IOptions {
    panel: NotebookPanel;
    services: IEditorServices;
    trans: TranslationBundle;
    wishes: () => IWishes;
    shortcutOf: (choice: Choice) => string;
  }
}
