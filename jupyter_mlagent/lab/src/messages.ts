/**
 * What page and server say to each other: the mirror of `server/messages.py`, `events.py` and `records.py`.
 */

import type * as nbformat from '@jupyterlab/nbformat';

import type { ITrainingStatus } from './learning';
import type { INodeDetail, SearchEvent } from './search/records';

export type Direction = 'maximize' | 'minimize';
export type Status =
  'ok' | 'error' | 'timeout' | 'out_of_memory' | 'blocked' | 'not_tried';
export type Verdict =
  'accepted' | 'accepted_after_edit' | 'rejected' | 'ignored';

export interface IMetric {
  expression: string;
  direction: Direction | null;
  origin: string;
}

export interface ICellRecord {
  id: string;
  kind: string;
  source: string;
  outputs: nbformat.IOutput[];
  execution_count: number | null;
}

export interface IAnchor {
  cell_id: string;
  source_hash: string;
  replaces: boolean;
}

export interface IProposal {
  id: string;
  operator: 'draft' | 'improve' | 'debug';
  plan: string;
  code: string;
  source_hash: string;
  anchor: IAnchor;
}

export interface ITrialError {
  name: string;
  value: string;
  traceback: string[];
}

export interface ISideEffects {
  files: { path: string; change: string; bytes: number | null }[];
  network: string[];
  blocked: string[];
}

export interface ITrial {
  status: Status;
  metric_before: number | null;
  metric_after: number | null;
  outputs: nbformat.IOutput[];
  error: ITrialError | null;
  seconds: number;
  total_seconds: number;
  peak_memory_bytes: number | null;
  engine: string;
  guard: string;
  reason: string;
  side_effects: ISideEffects;
}

export interface ICandidate {
  rank: number;
  proposal: IProposal;
  trial: ITrial;
  reward: number;
  scored: boolean;
}

export interface ITimings {
  sampled_tokens: number;
  sample_seconds: number;
  first_text_seconds: number | null;
  first_trial_seconds: number | null;
  total_seconds: number;
}

export interface IEngineStatus {
  state: string;
  progress: number | null;
  memory_bytes: number | null;
  message: string;
}

export interface IAcceptance {
  proposal_id: string;
  source: string;
  source_hash: string;
  anchor: IAnchor;
  tried: boolean;
  expected: ICandidate;
}

/** What an accepted step measured; kept in the cell's metadata under `mlagent`. */
export interface IGain {
  operator: string;
  plan: string;
  metric: IMetric | null;
  before: number | null;
  after: number | null;
  seconds: number;
}

export interface ICellRun {
  outputs: nbformat.IOutput[];
  execution_count: number | null;
  seconds: number;
  error: ITrialError | null;
}

/** Everything about a request, in the order it happens. */
export type SessionEvent =
  | {
      type: 'started';
      request_id: string;
      operator: string;
      candidates: number;
      metric: IMetric | null;
      metric_before: number | null;
      model: string;
    }
  | { type: 'notice'; text: string }
  | { type: 'prompt_read'; prompt_tokens: number; seconds: number }
  | { type: 'plan_delta'; index: number; text: string }
  | { type: 'code_delta'; index: number; text: string }
  | { type: 'reply_dropped'; index: number; reason: string }
  | { type: 'proposal_ready'; index: number; proposal: IProposal }
  | { type: 'trial_started'; proposal_id: string }
  | { type: 'trial_output'; proposal_id: string; output: nbformat.IOutput }
  | {
      type: 'trial_finished';
      proposal_id: string;
      trial: ITrial;
      reward: number;
    }
  | {
      type: 'ranked';
      candidates: ICandidate[];
      dropped: string[];
      timings: ITimings;
    }
  | { type: 'failed'; message: string }
  | { type: 'judged'; proposal_id: string; verdict: Verdict }
  | {
      type: 'measured';
      proposal_id: string;
      metric_after: number | null;
      matches: boolean;
      message: string;
    }
  | {
      type: 'step_began';
      step: number;
      metric: number | null;
      seconds_left: number | null;
    }
  | {
      type: 'step_kept';
      step: number;
      candidate: ICandidate;
      cell_id: string;
      metric_before: number | null;
      metric_after: number | null;
    }
  | { type: 'step_skipped'; step: number; reason: string }
  | {
      type: 'flight_ended';
      steps: number;
      kept: number;
      metric_start: number | null;
      metric_end: number | null;
      reason: string;
    };

export interface IRoomState {
  type: 'room_state';
  metric: IMetric | null;
  working: boolean;
  flying: boolean;
  events: SessionEvent[];
  engine: IEngineStatus;
  journal_problem: string;
  searching: boolean;
  search: SearchEvent[];
}

export type ServerMessage =
  | SessionEvent
  | SearchEvent
  | INodeDetail
  | IRoomState
  | { type: 'engine_changed'; engine: IEngineStatus }
  | ({ type: 'training_changed' } & ITrainingStatus)
  | { type: 'metric_changed'; metric: IMetric | null }
  | { type: 'working'; working: boolean; flying: boolean; searching: boolean }
  | { type: 'accepted'; id: number; acceptance: IAcceptance; gain: IGain }
  | { type: 'done'; id: number }
  | { type: 'found_metrics'; id: number; metrics: IMetric[] }
  | { type: 'apply'; id: number; acceptance: IAcceptance; gain: IGain }
  | { type: 'retract'; cell_id: string }
  | { type: 'completion'; id: number; text: string; done: boolean }
  | { type: 'problem'; id: number | null; message: string; stale: boolean };
