import type { CodeCell } from '@jupyterlab/cells';
import type * as nbformat from '@jupyterlab/nbformat';
import { NotebookActions, type NotebookPanel } from '@jupyterlab/notebook';

import { indexOfCell, sourceHash } from './cells';
import { Refusal } from './channel';
import type { IAcceptance, ICellRun, IGain, ITrialError } from './messages';

/** Puts accepted proposals into a notebook, through the shared model, and runs exactly them. */
export class Applier {
  constructor(private _panel: NotebookPanel) {}

  /**
   * Insert (or replace) as one undo step; returns the cell's id. Throws a `Refusal` when the source is not the
   * one that was tried, the notebook cannot be changed, or the cell it belongs to is gone or edited.
   */
  put(acceptance: IAcceptance, gain: IGain, activate: boolean): string {
    const { content, context } = this._panel;
    const model = content.model;
    if (!model || model.readOnly || context.model.readOnly) {
      throw new Refusal('This notebook is read-only; nothing was inserted.');
    }
    if (sourceHash(acceptance.source) !== acceptance.source_hash) {
      throw new Refusal(
        'What the server sent is not what was tried; nothing was inserted. Ask again.',
        true
      );
    }
    const { anchor } = acceptance;
    const at = anchor.cell_id
      ? this._anchorIndex(anchor.cell_id, anchor.source_hash)
      : model.cells.length - 1;
    const metadata = { mlagent: { ...gain } as unknown as nbformat.ICellMetadata };
    if (anchor.replaces) {
      const cell = model.cells.get(at);
      model.sharedModel.transact(() => {
        cell.sharedModel.setSource(acceptance.source);
        cell.setMetadata('mlagent', metadata.mlagent);
      });
      return cell.id;
    }
    const cell = model.sharedModel.insertCell(at + 1, {
      cell_type: 'code',
      source: acceptance.source,
      metadata
    });
    if (activate) {
      content.activeCellIndex = at + 1;
      content.deselectAll();
    }
    return cell.getId();
  }

  /** Run one cell; what it gave, an error included, is in the result. */
  async run(cellId: string, expectedSource: string): Promise<ICellRun> {
    const { content, sessionContext } = this._panel;
    const cell = content.widgets.find(one => one.model.id === cellId) as
      CodeCell | undefined;
    if (!cell || cell.model.sharedModel.getSource() !== expectedSource) {
      throw new Refusal(
        'The accepted cell was changed before it ran; it was not run.',
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

  /** Take a cell out again. */
  remove(cellId: string): void {
    const model = this._panel.content.model;
    const index = model ? indexOfCell(model, cellId) : -1;
    if (model && index >= 0) {
      model.sharedModel.deleteCell(index);
    }
  }

  private _anchorIndex(id: string, hash: string): number {
    const model = this._panel.content.model!;
    const at = indexOfCell(model, id);
    if (at < 0) {
      throw new Refusal('The cell this proposal belongs to is gone.', true);
    }
    if (sourceHash(model.cells.get(at).sharedModel.getSource()) !== hash) {
      throw new Refusal(
        'The cell this proposal belongs to was edited meanwhile.',
        true
      );
    }
    return at;
  }
}

function errorOf(outputs: nbformat.IOutput[]): ITrialError | null {
  const found = outputs.find(one => one.output_type === 'error') as
    nbformat.IError | undefined;
  return found
    ? { name: found.ename, value: found.evalue, traceback: found.traceback }
    : null;
}
