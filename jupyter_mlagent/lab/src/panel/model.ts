import type { TranslationBundle } from '@jupyterlab/translation';

import type { NotebookAssistant } from '../assistant';
import { bytes } from '../measure';
import type { ITimings } from '../messages';
import type { ModelStore } from '../modelstore';
import { element, setText } from '../view/dom';
import { button, Section } from './section';

const SLOW_TOKENS_PER_SECOND = 4;

/** What the model does, how much memory it takes, which other ones there are. */
export class ModelSection extends Section {
  constructor(
    private _models: ModelStore,
    private _trans: TranslationBundle
  ) {
    super(_trans.__('Model'));
    this._choice.setAttribute('aria-label', _trans.__('Model'));
    this._bar.setAttribute('aria-label', _trans.__('Progress'));
    this._choice.onchange = () => this._chosen();
    this._fetch = button(_trans.__('Download'), () => _models.download(this._choice.value));
    this._cancel = button(_trans.__('Stop the download'), () => _models.cancel());
    this.body.append(
      this._state,
      this._bar,
      this._choice,
      this._fetch,
      this._cancel,
      this._problem
    );
    this._bar.hidden = true;
    _models.changed.connect(() => this._list());
  }

  /** Read the list of models again. */
  refresh(): Promise<void> {
    return this._models.refresh();
  }

  show(assistant: NotebookAssistant | null): void {
    const engine = assistant?.mirror.engine;
    if (!engine) {
      setText(this._state, this._trans.__('Open a notebook to use the model.'));
      return;
    }
    const speed = speedOf(assistant.model.timings);
    const slow = speed !== null && speed < SLOW_TOKENS_PER_SECOND;
    const words = [slow ? this._trans.__('too slow') : this._stateWords(engine.state)];
    if (engine.memory_bytes) {
      words.push(bytes(engine.memory_bytes));
    }
    if (speed !== null) {
      words.push(this._trans.__('%1 tokens/s', speed.toFixed(0)));
    }
    setText(this._state, words.join(' · '));
    this._state.dataset.state = slow ? 'slow' : engine.state;
    this._loading = engine.state === 'loading' ? engine.progress : null;
    this._showBar();
    setText(this._problem, engine.message || this._models.problem);
  }

  private _stateWords(state: string): string {
    const trans = this._trans;
    const words: Record<string, string> = {
      stopped: trans.__('not started'),
      loading: trans.__('loading'),
      ready: trans.__('ready'),
      generating: trans.__('generating'),
      restarting: trans.__('restarting')
    };
    return words[state] ?? state;
  }

  /** Switch to a model that is here; offer the download of one that is not. */
  private _chosen(): void {
    const chosen = this._row();
    this._fetch.hidden = !chosen || chosen.present;
    if (chosen?.present) {
      void this._models.use(chosen.name);
    }
  }

  private _row() {
    return this._models.table?.models.find(one => one.name === this._choice.value);
  }

  private _list(): void {
    const { table, downloading } = this._models;
    setText(this._problem, this._models.problem);
    const selected = table?.current ?? (this._choice.value || undefined);
    this._choice.replaceChildren(
      ...(table?.models ?? []).map(model => {
        const note = model.present
          ? ''
          : ` (${this._trans.__('not here, %1', bytes(model.bytes))})`;
        const option = element('option', '', model.title + note);
        option.value = model.name;
        option.selected = selected ? model.name === selected : model.suggested;
        return option;
      })
    );
    this._fetch.hidden = downloading || (this._row()?.present ?? true);
    this._cancel.hidden = !downloading;
    this._showBar();
  }

  private _showBar(): void {
    const part = this._models.downloading ? this._models.progress : this._loading;
    this._bar.hidden = part === null;
    this._bar.value = part ?? 0;
  }

  private _state = element('p', 'jp-mlagent-State', '', { role: 'status' });
  private _bar = element('progress');
  private _choice = element('select', 'jp-mod-styled');
  private _fetch: HTMLButtonElement;
  private _cancel: HTMLButtonElement;
  private _problem = element('p', 'jp-mlagent-Problem', '', { role: 'alert' });
  private _loading: number | null = null;
}

/** Tokens per second of a request. */
function speedOf(timings: ITimings | null): number | null {
  return timings?.sample_seconds ? timings.sampled_tokens / timings.sample_seconds : null;
}
