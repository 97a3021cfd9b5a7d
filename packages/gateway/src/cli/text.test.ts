import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cells, count, cut, oneLine, painter, plain, shellWord, sizeText, table, wrap } from './text.ts';

describe('foreign text', () => {
  it.each([
    ['a\u001b[31mb', 'a\ufffd[31mb'],
    ['a\rb\u0007\u009b', 'a\ufffdb\ufffd\ufffd'],
    ['left\u202eright\u2066x', 'left\ufffdright\ufffdx'],
    ['zero\u200bwidth\ufeff', 'zero\ufffdwidth\ufffd'],
    ['two\r\nlines\tand a tab', 'two\nlines\tand a tab'],
    ['👩‍💻 ✔️ naïve 日本', '👩‍💻 ✔️ naïve 日本'],
  ])('of %j keeps what moves nothing', (text, expected) => {
    expect(plain(text)).toBe(expected);
  });

  it('never drives a terminal, and is one line where one is wanted', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(plain(text)).not.toMatch(/(?![\n\t])[\p{Cc}\p{Zl}\p{Zp}]/u);
        expect(oneLine(text)).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}]/u);
      }),
    );
  });
});

describe('cells', () => {
  it.each([
    ['', 0],
    ['abc', 3],
    ['naïve', 5],
    ['nai\u0308ve', 5],
    ['日本', 4],
    ['👩‍💻', 2],
    ['…–', 2],
  ])('counts %j as %i', (text, expected) => {
    expect(cells(text)).toBe(expected);
  });

  it('are never more than asked for after cutting', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.integer({ min: 1, max: 30 }), (text, max) => {
        const line = oneLine(text);
        expect(cells(cut(line, max))).toBeLessThanOrEqual(max);
        expect(cut(line, max) === line).toBe(cells(line) <= max);
      }),
    );
    expect(cut('日本語', 4)).toBe('日…');
    expect(cut('one two three', 8)).toBe('one two…');
  });
});

describe('layout', () => {
  it('aligns columns by cells and cuts at the width', () => {
    const columns = [{ title: 'NAME' }, { title: 'N', right: true }, { title: 'LAST' }];
    expect(
      table(
        columns,
        [
          ['日本', '7', 'x'],
          ['abc', '12', ''],
        ],
        undefined,
      ),
    ).toEqual(['NAME   N  LAST', '日本   7  x', 'abc   12']);
    expect(table(columns, [['abc', '12', 'long text']], 12)).toEqual(['NAME   N  L…', 'abc   12  l…']);
  });

  it('wraps at words', () => {
    expect(wrap('one two three', 7)).toEqual(['one two', 'three']);
    expect(wrap('averylongword b', 5)).toEqual(['averylongword', 'b']);
  });

  it('says sizes and numbers', () => {
    expect([sizeText(1023), sizeText(4300), sizeText(5_000_000)]).toEqual(['1023 B', '4.2 KiB', '4.8 MiB']);
    expect([count(1, 'tool'), count(1204, 'tool')]).toEqual(['1 tool', '1,204 tools']);
  });

  it('quotes a word for a shell where it needs that', () => {
    expect(['/home/me/a-b_1.yaml', "it's here", '', '$(x)'].map(shellWord)).toEqual([
      '/home/me/a-b_1.yaml',
      String.raw`'it'\''s here'`,
      "''",
      "'$(x)'",
    ]);
  });

  it('paints only when asked', () => {
    expect([painter(false)('red', 'x'), painter(true)('red', 'x')]).toEqual(['x', '\u001b[31mx\u001b[0m']);
  });
});
