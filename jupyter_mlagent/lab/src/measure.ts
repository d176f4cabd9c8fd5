import type { TranslationBundle } from '@jupyterlab/translation';

import type { IMetric, ITrial } from './messages';

/** How a trial went, for the eye: never the colours of a failure for what could not be tried. */
export type Tone = 'better' | 'worse' | 'same' | 'failed' | 'unknown';

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
  metric: IMetric | null,
  trans: TranslationBundle
): { text: string; tone: Tone } {
  if (trial.status === 'error') {
    const error = trial.error;
    return {
      text: error
        ? `${error.name}: ${error.value}`
        : trial.reason || trans.__('Raised an error'),
      tone: 'failed'
    };
  }
  if (trial.status !== 'ok') {
    const words = untried(trial.status, trans);
    return {
      text: trial.reason ? `${words}: ${trial.reason}` : words,
      tone: 'unknown'
    };
  }
  const { metric_before: before, metric_after: after } = trial;
  if (!metric) {
    return { text: trans.__('Ran; no metric is set'), tone: 'unknown' };
  }
  if (after === null) {
    const words = trans.__('Ran; the metric could not be read');
    return { text: trial.reason ? `${words}: ${trial.reason}` : words, tone: 'unknown' };
  }
  if (before === null) {
    return { text: trans.__('%1 (first value)', shortNumber(after)), tone: 'better' };
  }
  const change = after - before;
  const good = change * (metric.direction === 'minimize' ? -1 : 1);
  return {
    text: `${shortNumber(before)} → ${shortNumber(after)}${relativeChange(before, change)}`,
    tone: good > 0 ? 'better' : good < 0 ? 'worse' : 'same'
  };
}

function relativeChange(before: number, change: number): string {
  if (before === 0) {
    return '';
  }
  const sign = change > 0 ? '+' : change < 0 ? '−' : '±';
  return ` (${sign}${Math.abs((100 * change) / before).toFixed(1)} %)`;
}

function untried(status: ITrial['status'], trans: TranslationBundle): string {
  switch (status) {
    case 'timeout':
      return trans.__('Out of time');
    case 'out_of_memory':
      return trans.__('Out of memory');
    case 'blocked':
      return trans.__('Blocked');
    default:
      return trans.__('Not tried');
  }
}

/** Which way is good, in words. */
export function directionWords(
  direction: IMetric['direction'],
  trans: TranslationBundle
): string {
  return direction === 'minimize'
    ? trans.__('smaller is better')
    : direction === 'maximize'
      ? trans.__('larger is better')
      : '';
}

/** Where and how a trial ran, as short labels. */
export function circumstances(trial: ITrial, trans: TranslationBundle): string[] {
  const labels = [seconds(trial.seconds)];
  if (trial.peak_memory_bytes !== null) {
    labels.push(bytes(trial.peak_memory_bytes));
  }
  labels.push(
    trans.__('%1 copy', trial.engine),
    trial.guard === 'none'
      ? trans.__('no sandbox')
      : trans.__('sandbox: %1', trial.guard)
  );
  return labels;
}

/** What the trial wanted to do outside its own memory. */
export function sideEffects(trial: ITrial, trans: TranslationBundle): string[] {
  const { files, network, blocked } = trial.side_effects;
  return [
    ...files.map(
      file =>
        `${file.change} ${file.path}` +
        (file.bytes === null ? '' : ` (${bytes(file.bytes)})`)
    ),
    ...network.map(target => trans.__('network: %1', target)),
    ...blocked.map(what => trans.__('refused: %1', what))
  ];
}
