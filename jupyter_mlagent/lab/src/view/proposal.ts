import type { IEditorServices } from '@jupyterlab/codeeditor';
import type { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import type { TranslationBundle } from '@jupyterlab/translation';
import { Signal, type ISignal } from '@lumino/signaling';
import { Widget } from '@lumino/widgets';
import type { Message } from '@lumino/messaging';

import { circumstances, sideEffects, worth } from '../measure';
import type { SuggestionModel } from '../model';
import { CodeView } from './code';
import { element, setList, setText } from './dom';
import { OutputsView } from './outputs';

/** What a person can do with a proposal. */
export type Choice =
  | 'accept-run'
  | 'accept'
  | 'edit'
  | 'reject'
  | 'previous'
  | 'next'
  | 'hint'
  | 'stop'
  | 'close';

/** The proposal below a cell: plan, code, what its trial measured, and the choices. */
export class ProposalView extends Widget {
  constructor(private _options: ProposalView.IOptions) {
    // Shortcuts of the notebook must not act on what has the focus in here; ours match on the inner element.
    super();
    this.addClass('jp-mlagent-Host');
    this.node.setAttribute('data-lm-suppress-shortcuts', 'true');
    const { trans, services, rendermime, model } = _options;
    this._code = new CodeView(services, trans.__('Proposed code'));
    this._outputs = new OutputsView(rendermime);
    this._build();
    model.changed.connect(this._changed, this);
    this._render();
  }

  /** The person chose something. */
  get chosen(): ISignal<this, Choice> {
    return this._chosen;
  }

  /** The person typed a hint and wants another try. */
  get hinted(): ISignal<this, string> {
    return this._hinted;
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
    this._hint.hidden = false;
    this._hintInput.focus();
  }

  dispose(): void {
    if (this.isDisposed) {
      return;
    }
    window.cancelAnimationFrame(this._frame);
    this._options.model.changed.disconnect(this._changed, this);
    this._code.dispose();
    this._outputs.dispose();
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
    const { model, trans } = this._options;
    const shown = model.current;
    const trial = shown?.trial ?? null;
    setText(this._status, this._statusText());
    this._inner.classList.toggle('jp-mod-accepted', Boolean(model.accepted));
    this._inner.setAttribute('aria-busy', String(model.working));
    const count = model.candidates.length;
    const place = model.ranked
      ? trans.__('Candidate %1 of %2', model.position + 1, count)
      : trans.__('Candidate %1', model.position + 1);
    setText(this._place, count > 0 ? place : '');
    setText(this._plan, shown?.plan ?? '');
    this._code.show(
      shown,
      shown?.proposal?.anchor.replaces
        ? this._options.sourceOf(shown.proposal.anchor.cell_id)
        : null
    );
    const value = trial ? worth(trial, model.metric) : null;
    setText(
      this._worth,
      value?.text ?? (shown?.trying ? trans.__('Trying it in a copy of the kernel…') : '')
    );
    this._worth.dataset.tone = value?.tone ?? 'same';
    setText(this._metric, value && model.metric ? model.metric.expression : '');
    setList(this._facts, 'span', trial ? circumstances(trial) : []);
    const effects = trial ? sideEffects(trial) : [];
    setList(this._effects, 'li', effects);
    this._effectsBox.hidden = effects.length === 0;
    this._outputs.show(shown?.outputs ?? []);
    setList(this._notices, 'li', this._noticeTexts());
    this._notices.classList.toggle('jp-mod-warning', Boolean(model.stale));
    this._showButtons();
  }

  private _statusText(): string {
    const { model, trans } = this._options;
    if (model.failure) {
      return model.failure;
    }
    if (model.working) {
      const written = model.candidates.filter(one => one.proposal).length;
      const tried = model.candidates.filter(one => one.trial).length;
      if (!model.asked) {
        return trans.__('Reading the kernel…');
      }
      if (model.candidates.length === 0) {
        return trans.__('%1 is reading the notebook…', model.modelName);
      }
      return trans.__('Writing… %1 written, %2 tried', written, tried);
    }
    if (model.ranked && model.candidates.length === 0) {
      return trans.__('No usable candidate this time; ask again, or give a hint.');
    }
    return model.timings
      ? trans.__('%1 s', model.timings.total_seconds.toFixed(1))
      : '';
  }

  private _noticeTexts(): string[] {
    const { model, trans } = this._options;
    const texts = [...model.notices];
    if (model.stale) {
      texts.push(model.stale);
    }
    if (model.measured) {
      texts.push(
        model.measured.matches
          ? trans.__('Ran for real: %1', model.measured.message)
          : trans.__('Not as tried: %1', model.measured.message)
      );
    }
    return texts;
  }

  private _showButtons(): void {
    const { model } = this._options;
    const shown = model.current;
    const open = Boolean(shown?.proposal && !shown.verdict && !model.accepted);
    const usable = open && !model.stale;
    const many = model.candidates.length > 1 && !model.accepted;
    const visible: Record<Choice, boolean> = {
      'accept-run': usable,
      accept: usable,
      edit: usable && !this._code.editing,
      reject: open,
      previous: many,
      next: many,
      hint: !model.working && !model.flying,
      stop: model.working,
      close: !model.working
    };
    for (const [choice, button] of this._buttons) {
      button.hidden = !visible[choice];
    }
  }

  private _build(): void {
    const { trans } = this._options;
    const head = element('div', 'jp-mlagent-Head');
    head.append(this._place, this._status);
    const measures = element('div', 'jp-mlagent-Measures');
    measures.append(this._worth, this._metric, this._facts);
    this._effectsBox.append(
      element('span', '', trans.__('It wanted to do this; none of it reached your files:')),
      this._effects
    );
    this._hint.append(this._hintInput, this._submitButton());
    this._hint.hidden = true;
    this._hint.onsubmit = event => {
      event.preventDefault();
      this._submitHint();
    };
    // The notebook takes Enter's default action away, which would submit the form.
    this._hintInput.onkeydown = event => {
      if (event.key === 'Enter' && !event.isComposing) {
        event.preventDefault();
        this._submitHint();
      }
    };
    this._inner.setAttribute('aria-label', trans.__('Proposal for the next step'));
    this._inner.append(
      head,
      this._plan,
      this._code.node,
      measures,
      this._effectsBox,
      this._outputs.node,
      this._notices,
      this._hint,
      this._actions()
    );
    this.node.append(this._inner);
  }

  private _actions(): HTMLElement {
    const { trans } = this._options;
    const words: [Choice, string, string][] = [
      ['accept-run', trans.__('Accept and run'), 'jp-mod-accept'],
      ['accept', trans.__('Accept'), ''],
      ['edit', trans.__('Edit'), ''],
      ['reject', trans.__('Reject'), ''],
      ['previous', trans.__('Previous'), ''],
      ['next', trans.__('Next'), ''],
      ['hint', trans.__('Try again with a hint…'), ''],
      ['stop', trans.__('Stop'), 'jp-mod-warn'],
      ['close', trans.__('Close'), '']
    ];
    const row = element('div', 'jp-mlagent-Actions', '', {
      role: 'toolbar',
      'aria-label': trans.__('Proposal')
    });
    for (const [choice, label, mod] of words) {
      const shortcut = this._options.shortcutOf(choice);
      const button = element(
        'button',
        `jp-mlagent-Action jp-mod-styled jp-Button ${mod}`,
        label,
        { type: 'button', title: shortcut ? `${label} (${shortcut})` : label }
      );
      button.dataset.choice = choice;
      button.onclick = () => this._chosen.emit(choice);
      this._buttons.set(choice, button);
      row.append(button);
    }
    return row;
  }

  private _submitHint(): void {
    this._hint.hidden = true;
    this._hinted.emit(this._hintInput.value);
  }

  private _submitButton(): HTMLElement {
    return element(
      'button',
      'jp-mod-styled jp-Button',
      this._options.trans.__('Try again'),
      { type: 'submit' }
    );
  }

  private _code: CodeView;
  private _outputs: OutputsView;
  private _inner = element('section', 'jp-mlagent-Proposal jp-ThemedContainer');
  private _place = element('span', 'jp-mlagent-Place');
  private _status = element('span', 'jp-mlagent-Status', '', {
    role: 'status',
    'aria-live': 'polite'
  });
  private _plan = element('p', 'jp-mlagent-Plan');
  private _worth = element('span', 'jp-mlagent-Worth');
  private _metric = element('code', 'jp-mlagent-Metric');
  private _facts = element('span', 'jp-mlagent-Facts');
  private _effectsBox = element('div', 'jp-mlagent-Effects');
  private _effects = element('ul');
  private _notices = element('ul', 'jp-mlagent-Notices');
  private _hint = element('form', 'jp-mlagent-Hint');
  private _hintInput = element('input', 'jp-mod-styled', '', {
    type: 'text',
    placeholder: 'What should it try?',
    'aria-label': 'Hint'
  });
  private _buttons = new Map<Choice, HTMLButtonElement>();
  private _chosen = new Signal<this, Choice>(this);
  private _hinted = new Signal<this, string>(this);
  private _frame = 0;
}

export namespace ProposalView {
  export interface IOptions {
    model: SuggestionModel;
    services: IEditorServices;
    rendermime: IRenderMimeRegistry;
    trans: TranslationBundle;
    /** The source of a cell, for the difference to what replaces it. */
    sourceOf: (cellId: string) => string | null;
    /** The shortcut of a choice, for its tool tip. */
    shortcutOf: (choice: Choice) => string;
  }
}
