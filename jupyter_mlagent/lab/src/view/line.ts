import { element } from './dom';

/** A line to type one sentence into; Enter sends it, Escape puts it away. */
export class TypedLine {
  readonly node = element('form', 'jp-mlagent-Line');

  /** `left` takes the focus when what had it before is gone. */
  constructor(
    words: TypedLine.IWords,
    sent: (text: string) => void,
    private _left: () => void
  ) {
    this._input = element('input', 'jp-mod-styled', '', {
      type: 'text',
      placeholder: words.placeholder,
      'aria-label': words.label
    });
    const send = () => {
      const text = this._input.value.trim();
      this._leave();
      sent(text);
    };
    this.node.hidden = true;
    this.node.onsubmit = event => {
      event.preventDefault();
      send();
    };
    // The notebook takes Enter's default action away, which would submit the form.
    this._input.onkeydown = event => {
      if (event.key === 'Enter' && !event.isComposing) {
        event.preventDefault();
        send();
      } else if (event.key === 'Escape') {
        event.preventDefault();
        event.stopPropagation();
        this._leave();
      }
    };
    this.node.append(
      this._input,
      element('button', 'jp-mod-styled jp-Button', words.send, { type: 'submit' })
    );
  }

  /** Show it, empty, with the focus in it. */
  ask(): void {
    this._before = document.activeElement;
    this._input.value = '';
    this.node.hidden = false;
    this._input.focus();
  }

  hide(): void {
    this.node.hidden = true;
  }

  /** Hide, and put the focus back to where the person came from. */
  private _leave(): void {
    this.hide();
    const before = this._before;
    if (before instanceof HTMLElement && before.offsetParent !== null) {
      before.focus();
    } else {
      this._left();
    }
  }

  private _before: Element | null = null;
  private _input: HTMLInputElement;
}

export namespace TypedLine {
  export interface IWords {
    label: string;
    placeholder: string;
    send: string;
  }
}
