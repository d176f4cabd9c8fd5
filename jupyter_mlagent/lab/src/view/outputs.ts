import type * as nbformat from '@jupyterlab/nbformat';
import { OutputAreaModel, SimplifiedOutputArea } from '@jupyterlab/outputarea';
import type { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import type { IDisposable } from '@lumino/disposable';
import { Widget } from '@lumino/widgets';

import { readable } from '../readable';
import { element } from './dom';

/** The outputs of a trial; untrusted, so scripts in them never run. */
export class OutputsView implements IDisposable {
  readonly node = element('div', 'jp-mlagent-Outputs');

  constructor(rendermime: IRenderMimeRegistry) {
    this._area = new SimplifiedOutputArea({ model: this._model, rendermime });
    this.node.hidden = true;
  }

  get isDisposed(): boolean {
    return this._area.isDisposed;
  }

  show(outputs: nbformat.IOutput[]): void {
    const before = this._shown;
    if (outputs === before) {
      return;
    }
    this._shown = outputs;
    this.node.hidden = outputs.length === 0;
    // Drawing an output takes long: what stands there already is left alone.
    if (before.every((one, i) => isSame(one, outputs[i]))) {
      outputs.slice(before.length).forEach(output => this._model.add(readable(output)));
    } else {
      this._model.fromJSON(outputs.map(readable));
    }
  }

  /** To be called when the surrounding widget was attached, and before it is detached. */
  attach(): void {
    Widget.attach(this._area, this.node);
  }

  detach(): void {
    if (this._area.isAttached) {
      Widget.detach(this._area);
    }
  }

  dispose(): void {
    if (!this.isDisposed) {
      this._area.dispose();
      this._model.dispose();
    }
  }

  private _model = new OutputAreaModel({ trusted: false });
  private _area: SimplifiedOutputArea;
  private _shown: nbformat.IOutput[] = [];
}

function isSame(one: nbformat.IOutput, other: nbformat.IOutput | undefined): boolean {
  return one === other || JSON.stringify(one) === JSON.stringify(other);
}
