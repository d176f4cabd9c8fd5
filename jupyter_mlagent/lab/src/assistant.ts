import type { IEditorServices } from '@jupyterlab/codeeditor';
import type { NotebookPanel } from '@jupyterlab/notebook';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { IDisposable } from '@lumino/disposable';
import { type ISignal, Signal } from '@lumino/signaling';

import { AcceptedCells } from './accepted';
import { Applier } from './applier';
import { cellRecords } from './cells';
import { Channel } from './channel';
import type { Choice } from './choices';
import { Flight } from './flight';
import { KernelWatch } from './kernelwatch';
import type { ServerMessage } from './messages';
import { Mirror } from './mirror';
import { SuggestionModel } from './model';
import type { ModelStore } from './modelstore';
import { Placement } from './placement';
import { type IWishes, Requests } from './requests';
import { SearchDesk } from './search/desk';
import { staleReason } from './stale';
import { Verdicts } from './verdicts';
import type { Highlight } from './view/code';
import { ProposalView } from './view/proposal';

/** Messages that come many times a second and change nothing of what is pending. */
const STREAMED: ReadonlySet<ServerMessage['type']> = new Set<ServerMessage['type']>([
  'plan_delta',
  'code_delta',
  'trial_output',
  'completion'
]);

/** The suggestions of one open notebook: what is asked, what the server says, and what of it is shown. */
export class NotebookAssistant implements IDisposable {
  readonly model: SuggestionModel;
  readonly channel: Channel;
  readonly verdicts: Verdicts;
  readonly mirror: Mirror;
  readonly search: SearchDesk;
  readonly requests: Requests;
  /** Accepted steps that were taken back since the page was loaded. */
  undone = 0;

  constructor(private _options: NotebookAssistant.IOptions) {
    const { panel, trans } = _options;
    this.model = new SuggestionModel(trans);
    this.mirror = new Mirror(this.model, trans);
    this.channel = new Channel(panel.context.localPath, trans);
    const applier = new Applier(panel, trans);
    const cells = () => this._cells();
    this._placement = new Placement(panel, () => this._makeView());
    this._flight = new Flight({
      panel,
      applier,
      channel: this.channel,
      cells,
      arrived: cellId => this._placement.move(cellId)
    });
    this.search = new SearchDesk({
      channel: this.channel,
      cells,
      keeping: () => {
        this.model.reset();
        this._flight.begin();
      }
    });
    this.verdicts = new Verdicts({
      model: this.model,
      channel: this.channel,
      applier,
      cells,
      view: () => this.view,
      arrived: cellId => this._placement.move(cellId),
      done: () => this.close()
    });
    this.requests = new Requests({
      panel,
      model: this.model,
      channel: this.channel,
      mirror: this.mirror,
      placement: this._placement,
      flight: this._flight,
      search: this.search,
      trans,
      cells,
      wishes: _options.wishes,
      greet: () => this._greet()
    });
    this._accepted = new AcceptedCells(proposal_id => {
      this.channel.say({ type: 'undo', proposal_id });
      this.undone += 1;
      this._changed.emit();
    });
    this._kernel = new KernelWatch(panel.sessionContext, () => this._kernelLost());
    this.mirror.changed.connect(() => this._changed.emit());
    this.mirror.appeared.connect(this._appeared, this);
    this.channel.received.connect(this._heard, this);
    this.channel.connectedChanged.connect(this._connected, this);
    panel.context.pathChanged.connect(this._renamed, this);
    panel.sessionContext.kernelChanged.connect(this._greet, this);
    panel.content.model?.cells.changed.connect(this._cellsChanged, this);
    panel.content.model?.contentChanged.connect(this._check, this);
    panel.disposed.connect(this.dispose, this);
    this._check();
  }

  get panel(): NotebookPanel {
    return this._options.panel;
  }

