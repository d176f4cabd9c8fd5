import type { ICellModel } from '@jupyterlab/cells';
import type { INotebookModel } from '@jupyterlab/notebook';

import { AcceptedCells } from '../src/accepted';

interface INote {
  proposal_id: string;
  replaced_source?: string;
}

const cell = (id: string, source: string, note?: INote) =>
  ({
    id,
    getMetadata: () => note,
    sharedModel: { getSource: () => source }
  }) as unknown as ICellModel;
const notebook = (...cells: ICellModel[]) => ({ cells }) as unknown as INotebookModel;

function watch() {
  const undone: string[] = [];
  return { undone, cells: new AcceptedCells(id => undone.push(id)) };
}

describe('AcceptedCells', () => {
  it('says so when an accepted cell is taken out, also one from before a reload', () => {
    const { undone, cells } = watch();
    cells.check(notebook(cell('a', '1'), cell('b', '2', { proposal_id: 'p' })));
    cells.check(notebook(cell('a', '1')));
    expect(undone).toEqual(['p']);
  });

  it('says so when what was replaced comes back', () => {
    const { undone, cells } = watch();
    const note = { proposal_id: 'p', replaced_source: 'old' };
    cells.check(notebook(cell('a', 'new', note)));
    cells.check(notebook(cell('a', 'old', note)));
    expect(undone).toEqual(['p']);
  });

  it('keeps silent about edits, and while a copy is left', () => {
    const { undone, cells } = watch();
    cells.check(notebook(cell('a', '1', { proposal_id: 'p' })));
    cells.check(
      notebook(cell('a', '1 + 1', { proposal_id: 'p' }), cell('b', '1', { proposal_id: 'p' }))
    );
    cells.check(notebook(cell('b', '1', { proposal_id: 'p' })));
    expect(undone).toEqual([]);
  });
});
