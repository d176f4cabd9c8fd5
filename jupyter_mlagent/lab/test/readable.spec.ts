import { readable } from '../src/readable';

const shown = (html: string | string[], plain?: string) =>
  readable({
    output_type: 'execute_result',
    execution_count: 1,
    metadata: {},
    data: { 'text/html': html, ...(plain === undefined ? {} : { 'text/plain': plain }) }
  }).data;

describe('readable', () => {
  it('shows an estimator as text, not as a diagram without its styles', () => {
    expect(shown('<div class="sk-top-container">...</div>', 'SVC()')).toEqual({ 'text/plain': 'SVC()' });
    expect(shown(['<div></div>', '<script type="module">'], 'Figure()')).toEqual({ 'text/plain': 'Figure()' });
  });

  it('keeps a table, and whatever has no text', () => {
    const table = { 'text/html': '<style scoped></style><table></table>', 'text/plain': 'a b' };
    expect(shown(table['text/html'], table['text/plain'])).toEqual(table);
    expect(shown('<script></script>')).toEqual({ 'text/html': '<script></script>' });
  });

  it('keeps what is no rich output', () => {
    const stream = { output_type: 'stream', name: 'stdout', text: '<script>' };
    expect(readable(stream)).toBe(stream);
  });
});
