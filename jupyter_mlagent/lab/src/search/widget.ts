import type { TranslationBundle } from '@jupyterlab/translation';
import type { Message } from '@lumino/messaging';
import { Widget } from '@lumino/widgets';

import { mlagentIcon } from '../icon';
import { element, setText } from '../view/dom';
import { TypedLine } from '../view/line';
import type { SearchDesk } from './desk';
import { NodeDetails } from './detail';
import { TreeView } from './treeview';
import { searchWords } from './words';

/** What a person can do in a search; the commands are called `mlagent:search-` and this. */
export const SEARCH_CHOICES = [
  'pause',
  'stop',
  'keep',
  'open',
  'pin',
  'prune',
  'hint',
  'save-html',
  'save-json'
] as const;

export type SearchChoice = (typeof SEARCH_CHOICES)[number];

/** A search over one notebook: its live tree, the selected node, and what can be done with it. */
export class SearchWidget extends Widget {
  constructor(private _options: SearchWidget.IOptions) {
    super();
    const { desk, trans, name } = _options;
    this.id = `jp-mlagent-search-${name}`;
    this.title.label = trans.__('Search: %1', name);
    this.title.icon = mlagentIcon;
    this.title.closable = true;
    this.addClass('jp-mlagent-Search');
    this.addClass('jp-ThemedContainer');
    this._tree = new TreeView(desk.model, trans);
    this._details = new NodeDetails(trans);
    this._hint = new TypedLine(
      {
        label: trans.__('Hint for this branch'),
        placeholder: trans.__('What should it try from here on?'),
        send: trans.__('Send')
      },
      text => desk.hint(text),
      () => this._tree.node.focus()
    );
    this._build();
    desk.model.changed.connect(this._changed, this);
    this._show();
  }

  /** Let the person type what is wanted of the selected branch. */
  askHint(): void {
    this._hint.ask();
  }

  dispose(): void {
    if (!this.isDisposed) {
      window.cancelAnimationFrame(this._frame);
      this._options.desk.model.changed.disconnect(this._changed, this);
      super.dispose();
    }
  }

  protected onActivateRequest(msg: Message): void {
    super.onActivateRequest(msg);
    this._tree.node.focus();
  }

  protected onAfterShow(msg: Message): void {
    super.onAfterShow(msg);
    this._show();
  }

  private _changed(): void {
    if (!this._frame) {
      this._frame = window.requestAnimationFrame(() => {
        this._frame = 0;
        this._show();
      });
    }
  }

  private _build(): void {
    const { trans, chosen } = this._options;
    const bar = element('div', 'jp-mlagent-Actions', '', { role: 'toolbar' });
    bar.setAttribute('aria-label', trans.__('Search'));
    for (const choice of SEARCH_CHOICES) {
      const button = element('button', 'jp-mlagent-Action jp-mod-styled jp-Button', '', {
        type: 'button'
      });
      button.onclick = () => chosen(choice);
      this._buttons.set(choice, button);
      bar.append(button);
    }
    this._buttons.get('keep')!.classList.add('jp-mod-accept');
    const scroll = element('div', 'jp-mlagent-Tree-scroll');
    scroll.append(this._tree.node);
    this.node.append(
      this._state,
      this._bar,
      bar,
      this._hint.node,
      scroll,
      this._sentence,
      this._details.node
    );
    this._bar.setAttribute('aria-label', trans.__('Budget spent'));
  }

  private _show(): void {
    if (!this.isVisible && this.isAttached) {
      return;
    }
    const { desk, trans } = this._options;
    const { model } = desk;
    setText(this._state, searchWords(model, trans));
    this._bar.hidden = !model.running;
    this._bar.value = model.spent?.progress ?? 0;
    const { selected } = model;
    const step = selected !== null && selected.id !== 0;
    const steered = step && model.running;
    const some = model.nodes.length > 1;
    const buttons: Record<SearchChoice, [string, boolean]> = {
      pause: [model.paused ? trans.__('Resume') : trans.__('Pause'), model.running],
      stop: [trans.__('Stop'), model.running],
      keep: [trans.__('Put this path into the notebook'), step && selected.works],
      open: [trans.__('Open the notebook as it is here'), selected !== null],
      pin: [selected?.pinned ? trans.__('Unpin') : trans.__('Pin'), steered],
      prune: [
        selected?.status === 'pruned' ? trans.__('Restore') : trans.__('Prune'),
        steered
      ],
      hint: [trans.__('Hint…'), model.running && selected !== null],
      'save-html': [trans.__('Save as HTML'), some],
      'save-json': [trans.__('Save as JSON'), some]
    };
    for (const [choice, button] of this._buttons) {
      const [label, visible] = buttons[choice];
      if (button.textContent !== label) {
        button.textContent = label;
      }
      const shortcut = this._options.shortcutOf(choice);
      button.title = shortcut ? `${label} (${shortcut})` : label;
      button.hidden = !visible;
    }
    this._tree.show();
    setText(
      this._sentence,
      [model.sentence, model.ended?.summary].filter(Boolean).join(' ')
    );
    this._details.show(model);
  }

  private _buttons = new Map<SearchChoice, HTMLButtonElement>();
  private _tree: TreeView;
  private _details: NodeDetails;
  private _hint: TypedLine;
  private _state = element('p', 'jp-mlagent-State', '', { role: 'status' });
  private _bar = element('progress');
  private _sentence = element('p', 'jp-mlagent-State');
  private _frame = 0;
}

export namespace SearchWidget {
  export interface IOptions {
    desk: SearchDesk;
    /** The notebook's. */
    name: string;
    trans: TranslationBundle;
    chosen: (choice: SearchChoice) => void;
    shortcutOf: (choice: SearchChoice) => string;
  }
}
