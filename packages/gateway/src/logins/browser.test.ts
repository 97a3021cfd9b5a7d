import type { spawn } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { browserCommand, createOpenBrowser } from './browser.ts';

/** What would have been started. */
function recorder(outcome: 'spawn' | 'error' = 'spawn'): {
  readonly starts: typeof spawn;
  readonly started: unknown[][];
} {
  const started: unknown[][] = [];
  const starts = ((...asked: unknown[]) => {
    started.push(asked);
    const child = Object.assign(new EventEmitter(), { unref: () => undefined });
    queueMicrotask(() => child.emit(outcome, new Error('ENOENT')));
    return child;
  }) as unknown as typeof spawn;
  return { starts, started };
}

const login = (url: string, expiresAtMs = 0): { url: string; expiresAtMs: number } => ({ url, expiresAtMs });

describe('SALLYPORT_BROWSER', () => {
  it.each([
    ['firefox', ['firefox']],
    ['  open   -a "My Browser" ', ['open', '-a', '"My', 'Browser"']],
    ['["/opt/my browser","--new; rm -rf /"]', ['/opt/my browser', '--new; rm -rf /']],
    ['', undefined],
    [undefined, undefined],
  ])('is a program and its words: %s', (text, words) => {
    expect(browserCommand(text)).toEqual(words);
  });

  it.each(['[', '[]', '[1]', '[""]', '["a",2]', '[{"a":1}]'])('is refused when it is no list of words: %s', (text) => {
    expect(() => browserCommand(text)).toThrow('SALLYPORT_BROWSER is no command');
  });
});

describe('opening an address', () => {
  it('UPS-03 gives it as one argument to one program, without a shell and without our keys', async () => {
    const { started, starts } = recorder();
    const env = { PATH: '/bin', DISPLAY: ':0', SALLYPORT_MASTER_KEY: 'secret', SALLYPORT_KEY: 'secret' };
    const open = createOpenBrowser(['browse', '--new'], env, starts);
    const url = 'https://a.test/$(touch x)?b=1&c=\'d\'"e" -flag';
    expect(await open(login(url))).toBe(true);
    expect(started).toEqual([
      ['browse', ['--new', url], expect.objectContaining({ shell: false, env: { PATH: '/bin', DISPLAY: ':0' } })],
    ]);
  });

  it.each(['javascript:alert(1)', 'data:text/html,x', 'file:///etc/passwd', 'vbscript:x', '-flag', '', '//a.test'])(
    'UPS-03 starts nothing for %s',
    async (url) => {
      const { started, starts } = recorder();
      expect(await createOpenBrowser(['browse'], {}, starts)(login(url))).toBe(false);
      expect(started).toEqual([]);
    },
  );

  it('is done once for a login, however many calls wait for it, and again for another one', async () => {
    const { started, starts } = recorder();
    const open = createOpenBrowser(['browse'], {}, starts);
    await Promise.all([open(login('https://a.test/1', 1000)), open(login('https://a.test/1', 1000))]);
    await open(login('https://a.test/2', 2000));
    expect(started).toHaveLength(2);
  });

  it('is not done any more for a server that wants another login each time, and again after a while', async () => {
    const { started, starts } = recorder();
    const open = createOpenBrowser(['browse'], {}, starts);
    const all = Array.from({ length: 50 }, (_, at) => open(login(`https://a.test/${at}`, 600_000 + at)));
    expect((await Promise.all(all)).filter(Boolean)).toHaveLength(20);
    expect(await open(login('https://a.test/later', 660_019))).toBe(true);
    expect(started).toHaveLength(21);
  });

  it('is said to have failed where the system takes no address that long', async () => {
    const open = createOpenBrowser([process.execPath, '-e', ''], {});
    expect(await open(login(`https://a.test/${'x'.repeat(4_000_000)}`))).toBe(false);
  });

  it('is said to have failed where there is no such program', async () => {
    const { starts } = recorder('error');
    expect(await createOpenBrowser(['nowhere'], {}, starts)(login('https://a.test/'))).toBe(false);
  });
});
