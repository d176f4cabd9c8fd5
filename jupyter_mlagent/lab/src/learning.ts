import { fetchJson } from './rest';

/** What is learned on the server's machine: the mirror of `server/learning.py` and `training_events.py`. */

export type TrainingKind = 'explore' | 'steps' | 'verdicts';
export type TrainingState = 'idle' | 'running' | 'paused' | 'done' | 'failed';

export interface IAdapterInfo {
  name: string;
  base_model: string;
  kind: TrainingKind;
  created: string;
  active: boolean;
  held_out_score: number | null;
  steps: number;
  note: string;
}

export interface IAdapterTable {
  adapters: string[];
  /** What the engine serves with; null: the base model as it is. */
  current: string | null;
  known: IAdapterInfo[];
  trainer: boolean;
  problem: string;
}

export interface IComparison {
  candidate: string;
  active: string | null;
  difference: number;
  low: number;
  high: number;
  tasks: { task: string; before: number; after: number }[];
  promotable: boolean;
  reason: string;
}

export interface ITrainingProgress {
  update: number;
  updates: number;
  loss: number | null;
  reward: number | null;
  kl: number | null;
  entropy: number | null;
  acceptance: number | null;
  learning_rate: number | null;
  memory_bytes: number | null;
  memory_limit_bytes: number | null;
  seconds_left: number | null;
}

export interface ITrainingStatus {
  installed: boolean;
  message: string;
  state: TrainingState;
  run: {
    kind: TrainingKind;
    base_model: string;
    adapter: string | null;
    updates: number;
    examples: number;
    device: string;
  } | null;
  progress: ITrainingProgress | null;
  curve: { update: number; loss: number | null; reward: number | null }[];
  held_out: {
    update: number;
    score: number;
    low: number;
    high: number;
    active_score: number;
  }[];
  checkpoint: number | null;
  candidate: string | null;
}

export function adapters(): Promise<IAdapterTable> {
  return fetchJson('adapters');
}

/** Serve with an adapter; null: back to the base model. */
export function useAdapter(name: string | null): Promise<IAdapterTable> {
  return fetchJson('adapters', 'POST', { name });
}

/** An adapter against the one in use; may take minutes. */
export function compareAdapter(name: string): Promise<IComparison> {
  return fetchJson(`adapters/comparison?name=${encodeURIComponent(name)}`);
}

/** Make it the one that engines start with, and use it at once. */
export function promoteAdapter(name: string): Promise<IAdapterTable> {
  return fetchJson('adapters/promotion', 'POST', { name });
}

/** Take the last promotion back. */
export function rollBack(): Promise<IAdapterTable> {
  return fetchJson('adapters/promotion', 'DELETE');
}

export function training(): Promise<ITrainingStatus> {
  return fetchJson('training');
}

export function startTraining(kind: TrainingKind): Promise<ITrainingStatus> {
  return fetchJson('training', 'POST', { kind });
}

export function pauseTraining(): Promise<ITrainingStatus> {
  return fetchJson('training/pause', 'POST', {});
}

export function resumeTraining(): Promise<ITrainingStatus> {
  return fetchJson('training/pause', 'DELETE');
}
