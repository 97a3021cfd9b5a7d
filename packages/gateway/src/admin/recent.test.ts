import { describe, expect, it } from 'vitest';
import { createRecent, type Recent } from './recent.ts';

function openRecent(): { readonly recent: Recent<'info' | 'debug'>; readonly written: string[] } {
  const written: string[] = [];
  const recent = createRecent<'info' | 'debug'>({
    log: (_level, text) => void written.push(text),
    now: () => 0,
    redact: {
      text: (text) => text.replaceAll('secret', '*'),
      detail: (detail) => JSON.parse(JSON.stringify(detail).replaceAll('secret', '*')) as Record<string, unknown>,
    },
  });
  return { recent, written };
}

describe('the last lines about a server', () => {
  it('are kept masked, beside what goes to the log', () => {
    const { recent, written } = openRecent();
    recent.log('info', 'a secret line', { server: 'a', data: 'the secret' });
    recent.log('info', 'about nobody', {});
    recent.log('debug', 'too fine', { server: 'a' });
    expect(written).toEqual(['a secret line', 'about nobody', 'too fine']);
    expect(recent.of('a')).toEqual([
      { time: '1970-01-01T00:00:00.000Z', level: 'info', text: 'a * line', detail: { data: 'the *' } },
    ]);
    expect(recent.of('b')).toEqual([]);
  });

  it('are bounded, for a server and in the number of servers', () => {
    const { recent } = openRecent();
    for (let line = 0; line < 300; line++) recent.log('info', `line ${line}`, { server: 'a' });
    expect(recent.of('a')).toHaveLength(200);
    expect(recent.of('a').at(-1)?.text).toBe('line 299');
    for (let server = 0; server < 500; server++) recent.log('info', 'x', { server: `s${server}` });
    expect(recent.of('a')).toEqual([]);
  });
});
