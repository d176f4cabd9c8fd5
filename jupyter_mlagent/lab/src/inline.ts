import type { CompletionHandler, IInlineCompletionContext, IInlineCompletionList, IInlineCompletionProvider } from '@jupyterlab/completer';
import { type INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import type { TranslationBundle } from '@jupyterlab/translation';

import type { Assistants } from './assistants';
import type { Channel } from './channel';
import type { ServerMessage } from './messages';

type Completion = Extract<ServerMessage, { type: 'completion' }>;

/** Code inside a cell from the model's fill-in-the-middle, streamed; a newer request ends the older one. */
export class InlineProvider implements IInlineCompletionProvider {
  readonly identifier = 'jupyter-mlagent:inline';
  readonly name: string;

  constructor(
    private _assistants: Assistants,
    private _tracker: INotebookTracker,
    trans: TranslationBundle,
    private _enabled: () => boolean
  ) {
    this.name = trans.__('MLAgent (local model)');
  }

  fetch(
    request: CompletionHandler.IRequest,
    context: IInlineCompletionContext
  ): Promise<IInlineCompletionList> {
    const panel =
      context.widget instanceof NotebookPanel
        ? context.widget
        : this._tracker.currentWidget;
    const channel = this._assistants.of(panel)?.channel;
    if (!this._enabled() || !channel?.connected) {
      return Promise.resolve({ items: [] });
    }
    const id = channel.nextId();
    const token = String(id);
    this._channels.set(token, channel);
    channel.say({
      type: 'complete',
      id,
      prefix: request.text.slice(0, request.offset),
      suffix: request.text.slice(request.offset)
    });
    return Promise.resolve({
      items: [{ insertText: '', isIncomplete: true, token }]
    });
  }

  async *stream(token: string) {
    const channel = this._channels.get(token);
    if (!channel) {
      return;
    }
    this._channels.delete(token);
    const id = Number(token);
    const queue: Completion[] = [];
    let wake = () => {};
    let ended = false;
    const hear = (_: Channel, message: ServerMessage) => {
      if (message.type === 'completion' && message.id === id) {
        queue.push(message);
      } else if (message.type === 'problem' && message.id === id) {
        ended = true;
      } else {
        return;
      }
      wake();
    };
    channel.received.connect(hear);
    try {
      while (!ended) {
        const latest = queue.splice(0).pop();
        if (latest) {
          yield {
            response: { insertText: latest.text, isIncomplete: !latest.done, token }
          };
          ended = latest.done;
        } else {
          await new Promise<void>(resolve => (wake = resolve));
        }
      }
    } finally {
      channel.received.disconnect(hear);
      channel.say({ type: 'cancel_completion', id });
    }
  }

  private _channels = new Map<string, Channel>();
}
