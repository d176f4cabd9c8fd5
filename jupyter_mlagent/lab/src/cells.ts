import type { ICellModel, ICodeCellModel } from '@jupyterlab/cells';
import type * as nbformat from '@jupyterlab/nbformat';
import type { INotebookModel } from '@jupyterlab/notebook';
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';

import type { ICellRecord } from './messages';

/** Of one output's text, head and tail together: what a prompt can use. */
const TEXT_CHARACTERS = 8_000;
const OUTPUTS_PER_CELL = 40;

/** SHA-256 of a cell's source, hexadecimal; the same as the server's `source_hash`. */
export function sourceHash(source: string): string {
  if (source !== lastHashed.source) {
    lastHashed = { source, hash: bytesToHex(sha256(utf8ToBytes(source))) };
  }
  return lastHashed.hash;
}

/** The anchor of a proposal is asked for with every key that is typed elsewhere. */
let lastHashed = { source: '', hash: bytesToHex(sha256(utf8ToBytes(''))) };

/**
 * The notebook as the server needs it: up to the last cell that has run, or the focused one if it is later.
 */
export function cellRecords(
  model: INotebookModel,
  focusId: string | null
): ICellRecord[] {
  const records = Array.from(model.cells, cellRecord);
  let last = records.findIndex(record => record.id === focusId);
  records.forEach((record, i) => {
    if (record.execution_count !== null && i > last) {
      last = i;
    }
  });
  return last < 0 ? records : records.slice(0, last + 1);
}

function cellRecord(cell: ICellModel): ICellRecord {
  const code = cell.type === 'code' ? (cell as ICodeCellModel) : null;
  const outputs = code ? (code.outputs.toJSON()) : [];
  return {
    id: cell.id,
    kind: cell.type,
    source: cell.sharedModel.getSource(),
    outputs: outputs.slice(-OUTPUTS_PER_CELL).map(textOnly),
    execution_count: code?.executionCount ?? null
  };
}

/** An output without what only a screen can use. */
export function textOnly(output: nbformat.IOutput): nbformat.IOutput {
  const kind = output.output_type;
  if (kind === 'stream') {
    return { ...output, text: clip(joined(output.text)) };
  }
  if (kind === 'display_data' || kind === 'execute_result') {
    const data = (output.data ?? {}) as Record<string, unknown>;
    const plain = data['text/plain'];
    const text = plain === undefined ? `[${Object.keys(data).join(', ')}]` : joined(plain);
    return { ...output, data: { 'text/plain': clip(text) }, metadata: {} };
  }
  return output;
}

function joined(text: unknown): string {
  return Array.isArray(text) ? text.join('') : String(text);
}

function clip(text: string): string {
  if (text.length <= TEXT_CHARACTERS) {
    return text;
  }
  const half = TEXT_CHARACTERS / 2;
  const left = text.length - TEXT_CHARACTERS;
  return `${text.slice(0, half)}\n[${left} characters left out]\n${text.slice(-half)}`;
}

/** Where a cell is now; -1 when it is gone. */
export function indexOfCell(model: INotebookModel, id: string): number {
  return Array.from(model.cells).findIndex(cell => cell.id === id);
}
