import type { TranslationBundle } from '@jupyterlab/translation';

import type { ITrainingProgress, ITrainingStatus, TrainingKind } from '../learning';
import type { LearningStore } from '../learningstore';
import { bytes, shortNumber } from '../measure';
import { element, setList, setText } from '../view/dom';
import { Plot } from './plot';
import { button, Section } from './section';

/** The trainer's run: start one, follow it, pause it, go on. */
export class TrainingSection extends Section {
  constructor(
    private _store: LearningStore,
    private _trans: TranslationBundle
  ) {
    super(_trans.__('Training'));
    this._kind.setAttribute('aria-label', _trans.__('What to learn from'));
    for (const kind of ['verdicts', 'explore', 'steps'] as const) {
      const option = element('option', '', this._kindWords(kind));
      option.value = kind;
      this._kind.append(option);
    }
    this._start = button(_trans.__('Start training'), () =>
      _store.start(this._kind.value as TrainingKind)
    );
    this._pause = button('', () => _store.togglePause());
    this._bar.setAttribute('aria-label', _trans.__('Training progress'));
    this._plot = new Plot(_trans.__('Reward (or loss) over updates'));
    this.body.append(
      this._state,
      this._bar,
      this._facts,
      this._plot.node,
      this._heldOut,
      this._kind,
      this._start,
      this._pause
    );
    _store.changed.connect(() => this.show());
    this.show();
  }

  show(): void {
    // Training belongs to the server, not to a notebook.
    const { status } = this._store;
    const installed = status?.installed ?? false;
    const busy = status?.state === 'running' || status?.state === 'paused';
    setText(this._state, status ? this._words(status) : '');
    this._kind.hidden = this._start.hidden = !installed || busy;
    this._pause.hidden = !busy;
    this._pause.textContent =
      status?.state === 'paused'
        ? this._trans.__('Resume training')
        : this._trans.__('Pause training');
    const progress = status?.progress ?? null;
    this._bar.hidden = !busy || !progress;
    this._bar.value = progress ? progress.update / progress.updates : 0;
    setList(this._facts, 'span', progress ? this._numbers(progress) : []);
    this._draw(status);
    const last = status?.held_out[status.held_out.length - 1];
    setText(
      this._heldOut,
      last
        ? this._trans.__(
            'Held-out %1 (between %2 and %3), the active one %4',
            shortNumber(last.score),
            shortNumber(last.low),
            shortNumber(last.high),
            shortNumber(last.active_score)
          )
        : ''
    );
  }

  private _draw(status: ITrainingStatus | null): void {
    const curve = status?.curve ?? [];
    const rewards = curve.flatMap(point => (point.reward === null ? [] : [point.reward]));
    const losses = curve.flatMap(point => (point.loss === null ? [] : [point.loss]));
    const values = rewards.length > 1 ? rewards : losses;
    this._plot.draw(values.map(value => ({ value })));
  }

  private _words(status: ITrainingStatus): string {
    if (!status.installed) {
      return status.message;
    }
    const trans = this._trans;
    const states: Record<ITrainingStatus['state'], string> = {
      idle: trans.__('Nothing is being learned.'),
      running: trans.__('running'),
      paused: trans.__('paused'),
      done: trans.__('done'),
      failed: trans.__('failed')
    };
    const words = [states[status.state]];
    if (status.run) {
      words.unshift(this._kindWords(status.run.kind));
    }
    if (status.message) {
      words.push(status.message);
    }
    if (status.candidate) {
      words.push(trans.__('made %1', status.candidate));
    }
    return words.join(' · ');
  }

  private _numbers(progress: ITrainingProgress): string[] {
    const trans = this._trans;
    const { loss, reward, kl, entropy, acceptance, memory_bytes, seconds_left } = progress;
    const texts = [trans.__('update %1 of %2', progress.update, progress.updates)];
    const add = (value: number | null, text: (value: number) => string) => {
      if (value !== null) {
        texts.push(text(value));
      }
    };
    add(loss, value => trans.__('loss %1', shortNumber(value)));
    add(reward, value => trans.__('reward %1', shortNumber(value)));
    add(kl, value => trans.__('KL %1', shortNumber(value)));
    add(entropy, value => trans.__('entropy %1', shortNumber(value)));
    add(acceptance, value => trans.__('%1 % valid', Math.round(100 * value)));
    add(memory_bytes, value =>
      progress.memory_limit_bytes === null
        ? bytes(value)
        : trans.__('%1 of %2', bytes(value), bytes(progress.memory_limit_bytes))
    );
    add(seconds_left, value => trans.__('%1 min left', Math.max(1, Math.round(value / 60))));
    return texts;
  }

  private _kindWords(kind: TrainingKind): string {
    const trans = this._trans;
    const words: Record<TrainingKind, string> = {
      verdicts: trans.__('From your verdicts'),
      explore: trans.__('From explored ideas'),
      steps: trans.__('Step by step (RL)')
    };
    return words[kind];
  }

  private _state = element('p', 'jp-mlagent-State', '', { role: 'status' });
  private _bar = element('progress');
  private _facts = element('p', 'jp-mlagent-Facts');
  private _plot: Plot;
  private _heldOut = element('p', 'jp-mlagent-State');
  private _kind = element('select', 'jp-mod-styled');
  private _start: HTMLButtonElement;
  private _pause: HTMLButtonElement;
}
