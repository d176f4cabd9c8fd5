import type { TranslationBundle } from '@jupyterlab/translation';

import type { IComparison } from '../learning';
import type { LearningStore } from '../learningstore';
import { shortNumber } from '../measure';
import { element, setList, setText } from '../view/dom';
import { button, Section } from './section';

/** What was learned on this machine: the adapter in use, how another compares, promote, roll back. */
export class AdaptersSection extends Section {
  constructor(
    private _store: LearningStore,
    private _trans: TranslationBundle
  ) {
    super(_trans.__('Adapter'));
    this._use.setAttribute('aria-label', _trans.__('Adapter in use'));
    this._use.onchange = () => void _store.use(this._use.value || null);
    const used = element('label', 'jp-mlagent-Field', _trans.__('In use'));
    used.append(this._use);
    this._other.setAttribute('aria-label', _trans.__('Adapter to compare or promote'));
    this._other.onchange = () => _store.select(this._other.value);
    const other = element('label', 'jp-mlagent-Field', _trans.__('Another'));
    other.append(this._other);
    const buttons = element('div', 'jp-mlagent-Buttons');
    this._compare = button(_trans.__('Compare'), () => _store.compare());
    this._promote = button(_trans.__('Promote'), () => _store.promote());
    const back = button(_trans.__('Roll back'), () => _store.rollBack());
    back.title = _trans.__('Back to what was active before the last promotion');
    buttons.append(this._compare, this._promote, back);
    this._learned.append(other, buttons, this._outcome, this._tasks);
    this.body.append(used, this._learned, this._problem);
    _store.changed.connect(() => this.show());
    this.show();
  }

  show(): void {
    // Adapters belong to the server, not to a notebook.
    const { table, problem, comparing, comparison } = this._store;
    const trans = this._trans;
    fill(this._use, ['', ...(table?.adapters ?? [])], table?.current ?? '', name =>
      name ? this._label(name) : trans.__('none: the base model')
    );
    const known = table?.known.map(one => one.name) ?? [];
    if (known.length && !known.includes(this._store.selected ?? '')) {
      this._store.selected = known.find(name => name !== table?.current) ?? known[0];
    }
    fill(this._other, known, this._store.selected ?? '', name => this._label(name));
    this._learned.hidden = !table?.trainer || known.length === 0;
    this._compare.disabled = comparing;
    setText(
      this._outcome,
      comparing ? trans.__('Comparing…') : comparison ? this._words(comparison) : ''
    );
    setList(
      this._tasks,
      'li',
      (comparison?.tasks ?? []).map(
        task => `${task.task}: ${shortNumber(task.before)} → ${shortNumber(task.after)}`
      )
    );
    setText(this._problem, problem || table?.problem || '');
  }

  private _label(name: string): string {
    const info = this._store.table?.known.find(one => one.name === name);
    const notes = [
      info?.active ? this._trans.__('active') : '',
      info?.held_out_score == null
        ? ''
        : this._trans.__('held-out %1', shortNumber(info.held_out_score))
    ].filter(Boolean);
    return notes.length ? `${name} (${notes.join(', ')})` : name;
  }

  private _words(comparison: IComparison): string {
    const { difference, low, high, active, reason } = comparison;
    const sign = difference >= 0 ? '+' : '−';
    const against = active ?? this._trans.__('the base model');
    return this._trans.__(
      '%1 against %2 (between %3 and %4). %5',
      sign + shortNumber(Math.abs(difference)),
      against,
      shortNumber(low),
      shortNumber(high),
      reason
    );
  }

  private _use = element('select', 'jp-mod-styled');
  private _other = element('select', 'jp-mod-styled');
  private _compare: HTMLButtonElement;
  private _promote: HTMLButtonElement;
  private _learned = element('div', 'jp-mlagent-Section-body');
  private _outcome = element('p', 'jp-mlagent-State', '', { role: 'status' });
  private _tasks = element('ul', 'jp-mlagent-Tasks');
  private _problem = element('p', 'jp-mlagent-Problem', '', { role: 'alert' });
}

/** The options of a choice; made anew only when they differ, so that an open list stays as it is. */
function fill(
  node: HTMLSelectElement,
  names: readonly string[],
  chosen: string,
  label: (name: string) => string
): void {
  const key = names.map(label).join('\n');
  if (node.dataset.shown !== key) {
    node.dataset.shown = key;
    node.replaceChildren(
      ...names.map(name => {
        const option = element('option', '', label(name));
        option.value = name;
        return option;
      })
    );
  }
  node.value = chosen;
}
