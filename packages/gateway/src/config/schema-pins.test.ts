import { describe, expect, it } from 'vitest';
import { changesBetween } from './changes.ts';
import { loadConfig } from './load.ts';
import type { Config } from './types.ts';

async function load(guard: unknown, lock?: string): Promise<Config> {
  const files = new Map([
    ['/x/sallyport.json', JSON.stringify({ mcpServers: {}, ...(guard !== undefined && { guard }) })],
    ...(lock === undefined ? [] : ([['/x/sallyport.lock', lock]] as const)),
  ]);
  const { config } = await loadConfig({
    file: '/x/sallyport.json',
    env: {},
    cwd: '/x',
    home: '/x',
    files: {
      exists: async (path) => files.has(path),
      read: async (path) => new TextEncoder().encode(files.get(path)),
      checkTrusted: async (path) => ({ realPath: path, readableByOthers: false }),
      readSecret: () => Promise.reject(new Error('ENOENT')),
    },
  });
  return config;
}

describe('guard.pins', () => {
  it.each([
    [undefined, 'warn'],
    [{}, 'warn'],
    [{ pins: {} }, 'warn'],
    [{ pins: { mode: 'quarantine' } }, 'quarantine'],
    [{ pins: { mode: 'off' } }, 'off'],
  ])('%j is %s', async (guard, mode) => {
    expect((await load(guard)).pins).toEqual({ mode });
  });

  it('refuses another mode with its place', async () => {
    await expect(load({ pins: { mode: 'strict' } })).rejects.toThrow(/guard\.pins\.mode/);
  });

  it('opens with every weaker mode, and with no stronger one', async () => {
    const [off, warn, quarantine] = (await Promise.all(
      ['off', 'warn', 'quarantine'].map((mode) => load({ pins: { mode } })),
    )) as [Config, Config, Config];
    const opened = (before: Config, after: Config): readonly string[] => changesBetween(before, after).opening;
    for (const [strong, weak] of [
      [quarantine, warn],
      [quarantine, off],
      [warn, off],
    ] as const) {
      expect([opened(strong, weak), opened(weak, strong)]).toEqual([['guard.pins.mode'], []]);
    }
  });
});

describe('the lock beside a configuration', () => {
  it('is read with it, and a change of it is one', async () => {
    const [without, one, other] = [
      await load(undefined),
      await load(undefined, '{"a":1}'),
      await load(undefined, '{"a":2}'),
    ];
    expect([without.pins.lock, one.pins.lock]).toEqual([undefined, '{"a":1}']);
    for (const [before, after] of [
      [without, one],
      [one, other],
      [other, without],
    ] as const) {
      expect(changesBetween(before, after)).toMatchObject({
        lines: ['sallyport.lock: changed'],
        opening: [],
        needRestart: [],
      });
    }
    expect(changesBetween(one, one).lines).toEqual([]);
  });
});
