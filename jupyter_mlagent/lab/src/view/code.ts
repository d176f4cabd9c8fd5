import {
  CodeEditor,
  type IEditorServices
} from '@jupyterlab/codeeditor';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { IDisposable } from '@lumino/disposable';

import type { IShown } from '../shown';
import { diffLines } from '../diff';
import { element } from './dom';

/** The code of a candidate: plain text while it streams, an editor once it is whole, a diff beside it. */
export class CodeView implements IDisposable {
  readonly node = element('div', 'jp-mlagent-Code');

  constructor(
    private _services: IEditorServices,
    private _trans: TranslationBundle
  ) {
    this._diff.setAttribute('aria-label', _trans.__('Difference to the cell it replaces'));
    this.node.append(this._streaming, this._host, this._diff);
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
    this._host.hidden = false;
    const model = new CodeEditor.Model({ mimeType: 'text/x-ipython' });
    model.sharedModel.setSource(shown!.code);
    this._editor = this._services.factoryService.newInlineEditor({
      host: this._host,
      model,
      config: { readOnly: true, lineWrap: true, lineNumbers: false }
    });
    this._host.setAttribute('aria-label', this._trans.__('Proposed code'));
    this._showDiff(replaced);
  }

  /** Let the person change the code. */
  edit(): void {
    if (this._editor) {
      this._editing = true;
      this._editor.setOption('readOnly', false);
      this._diff.hidden = true;
      this._editor.focus();
    }
  }

  dispose(): void {
    if (!this._isDisposed) {
      this._isDisposed = true;
      this._drop();
    }
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
    this._host.hidden = true;
    this._diff.hidden = true;
  }

  private _streaming = element('pre', 'jp-mlagent-Code-streaming');
  private _host = element('div', 'jp-mlagent-Code-editor');
  private _diff = element('div', 'jp-mlagent-Diff', '', { role: 'group' });
  private _editor: CodeEditor.IEditor | null = null;
  private _for: string | null = null;
  private _shown = '';
  private _editing = false;
  private _isDisposed = false;
}
