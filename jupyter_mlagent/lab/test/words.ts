import type { TranslationBundle } from '@jupyterlab/translation';

/** English as it is written, with its places filled. */
export const trans = {
  __: (text: string, ...values: unknown[]) =>
    text.replace(/%(\d)/g, (_, n: string) => String(values[Number(n) - 1]))
} as TranslationBundle;
