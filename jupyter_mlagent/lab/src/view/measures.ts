import type { TranslationBundle } from '@jupyterlab/translation';

import { circumstances, directionWords, sideEffects, worth } from '../measure';
import type { SuggestionModel } from '../model';
import type { IShown } from '../shown';
import { element, setList, setText } from './dom';

/** What a trial measured, how it ran, and what it wanted to do outside its own memory. */
export class MeasuresView {
  readonly node = element('div');

  constructor(private _trans: TranslationBundle) {
    const measures = element('div', 'jp-mlagent-Measures');
    measures.append(this._worth, this._metric, this._facts);
    this._effectsBox.append(
      element('span', '', _trans.__('It wanted to do this; none of it reached your files:')),
      this._effects
    );
    this.node.append(measures, this._effectsBox);
  }

  show(shown: IShown | null, model: SuggestionModel): void {
    const trans = this._trans;
    const trial = shown?.trial ?? null;
    const value = trial ? worth(trial, model.metric, trans) : null;
    const waiting = shown?.trying ? trans.__('Trying it in a copy of the kernel…') : '';
    setText(this._worth, value?.text ?? waiting);
    this._worth.dataset.tone = value?.tone ?? 'same';
    setText(this._metric, value && model.metric ? model.metric.expression : '');
    this._metric.title = directionWords(model.metric?.direction ?? null, trans);
    setList(this._facts, 'span', trial ? circumstances(trial, trans) : []);
    const effects = trial ? sideEffects(trial, trans) : [];
    setList(this._effects, 'li', effects);
    this._effectsBox.hidden = effects.length === 0;
  }

  private _worth = element('span', 'jp-mlagent-Worth');
  private _metric = element('code', 'jp-mlagent-Metric');
  private _facts = element('span', 'jp-mlagent-Facts');
  private _effectsBox = element('div', 'jp-mlagent-Effects');
  private _effects = element('ul');
}
