import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

import type { Status, Verdict } from './messages';

/** One step as the journal lists it. */
export interface IStep {
  id: number;
  created_at: string;
  parent_step: number | null;
  operator: string;
  rank: number;
  plan: string;
  status: Status;
  metric_before: number | null;
  metric_after: number | null;
  seconds: number;
  reward: number;
  verdict: Verdict | null;
  undone: boolean;
}

export interface IModelTable {
  models: {
    name: string;
    title: string;
    bytes: number;
    present: boolean;
    suggested: boolean;
  }[];
  current: string | null;
  /** Has to be fetched before anything can be proposed. */
  missing: string | null;
  download: {
    model: string;
    done_bytes: number;
    total_bytes: number;
    doing: string;
    problem: string;
  } | null;
}

/** Ask a route below `mlagent/`; rejects with the server's sentence. */
export async function fetchJson<T>(
  route: string,
  method = 'GET',
  body?: unknown
): Promise<T> {
  const settings = ServerConnection.makeSettings();
  const answer = await ServerConnection.makeRequest(
    URLExt.join(settings.baseUrl, 'mlagent') + '/' + route,
    { method, body: body === undefined ? undefined : JSON.stringify(body) },
    settings
  );
  const data = (await answer.json().catch(() => ({}))) as T & {
    message?: string;
  };
  if (!answer.ok) {
    throw new Error(data.message ?? `The server answered ${answer.status}.`);
  }
  return data;
}

export function journalOf(path: string): Promise<IStep[]> {
  return fetchJson(`journal?path=${encodeURIComponent(path)}`);
}

export function models(): Promise<IModelTable> {
  return fetchJson('models');
}

export function useModel(name: string): Promise<IModelTable> {
  return fetchJson('models', 'POST', { name });
}

export function downloadModel(name: string): Promise<IModelTable> {
  return fetchJson('models/download', 'POST', { name });
}

/** End the download under way; what was fetched so far is kept for the next one. */
export function cancelDownload(): Promise<IModelTable> {
  return fetchJson('models/download', 'DELETE');
}
