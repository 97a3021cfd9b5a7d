import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createLog, redact, redactText } from './log.ts';

/** What could forge a line, or move a cursor. */
const RUDE = fc.string({
  unit: fc.constantFrom('a', '\n', '\u0000', '\u001B', '\u0085', '\u202E', '\u2028', '"', '\\'),
});

describe('a log', () => {
  const SECRETS = [
    'Authorization: Bearer abcdef0123456789',
    'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl',
    `https://ann:${'hunter2'.repeat(2)}@db.example/x`,
    'password=hunter2hunter2',
    'api_key: "hunter2hunter2"',
    '-----BEGIN PRIVATE KEY-----\nhunter2hunter2\n-----END PRIVATE KEY-----',
    `ghp_${'0123456789abcdef'.repeat(2)}0123`,
  ];

  it.each(SECRETS)('S2-24 masks what has the form of a secret: %s', (text) => {
    const line = redactText(`before ${text} after`);
    expect(line).toContain('[redacted]');
    expect(line).not.toMatch(/hunter2hunter2|abcdef0123456789|c2lnbmF0dXJl/);
    expect(line.startsWith('before ')).toBe(true);
  });

  it('S2-24 masks members by their names, at any depth, and errors are their message', () => {
    const detail = {
      user: 'ann',
      headers: { Authorization: 'x', Cookie: 'y', accept: 'json' },
      list: [{ clientSecret: 'z', access_token: 'z', apiKey: 'z', sessionId: 'z' }],
      error: new Error('it failed: token=hunter2hunter2'),
    };
    expect(redact(detail)).toEqual({
      user: 'ann',
      headers: { Authorization: '[redacted]', Cookie: '[redacted]', accept: 'json' },
      list: [{ clientSecret: '[redacted]', access_token: '[redacted]', apiKey: '[redacted]', sessionId: '[redacted]' }],
      error: 'it failed: token=[redacted]',
    });
  });

  it('S2-24 S2-19 writes one line of JSON, whatever it is given', () => {
    fc.assert(
      fc.property(RUDE, fc.dictionary(RUDE, RUDE), (text, value) => {
        const lines: string[] = [];
        createLog({ now: () => 0, write: (line) => lines.push(line) })('warn', text, { value });
        expect(lines).toHaveLength(1);
        expect(lines[0]?.indexOf('\n')).toBe((lines[0]?.length ?? 0) - 1);
        expect(JSON.parse(lines[0] ?? '')).toMatchObject({ level: 'warn', time: '1970-01-01T00:00:00.000Z' });
        expect(lines[0]?.slice(0, -1)).not.toMatch(/[\p{Cc}\p{Bidi_Control}]/u);
      }),
    );
  });

  it('is bounded, and leaves out what is below its level', () => {
    const lines: string[] = [];
    const log = createLog({ now: () => 0, level: 'warn', write: (line) => lines.push(line) });
    log('info', 'unheard');
    const loop: Record<string, unknown> = {};
    loop['self'] = loop;
    log('error', 'x'.repeat(100_000), loop);
    expect(lines).toHaveLength(1);
    expect(lines[0]?.length).toBeLessThan(4000);
  });
});