  get view(): ProposalView | null {
    return this._placement.view;
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

  /** Take every cell of the last flight out again. */
  undoFlight(): void {
    this._flight.undo(this.model.flight);
    this._changed.emit();
  }

  get canUndoFlight(): boolean {
    return !this.model.flying && this._flight.canUndo(this.model.flight);
  }

  /** Do what a button or a shortcut says. */
  choose(choice: Choice): void {
    const doing: Record<Choice, () => void> = {
      'accept-run': () => void this.verdicts.accept(true),
      accept: () => void this.verdicts.accept(false),
      edit: () => this.view?.edit(),
      reject: () => void this.verdicts.reject(),
      'reject-reason': () => this.view?.askReason(),
      previous: () => this.model.move(-1),
      next: () => this.model.move(1),
      hint: () => this.view?.askHint(),
      stop: () => this.requests.stop(),
      close: () => this.close()
    };
    doing[choice]();
  }

  /** Put the proposal away; what got no verdict stays without one. */
  close(): void {
    this._placement.hide();
    this.panel.content.activate();
  }

  dispose(): void {
    if (this._isDisposed) {
      return;
    }
    this._isDisposed = true;
    this.channel.dispose();
    this._placement.dispose();
    this._kernel.dispose();
    Signal.clearData(this.mirror);
    Signal.clearData(this);
  }

  private _heard(_: Channel, message: ServerMessage): void {
    this.mirror.hear(message);
    this.search.hear(message);
    if (message.type === 'apply') {
      void this._flight.apply(message);
    } else if (message.type === 'retract') {
      this._flight.retract(message.cell_id);
    }
    if (!STREAMED.has(message.type)) {
      this._check();
    }
  }

  /** Show the view below the cell that a request belongs to. */
  private _appeared(_: Mirror, when: 'now' | 'before'): void {
    if (when === 'now') {
      this._placement.show();
      return;
    }
    const anchor = this.model.current?.proposal?.anchor.cell_id;
    this._placement.hostId = this._placement.hostId ?? anchor ?? null;
    void this.panel.revealed.then(() => {
      this._placement.show();
      this._check();
    });
  }

  private _makeView(): ProposalView {
    const { panel, services, highlight, trans, shortcutOf, models } = this._options;
    const view = new ProposalView({
      model: this.model,
      models,
      services,
      highlight,
      trans,
      rendermime: panel.content.rendermime,
      shortcutOf,
      sourceOf: id => {
        const cell = panel.content.widgets.find(one => one.model.id === id);
        return cell?.model.sharedModel.getSource() ?? null;
      },
      left: () => panel.content.activate()
    });
    view.chosen.connect((_, choice) => this.choose(choice));
    view.hinted.connect((_, hint) => this.requests.ask(hint));
    view.rejected.connect((_, reason) => void this.verdicts.reject(reason));
    return view;
  }

  private _cellsChanged(): void {
    // A moved cell gets a new widget, which took the view along; a deleted one leaves its proposal stale.
    if (this._placement.lost && (this.model.pending || this.model.working)) {
      queueMicrotask(() => this._placement.show());
    }
    this._check();
  }

  /** Mark the proposals stale as soon as their cell is gone or edited; notice accepted cells that went. */
  private _check(): void {
    const model = this.panel.content.model;
    if (!model) {
      return;
    }
    this._accepted.check(model);
    const anchor = this.model.current?.proposal?.anchor;
    if (anchor?.cell_id && this.model.pending && !this.model.accepted) {
      this.model.anchorStale = staleReason(model, anchor, this._options.trans);
    }
  }

  private _kernelLost(): void {
    if (this.model.pending && !this.model.accepted) {
      this.model.stale = this._options.trans.__(
        'The kernel was restarted since this was tried; run your cells and ask again.'
      );
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
    this.channel.say({ type: 'hello', kernel_id: kernel?.id ?? null });
  }

  private _renamed(): void {
    this.channel.rename(this.panel.context.localPath);
    this._changed.emit();
  }

  private _cells() {
    return cellRecords(this.panel.content.model!, this._placement.hostId);
  }

  private _placement: Placement;
  private _flight: Flight;
  private _accepted: AcceptedCells;
  private _kernel: KernelWatch;
  private _auto: boolean | null = null;
  private _isDisposed = false;
  private _changed = new Signal<this, void>(this);
}

export namespace NotebookAssistant {
  export interface IOptions {
    panel: NotebookPanel;
    services: IEditorServices;
    highlight: Highlight;
    trans: TranslationBundle;
    models: ModelStore;
    wishes: () => IWishes;
    shortcutOf: (choice: Choice) => string;
  }
}
