import type { Cell } from '@jupyterlab/cells';
import type { NotebookPanel } from '@jupyterlab/notebook';
import type { IDisposable } from '@lumino/disposable';
import type { PanelLayout } from '@lumino/widgets';

import type { ProposalView } from './view/proposal';

/** On a notebook that shows a proposal: what the verdicts' shortcuts select. */
export const PENDING_CLASS = 'jp-mod-mlagent';

/** Share of the notebook's height that a proposal somebody asked for may need to be seen. */
const IN_SIGHT = 0.5;

/** Keeps the view of a proposal directly below the cell it belongs to, through moves and redraws. */
export class Placement implements IDisposable {
  /** Of the cell that the view is to stand below. */
  hostId: string | null = null;

  constructor(
    private _panel: NotebookPanel,
    private _make: () => ProposalView
  ) {}

  get view(): ProposalView | null {
    return this._view && !this._view.isDisposed ? this._view : null;
  }

  /** Whether the cell's widget was made anew and took the view along. */
  get lost(): boolean {
    return this._view?.isDisposed ?? false;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  /** Show the view below its cell, or below the active one where that is gone. */
  show(): void {
    const host = this._host();
    if (!host || this._isDisposed) {
      return;
    }
    this._view = this.view ?? this._make();
    if (host.isPlaceholder()) {
      // What is added before the cell has drawn itself would stand above its input.
      void host.ready.then(() => this.view && this.show());
    } else if (this._view.parent !== host) {
      (host.layout as PanelLayout).addWidget(this._view);
    }
    this._panel.content.addClass(PENDING_CLASS);
  }

  /** Go along to another cell, if shown. */
  move(cellId: string): void {
    this.hostId = cellId;
    if (this.view) {
      this.show();
    }
  }

  /** Scroll so far that the view's beginning is in sight with room for what it will say. */
  reveal(): void {
    requestAnimationFrame(() => {
      const scroller = this._panel.content.outerNode;
      if (this.view?.isAttached && scroller) {
        const below = scroller.getBoundingClientRect().bottom - this.view.node.getBoundingClientRect().top;
        scroller.scrollTop += Math.max(0, scroller.clientHeight * IN_SIGHT - below);
      }
    });
  }

  hide(): void {
    this._view?.dispose();
    this._view = null;
    this._panel.content.removeClass(PENDING_CLASS);
  }

  dispose(): void {
    if (!this._isDisposed) {
      this._isDisposed = true;
      this._view?.dispose();
    }
  }

  private _host(): Cell | undefined {
    const { content } = this._panel;
    return (
      content.widgets.find(one => one.model.id === this.hostId) ??
      content.activeCell ??
      undefined
    );
  }

  private _view: ProposalView | null = null;
  private _isDisposed = false;
}
