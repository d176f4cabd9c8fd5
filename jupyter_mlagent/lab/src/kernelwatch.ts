import type { ISessionContext } from '@jupyterlab/apputils';
import type { Kernel } from '@jupyterlab/services';
import type { IDisposable } from '@lumino/disposable';

const LOST: Kernel.Status[] = ['restarting', 'autorestarting', 'dead', 'terminating'];

/** Says when a kernel with everything that cells did in it is gone: restarted, died, or exchanged. */
export class KernelWatch implements IDisposable {
  constructor(
    private _context: ISessionContext,
    private _lost: () => void
  ) {
    _context.statusChanged.connect(this._status, this);
    _context.kernelChanged.connect(this._exchanged, this);
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  dispose(): void {
    if (!this._isDisposed) {
      this._isDisposed = true;
      this._context.statusChanged.disconnect(this._status, this);
      this._context.kernelChanged.disconnect(this._exchanged, this);
    }
  }

  private _status(_: ISessionContext, status: Kernel.Status): void {
    if (LOST.includes(status)) {
      this._lost();
    }
  }

  private _exchanged(
    _: ISessionContext,
    change: { oldValue: Kernel.IKernelConnection | null }
  ): void {
    if (change.oldValue) {
      this._lost();
    }
  }

  private _isDisposed = false;
}
