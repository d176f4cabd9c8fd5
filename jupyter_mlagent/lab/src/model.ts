import type { TranslationBundle } from '@jupyterlab/translation';
import { type ISignal, Signal } from '@lumino/signaling';

import type { ICandidate, IMetric, ITimings, SessionEvent, Verdict } from './messages';
import { emptyShown, type IFlightLine, type IShown, rankedShown } from './shown';

/** The request of a notebook, grown from events; the same events always give the same model. */
export class SuggestionModel {
  constructor(private _trans: TranslationBundle) {}

  metric: IMetric | null = null;
  metricBefore: number | null = null;
  modelName = '';
  working = false;
  flying = false;
  asked = false;
  reading = false;
  /** Why nothing came, or what else the person should know: one sentence. */
  failure = '';
  notices: string[] = [];
  dropped: string[] = [];
  timings: ITimings | null = null;
  ranked = false;
  /** How the real run compared, after an accepted cell ran. */
  measured: { message: string; matches: boolean } | null = null;
  flight: IFlightLine[] = [];
  flightEnd = '';

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** Why this request's proposals can no longer be applied; empty while they can. */
  get stale(): string {
    return this._stale || this._anchorStale;
  }

  /** For good: kernel or server lost what this was tried with. */
  set stale(reason: string) {
    this._stale = reason;
  }

  /** For as long as the cell they belong to is not as it was; empty: it is. */
  set anchorStale(reason: string) {
    if (reason !== this._anchorStale) {
      this._anchorStale = reason;
      this._changed.emit();
    }
  }

  /** Best first once ranked, in order of arrival before. */
  get candidates(): readonly IShown[] {
    return this._order;
  }

  get current(): IShown | null {
    return this._order[this._position] ?? null;
  }

  get position(): number {
    return this._position;
  }

  /** Whether there is a proposal that waits for a verdict. */
  get pending(): boolean {
    return this._order.some(one => one.proposal && !one.verdict);
  }

  /** The accepted one, if any. */
  get accepted(): IShown | null {
    return (
      this._order.find(one => one.verdict?.startsWith('accepted')) ?? null
    );
  }

  /** Move to another candidate; goes round. */
  move(by: number): void {
    const count = this._order.length;
    if (count > 0) {
      this._position = (((this._position + by) % count) + count) % count;
      this._moved = true;
      this._changed.emit();
    }
  }

  /** Begin anew. */
  reset(): void {
    this._clearRequest();
    this.flight = [];
    this.flightEnd = '';
    this._changed.emit();
  }

  /** Something outside the events changed (working, metric, staleness). */
  touch(): void {
    this._changed.emit();
  }

  apply(event: SessionEvent): void {
    this._take(event);
    this._changed.emit();
  }

  /** Take many events with one signal. */
  replay(events: readonly SessionEvent[]): void {
    this._clearRequest();
    this.flight = [];
    this.flightEnd = '';
    for (const event of events) {
      this._take(event);
    }
    this._changed.emit();
  }

  private _take(event: SessionEvent): void {
    switch (event.type) {
      case 'started':
        this._clearRequest();
        this.asked = true;
        this.reading = true;
        this.metric = event.metric;
        this.metricBefore = event.metric_before;
        this.modelName = event.model;
        break;
      case 'notice':
        this.notices.push(event.text);
        break;
      case 'prompt_read':
        this.reading = false;
        break;
      case 'plan_delta':
        this._reply(event.index).plan += event.text;
        break;
      case 'code_delta':
        this._reply(event.index).code += event.text;
        break;
      case 'reply_dropped':
        this._order = this._order.filter(one => one.index !== event.index);
        this._position = Math.min(
          this._position,
          Math.max(0, this._order.length - 1)
        );
        this.dropped.push(event.reason);
        break;
      case 'proposal_ready': {
        this.reading = false;
        const shown = this._reply(event.index);
        shown.proposal = event.proposal;
        shown.plan = event.proposal.plan;
        shown.code = event.proposal.code;
        break;
      }
      case 'trial_started':
        this._update(event.proposal_id, one => (one.trying = true));
        break;
      case 'trial_output':
        this._update(event.proposal_id, one => {
          one.outputs = [...one.outputs, event.output];
        });
        break;
      case 'trial_finished':
        this._update(event.proposal_id, one => {
          one.trying = false;
          one.trial = event.trial;
          one.outputs = event.trial.outputs;
        });
        break;
      case 'ranked':
        this._rank(event.candidates);
        this.dropped = event.dropped;
        this.timings = event.timings;
        break;
      case 'failed':
        this.asked = true;
        this.reading = false;
        this.failure = event.message;
        break;
      case 'judged':
        this._judge(event.proposal_id, event.verdict);
        break;
      case 'measured':
        this.measured = { message: event.message, matches: event.matches };
        break;
      default:
        this._fly(event);
    }
  }

  private _fly(event: SessionEvent): void {
    switch (event.type) {
      case 'step_kept':
        this.flight.push({
          step: event.step,
          text: event.candidate.proposal.plan,
          kept: true,
          cellId: event.cell_id,
          proposalId: event.candidate.proposal.id
        });
        break;
      case 'step_skipped':
        this.flight.push({
          step: event.step,
          text: event.reason,
          kept: false,
          cellId: null,
          proposalId: null
        });
        break;
      case 'flight_ended':
        this.flightEnd = this._trans.__(
          '%1 of %2 steps kept; %3.',
          event.kept,
          event.steps,
          event.reason
        );
        break;
    }
  }

  private _clearRequest(): void {
    this._order = [];
    this._position = 0;
    this._moved = false;
    this.asked = this.reading = this.ranked = false;
    this.failure = this._stale = this._anchorStale = '';
    this.notices = [];
    this.dropped = [];
    this.timings = null;
    this.measured = null;
  }

  private _reply(index: number): IShown {
    let shown = this._order.find(one => one.index === index);
    if (!shown) {
      shown = emptyShown(index);
      this._order = [...this._order, shown];
    }
    return shown;
  }

  private _update(id: string, change: (shown: IShown) => void): void {
    const shown = this._order.find(one => one.proposal?.id === id);
    if (shown) {
      change(shown);
    }
  }

  private _rank(candidates: ICandidate[]): void {
    const looked = this._moved ? this.current?.proposal?.id : undefined;
    this._order = candidates.map(rankedShown);
    const at = this._order.findIndex(one => one.proposal?.id === looked);
    this._position = Math.max(0, at);
    this.ranked = true;
    this.reading = false;
  }

  private _judge(id: string, verdict: Verdict): void {
    this._update(id, one => (one.verdict = verdict));
    if (verdict === 'rejected') {
      const next = this._order.findIndex(one => !one.verdict);
      if (next >= 0) {
        this._position = next;
      }
    } else {
      const at = this._order.findIndex(one => one.proposal?.id === id);
      this._position = Math.max(0, at);
    }
  }

  private _stale = '';
  private _anchorStale = '';
  private _order: IShown[] = [];
  private _position = 0;
  private _moved = false;
  private _changed = new Signal<this, void>(this);
}
