import type { NotebookAssistant } from '../assistant';
import { element } from '../view/dom';

/** One part of the panel. */
export abstract class Section {
  readonly node: HTMLElement;
  protected body = element('div', 'jp-mlagent-Section-body');

  constructor(title: string) {
    this.node = element('section', 'jp-mlagent-Section');
    this.node.append(element('h3', '', title), this.body);
  }

  /** Show the state of a notebook; null: no notebook is open. */
  abstract show(assistant: NotebookAssistant | null): void;
}

/** A button with an action; what it rejects with is shown by `report`. */
export function button(
  label: string,
  action: () => unknown,
  report: (sentence: string) => void = () => {}
): HTMLButtonElement {
  const node = element('button', 'jp-mod-styled jp-Button', label, {
    type: 'button'
  });
  node.onclick = async () => {
    report('');
    try {
      await action();
    } catch (error) {
      report(error instanceof Error ? error.message : String(error));
    }
  };
  return node;
}
