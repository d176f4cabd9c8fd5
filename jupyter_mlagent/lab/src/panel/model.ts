import type { TranslationBundle } from '@jupyterlab/translation';

import type { NotebookAssistant } from '../assistant';
import { bytes } from '../measure';
import { downloadModel, type IModelTable, models, useModel } from '../rest';
import { element, setText } from '../view/dom';
import { button, Section } from './section';

const SLOW_TOKENS_PER_SECOND = 4;
const POLL_MS = 1000;

/** What the model does, how much memory it takes, which other ones there are. */
export class ModelSection extends Section {
  constructor(private _trans: TranslationBundle) {
    super(_trans.__('Model'));
    this._choice.onchange = () => void this._chosen();
    this._fetchButton = button(_trans.__('Download'), () =>
      this._act(() => downloadModel(this._choice.value))
    );
    this.body.append(
      this._state,
      this._bar,
      this._choice,
      this._fetchButton,
      this._problem
    );
    this._choice.setAttribute('aria-label', _trans.__('Model'));
    this._bar.hidden = true;
  }

  /** Read the list of models again. */
  async refresh(): Promise<void> {
    await this._act(models);
  }

  show(assistant: NotebookAssistant | null): void {
    const engine = assistant?.engine;
    if (!engine) {
      setText(this._state, this._trans.__('Open a notebook to use the model.'));
      return;
    }
    const timings = assistant.model.timings;
    const speed = timings?.sample_seconds
      ? timings.sampled_tokens / timings.sample_seconds
      : null;
    const slow = speed !== null && speed < SLOW_TOKENS_PER_SECOND;
    const words = [slow ? this._trans.__('too slow') : engine.state];
    if (engine.memory_bytes) {
      words.push(bytes(engine.memory_bytes));
    }
    if (speed !== null) {
      words.push(this._trans.__('%1 tokens/s', speed.toFixed(0)));
    }
    setText(this._state, words.join(' · '));
    this._state.dataset.state = slow ? 'slow' : engine.state;
    const loading = engine.progress !== null && engine.state === 'loading';
    if (loading) {
      this._progress(engine.progress!);
    } else if (!this._downloading) {
      this._bar.hidden = true;
    }
    setText(this._problem, engine.message);
  }

  /** Switch to a model that is here; offer the download of one that is not. */
  private async _chosen(): Promise<void> {
    const chosen = this._table?.models.find(one => one.name === this._choice.value);
    this._fetchButton.hidden = !chosen || chosen.present;
    if (chosen?.present) {
      await this._act(() => useModel(chosen.name));
    }
  }

  private async _act(work: () => Promise<IModelTable>): Promise<void> {
    try {
      this._list(await work());
    } catch (error) {
      setText(this._problem, error instanceof Error ? error.message : String(error));
    }
  }

  private _list(table: IModelTable): void {
    this._table = table;
    setText(this._problem, '');
    const selected = table.current ?? (this._choice.value || undefined);
    this._choice.replaceChildren(
      ...table.models.map(model => {
        const note = model.present
          ? ''
          : ` (${this._trans.__('not here, %1', bytes(model.bytes))})`;
        const option = element('option', '', model.title + note);
        option.value = model.name;
        option.selected = selected ? model.name === selected : model.suggested;
        return option;
      })
    );
    const chosen = table.models.find(one => one.name === this._choice.value);
    this._fetchButton.hidden = !chosen || chosen.present;
    const download = table.download;
    this._downloading = download?.doing === 'fetching' || download?.doing === 'checking' || download?.doing === 'waiting';
    if (download && this._downloading) {
      this._progress(download.done_bytes / download.total_bytes);
      window.setTimeout(() => void this.refresh(), POLL_MS);
    } else if (download?.problem) {
      setText(this._problem, download.problem);
    }
  }

  private _progress(part: number): void {
    this._bar.hidden = false;
    this._bar.value = part;
  }

  private _table: IModelTable | null = null;
  private _state = element('p', 'jp-mlagent-State', '', { role: 'status' });
  private _bar = element('progress');
  private _choice = element('select', 'jp-mod-styled');
  private _fetchButton: HTMLButtonElement;
  private _problem = element('p', 'jp-mlagent-Problem', '', { role: 'alert' });
  private _downloading = false;
}
