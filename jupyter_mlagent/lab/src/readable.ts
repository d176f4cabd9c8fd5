import type * as nbformat from '@jupyterlab/nbformat';

const NEEDS_SCRIPTS = /<script\b|class="sk-top-container"/;

/**
 * The output as text where its HTML is nothing without its scripts and styles, which untrusted output does
 * not get: the diagram of an estimator, an interactive plot.
 */
export function readable(output: nbformat.IOutput): nbformat.IOutput {
  const data = output.data as nbformat.IMimeBundle | undefined;
  const html = data?.['text/html'];
  if (!data || html === undefined || data['text/plain'] === undefined) {
    return output;
  }
  const text = Array.isArray(html) ? html.join('') : html;
  if (typeof text !== 'string' || !NEEDS_SCRIPTS.test(text)) {
    return output;
  }
  const rest = Object.entries(data).filter(([mimetype]) => mimetype !== 'text/html');
  return { ...output, data: Object.fromEntries(rest) };
}
