import type { TranslationBundle } from '@jupyterlab/translation';

/** What a person can do with a proposal. */
export type Choice =
  | 'accept-run'
  | 'accept'
  | 'edit'
  | 'reject'
  | 'reject-reason'
  | 'previous'
  | 'next'
  | 'hint'
  | 'stop'
  | 'close';

export interface IChoiceWords {
  choice: Choice;
  /** On its button. */
  button: string;
  /** What the button is called where a sign stands on it. */
  name: string;
  /** In the palette, menus and the shortcuts editor. */
  command: string;
}

/** Every choice with its words, in the order of the buttons. */
export function choiceWords(trans: TranslationBundle): IChoiceWords[] {
  const words: [Choice, string, string][] = [
    ['accept-run', trans.__('Accept and run'), trans.__('Accept the Suggestion and Run It')],
    ['accept', trans.__('Accept'), trans.__('Accept the Suggestion Without Running It')],
    ['edit', trans.__('Edit'), trans.__('Edit the Suggestion')],
    ['reject', trans.__('Reject'), trans.__('Reject the Suggestion')],
    [
      'reject-reason',
      trans.__('Reject with a reason…'),
      trans.__('Reject the Suggestion With a Reason')
    ],
    ['previous', '‹', trans.__('Previous Suggestion')],
    ['next', '›', trans.__('Next Suggestion')],
    ['hint', trans.__('Try again with a hint…'), trans.__('Try Again With a Hint')],
    ['stop', trans.__('Stop'), trans.__('Stop Suggesting')],
    ['close', '✕', trans.__('Close the Suggestion')]
  ];
  return words.map(([choice, button, command]) => ({
    choice,
    button,
    name: button.length > 1 ? button : command,
    command
  }));
}
