import { diffLines } from '../src/diff';

const kinds = (before: string, after: string) =>
  diffLines(before, after).map(line => line.kind[0] + line.text);

describe('diffLines', () => {
  it('keeps what is the same', () => {
    expect(kinds('a\nb\nc', 'a\nx\nc')).toEqual(['sa', 'rb', 'ax', 'sc']);
  });

  it('gives both texts back', () => {
    const before = 'a\nb\nb\nc\n';
    const after = 'b\nc\nd\nb\n';
    const lines = diffLines(before, after);
    const without = (kind: string) =>
      lines
        .filter(line => line.kind !== kind)
        .map(line => line.text)
        .join('\n');
    expect(without('added')).toBe(before);
    expect(without('removed')).toBe(after);
  });

  it('does not run out of memory on huge cells', () => {
    const huge = Array.from({ length: 50_000 }, (_, i) => String(i)).join('\n');
    expect(diffLines(huge, huge + '\nx').length).toBe(100_001);
  });
});
