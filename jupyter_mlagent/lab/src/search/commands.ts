import type { JupyterFrontEnd } from '@jupyterlab/application';
import type { IEditorServices } from '@jupyterlab/codeeditor';
import { PathExt, URLExt } from '@jupyterlab/coreutils';
import type { INotebookTracker } from '@jupyterlab/notebook';
import { ServerConnection } from '@jupyterlab/services';
import type { TranslationBundle } from '@jupyterlab/translation';

import type { NotebookAssistant } from '../assistant';
import type { Assistants } from '../assistants';
import { previewOf } from './preview';
import { SEARCH_CHOICES, type SearchChoice, SearchWidget } from './widget';

const START = 'mlagent:search';
const SHOW = 'mlagent:show-search';

/** The commands of searches. */
export const SEARCH_COMMANDS = [START, SHOW, ...SEARCH_CHOICES.map(idOf)];

function idOf(choice: SearchChoice): string {
  return `mlagent:search-${choice}`;
}

/** Opens searches beside their notebooks and carries out what is said to them. */
export class SearchCommands {
  constructor(private _options: SearchCommands.IOptions) {
    this._add();
  }

  /** Show the search of a notebook beside it; the focus goes there only when asked for. */
  show(assistant: NotebookAssistant, activate: boolean): void {
    const { app } = this._options;
    let widget = this._widgets.get(assistant);
    if (!widget || widget.isDisposed) {
      widget = this._make(assistant);
      this._widgets.set(assistant, widget);
      app.shell.add(widget, 'main', {
        mode: 'split-right',
        ref: assistant.panel.id,
        activate: false
      });
    }
    if (activate) {
      app.shell.activateById(widget.id);
    }
  }

  private _make(assistant: NotebookAssistant): SearchWidget {
    const { app, trans } = this._options;
    const widget = new SearchWidget({
      desk: assistant.search,
      name: PathExt.basename(assistant.panel.context.localPath),
      trans,
      chosen: choice => void this._choose(assistant, widget, choice),
      shortcutOf: choice =>
        app.commands.keyBindings.find(one => one.command === idOf(choice))?.keys.join() ?? ''
    });
    assistant.panel.disposed.connect(() => widget.dispose());
    return widget;
  }

  private async _choose(
    assistant: NotebookAssistant,
    widget: SearchWidget,
    choice: SearchChoice
  ): Promise<void> {
    const { search } = assistant;
    switch (choice) {
      case 'pause':
        return search.togglePause();
      case 'stop':
        return search.stop();
      case 'keep':
        return search.keep();
      case 'open':
        return search.look();
      case 'pin':
        return search.togglePin();
      case 'prune':
        return search.togglePrune();
      case 'hint':
        return widget.askHint();
      case 'save-html':
        return save(assistant.panel.context.localPath, 'html');
      case 'save-json':
        return save(assistant.panel.context.localPath, 'json');
    }
  }

  private _add(): void {
    const { app, assistants, tracker, trans } = this._options;
    const described = { args: { type: 'object', properties: {} } } as const;
    const hasNotebook = () => tracker.currentWidget !== null;
    assistants.made.connect((_, assistant) => this._follow(assistant));
    app.commands.addCommand(START, {
      label: trans.__('Start the Autopilot With a Tree Search'),
      isEnabled: hasNotebook,
      execute: args => {
        const assistant = assistants.of(tracker.currentWidget);
        assistant?.requests.explore(
          typeof args.steps === 'number' ? args.steps : 30,
          typeof args.minutes === 'number' ? args.minutes : null,
          args.allowUnguarded === true
        );
      },
      describedBy: {
        args: {
          type: 'object',
          properties: {
            steps: { type: 'integer', minimum: 1, description: 'Nodes to grow' },
            minutes: { type: 'number', description: 'Longest time to search' },
            allowUnguarded: { type: 'boolean', description: 'Also try steps without a sandbox' }
          }
        }
      }
    });
    app.commands.addCommand(SHOW, {
      label: trans.__('Show the Search Tree of This Notebook'),
      isEnabled: hasNotebook,
      execute: () => {
        const assistant = assistants.of(tracker.currentWidget);
        if (assistant) {
          this.show(assistant, true);
        }
      },
      describedBy: described
    });
    const labels: Record<SearchChoice, string> = {
      pause: trans.__('Search: Pause or Resume'),
      stop: trans.__('Search: Stop'),
      keep: trans.__('Search: Put the Selected Path Into the Notebook'),
      open: trans.__('Search: Open the Notebook as It Is at the Selected Node'),
      pin: trans.__('Search: Pin or Unpin the Selected Node'),
      prune: trans.__('Search: Prune or Restore the Selected Branch'),
      hint: trans.__('Search: Give the Selected Branch a Hint'),
      'save-html': trans.__('Search: Save the Tree as HTML'),
      'save-json': trans.__('Search: Save the Tree as JSON')
    };
    for (const choice of SEARCH_CHOICES) {
      app.commands.addCommand(idOf(choice), {
        label: labels[choice],
        isEnabled: () => this._shown() !== null,
        execute: async () => {
          const shown = this._shown();
          if (shown) {
            await this._choose(...shown, choice);
          }
        },
        describedBy: described
      });
    }
  }

  /** The search that the person looks at: the one with the focus, or the current notebook's. */
  private _shown(): [NotebookAssistant, SearchWidget] | null {
    const { assistants, tracker } = this._options;
    const current = assistants.of(tracker.currentWidget);
    const open = Array.from(this._widgets).filter(([, widget]) => !widget.isDisposed);
    const focused = open.find(([, widget]) => widget.node.contains(document.activeElement));
    return focused ?? open.find(([assistant]) => assistant === current) ?? null;
  }

  /** A search that runs is shown; what is looked at of it is opened. */
  private _follow(assistant: NotebookAssistant): void {
    const { app, services, trans } = this._options;
    assistant.search.model.changed.connect(model => {
      if (model.running && !this._widgets.has(assistant)) {
        void assistant.panel.revealed.then(() => this.show(assistant, false));
      }
    });
    assistant.search.wanted.connect(() => this.show(assistant, true));
    assistant.search.looked.connect((_, { node, cells }) => {
      const name = PathExt.basename(assistant.panel.context.localPath);
      const label = trans.__('%1 at node %2', name, node);
      const widget = previewOf(assistant.panel, services, cells, label);
      widget.id = `jp-mlagent-preview-${name}-${node}`;
      const old = Array.from(app.shell.widgets('main')).find(one => one.id === widget.id);
      old?.dispose();
      app.shell.add(widget, 'main', { ref: assistant.panel.id, mode: 'tab-after' });
      app.shell.activateById(widget.id);
    });
  }

  private _widgets = new Map<NotebookAssistant, SearchWidget>();
}

export namespace SearchCommands {
  export interface IOptions {
    app: JupyterFrontEnd;
    tracker: INotebookTracker;
    assistants: Assistants;
    services: IEditorServices;
    trans: TranslationBundle;
  }
}

/** Have the browser keep the search as a file. */
async function save(path: string, form: 'html' | 'json'): Promise<void> {
  const settings = ServerConnection.makeSettings();
  const answer = await ServerConnection.makeRequest(
    `${URLExt.join(settings.baseUrl, 'mlagent/search')}?path=${encodeURIComponent(path)}&form=${form}`,
    {},
    settings
  );
  const link = document.createElement('a');
  link.href = URL.createObjectURL(await answer.blob());
  link.download = `${PathExt.basename(path, '.ipynb')}-search.${form}`;
  link.click();
  URL.revokeObjectURL(link.href);
}
