import type { IGain } from './messages';

/** Where an accepted cell's metadata says what it is. */
export const NOTE_KEY = 'mlagent';

/** What the metadata of an accepted cell holds. */
export interface ICellNote extends IGain {
  proposal_id: string;
  /** What stood in the cell before, where a proposal replaced it. */
  replaced_source?: string;
}
