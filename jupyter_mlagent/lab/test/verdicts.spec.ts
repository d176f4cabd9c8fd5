import type { Applier } from '../src/applier';
import type { Channel } from '../src/channel';
import type { ICandidate, ICellRun } from '../src/messages';
import { SuggestionModel } from '../src/model';
import { Verdicts } from '../src/verdicts';
import { trans } from './words';

jest.mock('../src/channel', () => ({ Refusal: class Refusal extends Error {} }));

const candidate = {
  rank: 1,
  proposal: {
    id: 'p',
    operator: 'improve',
    plan: 'a tree',
    code: 'x = 1',
    source_hash: '',
    anchor: { cell_id: 'c', source_hash: '', replaces: false }
  },
  trial: { outputs: [] },
  reward: 0.9,
  scored: true
} as unknown as ICandidate;

function desk(run: Partial<ICellRun> = { error: null }) {
  const model = new SuggestionModel(trans);
  model.apply({
    type: 'ranked',
    candidates: [candidate],
    dropped: [],
    timings: {
      sampled_tokens: 1,
      sample_seconds: 1,
      first_text_seconds: 1,
      first_trial_seconds: 1,
      total_seconds: 1
    }
  });
  const acceptance = { proposal_id: 'p', source: 'x = 1' };
  const channel = {
    request: jest.fn().mockResolvedValue({ acceptance, gain: {} }),
    say: jest.fn(),
    nextId: () => 7
  };
  const applier = {
    writable: jest.fn(),
    put: jest.fn(() => 'new'),
    run: jest.fn().mockResolvedValue(run)
  };
  const view = { editing: false, source: 'x = 1' };
  const done = jest.fn();
  const verdicts = new Verdicts({
    model,
    channel: channel as unknown as Channel,
    applier: applier as unknown as Applier,
    cells: () => [],
    view: () => view,
    arrived: () => undefined,
    done
  });
  return { model, channel, applier, view, done, verdicts };
}

describe('Verdicts', () => {
  it('puts in and runs what the server hands over, then has it compared', async () => {
    const { channel, applier, verdicts } = desk();
    await verdicts.accept(true);
    expect(applier.put).toHaveBeenCalledTimes(1);
    expect(applier.run).toHaveBeenCalledWith('new', 'x = 1');
    expect(channel.say).toHaveBeenCalledWith({ type: 'ran', id: 7, proposal_id: 'p' });
  });

  it('does not run what is only to be inserted', async () => {
    const { applier, verdicts } = desk();
    await verdicts.accept(false);
    expect(applier.run).not.toHaveBeenCalled();
  });

  it('sends an edit along, and only an edit', async () => {
    const { channel, view, verdicts } = desk();
    Object.assign(view, { editing: true, source: 'x = 2' });
    await verdicts.accept(false);
    expect(channel.request).toHaveBeenCalledWith(
      expect.objectContaining({ edited_source: 'x = 2' })
    );
  });

  it('applies nothing that is stale, already judged, or still being ranked', async () => {
    const stale = desk();
    stale.model.stale = 'The kernel was restarted.';
    const judged = desk();
    judged.model.apply({ type: 'judged', proposal_id: 'p', verdict: 'accepted' });
    for (const { channel, verdicts } of [stale, judged]) {
      await verdicts.accept(true);
      expect(channel.request).not.toHaveBeenCalled();
    }
  });

  it('leaves no verdict where the notebook cannot be changed', async () => {
    const { model, channel, applier, verdicts } = desk();
    applier.writable.mockImplementation(() => {
      throw new Error('This notebook is read-only.');
    });
    await verdicts.accept(true);
    expect(channel.request).not.toHaveBeenCalled();
    expect(model.notices).toEqual(['This notebook is read-only.']);
  });

  it('takes the verdict back where the cell could not be put in', async () => {
    const { channel, applier, verdicts } = desk();
    applier.put.mockImplementation(() => {
      throw new Error('The cell is gone.');
    });
    await verdicts.accept(true);
    expect(channel.say).toHaveBeenCalledWith({ type: 'undo', proposal_id: 'p' });
    expect(applier.run).not.toHaveBeenCalled();
  });

  it('shows why a verdict was refused', async () => {
    const { model, channel, verdicts } = desk();
    channel.request.mockRejectedValue(new Error('The server is gone.'));
    await verdicts.reject('too slow');
    expect(model.notices).toEqual(['The server is gone.']);
  });

  it('is done once everything is rejected', async () => {
    const { model, channel, done, verdicts } = desk();
    channel.request.mockImplementation(() => {
      model.apply({ type: 'judged', proposal_id: 'p', verdict: 'rejected' });
      return Promise.resolve({ type: 'done' });
    });
    await verdicts.reject('too slow');
    expect(channel.request).toHaveBeenCalledWith({
      type: 'reject',
      proposal_id: 'p',
      reason: 'too slow'
    });
    expect(done).toHaveBeenCalled();
  });
});
