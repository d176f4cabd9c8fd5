import type { ICandidate, IProposal, ITrial, SessionEvent } from '../src/messages';
import { SuggestionModel } from '../src/model';
import { trans } from './words';

const proposal = (n: number): IProposal => ({
  id: `r-${n}`,
  operator: 'improve',
  plan: `plan ${n}`,
  code: `code ${n}`,
  source_hash: '',
  anchor: { cell_id: 'c', source_hash: '', replaces: false }
});
const trial: ITrial = {
  status: 'ok',
  metric_before: 0.5,
  metric_after: 0.9,
  outputs: [],
  error: null,
  seconds: 1,
  total_seconds: 1,
  peak_memory_bytes: null,
  engine: 'fork',
  guard: 'namespaces',
  reason: '',
  side_effects: { files: [], network: [], blocked: [] }
};
const candidate = (n: number, rank: number): ICandidate => ({
  rank,
  proposal: proposal(n),
  trial,
  reward: 0.9,
  scored: true
});
const started: SessionEvent = {
  type: 'started',
  request_id: 'r',
  operator: 'improve',
  candidates: 2,
  metric: null,
  metric_before: 0.5,
  model: 'tiny'
};
const timings = {
  sampled_tokens: 1,
  sample_seconds: 1,
  first_text_seconds: 1,
  first_trial_seconds: 1,
  total_seconds: 2
};
const ranked: SessionEvent = {
  type: 'ranked',
  candidates: [candidate(2, 1), candidate(1, 2)],
  dropped: [],
  timings
};

function grown(...events: SessionEvent[]): SuggestionModel {
  const model = new SuggestionModel(trans);
  events.forEach(event => model.apply(event));
  return model;
}

describe('SuggestionModel', () => {
  it('grows plan and code while they stream', () => {
    const model = grown(
      started,
      { type: 'plan_delta', index: 0, text: 'a ' },
      { type: 'plan_delta', index: 0, text: 'tree' },
      { type: 'code_delta', index: 0, text: 'x = 1' }
    );
    expect(model.current).toMatchObject({ plan: 'a tree', code: 'x = 1', proposal: null });
  });

  it('shows the best one once ranked', () => {
    const model = grown(
      started,
      { type: 'proposal_ready', index: 0, proposal: proposal(1) },
      { type: 'proposal_ready', index: 1, proposal: proposal(2) },
      ranked
    );
    expect(model.current?.proposal?.id).toBe('r-2');
  });

  it('stays with the candidate that the person moved to', () => {
    const model = grown(
      started,
      { type: 'proposal_ready', index: 0, proposal: proposal(2) },
      { type: 'proposal_ready', index: 1, proposal: proposal(1) }
    );
    model.move(1);
    model.apply(ranked);
    expect(model.current?.proposal?.id).toBe('r-1');
  });

  it('goes round in both directions', () => {
    const model = grown(started, ranked);
    model.move(-1);
    expect(model.position).toBe(1);
    model.move(1);
    expect(model.position).toBe(0);
  });

  it('forgets a dropped reply', () => {
    const model = grown(
      started,
      { type: 'plan_delta', index: 0, text: 'nonsense' },
      { type: 'reply_dropped', index: 0, reason: 'malformed' }
    );
    expect(model.candidates).toHaveLength(0);
    expect(model.current).toBeNull();
  });

  it('moves on to the next one after a rejection, and is done after the last', () => {
    const model = grown(started, ranked, {
      type: 'judged',
      proposal_id: 'r-2',
      verdict: 'rejected'
    });
    expect(model.current?.proposal?.id).toBe('r-1');
    model.apply({ type: 'judged', proposal_id: 'r-1', verdict: 'rejected' });
    expect(model.pending).toBe(false);
  });

  it('gives the same model for replayed events as for live ones', () => {
    const events: SessionEvent[] = [
      started,
      { type: 'proposal_ready', index: 0, proposal: proposal(1) },
      { type: 'trial_finished', proposal_id: 'r-1', trial, reward: 0.9 },
      ranked
    ];
    const replayed = new SuggestionModel(trans);
    replayed.replay([started, ...events]);
    expect(replayed.candidates).toEqual(grown(...events).candidates);
  });

  it('says once per replay that it changed', () => {
    const model = new SuggestionModel(trans);
    const heard = jest.fn();
    model.changed.connect(heard);
    model.replay([started, ranked]);
    expect(heard).toHaveBeenCalledTimes(1);
  });
});
