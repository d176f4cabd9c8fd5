import type { IMetric, ITrial } from '../src/messages';
import { bytes, sideEffects, worth as worthIn } from '../src/measure';
import { trans } from './words';

const worth = (trial: ITrial, metric: IMetric | null) => worthIn(trial, metric, trans);

const metric = (direction: 'maximize' | 'minimize'): IMetric => ({
  expression: 'm',
  direction,
  origin: ''
});
const trial = (fields: Partial<ITrial>): ITrial => ({
  status: 'ok',
  metric_before: 0.5,
  metric_after: 0.75,
  outputs: [],
  error: null,
  seconds: 1,
  total_seconds: 1,
  peak_memory_bytes: null,
  engine: 'fork',
  guard: 'namespaces',
  reason: '',
  side_effects: { files: [], network: [], blocked: [] },
  ...fields
});

describe('worth', () => {
  it('shows before, after, the change and whether it is good', () => {
    expect(worth(trial({}), metric('maximize'))).toEqual({
      text: '0.5 → 0.75 (+50.0 %)',
      tone: 'better'
    });
    expect(worth(trial({}), metric('minimize')).tone).toBe('worse');
    expect(worth(trial({ metric_after: 0.5 }), metric('minimize')).tone).toBe('same');
  });

  it.each(['timeout', 'out_of_memory', 'blocked', 'not_tried'] as const)(
    'never shows %s as a failure',
    status => {
      expect(worth(trial({ status }), metric('maximize')).tone).toBe('unknown');
    }
  );

  it('shows what a cell raised', () => {
    const error = { name: 'ValueError', value: 'no', traceback: [] };
    expect(worth(trial({ status: 'error', error }), null)).toEqual({
      text: 'ValueError: no',
      tone: 'failed'
    });
  });

  it('does not divide by a zero metric', () => {
    expect(worth(trial({ metric_before: 0, metric_after: 1 }), metric('maximize')).text).toBe('0 → 1');
  });
});

it('names bytes in steps of a thousand', () => {
  expect([0, 999, 1500, 31_000_000].map(bytes)).toEqual(['0 B', '999 B', '1.5 kB', '31 MB']);
});

it('lists what a trial wanted to do', () => {
  const side_effects = {
    files: [{ path: 'a.csv', change: 'created', bytes: 10 }],
    network: ['example.org:443'],
    blocked: []
  };
  expect(sideEffects(trial({ side_effects }), trans)).toEqual([
    'created a.csv (10 B)',
    'network: example.org:443'
  ]);
});
