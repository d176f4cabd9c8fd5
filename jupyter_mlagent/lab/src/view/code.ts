import {
  CodeEditor,
  type IEditorServices
} from '@jupyterlab/codeeditor';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { IDisposable } from '@lumino/disposable';

import type { IShown } from '../shown';
import { diffLines } from '../diff';
import { element } from './dom';

/** Puts code into an element, in the colours of the person's theme. */
export type Highlight = (code: string, host: HTMLElement) => Promise<void>;

/**
 * The code of a candidate: plain text while it streams, coloured once it is whole, an editor once the person
 * edits it (making one takes longer than a frame), a diff beside it.
 */
export class CodeView implements IDisposable {
  readonly node = element('div', 'jp-mlagent-Code');

  constructor(
    private _services: IEditorServices,
    private _highlight: Highlight,
    trans: TranslationBundle
  ) {
    this._whole.setAttribute('aria-label', trans.__('Proposed code'));
    this._host.setAttribute('aria-label', trans.__('Proposed code'));
    this._diff.setAttribute('aria-label', trans.__('Difference to the cell it replaces'));
    this.node.append(this._streaming, this._whole, this._host, this._diff);
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  /** What the person made of it, or the code as proposed. */
  get source(): string {
    return this._editor?.model.sharedModel.getSource() ?? this._shown;
  }

  get editing(): boolean {
    return this._editing;
  }

  show(shown: IShown | null, replaced: string | null): void {
    const whole = shown?.proposal?.id ?? null;
    this.node.hidden = !shown?.code;
    if (whole === null) {
      this._drop();
      this._streaming.hidden = false;
      const code = shown?.code ?? '';
      if (code !== this._shown) {
        this._shown = this._streaming.textContent = code;
        this._streaming.scrollTop = this._streaming.scrollHeight;
      }
      return;
    }
    if (this._for === whole) {
      return;
    }
    this._drop();
    this._for = whole;
    this._shown = shown!.code;
    this._streaming.hidden = true;
    this._whole.hidden = false;
    this._whole.textContent = this._shown;
    this._colour(this._shown);
    this._showDiff(replaced);
  }

  /** Let the person change the code. */
  edit(): void {
    if (this._for === null) {
      return;
    }
    this._editing = true;
    this._editor = this._editor ?? this._makeEditor();
    this._whole.hidden = this._diff.hidden = true;
    this._host.hidden = false;
    this._editor.focus();
  }

  dispose(): void {
    if (!this._isDisposed) {
      this._isDisposed = true;
      this._drop();
    }
  }

  private _makeEditor(): CodeEditor.IEditor {
    const model = new CodeEditor.Model({ mimeType: 'text/x-ipython' });
    model.sharedModel.setSource(this._shown);
    return this._services.factoryService.newInlineEditor({
      host: this._host,
      model,
      config: { lineWrap: true, lineNumbers: false }
    });
  }

  /** Colours come once the language is loaded, if this is still what is shown. */
  private _colour(code: string): void {
    const coloured = element('div');
    void this._highlight(code, coloured).then(() => {
      if (this._shown === code && coloured.textContent === code) {
        this._whole.replaceChildren(...Array.from(coloured.childNodes));
      }
    });
  }

  private _showDiff(replaced: string | null): void {
    this._diff.hidden = replaced === null;
    if (replaced === null) {
      return;
    }
    const signs = { same: '  ', added: '+ ', removed: '− ' };
    this._diff.replaceChildren(
      ...diffLines(replaced, this._shown).map(line =>
        element(
          'div',
          `jp-mlagent-Diff-line jp-mod-${line.kind}`,
          signs[line.kind] + line.text
        )
      )
    );
  }

  private _drop(): void {
    this._for = null;
    this._editing = false;
    if (this._editor) {
      const { model } = this._editor;
      this._editor.dispose();
      model.dispose();
      this._editor = null;
      this._host.replaceChildren();
    }
    this._host.hidden = this._whole.hidden = this._diff.hidden = true;
  }

  private _streaming = element('pre', 'jp-mlagent-Code-streaming');
  private _whole = element('pre', 'jp-mlagent-Code-whole', '', {
    role: 'group',
    tabindex: '0'
  });
  private _host = element('div', 'jp-mlagent-Code-editor');
  private _diff = element('div', 'jp-mlagent-Diff', '', { role: 'group' });
  private _editor: CodeEditor.IEditor | null = null;
  private _for: string | null = null;
  private _shown = '';
  private _editing = false;
  private _isDisposed = false;
}
