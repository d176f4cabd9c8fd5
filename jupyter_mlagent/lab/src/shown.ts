import type * as nbformat from '@jupyterlab/nbformat';

import type { ICandidate, IProposal, ITrial, Verdict } from './messages';

/** One candidate as far as it is known. */
export interface IShown {
  index: number;
  plan: string;
  code: string;
  proposal: IProposal | null;
  trying: boolean;
  trial: ITrial | null;
  outputs: nbformat.IOutput[];
  rank: number | null;
  verdict: Verdict | null;
}

/** One line of a flight. */
export interface IFlightLine {
  step: number;
  text: string;
  kept: boolean;
  cellId: string | null;
  proposalId: string | null;
}

/** A candidate of which nothing is known yet. */
export function emptyShown(index: number): IShown {
  return {
    index,
    plan: '',
    code: '',
    proposal: null,
    trying: false,
    trial: null,
    outputs: [],
    rank: null,
    verdict: null
  };
}

/** A candidate that was tried and ranked. */
export function rankedShown(candidate: ICandidate, index: number): IShown {
  const { proposal, trial, rank } = candidate;
  return {
    index,
    plan: proposal.plan,
    code: proposal.code,
    proposal,
    trying: false,
    trial,
    outputs: trial.outputs,
    rank,
    verdict: null
  };
}
