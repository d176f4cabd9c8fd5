import type { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import { NotebookActions } from '@jupyterlab/notebook';
import { type ISignal, Signal } from '@lumino/signaling';

import type { NotebookAssistant } from './assistant';

/** The assistants of all open notebooks; one is made when its notebook is first needed. */
export class Assistants {
  constructor(
    tracker: INotebookTracker,
    private _make: (panel: NotebookPanel) => NotebookAssistant
  ) {
    tracker.widgetAdded.connect((_, panel) => this._added(panel));
    tracker.forEach(panel => this._added(panel));
    NotebookActions.executed.connect((_, { notebook, success }) => {
      const assistant = Array.from(this._all.values()).find(
        one => one.panel.content === notebook
      );
      const busy = assistant?.model.working || assistant?.model.flying;
      if (success && assistant?.auto && !busy && !assistant.verdicts.accepting) {
        assistant.requests.ask('', true);
      }
    });
  }

  /** One was made. */
  get made(): ISignal<this, NotebookAssistant> {
    return this._made;
  }

  of(panel: NotebookPanel | null): NotebookAssistant | undefined {
    return panel ? this._all.get(panel) : undefined;
  }

  private _added(panel: NotebookPanel): void {
    void panel.context.ready.then(() => {
      if (panel.isDisposed || this._all.has(panel)) {
        return;
      }
      const assistant = this._make(panel);
      this._all.set(panel, assistant);
      panel.disposed.connect(() => this._all.delete(panel));
      this._made.emit(assistant);
    });
  }

  private _all = new Map<NotebookPanel, NotebookAssistant>();
  private _made = new Signal<this, NotebookAssistant>(this);
}
