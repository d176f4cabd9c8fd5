import type { TranslationBundle } from '@jupyterlab/translation';

import type { NotebookAssistant } from '../assistant';
import { element, setText } from '../view/dom';
import { button, Section } from './section';

const SEARCH = 'search';

/** Start a flight with its budget, follow it, stop it, undo it. */
export class AutopilotSection extends Section {
  constructor(trans: TranslationBundle) {
    super(trans.__('Autopilot'));
    this._start = button(trans.__('Start'), () => {
      const minutes = Number(this._minutes.value);
      const budget = [
        Number(this._steps.value) || 5,
        minutes > 0 ? minutes : null,
        this._unguarded.checked
      ] as const;
      if (this._way.value === SEARCH) {
        this._assistant?.requests.explore(...budget);
      } else {
        this._assistant?.requests.fly(...budget);
      }
    });
    this._stop = button(trans.__('Stop'), () => this._assistant?.requests.stop());
    this._undo = button(trans.__('Undo the whole flight'), () =>
      this._assistant?.undoFlight()
    );
    this._tree = button(trans.__('Show the search tree'), () =>
      this._assistant?.search.show()
    );
    this._way.setAttribute('aria-label', trans.__('Way to go'));
    for (const [value, label] of [
      ['', trans.__('Step by step, each one kept')],
      [SEARCH, trans.__('Tree search, its best path kept')]
    ]) {
      const option = element('option', '', label);
      option.value = value;
      this._way.append(option);
    }
    this._way.onchange = () => {
      this._steps.value = this._way.value === SEARCH ? '30' : '5';
    };
    const steps = element('label', '', trans.__('Steps '));
    steps.append(this._steps);
    const minutes = element('label', '', trans.__('Minutes '));
    minutes.append(this._minutes);
    const unguarded = element('label', '', trans.__('Also without a sandbox '));
    unguarded.append(this._unguarded);
    const budget = element('div', 'jp-mlagent-Budget');
    budget.append(steps, minutes, unguarded);
    this.body.append(this._way, budget, this._start, this._stop, this._tree, this._undo);
    this.body.append(this._lines, this._end);
  }

  show(assistant: NotebookAssistant | null): void {
    this._assistant = assistant;
    const model = assistant?.model;
    const busy = Boolean(model?.flying || assistant?.search.model.running);
    this._start.hidden = busy;
    this._start.disabled = !assistant;
    this._stop.hidden = !busy;
    this._tree.hidden = !assistant?.search.model.nodes.length;
    this._undo.hidden = !assistant?.canUndoFlight;
    const lines = model?.flight ?? [];
    this._lines.replaceChildren(
      ...lines.map(line =>
        element(
          'li',
          line.kept ? 'jp-mod-kept' : 'jp-mod-skipped',
          `${line.step}. ${line.text}`
        )
      )
    );
    setText(this._end, model?.flightEnd ?? '');
  }

  private _assistant: NotebookAssistant | null = null;
  private _way = element('select', 'jp-mod-styled');
  private _steps = element('input', 'jp-mod-styled', '', {
    type: 'number',
    min: '1',
    value: '5'
  });
  private _minutes = element('input', 'jp-mod-styled', '', {
    type: 'number',
    min: '0',
    value: '10'
  });
  private _unguarded = element('input', '', '', { type: 'checkbox' });
  private _start: HTMLButtonElement;
  private _stop: HTMLButtonElement;
  private _tree: HTMLButtonElement;
  private _undo: HTMLButtonElement;
  private _lines = element('ol', 'jp-mlagent-Flight');
  private _end = element('p', 'jp-mlagent-State', '', { role: 'status' });
}
