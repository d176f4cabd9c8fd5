import type { JupyterFrontEnd } from '@jupyterlab/application';
import type { INotebookTracker } from '@jupyterlab/notebook';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { Message } from '@lumino/messaging';
import { Widget } from '@lumino/widgets';

import type { NotebookAssistant } from '../assistant';
import type { Assistants } from '../assistants';
import { mlagentIcon } from '../icon';
import type { LearningStore } from '../learningstore';
import type { ModelStore } from '../modelstore';
import { AdaptersSection } from './adapters';
import { AutopilotSection } from './autopilot';
import { JournalSection } from './journal';
import { MetricSection } from './metric';
import { ModelSection } from './model';
import type { Section } from './section';
import { SettingsSection } from './settings';
import { TrainingSection } from './training';

/** The side panel: the model, the current notebook's metric, autopilot and steps, and what is learned here. */
export class AgentPanel extends Widget {
  constructor(private _options: AgentPanel.IOptions) {
    super();
    const { app, tracker, assistants, models, learning, trans } = _options;
    this.id = 'jp-mlagent-panel';
    this.title.icon = mlagentIcon;
    this.title.caption = trans.__('MLAgent');
    this.addClass('jp-mlagent-Panel');
    this.addClass('jp-ThemedContainer');
    this._model = new ModelSection(models, trans);
    this._sections = [
      this._model,
      new MetricSection(trans),
      new AutopilotSection(trans),
      new JournalSection(trans),
      new AdaptersSection(learning, trans),
      new TrainingSection(learning, trans),
      new SettingsSection(app.commands, trans)
    ];
    this.node.append(...this._sections.map(section => section.node));
    tracker.currentChanged.connect(() => this._follow());
    assistants.made.connect(() => this._follow());
    this._follow();
  }

  protected onBeforeShow(msg: Message): void {
    super.onBeforeShow(msg);
    void this._model.refresh();
    void this._options.learning.refresh();
    this._show();
  }

  private _follow(): void {
    const { tracker, assistants } = this._options;
    const assistant = assistants.of(tracker.currentWidget) ?? null;
    if (assistant !== this._assistant) {
      this._assistant?.changed.disconnect(this._schedule, this);
      this._assistant?.model.changed.disconnect(this._schedule, this);
      this._assistant?.search.model.changed.disconnect(this._schedule, this);
      this._assistant = assistant;
      assistant?.changed.connect(this._schedule, this);
      assistant?.model.changed.connect(this._schedule, this);
      assistant?.search.model.changed.connect(this._schedule, this);
    }
    this._schedule();
  }

  private _schedule(): void {
    if (!this._frame && this.isVisible) {
      this._frame = window.requestAnimationFrame(() => {
        this._frame = 0;
        this._show();
      });
    }
  }

  private _show(): void {
    const assistant = this._assistant?.isDisposed ? null : this._assistant;
    this._sections.forEach(section => section.show(assistant));
  }

  private _model: ModelSection;
  private _sections: Section[];
  private _assistant: NotebookAssistant | null = null;
  private _frame = 0;
}

export namespace AgentPanel {
  export interface IOptions {
    app: JupyterFrontEnd;
    tracker: INotebookTracker;
    assistants: Assistants;
    models: ModelStore;
    learning: LearningStore;
    trans: TranslationBundle;
  }
}
