import type { INotebookModel } from '@jupyterlab/notebook';
import type { TranslationBundle } from '@jupyterlab/translation';

import { indexOfCell, sourceHash } from './cells';
import type { IAnchor } from './messages';

/** Why a proposal no longer fits the cell it belongs to; empty while it does. */
export function staleReason(
  model: INotebookModel,
  anchor: IAnchor,
  trans: TranslationBundle
): string {
  if (!anchor.cell_id) {
    return '';
  }
  const at = indexOfCell(model, anchor.cell_id);
  if (at < 0) {
    return trans.__('The cell this proposal belongs to is gone; ask again.');
  }
  const source = model.cells.get(at).sharedModel.getSource();
  return sourceHash(source) === anchor.source_hash
    ? ''
    : trans.__('The cell this proposal belongs to was edited meanwhile; ask again.');
}
