import type { TranslationBundle } from '@jupyterlab/translation';
import { type ISignal, Signal } from '@lumino/signaling';

import type { IEngineStatus, IMetric, ServerMessage, SessionEvent } from './messages';
import type { SuggestionModel } from './model';
import { isSearchEvent } from './search/records';

/** What the server knows of a notebook's session, as far as this page heard of it. */
export class Mirror {
  metric: IMetric | null = null;
  engine: IEngineStatus | null = null;
  journalProblem = '';

  constructor(
    private _model: SuggestionModel,
    private _trans: TranslationBundle
  ) {}

  /** Engine or metric changed. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** There is a request to be seen: it began, it failed, or it was there before this page. */
  get appeared(): ISignal<this, 'now' | 'before'> {
    return this._appeared;
  }

  /** Take in what is news of the session; what only its asker needs is left alone. */
  hear(message: ServerMessage): void {
    switch (message.type) {
      case 'room_state':
        this.metric = message.metric;
        this.engine = message.engine;
        this.journalProblem = message.journal_problem;
        this._model.working = message.working;
        this._model.flying = message.flying;
        this._restore(message.events);
        this._changed.emit();
        break;
      case 'engine_changed':
        this.engine = message.engine;
        this._changed.emit();
        break;
      case 'metric_changed':
        this.metric = message.metric;
        this._changed.emit();
        break;
      case 'working':
        this._model.working = message.working;
        this._model.flying = message.flying;
        this._model.touch();
        break;
      case 'problem':
        this._model.notices.push(message.message);
        this._model.touch();
        break;
      case 'apply':
      case 'retract':
      case 'accepted':
      case 'done':
      case 'found_metrics':
      case 'completion':
      case 'training_changed':
      case 'node_detail':
        break;
      default:
        if (!isSearchEvent(message)) {
          this.show(message);
        }
    }
  }

  /** One thing happened. */
  show(event: SessionEvent): void {
    this._model.apply(event);
    if (event.type === 'started' || event.type === 'failed') {
      this._appeared.emit('now');
    }
  }

  /** After a reload or a lost connection: what the server remembers. */
  private _restore(events: SessionEvent[]): void {
    if (events.length > 0) {
      this._model.replay(events);
      // Of a request that was stopped or failed nothing can be chosen any more.
      if (this._model.working || (this._model.pending && !this._model.failure)) {
        this._appeared.emit('before');
      }
    } else if (this._model.pending) {
      this._model.stale = this._trans.__(
        'The Jupyter server was restarted; these proposals are gone. Ask again.'
      );
      this._model.touch();
    }
  }

  private _changed = new Signal<this, void>(this);
  private _appeared = new Signal<this, 'now' | 'before'>(this);
}
