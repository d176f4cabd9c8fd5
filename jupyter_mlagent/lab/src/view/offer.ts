import type { TranslationBundle } from '@jupyterlab/translation';
import type { IDisposable } from '@lumino/disposable';

import { bytes } from '../measure';
import type { ModelStore } from '../modelstore';
import { element, setText } from './dom';

/** Where a request failed for want of a model: fetch it from here, with its progress. */
export class DownloadOffer implements IDisposable {
  readonly node = element('div', 'jp-mlagent-Offer');

  constructor(
    private _models: ModelStore,
    private _trans: TranslationBundle,
    private _ready: () => void
  ) {
    this._start.onclick = () => {
      const missing = _models.missing;
      if (missing) {
        this._awaited = true;
        void _models.download(missing.name);
      }
    };
    this._stop.textContent = _trans.__('Stop the download');
    this._stop.onclick = () => {
      this._awaited = false;
      void _models.cancel();
    };
    this._bar.setAttribute('aria-label', _trans.__('Download'));
    this.node.append(this._start, this._bar, this._done, this._stop, this._problem);
    this.node.hidden = true;
    _models.changed.connect(this._render, this);
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  /** A request failed, or no longer; a failure is reason to look whether the model is here. */
  show(failed: boolean): void {
    if (failed && !this._failed) {
      void this._models.refresh();
    }
    this._failed = failed;
    this._render();
  }

  dispose(): void {
    if (!this._isDisposed) {
      this._isDisposed = true;
      this._models.changed.disconnect(this._render, this);
    }
  }

  private _render(): void {
    const { missing, downloading, progress, problem } = this._models;
    this.node.hidden = !this._failed || (!missing && !downloading);
    this._start.hidden = downloading;
    this._bar.hidden = this._stop.hidden = this._done.hidden = !downloading;
    this._bar.value = progress;
    setText(this._problem, downloading ? '' : problem);
    if (missing) {
      const size = bytes(missing.bytes);
      this._start.textContent = this._trans.__('Download %1 (%2)', missing.title, size);
      const done = bytes(progress * missing.bytes);
      this._done.textContent = this._trans.__('%1 of %2', done, size);
    } else if (this._awaited && !downloading) {
      this._awaited = false;
      this._ready();
    }
  }

  private _start = element('button', 'jp-mod-styled jp-Button', '', { type: 'button' });
  private _stop = element('button', 'jp-mod-styled jp-Button', '', { type: 'button' });
  private _bar = element('progress');
  private _done = element('span', 'jp-mlagent-Offer-done');
  private _problem = element('p', 'jp-mlagent-Problem', '', { role: 'alert' });
  private _failed = false;
  private _awaited = false;
  private _isDisposed = false;
}
