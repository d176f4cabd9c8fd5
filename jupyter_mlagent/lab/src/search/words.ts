import type { TranslationBundle } from '@jupyterlab/translation';

import { shortNumber } from '../measure';
import type { SearchModel } from './model';

/** How far a search is, and what it has found. */
export function searchWords(model: SearchModel, trans: TranslationBundle): string {
  if (model.nodes.length === 0) {
    return model.running
      ? trans.__('Running the notebook’s cells once more, for the search…')
      : trans.__('No search yet; start one in the panel.');
  }
  const { spent, budget, best, ended } = model;
  const words = [stateWords(model, trans)];
  const steps = spent?.steps ?? model.nodes.length - 1;
  words.push(
    budget?.steps
      ? trans.__('%1 of %2 steps', steps, budget.steps)
      : trans.__('%1 steps', steps)
  );
  const seconds = ended?.seconds ?? spent?.seconds;
  if (seconds !== undefined) {
    words.push(clock(seconds) + (budget?.seconds ? ` / ${clock(budget.seconds)}` : ''));
  }
  const start = model.nodes[0].metric;
  if (best?.metric != null) {
    const from = start === null ? '' : `${shortNumber(start)} → `;
    words.push(trans.__('best %1', from + shortNumber(best.metric)));
  }
  return words.join(' · ');
}

function stateWords(model: SearchModel, trans: TranslationBundle): string {
  if (model.paused) {
    return trans.__('paused');
  }
  if (model.selecting) {
    return trans.__('measuring the best paths on other splits');
  }
  return model.running ? trans.__('searching') : trans.__('ended');
}

function clock(seconds: number): string {
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`;
}
