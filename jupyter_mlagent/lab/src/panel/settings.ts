import type { TranslationBundle } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';

import { button, Section } from './section';

const SETTINGS_COMMAND = 'settingeditor:open';

/** The way to the settings editor, where it exists. */
export class SettingsSection extends Section {
  constructor(commands: CommandRegistry, trans: TranslationBundle) {
    super(trans.__('Settings'));
    this.body.append(
      button(trans.__('Open the settings…'), () =>
        commands.execute(SETTINGS_COMMAND, { query: 'MLAgent' })
      )
    );
    this._commands = commands;
  }

  show(): void {
    this.node.hidden = !this._commands.hasCommand(SETTINGS_COMMAND);
  }

  private _commands: CommandRegistry;
}
