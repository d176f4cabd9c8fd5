import type { TranslationBundle } from '@jupyterlab/translation';

import type { NotebookAssistant } from '../assistant';
import { directionWords } from '../measure';
import type { Direction } from '../messages';
import { element, setText } from '../view/dom';
import { button, Section } from './section';

/** What should get better: pick a metric found in the notebook, or type one. */
export class MetricSection extends Section {
  constructor(private _trans: TranslationBundle) {
    super(_trans.__('Metric'));
    const trans = _trans;
    this._input.setAttribute('aria-label', trans.__('Metric expression'));
    this._input.setAttribute('list', 'jp-mlagent-metrics');
    this._input.placeholder = 'accuracy_score(y_val, model.predict(X_val))';
    this._list.id = 'jp-mlagent-metrics';
    this._direction.setAttribute('aria-label', trans.__('Direction'));
    for (const [value, label] of [
      ['', trans.__('direction by its name')],
      ['maximize', trans.__('larger is better')],
      ['minimize', trans.__('smaller is better')]
    ]) {
      const option = element('option', '', label);
      option.value = value;
      this._direction.append(option);
    }
    const report = (sentence: string) => setText(this._problem, sentence);
    this.body.append(
      this._now,
      this._input,
      this._list,
      this._direction,
      button(trans.__('Use this metric'), () => this._use(), report),
      button(trans.__('Find metrics'), () => this._find(), report),
      this._problem
    );
    report('');
  }

  show(assistant: NotebookAssistant | null): void {
    this._assistant = assistant;
    const metric = assistant?.mirror.metric;
    const words = directionWords(metric?.direction ?? null, this._trans);
    setText(
      this._now,
      metric ? `${metric.expression} (${words})` : this._trans.__('None yet.')
    );
  }

  private async _use(): Promise<void> {
    const direction = (this._direction.value || null) as Direction | null;
    await this._assistant?.requests.setMetric(this._input.value.trim() || null, direction);
  }

  private async _find(): Promise<void> {
    const found = (await this._assistant?.requests.findMetrics()) ?? [];
    this._list.replaceChildren(
      ...found.map(metric => {
        const option = element('option', '', metric.origin);
        option.value = metric.expression;
        return option;
      })
    );
    if (found[0]) {
      this._input.value = found[0].expression;
      this._direction.value = found[0].direction ?? '';
    } else {
      setText(
        this._problem,
        this._trans.__('No metric was found in this notebook; type one.')
      );
    }
  }

  private _assistant: NotebookAssistant | null = null;
  private _now = element('p', 'jp-mlagent-State');
  private _input = element('input', 'jp-mod-styled');
  private _list = element('datalist');
  private _direction = element('select', 'jp-mod-styled');
  private _problem = element('p', 'jp-mlagent-Problem', '', { role: 'alert' });
}
