import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { IDisposable } from '@lumino/disposable';
import { type ISignal, Signal } from '@lumino/signaling';

import type { ServerMessage } from './messages';

const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 15_000;

/** An answer that is one sentence for the person. */
export class Refusal extends Error {
  constructor(
    message: string,
    readonly stale = false
  ) {
    super(message);
  }
}

type Answer<T extends ServerMessage['type']> = Extract<
  ServerMessage,
  { type: T }
>;

/** The WebSocket of one notebook; comes back by itself after a lost connection. */
export class Channel implements IDisposable {
  constructor(
    private _path: string,
    private _trans: TranslationBundle,
    private _settings = ServerConnection.makeSettings()
  ) {
    this._connect();
  }

  /** Every message of the server. */
  get received(): ISignal<this, ServerMessage> {
    return this._received;
  }

  /** Whether the server can be reached. */
  get connectedChanged(): ISignal<this, boolean> {
    return this._connectedChanged;
  }

  get connected(): boolean {
    return this._socket?.readyState === 1;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  /** Follow a renamed notebook: its session on the server comes along, now or with the next connection. */
  rename(path: string): void {
    if (path === this._path) {
      return;
    }
    if (this.connected) {
      this.say({ type: 'rename', path });
    } else {
      this._was = this._was || this._path;
    }
    this._path = path;
  }

  /** Say something that needs no answer; what is said while disconnected is lost. */
  say(message: { type: string; [field: string]: unknown }): void {
    if (this.connected) {
      this._socket!.send(JSON.stringify(message));
    }
  }

  /** A number for a question of one's own, answered through `received`. */
  nextId(): number {
    return ++this._lastId;
  }

  /** Ask something and wait for its answer; rejects with a `Refusal`. */
  async request<T extends ServerMessage['type']>(message: {
    type: string;
    [field: string]: unknown;
  }): Promise<Answer<T>> {
    if (!this.connected) {
      throw new Refusal(this._trans.__('The Jupyter server cannot be reached at the moment.'));
    }
    const id = this.nextId();
    const answer = new Promise<ServerMessage>((resolve, reject) => {
      this._waiting.set(id, { resolve, reject });
    });
    this.say({ ...message, id });
    return (await answer) as Answer<T>;
  }

  dispose(): void {
    if (this._isDisposed) {
      return;
    }
    this._isDisposed = true;
    window.clearTimeout(this._retry);
    this._socket?.close();
    this._refuseAll(this._trans.__('The notebook was closed.'));
    Signal.clearData(this);
  }

  private _connect(): void {
    const { wsUrl, token, appendToken, WebSocket } = this._settings;
    let url = URLExt.join(wsUrl, 'mlagent/notebook');
    url += `?path=${encodeURIComponent(this._path)}`;
    if (this._was) {
      url += `&was=${encodeURIComponent(this._was)}`;
    }
    if (appendToken && token) {
      url += `&token=${encodeURIComponent(token)}`;
    }
    const socket = new WebSocket(url);
    this._socket = socket;
    socket.onopen = () => {
      this._wait = FIRST_RETRY_MS;
      this._was = '';
      this._connectedChanged.emit(true);
    };
    socket.onmessage = event => {
      this._hear(JSON.parse(event.data as string) as ServerMessage);
    };
    socket.onclose = () => {
      if (this._isDisposed) {
        return;
      }
      this._refuseAll(
        this._trans.__('The connection to the Jupyter server was lost.')
      );
      this._connectedChanged.emit(false);
      this._retry = window.setTimeout(() => this._connect(), this._wait);
      this._wait = Math.min(2 * this._wait, LAST_RETRY_MS);
    };
  }

  private _hear(message: ServerMessage): void {
    const id = 'id' in message ? message.id : null;
    const waiting = id === null ? undefined : this._waiting.get(id);
    if (waiting && id !== null && message.type !== 'apply') {
      this._waiting.delete(id);
      if (message.type === 'problem') {
        waiting.reject(new Refusal(message.message, message.stale));
      } else {
        waiting.resolve(message);
      }
    }
    if (!(waiting && message.type === 'problem')) {
      this._received.emit(message);
    }
  }

  private _refuseAll(message: string): void {
    for (const { reject } of this._waiting.values()) {
      reject(new Refusal(message));
    }
    this._waiting.clear();
  }

  private _was = '';
  private _socket: WebSocket | null = null;
  private _lastId = 0;
  private _wait = FIRST_RETRY_MS;
  private _retry = 0;
  private _isDisposed = false;
  private _waiting = new Map<
    number,
    { resolve: (message: ServerMessage) => void; reject: (e: Error) => void }
  >();
  private _received = new Signal<this, ServerMessage>(this);
  private _connectedChanged = new Signal<this, boolean>(this);
}
