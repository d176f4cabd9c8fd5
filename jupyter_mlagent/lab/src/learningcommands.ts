import type { JupyterFrontEnd } from '@jupyterlab/application';
import type { TranslationBundle } from '@jupyterlab/translation';

import { CommandIDs } from './commands';
import type { TrainingKind } from './learning';
import type { LearningStore } from './learningstore';

const KINDS: TrainingKind[] = ['verdicts', 'explore', 'steps'];

/** Add the commands for adapters and training; what they do is seen in the panel. */
export function addLearningCommands(
  app: JupyterFrontEnd,
  learning: LearningStore,
  trans: TranslationBundle
): void {
  const add = (
    id: string,
    label: string,
    isEnabled: () => boolean,
    execute: () => Promise<void>
  ) =>
    app.commands.addCommand(id, {
      label,
      isEnabled,
      execute: async () => {
        await execute();
        await app.commands.execute(CommandIDs.panel);
      },
      describedBy: { args: { type: 'object', properties: {} } }
    });
  const state = () => learning.status?.state;
  const busy = () => state() === 'running' || state() === 'paused';
  app.commands.addCommand(CommandIDs.train, {
    label: trans.__('Start Training the Local Model'),
    isEnabled: () => !busy(),
    execute: async args => {
      const kind = KINDS.find(one => one === args.kind) ?? 'verdicts';
      await learning.start(kind);
      await app.commands.execute(CommandIDs.panel);
    },
    describedBy: {
      args: {
        type: 'object',
        properties: {
          kind: { type: 'string', enum: KINDS, description: 'What to learn from' }
        }
      }
    }
  });
  add(CommandIDs.pauseTraining, trans.__('Pause or Resume Training'), busy, () =>
    learning.togglePause()
  );
  const selected = () => learning.selected !== null;
  add(
    CommandIDs.compareAdapter,
    trans.__('Compare the Selected Adapter With the Active One'),
    selected,
    () => learning.compare()
  );
  add(
    CommandIDs.promoteAdapter,
    trans.__('Promote the Selected Adapter'),
    selected,
    () => learning.promote()
  );
  add(
    CommandIDs.rollBackAdapter,
    trans.__('Roll Back the Last Promotion of an Adapter'),
    () => learning.active !== null,
    () => learning.rollBack()
  );
  learning.changed.connect(() => app.commands.notifyCommandChanged());
}
