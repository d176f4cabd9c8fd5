import type { IEditorServices } from '@jupyterlab/codeeditor';
import type { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { Message } from '@lumino/messaging';
import { type ISignal, Signal } from '@lumino/signaling';
import { Widget } from '@lumino/widgets';

import type { Choice } from '../choices';
import type { SuggestionModel } from '../model';
import type { ModelStore } from '../modelstore';
import { Actions } from './actions';
import { CodeView, type Highlight } from './code';
import { element, setList, setText } from './dom';
import { TypedLine } from './line';
import { MeasuresView } from './measures';
import { DownloadOffer } from './offer';
import { OutputsView } from './outputs';
import { noticeTexts, placeText, statusText } from './words';

/** The proposal below a cell: plan, code, what its trial measured, and the choices. */
export class ProposalView extends Widget {
  constructor(private _options: ProposalView.IOptions) {
    // Shortcuts of the notebook must not act on what has the focus in here; ours match on the inner element.
    super();
    this.addClass('jp-mlagent-Host');
    this.node.setAttribute('data-lm-suppress-shortcuts', 'true');
    const { trans, services, highlight, rendermime, model, models, shortcutOf } = _options;
    this._code = new CodeView(services, highlight, trans);
    this._measures = new MeasuresView(trans);
    this._outputs = new OutputsView(rendermime);
    this._offer = new DownloadOffer(models, trans, () => this._hinted.emit(''));
    this._actions = new Actions(trans, shortcutOf, choice => this._chosen.emit(choice));
    const back = () => this._options.left();
    this._hint = new TypedLine(
      {
        label: trans.__('Hint'),
        placeholder: trans.__('What should it try?'),
        send: trans.__('Try again')
      },
      text => this._hinted.emit(text),
      back
    );
    this._reason = new TypedLine(
      {
        label: trans.__('Reason'),
        placeholder: trans.__('What is wrong with it?'),
        send: trans.__('Reject')
      },
      text => this._rejected.emit(text),
      back
    );
    this._build();
    model.changed.connect(this._changed, this);
    this._render();
  }

  /** The person chose something. */
  get chosen(): ISignal<this, Choice> {
    return this._chosen;
  }

  /** The person typed a hint (perhaps an empty one) and wants another try. */
  get hinted(): ISignal<this, string> {
    return this._hinted;
  }

  /** The person typed why the shown proposal is rejected. */
  get rejected(): ISignal<this, string> {
    return this._rejected;
  }

  /** The code as it stands, edits included. */
  get source(): string {
    return this._code.source;
  }

  get editing(): boolean {
    return this._code.editing;
  }

  edit(): void {
    this._code.edit();
    this._render();
  }

  /** Show the line to type a hint into. */
  askHint(): void {
    this._reason.hide();
    this._hint.ask();
  }

  /** Show the line to type the reason of a rejection into. */
  askReason(): void {
    this._hint.hide();
    this._reason.ask();
  }

  dispose(): void {
    if (this.isDisposed) {
      return;
    }
    window.cancelAnimationFrame(this._frame);
    this._options.model.changed.disconnect(this._changed, this);
    this._code.dispose();
    this._outputs.dispose();
    this._offer.dispose();
    Signal.clearData(this);
    super.dispose();
  }

  protected onAfterAttach(msg: Message): void {
    super.onAfterAttach(msg);
    this._outputs.attach();
    this._render();
  }

  protected onBeforeDetach(msg: Message): void {
    this._outputs.detach();
    super.onBeforeDetach(msg);
  }

  private _changed(): void {
    if (!this._frame) {
      this._frame = window.requestAnimationFrame(() => {
        this._frame = 0;
        this._render();
      });
    }
  }

  private _render(): void {
    const { model, trans, sourceOf } = this._options;
    const shown = model.current;
    setText(this._status, statusText(model, trans));
    this._inner.classList.toggle('jp-mod-accepted', Boolean(model.accepted));
    this._inner.setAttribute('aria-busy', String(model.working));
    setText(this._place, placeText(model, trans));
    setText(this._plan, shown?.plan ?? '');
    const anchor = shown?.proposal?.anchor;
    this._code.show(shown, anchor?.replaces ? sourceOf(anchor.cell_id) : null);
    this._measures.show(shown, model);
    this._outputs.show(shown?.outputs ?? []);
    setList(this._notices, 'li', noticeTexts(model, trans));
    this._notices.classList.toggle(
      'jp-mod-warning',
      Boolean(model.stale || model.measured?.matches === false)
    );
    this._offer.show(Boolean(model.failure));
    this._actions.show(model, this._code.editing);
  }

  private _build(): void {
    const { trans } = this._options;
    const head = element('div', 'jp-mlagent-Head');
    head.append(this._place, this._status, this._actions.top);
    this._inner.setAttribute('aria-label', trans.__('Proposal for the next step'));
    this._inner.append(
      head,
      this._plan,
      this._code.node,
      this._measures.node,
      this._outputs.node,
      this._notices,
      this._offer.node,
      this._hint.node,
      this._reason.node,
      this._actions.row
    );
    this.node.append(this._inner);
  }

  private _code: CodeView;
  private _measures: MeasuresView;
  private _outputs: OutputsView;
  private _offer: DownloadOffer;
  private _actions: Actions;
  private _hint: TypedLine;
  private _reason: TypedLine;
  private _inner = element('section', 'jp-mlagent-Proposal jp-ThemedContainer');
  private _place = element('span', 'jp-mlagent-Place');
  private _status = element('span', 'jp-mlagent-Status', '', {
    role: 'status',
    'aria-live': 'polite'
  });
  private _plan = element('p', 'jp-mlagent-Plan');
  private _notices = element('ul', 'jp-mlagent-Notices');
  private _chosen = new Signal<this, Choice>(this);
  private _hinted = new Signal<this, string>(this);
  private _rejected = new Signal<this, string>(this);
  private _frame = 0;
}

export namespace ProposalView {
  export interface IOptions {
    model: SuggestionModel;
    models: ModelStore;
    services: IEditorServices;
    highlight: Highlight;
    rendermime: IRenderMimeRegistry;
    trans: TranslationBundle;
    /** The source of a cell, for the difference to what replaces it. */
    sourceOf: (cellId: string) => string | null;
    /** The shortcut of a choice, for its tool tip. */
    shortcutOf: (choice: Choice) => string;
    /** The person left a line without sending it: the focus goes back to the notebook. */
    left: () => void;
  }
}
