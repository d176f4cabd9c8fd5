import type { JupyterFrontEnd } from '@jupyterlab/application';
import type { INotebookTracker } from '@jupyterlab/notebook';
import type { TranslationBundle } from '@jupyterlab/translation';

import type { Assistants } from './assistants';
import { type Choice, choiceWords } from './choices';
import { mlagentIcon } from './icon';

/** Every command of the extension. */
export const CommandIDs = {
  ask: 'mlagent:ask',
  stop: 'mlagent:stop',
  acceptRun: 'mlagent:accept-run',
  accept: 'mlagent:accept',
  edit: 'mlagent:edit',
  reject: 'mlagent:reject',
  rejectReason: 'mlagent:reject-reason',
  next: 'mlagent:next',
  previous: 'mlagent:previous',
  hint: 'mlagent:hint',
  close: 'mlagent:close',
  auto: 'mlagent:toggle-auto',
  fly: 'mlagent:fly',
  undoFlight: 'mlagent:undo-flight',
  panel: 'mlagent:show-panel',
  train: 'mlagent:start-training',
  pauseTraining: 'mlagent:pause-training',
  compareAdapter: 'mlagent:compare-adapter',
  promoteAdapter: 'mlagent:promote-adapter',
  rollBackAdapter: 'mlagent:roll-back-adapter'
} as const;

const CHOICES: Record<Choice, string> = {
  'accept-run': CommandIDs.acceptRun,
  accept: CommandIDs.accept,
  edit: CommandIDs.edit,
  reject: CommandIDs.reject,
  'reject-reason': CommandIDs.rejectReason,
  next: CommandIDs.next,
  previous: CommandIDs.previous,
  hint: CommandIDs.hint,
  stop: CommandIDs.stop,
  close: CommandIDs.close
};

/** The shortcut that a choice has now, for its tool tip. */
export function shortcutOf(app: JupyterFrontEnd, choice: Choice): string {
  const binding = app.commands.keyBindings.find(
    one => one.command === CHOICES[choice]
  );
  return binding ? binding.keys.join(', ') : '';
}

/** Add the commands that act on the current notebook. */
export function addCommands(
  app: JupyterFrontEnd,
  tracker: INotebookTracker,
  assistants: Assistants,
  trans: TranslationBundle
): void {
  const current = () => assistants.of(tracker.currentWidget);
  const noArguments = {
    args: { type: 'object', properties: {}, additionalProperties: true }
  } as const;
  const hasNotebook = () => tracker.currentWidget !== null;

  app.commands.addCommand(CommandIDs.ask, {
    label: trans.__('Suggest the Next Step'),
    caption: trans.__('Propose what could come next, measured before it touches the notebook'),
    icon: mlagentIcon,
    isEnabled: hasNotebook,
    execute: args => current()?.requests.ask(typeof args.hint === 'string' ? args.hint : ''),
    describedBy: {
      args: {
        type: 'object',
        properties: {
          hint: { type: 'string', description: 'What the suggestion should try' }
        }
      }
    }
  });
  for (const { choice, command: label } of choiceWords(trans)) {
    app.commands.addCommand(CHOICES[choice], {
      label,
      isEnabled: () => Boolean(current()?.view) || choice === 'stop',
      execute: () => current()?.choose(choice),
      describedBy: noArguments
    });
  }
  app.commands.addCommand(CommandIDs.auto, {
    label: trans.__('Suggest by Itself After Each Successful Run'),
    isToggleable: true,
    isEnabled: hasNotebook,
    isToggled: () => current()?.auto ?? false,
    execute: () => {
      const assistant = current();
      if (assistant) {
        assistant.auto = !assistant.auto;
        app.commands.notifyCommandChanged(CommandIDs.auto);
      }
    },
    describedBy: noArguments
  });
  app.commands.addCommand(CommandIDs.fly, {
    label: trans.__('Start the Autopilot'),
    isEnabled: hasNotebook,
    execute: args =>
      current()?.requests.fly(
        typeof args.steps === 'number' ? args.steps : 5,
        typeof args.minutes === 'number' ? args.minutes : null,
        args.allowUnguarded === true
      ),
    describedBy: {
      args: {
        type: 'object',
        properties: {
          steps: { type: 'integer', minimum: 1, description: 'Steps to fly' },
          minutes: { type: 'number', description: 'Longest time to fly' },
          allowUnguarded: { type: 'boolean', description: 'Also try steps without a sandbox' }
        }
      }
    }
  });
  app.commands.addCommand(CommandIDs.undoFlight, {
    label: trans.__('Undo the Whole Flight of the Autopilot'),
    isEnabled: () => current()?.canUndoFlight ?? false,
    execute: () => current()?.undoFlight(),
    describedBy: noArguments
  });
}
