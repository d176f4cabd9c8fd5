import type { IMetric, ITrial } from './messages';

/** How a trial went, for the eye: never the colours of a failure for what could not be tried. */
export type Tone = 'better' | 'worse' | 'same' | 'failed' | 'unknown';

const UNTRIED: Record<string, string> = {
  timeout: 'Out of time',
  out_of_memory: 'Out of memory',
  blocked: 'Blocked',
  not_tried: 'Not tried'
};

/** Four significant digits. */
export function shortNumber(value: number): string {
  return Number.isInteger(value) && Math.abs(value) < 1e6
    ? String(value)
    : String(Number(value.toPrecision(4)));
}

export function seconds(value: number): string {
  return value < 1 ? `${Math.round(value * 1000)} ms` : `${value.toFixed(1)} s`;
}

export function bytes(value: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${value < 10 && unit > 0 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

/** One line that says what a trial was worth, and its tone. */
export function worth(
  trial: ITrial,
  metric: IMetric | null
): { text: string; tone: Tone } {
  if (trial.status === 'error') {
    const error = trial.error;
    return {
      text: error ? `${error.name}: ${error.value}` : trial.reason || 'Raised',
      tone: 'failed'
    };
  }
  if (trial.status !== 'ok') {
    const words = UNTRIED[trial.status] ?? trial.status;
    return {
      text: trial.reason ? `${words}: ${trial.reason}` : words,
      tone: 'unknown'
    };
  }
  const { metric_before: before, metric_after: after } = trial;
  if (!metric || after === null) {
    return {
      text: metric
        ? `Ran; the metric could not be read${trial.reason ? `: ${trial.reason}` : ''}`
        : 'Ran; no metric is set',
      tone: 'unknown'
    };
  }
  if (before === null) {
    return { text: `${shortNumber(after)} (first value)`, tone: 'better' };
  }
  const change = after - before;
  const sign = change > 0 ? '+' : change < 0 ? '−' : '±';
  const good = change * (metric.direction === 'minimize' ? -1 : 1);
  const relative =
    before !== 0
      ? ` (${sign}${Math.abs((100 * change) / before).toFixed(1)} %)`
      : '';
  return {
    text: `${shortNumber(before)} → ${shortNumber(after)}${relative}`,
    tone: good > 0 ? 'better' : good < 0 ? 'worse' : 'same'
  };
}

/** Where and how a trial ran, as short labels. */
export function circumstances(trial: ITrial): string[] {
  const labels = [seconds(trial.seconds)];
  if (trial.peak_memory_bytes !== null) {
    labels.push(bytes(trial.peak_memory_bytes));
  }
  labels.push(`${trial.engine} copy`);
  labels.push(
    trial.guard === 'none' ? 'no sandbox' : `sandbox: ${trial.guard}`
  );
  return labels;
}

/** What the trial wanted to do outside its own memory. */
export function sideEffects(trial: ITrial): string[] {
  const { files, network, blocked } = trial.side_effects;
  return [
    ...files.map(
      file =>
        `${file.change} ${file.path}` +
        (file.bytes === null ? '' : ` (${bytes(file.bytes)})`)
    ),
    ...network.map(target => `network: ${target}`),
    ...blocked.map(what => `refused: ${what}`)
  ];
}
