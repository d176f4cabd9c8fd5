import type { TranslationBundle } from '@jupyterlab/translation';

import { seconds, shortNumber } from '../measure';
import { element, setList, setText } from '../view/dom';
import type { SearchModel } from './model';
import type { INode } from './records';

/** One node of the tree: its plan, what it measured, its code or the difference to its parent's, its output. */
export class NodeDetails {
  readonly node = element('section', 'jp-mlagent-NodeDetails');

  constructor(private _trans: TranslationBundle) {
    this.node.setAttribute('aria-label', _trans.__('Selected node'));
    const code = this._part(_trans.__('Code'), this._code);
    const diff = this._part(_trans.__('Difference to its parent'), this._diff);
    const output = this._part(_trans.__('Output'), this._output);
    this.node.append(this._plan, this._facts, this._notes, code, diff, output);
    this._parts = { code, diff, output };
  }

  show(model: SearchModel): void {
    const node = model.selected;
    this.node.hidden = !node;
    if (!node) {
      return;
    }
    const parent = node.parent === null ? null : model.nodes[node.parent];
    setText(this._plan, node.plan);
    setList(this._facts, 'span', this._numbers(node, parent));
    setList(this._notes, 'li', this._remarks(node));
    this._show('code', this._code, node.code);
    this._show('output', this._output, node.output || node.error);
    this._parts.diff.hidden = !node.diff;
    if (this._diff.dataset.shown !== node.diff) {
      this._diff.dataset.shown = node.diff;
      // The first two lines name the files of a unified difference.
      const lines = node.diff.split('\n').slice(2);
      this._diff.replaceChildren(
        ...lines.map(line => element('div', `jp-mlagent-Diff-line ${look(line)}`, line))
      );
    }
  }

  private _numbers(node: INode, parent: INode | null): string[] {
    const trans = this._trans;
    const texts = [trans.__('node %1', node.id)];
    if (node.operator) {
      texts.push(node.operator);
    }
    if (node.metric !== null) {
      const from = parent?.metric != null ? `${shortNumber(parent.metric)} → ` : '';
      texts.push(from + shortNumber(node.metric));
    }
    if (node.id !== 0) {
      texts.push(seconds(node.seconds));
    }
    return texts;
  }

  private _remarks(node: INode): string[] {
    const trans = this._trans;
    const texts = [node.error, node.ended].filter(Boolean);
    if (node.best) {
      texts.push(trans.__('On the best path.'));
    }
    if (node.hint) {
      texts.push(trans.__('Your hint for this branch: %1', node.hint));
    }
    return texts;
  }

  private _show(part: 'code' | 'output', node: HTMLElement, text: string): void {
    this._parts[part].hidden = !text;
    if (node.textContent !== text) {
      node.textContent = text;
    }
  }

  private _part(title: string, body: HTMLElement): HTMLElement {
    const part = element('details');
    part.open = true;
    part.append(element('summary', '', title), body);
    return part;
  }

  private _plan = element('p', 'jp-mlagent-Plan');
  private _facts = element('p', 'jp-mlagent-Facts');
  private _notes = element('ul', 'jp-mlagent-Notices');
  private _code = element('pre', 'jp-mlagent-Pre');
  private _diff = element('div', 'jp-mlagent-Pre jp-mlagent-Diff');
  private _output = element('pre', 'jp-mlagent-Pre');
  private _parts: Record<'code' | 'diff' | 'output', HTMLElement>;
}

function look(line: string): string {
  return line.startsWith('+')
    ? 'jp-mod-added'
    : line.startsWith('-')
      ? 'jp-mod-removed'
      : '';
}
