import type { TranslationBundle } from '@jupyterlab/translation';

import type { NotebookAssistant } from '../assistant';
import { shortNumber } from '../measure';
import { type IStep, journalOf } from '../rest';
import { element, setText } from '../view/dom';
import { type IPlotPoint, Plot } from './plot';
import { Section } from './section';

/** The notebook's steps: the metric over them as a plot, and all of them as a tree of kept ones and others. */
export class JournalSection extends Section {
  constructor(private _trans: TranslationBundle) {
    super(_trans.__('Steps'));
    this._plot = new Plot(_trans.__('Metric over kept steps'));
    this.body.append(this._plot.node, this._list, this._empty);
  }

  show(assistant: NotebookAssistant | null): void {
    const path = assistant?.panel.context.localPath ?? null;
    const model = assistant?.model;
    const key = [
      path,
      assistant?.undone,
      model?.ranked,
      model?.candidates.map(one => one.verdict),
      model?.flight.length
    ].join();
    if (key === this._shown) {
      return;
    }
    this._shown = key;
    if (path === null) {
      this._draw([]);
      return;
    }
    journalOf(path).then(
      steps => this._draw(steps),
      (error: Error) => setText(this._empty, error.message)
    );
  }

  private _draw(steps: IStep[]): void {
    const kept = steps
      .filter(step => step.verdict?.startsWith('accepted') && !step.undone)
      .reverse();
    this._drawPlot(kept);
    this._list.replaceChildren(...steps.map(step => this._row(step, steps)));
    setText(
      this._empty,
      steps.length ? '' : this._trans.__('No steps of this notebook yet.')
    );
  }

  private _row(step: IStep, steps: IStep[]): HTMLElement {
    const after = step.metric_after === null ? step.status.replaceAll('_', ' ') : shortNumber(step.metric_after);
    const words = verdictWords(step, this._trans);
    const row = element('li', '', `${step.plan} — ${after} (${words})`, {
      tabindex: '-1'
    });
    row.id = `jp-mlagent-step-${step.id}`;
    row.dataset.verdict = step.verdict ?? '';
    row.style.setProperty('--jp-mlagent-depth', String(depthOf(step, steps)));
    return row;
  }

  private _drawPlot(kept: IStep[]): void {
    const steps = kept.filter(step => step.metric_after !== null);
    const points: IPlotPoint[] = steps.map(step => ({
      value: step.metric_after!,
      label: `${step.plan}: ${shortNumber(step.metric_after!)}`,
      choose: () => document.getElementById(`jp-mlagent-step-${step.id}`)?.focus()
    }));
    if (steps[0]?.metric_before != null) {
      points.unshift({ value: steps[0].metric_before });
    }
    this._plot.draw(points);
  }

  private _shown = '';
  private _plot: Plot;
  private _list = element('ul', 'jp-mlagent-Steps');
  private _empty = element('p', 'jp-mlagent-State');
}

function verdictWords(step: IStep, trans: TranslationBundle): string {
  if (step.undone) {
    return trans.__('undone');
  }
  switch (step.verdict) {
    case 'accepted':
      return trans.__('accepted');
    case 'accepted_after_edit':
      return trans.__('accepted after an edit');
    case 'rejected':
      return trans.__('rejected');
    case 'ignored':
      return trans.__('ignored');
    default:
      return trans.__('no verdict');
  }
}

/** How many kept steps led to a step. */
export function depthOf(step: IStep, steps: IStep[]): number {
  let depth = 0;
  let parent = step.parent_step;
  const seen = new Set<number>();
  while (parent !== null && !seen.has(parent)) {
    seen.add(parent);
    depth += 1;
    parent = steps.find(one => one.id === parent)?.parent_step ?? null;
  }
  return depth;
}
