import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LineSplitter, type OversizeLine } from './child-lines.ts';

interface Outcome {
  readonly events: readonly string[];
  readonly noise: { readonly lines: number; readonly bytes: number };
}

/** How an oversize line is told: its edges, in which a line without an end has none. */
const told = ({ head, tail }: OversizeLine): string =>
  `(oversize ${head.toString('latin1')}|${tail?.toString('latin1') ?? 'endless'})`;

function split(chunks: readonly Buffer[], maxLineBytes = 1024): Outcome {
  const events: string[] = [];
  const splitter = new LineSplitter({
    maxLineBytes,
    onLine: (line) => events.push(line.toString('latin1')),
    onOversize: (edges) => events.push(told(edges)),
  });
  for (const chunk of chunks) splitter.push(chunk);
  splitter.end();
  return { events, noise: splitter.noise };
}

function splitText(text: string, maxLineBytes?: number): Outcome {
  return split([Buffer.from(text, 'latin1')], maxLineBytes);
}

function cutAt(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const borders = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length];
  return borders.slice(1).map((border, index) => bytes.subarray(borders[index], border));
}

const BOM = '\u00ef\u00bb\u00bf';
const ESC = '\u001b';

describe('lines of a child', () => {
  it.each([
    ['a message', '{"a":1}\n', ['{"a":1}'], 0, 0],
    ['a batch', '[1]\n', ['[1]'], 0, 0],
    ['several in one chunk', '{1}\n{2}\n{3}\n', ['{1}', '{2}', '{3}'], 0, 0],
    ['CRLF', '{1}\r\n{2}\r\n', ['{1}', '{2}'], 0, 0],
    ['two objects on a line', '{1}{2}\n', ['{1}{2}'], 0, 0],
    ['partial JSON that begins like a message', '{"a":\n', ['{"a":'], 0, 0],
    ['partial JSON that does not', '"a":1}\n{1}\n', ['{1}'], 1, 6],
    ['a banner', 'Server running on stdio\n{1}\n', ['{1}'], 1, 23],
    ['blank lines', '\n\r\n   \n{1}\n', ['{1}'], 3, 4],
    ['a BOM', `${BOM}{1}\n`, ['{1}'], 0, 3],
    ['half a BOM', '\u00ef\u00bb{1}\n', [], 1, 5],
    ['white space before', ' \t{1}\n', ['{1}'], 0, 2],
    ['colour before', `${ESC}[1;32m{1}\n`, ['{1}'], 0, 7],
    ['a cleared progress line before', `${ESC}[2K${ESC}[1G\r{1}\n`, ['{1}'], 0, 9],
    ['a title before', `${ESC}]0;server\u0007{1}\n${ESC}]0;server${ESC}\\{2}\n`, ['{1}', '{2}'], 0, 23],
    ['a character set before', `${ESC}(B{1}\n`, ['{1}'], 0, 3],
    ['a coloured banner', `${ESC}[32mok${ESC}[0m\n{1}\n`, ['{1}'], 1, 11],
    ['an escape without end', `${ESC}[\n${ESC}\n${ESC}]0;{1}\n{2}\n`, ['{2}'], 3, 10],
    ['a log line with a message in it', 'got {1}\n{2}\n', ['{2}'], 1, 7],
    ['an unterminated message', '{1}\n{2}', ['{1}'], 1, 3],
    ['unterminated noise', '{1}\nbye', ['{1}'], 1, 3],
    ['bytes that are no UTF-8', '{"\u00ff\u0000"}\n', ['{"\u00ff\u0000"}'], 0, 0],
  ])('%s', (_name, text, events, noiseLines, noiseBytes) => {
    expect(splitText(text)).toEqual({ events, noise: { lines: noiseLines, bytes: noiseBytes } });
  });

  it('takes a line of exactly the limit and drops a longer one, then goes on', () => {
    expect(splitText('{34567}\n{345678}\n{1}\n', 7).events).toEqual(['{34567}', '(oversize {345678}|{345678})', '{1}']);
  });

  it('tells both ends of an oversize line, without what stands before the message', () => {
    const line = `${ESC}[1m{head${'x'.repeat(300)}${'y'.repeat(300)}tail}`;
    const edges = `(oversize {head${'x'.repeat(251)}|${'y'.repeat(251)}tail})`;
    expect(splitText(`${line}\n{1}\n`, 100)).toEqual({ events: [edges, '{1}'], noise: { lines: 0, bytes: 0 } });
  });

  it('tells of an oversize line once, when it ends or when it seems to have no end', () => {
    const events: string[] = [];
    const splitter = new LineSplitter({
      maxLineBytes: 10,
      onLine: (line) => events.push(line.toString()),
      onOversize: (edges) => events.push(told(edges)),
    });
    splitter.push(Buffer.from('{234567890123456789}'));
    expect(events).toEqual([]);
    splitter.push(Buffer.from('\n'));
    expect(events.splice(0)).toEqual(['(oversize {234567890123456789}|{234567890123456789})']);
    splitter.push(Buffer.from(`{${'0123456789'.repeat(60)}`));
    expect(events).toEqual([`(oversize {${'0123456789'.repeat(60).slice(0, 255)}|endless)`]);
    splitter.push(Buffer.from('3456789012345678901234567890'));
    splitter.push(Buffer.from('}\n{1}\n'));
    expect(events.slice(1)).toEqual(['{1}']);
    expect(splitter.noise).toEqual({ lines: 0, bytes: 0 });
  });

  it('does not call long noise oversize', () => {
    expect(splitText(`${'x'.repeat(500)}\n${' '.repeat(300)}{1}\n{2}\n`, 100)).toEqual({
      events: ['{2}'],
      noise: { lines: 2, bytes: 803 },
    });
  });

  it('gives a message that came in one chunk without copying it', () => {
    const chunk = Buffer.from('{1}\n{2}\n');
    const lines: Buffer[] = [];
    new LineSplitter({ maxLineBytes: 10, onLine: (line) => lines.push(line), onOversize: () => {} }).push(chunk);
    expect(lines.map((line) => line.buffer === chunk.buffer)).toEqual([true, true]);
  });

  it('joins a long line that comes byte by byte', () => {
    const line = `{${'0123456789'.repeat(2000)}}`;
    const bytes = Buffer.from(`${line}\n${line}\n`);
    const chunks = Array.from(bytes, (byte) => Buffer.of(byte));
    expect(split(chunks, 100_000).events).toEqual([line, line]);
  });

  it('does not depend on where the stream is cut', { timeout: 30_000 }, () => {
    const piece = fc.oneof(
      fc.constantFrom('{"a":1}', '[', '{', '}', '\n', '\r\n', '\r', ' ', BOM, '\u00ef', '\u00bb', ESC, '\u0007', '\\'),
      fc.constantFrom(`${ESC}]0;t${ESC}\\{1}\n`, `${BOM}{1}\n`),
      fc.constantFrom(`${ESC}[0m`, `${ESC}]0;t\u0007`, `${ESC}(B`, '\n{', 'banner', ' '.repeat(250), 'y'.repeat(30)),
      fc.string({ unit: 'binary', maxLength: 5 }),
    );
    fc.assert(
      fc.property(
        fc.array(piece, { maxLength: 60 }),
        fc.array(fc.nat(), { maxLength: 40 }),
        fc.integer({ min: 1, max: 400 }),
        (pieces, cuts, maxLineBytes) => {
          const bytes = Buffer.from(pieces.join(''), 'latin1');
          const whole = split([bytes], maxLineBytes);
          expect(split(cutAt(bytes, cuts), maxLineBytes)).toEqual(whole);
          expect(
            split(
              Array.from(bytes, (byte) => Buffer.of(byte)),
              maxLineBytes,
            ),
          ).toEqual(whole);
        },
      ),
      { numRuns: 2000 },
    );
  });

  it('gives every message of a stream back, byte for byte', () => {
    const message = fc.json().map((text) => `{"m":${text.replaceAll('\n', ' ')}}`);
    fc.assert(
      fc.property(fc.array(message), fc.array(fc.nat()), (messages, cuts) => {
        const bytes = Buffer.from(messages.map((text) => `${text}\n`).join(''), 'utf8');
        const expected = messages.map((text) => Buffer.from(text).toString('latin1'));
        expect(split(cutAt(bytes, cuts), 1 << 20).events).toEqual(expected);
      }),
    );
  });
});
