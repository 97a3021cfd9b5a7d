import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { StderrLog } from './child-stderr.ts';

function recorder(bytesPerMinute = 1 << 20): { log: StderrLog; lines: string[]; clock: { ms: number } } {
  const lines: string[] = [];
  const clock = { ms: 0 };
  const log = new StderrLog({ onStderr: (text) => lines.push(text), bytesPerMinute, now: () => clock.ms });
  return { log, lines, clock };
}

const ESC = '\u001b';

describe('stderr of a child', () => {
  it('reports whole lines, however they came', () => {
    const { log, lines } = recorder();
    for (const part of ['on', 'e\ntw', 'o\n', '\n', 'thr', 'ee']) log.push(Buffer.from(part));
    expect(lines).toEqual(['one', 'two']);
    log.end();
    expect(lines).toEqual(['one', 'two', 'three']);
  });

  it('strips colours, control characters and what turns text around', () => {
    const { log, lines } = recorder();
    log.push(Buffer.from(`${ESC}[31mred${ESC}[0m\r\n${ESC}]0;title\u0007a\u0000b\u0008c\td\u202ee\u2028f\u009b\n`));
    expect(lines).toEqual(['red', 'abc\tdef']);
  });

  it('cuts a line at 4 KiB and goes on with the next', () => {
    const { log, lines } = recorder();
    log.push(Buffer.from(`${'x'.repeat(4096)}\n${'é'.repeat(5000)}\nnext\n`));
    expect(lines).toEqual(['x'.repeat(4096), `${'é'.repeat(2048)}…`, 'next']);
  });

  it('does not leave half a character where it cuts', () => {
    const { log, lines } = recorder();
    log.push(Buffer.from(`a${'é'.repeat(5000)}\n`));
    expect(lines).toEqual([`a${'é'.repeat(2047)}…`]);
  });

  it('drops what is over the ration, says how much, and starts again with a whole line', () => {
    const { log, lines, clock } = recorder(10);
    log.push(Buffer.from('12345\n67890\nabc\nde'));
    expect(lines).toEqual(['12345', '67890']);
    clock.ms = 59_999;
    log.push(Buffer.from('f\nghi'));
    expect(lines).toHaveLength(2);
    clock.ms = 60_000;
    log.push(Buffer.from('jkl\nmno\n'));
    expect(lines.slice(2)).toEqual(['… 11 bytes dropped', 'mno']);
    log.end();
    expect(lines.slice(4)).toEqual(['… 3 bytes dropped']);
  });

  it('never reports more in a minute than the ration and one line', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: fc.constantFrom('a', '\n', 'é', ESC), maxLength: 300 })),
        fc.integer({ min: 1, max: 200 }),
        (parts, ration) => {
          const { log, lines } = recorder(ration);
          for (const part of parts) log.push(Buffer.from(part));
          const bytes = lines.reduce((sum, line) => sum + Buffer.byteLength(line) + 1, 0);
          expect(bytes).toBeLessThanOrEqual(ration + 4096 + 4);
          expect(bytes - Buffer.byteLength(lines.at(-1) ?? '') - 1).toBeLessThanOrEqual(ration);
        },
      ),
    );
  });

  it('keeps the end of it for the report of a crash, rationed or not', () => {
    const { log } = recorder(10);
    log.push(Buffer.from(`${'x'.repeat(100_000)}\n`));
    for (let line = 0; line < 1000; line += 1) log.push(Buffer.from(`line ${line}\n`));
    log.push(Buffer.from(`${ESC}[31mError: boom${ESC}[0m\n`));
    const tail = log.tail();
    expect(tail.endsWith('line 998\nline 999\nError: boom')).toBe(true);
    expect(tail.length).toBeGreaterThan(8000);
    expect(tail.length).toBeLessThanOrEqual(8192);
  });

  it('has the last 8 KiB as its tail, however they came', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 9000 }), { maxLength: 8 }), (sizes) => {
        const { log } = recorder();
        const parts = sizes.map((size, index) => String.fromCodePoint(97 + index).repeat(size));
        for (const part of parts) log.push(Buffer.from(part));
        expect(log.tail() === parts.join('').slice(-8192)).toBe(true);
      }),
    );
  });
});
