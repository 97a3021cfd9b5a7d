import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { createLog, type Log, type LogOptions } from './index.ts';
import { createRedactor, type Redactor } from './redact.ts';

async function logging(options: Partial<LogOptions>): Promise<{ readonly log: Log; readonly lines: () => string[] }> {
  const stream = new PassThrough();
  const log = createLog({ level: 'info', format: 'json', color: false, stream, ...options });
  return {
    log,
    lines: () =>
      String(stream.read() ?? '')
        .split('\n')
        .slice(0, -1),
  };
}

const records = (lines: readonly string[]): Record<string, unknown>[] =>
  lines.map((line) => JSON.parse(line) as Record<string, unknown>);

describe('the log', () => {
  it.each(['json', 'pretty'] as const)('says what is at its level and above, a line each (%s)', async (format) => {
    const { log, lines } = await logging({ format, level: 'warn' });
    for (const level of ['debug', 'info', 'warn', 'error'] as const) log(level, `at ${level}`);
    const said = lines();
    expect(said).toHaveLength(2);
    expect(said[0]).toContain('at warn');
    expect(said[1]).toContain('at error');
  });

  it('says nothing when it is to be silent', async () => {
    const { log, lines } = await logging({ level: 'silent' });
    log('error', 'x');
    expect(lines()).toEqual([]);
  });

  it('is readable on a terminal and JSON elsewhere', async () => {
    const terminal = Object.assign(new PassThrough(), { isTTY: true });
    const readable = createLog({ level: 'info', format: 'auto', color: true, stream: terminal });
    readable('warn', 'careful', { server: 'a', n: 1 });
    expect(String(terminal.read())).toBe('\u001b[33m! careful  server=a n=1\u001b[0m\n');
    const { log, lines } = await logging({ format: 'auto' });
    log('warn', 'careful', { server: 'a' });
    expect(records(lines())).toMatchObject([{ level: 'warn', msg: 'careful', server: 'a' }]);
  });

  const HOSTILE = 'a\r\u001b[2K\u202e\u0000b\n✖ forged record';

  it('takes what could forge a record or move the cursor out of texts', async () => {
    const { log, lines } = await logging({ format: 'pretty' });
    log('info', HOSTILE, { server: HOSTILE });
    const said = lines();
    expect(said.join('\n')).not.toMatch(/(?!\n)\p{Cc}|\u202e/u);
    expect(said.filter((line) => !line.startsWith('  | '))).toHaveLength(1);
  });

  it('keeps its own members, whatever a server calls its own', async () => {
    const { log, lines } = await logging({});
    log('info', 'a server logs', { level: 'fatal', time: 0, msg: HOSTILE });
    const said = lines();
    expect(said).toHaveLength(1);
    expect(said[0]?.match(/"(?:level|time|msg)":/g)).toHaveLength(3);
    expect(records(said)).toMatchObject([{ level: 'info', msg: 'a server logs', level_: 'fatal' }]);
  });

  it('cuts long texts, and shows of an error its message', async () => {
    const { log, lines } = await logging({});
    log('info', 'x', { long: 'y'.repeat(10_000), error: new Error('broken') });
    const [record] = records(lines());
    expect(record?.['long']).toMatch(/^y{4096}… \(10000 characters\)$/);
    expect(record?.['error']).toBe('broken');
  });

  it.each(['json', 'pretty'] as const)('gives no record without its redactor (%s)', async (format) => {
    const redactor = createRedactor();
    redactor.learn(['a-configured-secret']);
    const { log, lines } = await logging({ format, redactor });
    log('info', 'sent Bearer abc123 a-configured-secret', { a: { password: 'hunter2', b: ['a-configured-secret'] } });
    const said = lines().join('\n');
    expect(said).toContain('sent Bearer');
    expect(said).not.toMatch(/abc123|hunter2|a-configured-secret/);
  });

  it('does no work for records that are not wanted, and says which are', async () => {
    const used: string[] = [];
    const redactor: Redactor = {
      ...createRedactor(),
      text: (text) => String(used.push(text)),
      detail: () => ({}),
    };
    const { log } = await logging({ level: 'warn', redactor });
    log('debug', 'not wanted');
    log('info', 'nor this');
    log('error', 'this');
    expect(used).toEqual(['this']);
    expect((['debug', 'info', 'warn', 'error'] as const).map((level) => log.isOn?.(level))).toEqual([
      false,
      false,
      true,
      true,
    ]);
  });

  it.each(['json', 'pretty'] as const)('writes one record of whatever comes (%s)', async (format) => {
    const { log, lines } = await logging({ format });
    const hostile = `a\r\n\u001b[31m\u2028\u2029\u202e\u0085\0 ${'x'.repeat(2 ** 20)}`;
    log('info', hostile, { [hostile]: { [hostile]: [hostile] } });
    const said = lines().filter((line) => !line.startsWith('  | '));
    expect(said).toHaveLength(1);
    expect(said.join('').length).toBeLessThan(30_000);
    expect(said.join('')).not.toMatch(/[\p{Cc}\u2028\u2029\u202e]/u);
  });
});
