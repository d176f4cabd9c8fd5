import type { TranslationBundle } from '@jupyterlab/translation';

import { adapters, type IAdapterTable, useAdapter } from '../rest';
import { element, setText } from '../view/dom';
import { Section } from './section';

/** What was learned on this machine: which adapter is in use, switch, back to the base model. */
export class AdaptersSection extends Section {
  constructor(private _trans: TranslationBundle) {
    super(_trans.__('Adapter'));
    this._choice.setAttribute('aria-label', _trans.__('Adapter'));
    this._choice.onchange = () =>
      void this._act(() => useAdapter(this._choice.value || null));
    this.body.append(this._choice, this._problem);
  }

  /** Read the list of adapters again. */
  async refresh(): Promise<void> {
    await this._act(adapters);
  }

  show(): void {
    // Adapters belong to the server, not to a notebook.
  }

  private async _act(work: () => Promise<IAdapterTable>): Promise<void> {
    try {
      const table = await work();
      this._choice.replaceChildren(
        ...['', ...table.adapters].map(name => {
          const label = name || this._trans.__('none: the base model');
          const option = element('option', '', label);
          option.value = name;
          option.selected = name === (table.current ?? '');
          return option;
        })
      );
      setText(this._problem, '');
    } catch (error) {
      setText(this._problem, error instanceof Error ? error.message : String(error));
    }
  }

  private _choice = element('select', 'jp-mod-styled');
  private _problem = element('p', 'jp-mlagent-Problem', '', { role: 'alert' });
}
