import type { TranslationBundle } from '@jupyterlab/translation';

import { type Choice, choiceWords } from '../choices';
import type { SuggestionModel } from '../model';
import { element } from './dom';

const AT_THE_TOP: Choice[] = ['previous', 'next', 'close'];
const LOOKS: Partial<Record<Choice, string>> = {
  'accept-run': 'jp-mod-accept',
  stop: 'jp-mod-warn'
};

/** The buttons of a proposal: one for every choice that can be made now. */
export class Actions {
  /** Moving between candidates, closing: for the head of the proposal. */
  readonly top = element('div', 'jp-mlagent-Actions jp-mod-top');
  /** The verdicts. */
  readonly row = element('div', 'jp-mlagent-Actions');

  constructor(
    trans: TranslationBundle,
    shortcutOf: (choice: Choice) => string,
    chosen: (choice: Choice) => void
  ) {
    for (const node of [this.top, this.row]) {
      node.setAttribute('role', 'toolbar');
    }
    this.top.setAttribute('aria-label', trans.__('Candidates'));
    this.row.setAttribute('aria-label', trans.__('Proposal'));
    for (const { choice, button: label, name } of choiceWords(trans)) {
      const shortcut = shortcutOf(choice);
      const looks = `jp-mlagent-Action jp-mod-styled jp-Button ${LOOKS[choice] ?? ''}`;
      const button = element('button', looks, label, {
        type: 'button',
        'aria-label': name,
        title: shortcut ? `${name} (${shortcut})` : name
      });
      button.dataset.choice = choice;
      button.onclick = () => chosen(choice);
      this._buttons.set(choice, button);
      (AT_THE_TOP.includes(choice) ? this.top : this.row).append(button);
    }
  }

  /** Offer what can be chosen in this state. */
  show(model: SuggestionModel, editing: boolean): void {
    const shown = model.current;
    const open = Boolean(shown?.proposal && !shown.verdict && !model.accepted);
    const judged = open && model.ranked;
    const usable = judged && !model.stale;
    const many = model.candidates.length > 1 && !model.accepted;
    const visible: Record<Choice, boolean> = {
      'accept-run': usable,
      accept: usable,
      edit: usable && !editing,
      reject: judged,
      'reject-reason': judged,
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

  private _buttons = new Map<Choice, HTMLButtonElement>();
}
