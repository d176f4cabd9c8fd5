import type { IEditorServices } from '@jupyterlab/codeeditor';
import type * as nbformat from '@jupyterlab/nbformat';
import { NotebookModel, type NotebookPanel, StaticNotebook } from '@jupyterlab/notebook';
import { BoxLayout } from '@lumino/widgets';
import { Widget } from '@lumino/widgets';

import { mlagentIcon } from '../icon';
import type { ICellRecord } from '../messages';

/** The notebook as it would stand at a node of a search: to be read, not run. */
export function previewOf(
  panel: NotebookPanel,
  services: IEditorServices,
  cells: readonly ICellRecord[],
  label: string
): Widget {
  const model = new NotebookModel();
  model.fromJSON({
    cells: cells.map(cellJson),
    metadata: panel.content.model?.sharedModel.getMetadata() ?? {},
    nbformat: 4,
    nbformat_minor: 5
  });
  model.readOnly = true;
  const content = new StaticNotebook({
    rendermime: panel.content.rendermime,
    contentFactory: panel.content.contentFactory,
    mimeTypeService: services.mimeTypeService
  });
  content.model = model;
  content.disposed.connect(() => model.dispose());
  const widget = new Widget();
  const layout = new BoxLayout();
  layout.addWidget(content);
  widget.layout = layout;
  widget.title.label = label;
  widget.title.icon = mlagentIcon;
  widget.title.closable = true;
  widget.addClass('jp-mlagent-Preview');
  return widget;
}

function cellJson(cell: ICellRecord): nbformat.ICell {
  const { id, kind, source, outputs, execution_count } = cell;
  return kind === 'code'
    ? { cell_type: 'code', id, source, outputs, execution_count, metadata: {} }
    : { cell_type: kind, id, source, metadata: {} };
}
