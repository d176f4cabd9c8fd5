import type * as nbformat from '@jupyterlab/nbformat';

import type { IAcceptance, ICellRecord, IMetric, ITrial } from '../messages';

/** What a search tells and takes: the mirror of `search/events.py`, `view.py` and `commands.py`. */

export type NodeStatus = 'open' | 'expanding' | 'terminal' | 'pruned' | 'pinned';

/** What of a node changes while the tree grows around it. */
export interface IStanding {
  id: number;
  status: NodeStatus;
  best: boolean;
  /** 0 the worst metric of the search, 1 the best; null: it has none. */
  shade: number | null;
  visits: number;
  mean: number;
  ended: string;
  pinned: boolean;
  hint: string;
}

/** One node; 0 is the notebook as it stood. */
export interface INode extends IStanding {
  parent: number | null;
  depth: number;
  operator: string | null;
  plan: string;
  works: boolean;
  metric: number | null;
  code: string;
  diff: string;
  output: string;
  error: string;
  seconds: number;
}

export interface INodeDetail {
  type: 'node_detail';
  node: number;
  trial: ITrial | null;
  cells: (ICellRecord & { outputs: nbformat.IOutput[] })[];
}

export interface ISearchBudget {
  seconds: number | null;
  steps: number | null;
  tokens: number | null;
}

export type SearchEvent =
  | {
      type: 'search_began';
      nodes: INode[];
      budget: ISearchBudget;
      workers: number;
      metric: IMetric | null;
    }
  | { type: 'expansion_began'; node: number; operator: string; width: number }
  | { type: 'step_proposed'; node: number; proposal: { id: string; plan: string } }
  | { type: 'step_tried'; node: number; proposal_id: string; metric: number | null }
  | { type: 'node_added'; node: INode }
  | { type: 'node_ended'; node: number; reason: string }
  | { type: 'best_changed'; node: number | null; metric: number | null; path: number[] }
  | { type: 'standings_changed'; nodes: IStanding[] }
  | {
      type: 'budget_spent';
      steps: number;
      tokens: number;
      seconds: number;
      progress: number;
    }
  | { type: 'expansion_failed'; node: number; reason: string }
  | { type: 'search_paused'; under_way: number }
  | { type: 'search_resumed' }
  | {
      type: 'search_ended';
      reason: string;
      steps: number;
      seconds: number;
      metric_start: number | null;
      metric_best: number | null;
      path: number[];
      summary: string;
    }
  | { type: 'selection_began'; nodes: number[]; splits: number }
  | {
      type: 'path_chosen';
      node: number | null;
      steps: IAcceptance[];
      changed: boolean;
      sentence: string;
    };

const KINDS: ReadonlySet<string> = new Set<SearchEvent['type']>([
  'search_began',
  'expansion_began',
  'step_proposed',
  'step_tried',
  'node_added',
  'node_ended',
  'best_changed',
  'standings_changed',
  'budget_spent',
  'expansion_failed',
  'search_paused',
  'search_resumed',
  'search_ended',
  'selection_began',
  'path_chosen'
]);

/** Whether a message tells of a search. */
export function isSearchEvent(message: { type: string }): message is SearchEvent {
  return KINDS.has(message.type);
}
