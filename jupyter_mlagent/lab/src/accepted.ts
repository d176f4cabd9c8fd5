import type { ICellModel } from '@jupyterlab/cells';
import type { INotebookModel } from '@jupyterlab/notebook';

import { type ICellNote, NOTE_KEY } from './note';

/**
 * The cells that hold accepted proposals, known by their metadata (so that a reload forgets none); finds out
 * when a person took one back.
 */
export class AcceptedCells {
  constructor(private _undone: (proposalId: string) => void) {}

  /** Compare with the notebook as it is now. */
  check(model: INotebookModel): void {
    const now = new Map<string, ICellNote>();
    for (const cell of model.cells) {
      const note = cell.getMetadata(NOTE_KEY) as ICellNote | undefined;
      // With every key that is typed: the source of a cell is not read without need.
      if (note?.proposal_id && !isAsBefore(note, cell)) {
        now.set(cell.id, note);
      }
    }
    const left = new Set(Array.from(now.values(), note => note.proposal_id));
    for (const { proposal_id } of this._known.values()) {
      // A pasted copy of an accepted cell keeps its proposal in the notebook.
      if (!left.has(proposal_id)) {
        this._undone(proposal_id);
      }
    }
    this._known = now;
  }

  private _known = new Map<string, ICellNote>();
}

/** Whether what an accepted proposal replaced stands there again. */
function isAsBefore(note: ICellNote, cell: ICellModel): boolean {
  return (
    note.replaced_source !== undefined &&
    note.replaced_source === cell.sharedModel.getSource()
  );
}
