import type { CodeCell, ICellModel } from '@jupyterlab/cells';
import type * as nbformat from '@jupyterlab/nbformat';
import {
  type INotebookModel,
  NotebookActions,
  type NotebookPanel
} from '@jupyterlab/notebook';
import type { TranslationBundle } from '@jupyterlab/translation';

import { indexOfCell, sourceHash } from './cells';
import { Refusal } from './channel';
import type { IAcceptance, IAnchor, ICellRun, IGain, ITrialError } from './messages';
import { type ICellNote, NOTE_KEY } from './note';
import { staleReason } from './stale';

/** Puts accepted proposals into a notebook, through the shared model, and runs exactly them. */
export class Applier {
  constructor(
    private _panel: NotebookPanel,
    private _trans: TranslationBundle
  ) {}

  /**
   * Insert (or replace) as one undo step; returns the cell's id. Throws a `Refusal` when the source is not the
   * one that was tried, the notebook cannot be changed, or the cell it belongs to is gone or edited.
   */
  put(acceptance: IAcceptance, gain: IGain, activate: boolean): string {
    const { content } = this._panel;
    const model = this.writable();
    if (sourceHash(acceptance.source) !== acceptance.source_hash) {
      throw new Refusal(
        this._trans.__(
          'What the server sent is not what was tried; nothing was inserted. Ask again.'
        ),
        true
      );
    }
    const { anchor, proposal_id, source } = acceptance;
    const at = this._anchorIndex(anchor);
    const note: ICellNote = { ...gain, proposal_id };
    if (anchor.replaces) {
      const cell = model.cells.get(at);
      this._replace(cell, source, {
        ...note,
        replaced_source: cell.sharedModel.getSource()
      });
      return cell.id;
    }
    const cell = model.sharedModel.insertCell(at + 1, {
      cell_type: 'code',
      source,
      metadata: { [NOTE_KEY]: note } as unknown as nbformat.ICodeCellMetadata
    });
    if (activate) {
      content.activeCellIndex = at + 1;
      content.deselectAll();
    }
    return cell.getId();
  }

  /** The notebook to be changed; throws a `Refusal` where it cannot be. */
  writable(): INotebookModel {
    const { content, context } = this._panel;
    const model = content.model;
    const fixed = context.model.readOnly || context.contentsModel?.writable === false;
    if (!model || model.readOnly || fixed) {
      throw new Refusal(
        this._trans.__('This notebook is read-only; nothing was inserted.')
      );
    }
    return model;
  }

  /** Run one cell; what it gave, an error included, is in the result. */
  async run(cellId: string, expectedSource: string): Promise<ICellRun> {
    const { content, sessionContext } = this._panel;
    const cell = content.widgets.find(one => one.model.id === cellId) as
      | CodeCell
      | undefined;
    if (!cell || cell.model.sharedModel.getSource() !== expectedSource) {
      throw new Refusal(
        this._trans.__('The accepted cell was changed before it ran; it was not run.'),
        true
      );
    }
    const began = performance.now();
    await NotebookActions.runCells(content, [cell], sessionContext);
    const model = cell.model;
    const outputs = model.outputs.toJSON();
    return {
      outputs,
      execution_count: model.executionCount,
      seconds: (performance.now() - began) / 1000,
      error: errorOf(outputs)
    };
  }

  /** Take accepted cells out again, as one undo step; what one of them replaced comes back. */
  takeBack(cellIds: Iterable<string>): void {
    const model = this._panel.content.model;
    if (!model || model.readOnly) {
      return;
    }
    model.sharedModel.transact(() => {
      for (const cellId of cellIds) {
        const index = indexOfCell(model, cellId);
        if (index < 0) {
          continue;
        }
        const cell = model.cells.get(index);
        const note = cell.getMetadata(NOTE_KEY) as ICellNote | undefined;
        if (note?.replaced_source === undefined) {
          model.sharedModel.deleteCell(index);
        } else {
          this._replace(cell, note.replaced_source, null);
        }
      }
    });
  }

  private _replace(cell: ICellModel, source: string, note: ICellNote | null): void {
    cell.sharedModel.transact(() => {
      cell.sharedModel.setSource(source);
      if (note) {
        cell.setMetadata(NOTE_KEY, note);
      } else {
        cell.deleteMetadata(NOTE_KEY);
      }
    });
  }

  /** Of the cell that a proposal follows or replaces; the last one for a proposal of a whole notebook. */
  private _anchorIndex(anchor: IAnchor): number {
    const model = this._panel.content.model!;
    if (!anchor.cell_id) {
      return model.cells.length - 1;
    }
    const stale = staleReason(model, anchor, this._trans);
    if (stale) {
      throw new Refusal(stale, true);
    }
    return indexOfCell(model, anchor.cell_id);
  }
}

function errorOf(outputs: nbformat.IOutput[]): ITrialError | null {
  const found = outputs.find(one => one.output_type === 'error') as
    | nbformat.IError
    | undefined;
  return found
    ? { name: found.ename, value: found.evalue, traceback: found.traceback }
    : null;
}
