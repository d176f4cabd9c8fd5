import {
  type JupyterFrontEnd,
  type JupyterFrontEndPlugin,
  ILayoutRestorer
} from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { IEditorServices } from '@jupyterlab/codeeditor';
import { IEditorLanguageRegistry } from '@jupyterlab/codemirror';
import { ICompletionProviderManager } from '@jupyterlab/completer';
import { INotebookTracker } from '@jupyterlab/notebook';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { NotebookAssistant } from './assistant';
import { Assistants } from './assistants';
import { addCommands, CommandIDs, shortcutOf } from './commands';
import { InlineProvider } from './inline';
import { addLearningCommands } from './learningcommands';
import { LearningStore } from './learningstore';
import { ModelStore } from './modelstore';
import { AgentPanel } from './panel';
import type { IWishes } from './requests';
import { SEARCH_COMMANDS, SearchCommands } from './search/commands';

const PLUGIN_ID = 'jupyter-mlagent:plugin';

const DEFAULTS: IWishes & { inlineCompletion: boolean } = {
  candidates: 4,
  allowUnguarded: false,
  autoAsk: false,
  inlineCompletion: false
};

/** Suggestions in notebooks, the side panel and inline completion. */
const plugin: JupyterFrontEndPlugin<void> = {
  id: PLUGIN_ID,
  description: 'Measured machine-learning suggestions in the notebook.',
  autoStart: true,
  requires: [INotebookTracker, IEditorServices],
  optional: [
    ISettingRegistry,
    ITranslator,
    ICommandPalette,
    ICompletionProviderManager,
    ILayoutRestorer,
    IEditorLanguageRegistry
  ],
  activate: (
    app: JupyterFrontEnd,
    tracker: INotebookTracker,
    services: IEditorServices,
    registry: ISettingRegistry | null,
    translator: ITranslator | null,
    palette: ICommandPalette | null,
    completion: ICompletionProviderManager | null,
    restorer: ILayoutRestorer | null,
    languages: IEditorLanguageRegistry | null
  ) => {
    const trans = (translator ?? nullTranslator).load('jupyter_mlagent');
    const wishes = { ...DEFAULTS };
    void registry?.load(PLUGIN_ID).then(settings => {
      const read = () => Object.assign(wishes, DEFAULTS, settings.composite);
      read();
      settings.changed.connect(read);
    });
    const models = new ModelStore();
    const learning = new LearningStore();
    const assistants = new Assistants(
      tracker,
      panel =>
        new NotebookAssistant({
          panel,
          services,
          highlight: async (code, host) => {
            const python = await languages?.getLanguage('python');
            await languages?.highlight(code, python ?? null, host);
          },
          trans,
          models,
          wishes: () => wishes,
          shortcutOf: choice => shortcutOf(app, choice)
        })
    );
    assistants.made.connect((_, { channel }) =>
      channel.received.connect((_, message) => learning.hear(message))
    );
    addCommands(app, tracker, assistants, trans);
    addLearningCommands(app, learning, trans);
    new SearchCommands({ app, tracker, assistants, services, trans });
    completion?.registerInlineProvider(
      new InlineProvider(assistants, tracker, trans, () => wishes.inlineCompletion)
    );
    const panel = new AgentPanel({ app, tracker, assistants, models, learning, trans });
    app.shell.add(panel, 'right', { rank: 900, type: 'MLAgent' });
    restorer?.add(panel, panel.id);
    app.commands.addCommand(CommandIDs.panel, {
      label: trans.__('Show the MLAgent Panel'),
      execute: () => app.shell.activateById(panel.id),
      describedBy: { args: { type: 'object', properties: {} } }
    });
    for (const command of [...Object.values(CommandIDs), ...SEARCH_COMMANDS]) {
      palette?.addItem({ command, category: 'MLAgent' });
    }
  }
};

export default plugin;
