/**
 * What every store must do: one suite, run on each variant. A new variant is one more line in VARIANTS.
 *
 * Variants that processes share are also driven from child processes, which load the sources as they are.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Store } from './index.ts';
import { createMemoryStore } from './memory.ts';
import { openSqliteStore } from './sqlite.ts';

interface Variant {
  readonly name: string;
  /** Whether a second connection, of this or another process, sees the same records. */
  readonly shared: boolean;
  readonly open: (directory: string, now: () => number) => Promise<Store>;
}

const VARIANTS: readonly Variant[] = [
  { name: 'memory', shared: false, open: async (_directory, now) => createMemoryStore({ now }) },
  {
    name: 'sqlite',
    shared: true,
    open: async (directory, now) => await openSqliteStore({ path: join(directory, 'state.db'), now }),
  },
];

/** Resolves workspace packages to their sources, as vitest does, then runs `body` with an open SQLite store. */
const childProgram = (body: string): string => `
  import { registerHooks } from 'node:module';
  const packages = ${JSON.stringify(fileURLToPath(new URL('../../../', import.meta.url)))};
  registerHooks({ resolve: (specifier, context, next) =>
    next(specifier.replace(/^@sallyport\\/(\\w+)$/, (_, name) => 'file://' + packages + name + '/src/index.ts'), context) });
  const { openSqliteStore } = await import(${JSON.stringify(new URL('sqlite.ts', import.meta.url).href)});
  const store = await openSqliteStore({ path: process.argv[1], now: Date.now });
  const say = (text) => new Promise((resolve) => process.stdout.write(text + '\\n', resolve));
  const told = () => new Promise((resolve) => process.stdin.once('data', resolve));
  ${body}
  await store.close();
  process.exit(0);`;

function startChild(directory: string, body: string): ChildProcess {
  const program = childProgram(body);
  const args = ['--input-type=module', '-e', program, join(directory, 'state.db')];
  return spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
}

async function nextOutput(child: ChildProcess): Promise<string> {
  const [data] = (await once(child.stdout!, 'data')) as [Buffer];
  return data.toString();
}

async function finish(child: ChildProcess): Promise<string> {
  let output = '';
  child.stdout!.on('data', (data: Buffer) => (output += data.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  expect(code).toBe(0);
  return output;
}

describe.each(VARIANTS)('store: $name', ({ open, shared }) => {
  let directory: string;
  let nowMs: number;
  let store: Store;
  const opened: Store[] = [];

  const connect = async (): Promise<Store> => {
    const connection = await open(directory, () => nowMs);
    opened.push(connection);
    return connection;
  };

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'sallyport-store-'));
    nowMs = 1_000_000;
    store = await connect();
  });

  afterEach(async () => {
    for (const connection of opened.splice(0)) await connection.close();
    await rm(directory, { recursive: true });
  });

  it('returns what was put, and nothing for what was not', async () => {
    expect(await store.get('things', 'a')).toBeUndefined();
    const version = await store.put('things', 'a', { deep: [1, null, true, 'x'] });
    expect(await store.get('things', 'a')).toEqual({ key: 'a', value: { deep: [1, null, true, 'x'] }, version });
    expect(await store.get('others', 'a')).toBeUndefined();
  });

  it('keeps any JSON value under any well-formed key, apart from all others', async () => {
    const key = fc.string({ minLength: 1, maxLength: 40, unit: 'grapheme' }).filter((text) => !text.includes('\0'));
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(key, { minLength: 2, maxLength: 5 }), fc.jsonValue(), async (keys, value) => {
        for (const name of keys) await store.put('any', name, { name, value: value as never });
        for (const name of keys) {
          const expected: unknown = JSON.parse(JSON.stringify({ name, value }));
          expect((await store.get('any', name))?.value).toEqual(expected);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('keeps a copy: changing what was put or read changes nothing', async () => {
    const value = { list: [1] };
    await store.put('things', 'a', value);
    value.list.push(2);
    const read = (await store.get('things', 'a'))!.value as { list: number[] };
    read.list.push(3);
    expect((await store.get('things', 'a'))?.value).toEqual({ list: [1] });
  });

  it('never repeats a version in a collection, not even after a deletion', async () => {
    const first = await store.put('things', 'a', 1);
    await store.delete('things', 'a');
    const second = await store.put('things', 'a', 1);
    const third = await store.put('things', 'b', 1);
    expect(second).toBeGreaterThan(first);
    expect(third).toBeGreaterThan(second);
    expect(await store.putIf('things', 'a', first, 'stale')).toBe(false);
  });

  it('writes with putIf only over what the caller has seen', async () => {
    expect(await store.putIf('things', 'a', 'absent', 1)).toBe(true);
    expect(await store.putIf('things', 'a', 'absent', 2)).toBe(false);
    const seen = (await store.get('things', 'a'))!.version;
    expect(await store.putIf('things', 'a', seen + 1, 2)).toBe(false);
    expect(await store.putIf('things', 'a', seen, 2)).toBe(true);
    expect(await store.putIf('things', 'a', seen, 3)).toBe(false);
    expect(await store.putIf('things', 'none', seen, 3)).toBe(false);
    expect((await store.get('things', 'a'))?.value).toBe(2);
  });

  it('lets one of many take a record', async () => {
    await store.put('things', 'ticket', true);
    const taken = await Promise.all(Array.from({ length: 5 }, async () => await store.delete('things', 'ticket')));
    expect(taken.filter(Boolean)).toHaveLength(1);
  });

  it('lists by prefix, in the order of bytes, without wildcards', async () => {
    for (const key of ['b', 'a%', 'a_c', 'aXc', 'ab', '\u{1F600}', '\uFF5E', 'é']) await store.put('things', key, key);
    await store.put('others', 'a', 'other');
    const keys = async (prefix?: string): Promise<string[]> =>
      (await store.list('things', prefix)).map(({ key }) => key);
    expect(await keys()).toEqual(
      ['aXc', 'a_c', 'ab', 'a%', 'b', 'é', '\uFF5E', '\u{1F600}'].toSorted((a, b) =>
        Buffer.compare(Buffer.from(a), Buffer.from(b)),
      ),
    );
    expect(await keys('a')).toEqual(['a%', 'aXc', 'a_c', 'ab']);
    expect(await keys('a_')).toEqual(['a_c']);
    expect(await keys('a%')).toEqual(['a%']);
    expect(await keys('\u{1F600}')).toEqual(['\u{1F600}']);
    expect(await keys('zz')).toEqual([]);
  });

  it('counts changes for each collection, and only changes', async () => {
    expect(await store.version('things')).toBe(0);
    await store.put('things', 'a', 1);
    const one = await store.version('things');
    expect(one).toBeGreaterThan(0);
    await store.get('things', 'a');
    await store.delete('things', 'none');
    await store.putIf('things', 'a', 'absent', 2);
    await store.put('others', 'a', 1);
    expect(await store.version('things')).toBe(one);
    await store.delete('things', 'a');
    expect(await store.version('things')).toBeGreaterThan(one);
  });

  it('names the collections that records were written to', async () => {
    expect(await store.collections()).toEqual([]);
    await store.list('never');
    await store.put('things', 'a', 1);
    await store.put('others', 'a', 1);
    expect((await store.collections()).toSorted()).toEqual(['others', 'things']);
  });

  it('treats a record as absent from the moment it expires', async () => {
    const seen = await store.put('things', 'a', 1, { expiresAtMs: nowMs + 10 });
    nowMs += 9;
    expect(await store.get('things', 'a')).toEqual({ key: 'a', value: 1, version: seen, expiresAtMs: 1_000_010 });
    nowMs += 1;
    expect(await store.get('things', 'a')).toBeUndefined();
    expect(await store.list('things')).toEqual([]);
    expect(await store.putIf('things', 'a', seen, 2)).toBe(false);
    expect(await store.delete('things', 'a')).toBe(false);
    await store.put('things', 'a', 1, { expiresAtMs: nowMs });
    expect(await store.putIf('things', 'a', 'absent', 3)).toBe(true);
    nowMs += 1e9;
    expect((await store.get('things', 'a'))?.value).toBe(3);
  });

  it('sweeps what expired: it stays away even if the clock is set back', async () => {
    await store.put('things', 'gone', 1, { expiresAtMs: nowMs + 10 });
    await store.put('things', 'stays', 1, { expiresAtMs: nowMs + 200_000 });
    nowMs += 100_000;
    await store.put('others', 'x', 1);
    nowMs -= 100_000;
    expect((await store.list('things')).map(({ key }) => key)).toEqual(['stays']);
  });

  it.each(['', 'A', 'a b', '../x', 'a'.repeat(65), '1a'])('refuses the collection %j', async (name) => {
    await expect(store.put(name, 'a', 1)).rejects.toMatchObject({ code: 'bad_argument' });
    await expect(store.list(name)).rejects.toMatchObject({ code: 'bad_argument' });
  });

  it.each(['', 'a\0b', '\uD800', 'k'.repeat(513)])('refuses the key %j', async (key) => {
    await expect(store.put('things', key, 1)).rejects.toMatchObject({ code: 'bad_argument' });
    await expect(store.get('things', key)).rejects.toMatchObject({ code: 'bad_argument' });
    await expect(store.delete('things', key)).rejects.toMatchObject({ code: 'bad_argument' });
    expect(await store.list('things')).toEqual([]);
  });

  it('refuses what is not JSON, and times that are no whole numbers', async () => {
    await expect(store.put('things', 'a', undefined as never)).rejects.toMatchObject({ code: 'bad_argument' });
    for (const expiresAtMs of [1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      await expect(store.put('things', 'a', 1, { expiresAtMs })).rejects.toMatchObject({ code: 'bad_argument' });
    }
    expect(await store.version('things')).toBe(0);
  });

  it('refuses everything once closed, and closes twice without complaint', async () => {
    await store.close();
    await store.close();
    await expect(store.get('things', 'a')).rejects.toMatchObject({ code: 'closed' });
    await expect(store.put('things', 'a', 1)).rejects.toMatchObject({ code: 'closed' });
    await expect(store.version('things')).rejects.toMatchObject({ code: 'closed' });
  });

  // A store in the memory of one process has nothing to share, so for it these tests do not exist.
  if (!shared) return;

  describe('shared by connections and processes', () => {
    it('shows the writes of one connection to another at once', async () => {
      const other = await connect();
      const version = await store.put('things', 'a', 1);
      expect(await other.version('things')).toBe(version);
      expect(await other.putIf('things', 'a', version, 2)).toBe(true);
      expect((await store.get('things', 'a'))?.value).toBe(2);
      await other.close();
      expect(await store.put('things', 'a', 3)).toBeGreaterThan(version);
    });

    it('finds everything again after closing', async () => {
      await store.put('things', 'a', 1);
      await store.close();
      const again = await connect();
      expect((await again.get('things', 'a'))?.value).toBe(1);
      expect(await again.version('things')).toBe(1);
    });

    it('loses no update of two processes that compare and set at once', async () => {
      await store.put('things', 'counter', 0);
      const body = `
        await say('ready'); await told();
        for (let done = 0; done < 100;) {
          const { value, version } = await store.get('things', 'counter');
          if (await store.putIf('things', 'counter', version, value + 1)) done += 1;
        }`;
      const children = [startChild(directory, body), startChild(directory, body)];
      await Promise.all(children.map(nextOutput));
      for (const child of children) child.stdin!.write('go\n');
      await Promise.all(children.map(finish));
      expect((await store.get('things', 'counter'))?.value).toBe(200);
    });

    it('gives what may exist once to one of four processes', async () => {
      const body = `
        await say('ready'); await told();
        for (let n = 0; n < 25; n++) if (await store.putIf('names', 'n' + n, 'absent', process.pid)) await say('won');`;
      const children = Array.from({ length: 4 }, () => startChild(directory, body));
      await Promise.all(children.map(nextOutput));
      for (const child of children) child.stdin!.write('go\n');
      const outputs = await Promise.all(children.map(finish));
      expect(outputs.join('').match(/won/g)).toHaveLength(25);
    });

    it('opens one new file from six processes at once', async () => {
      const elsewhere = await mkdtemp(join(tmpdir(), 'sallyport-store-'));
      try {
        const body = `await store.put('things', String(process.pid), 1);`;
        await Promise.all(Array.from({ length: 6 }, async () => await finish(startChild(elsewhere, body))));
        const joined = await open(elsewhere, () => nowMs);
        opened.push(joined);
        expect(await joined.list('things')).toHaveLength(6);
      } finally {
        await rm(elsewhere, { recursive: true });
      }
    }, 30_000);

    it('loses and tears nothing when a writer is killed in the middle of 200 writes', async () => {
      const body = `
        await say('ready'); await told();
        for (let n = 0; n < 200; n++) {
          await store.put('things', 'k' + n, { n, text: String(n).repeat(2000) });
          await say(String(n));
        }`;
      for (const killAt of [1, 60, 140]) {
        const child = startChild(directory, body);
        await nextOutput(child);
        let acknowledged = -1;
        child.stdin!.write('go\n');
        let rest = '';
        child.stdout!.on('data', (data: Buffer) => {
          const lines = (rest + data.toString()).split('\n');
          rest = lines.pop() ?? '';
          acknowledged = Number(lines.at(-1) ?? acknowledged);
          if (acknowledged >= killAt) child.kill('SIGKILL');
        });
        const [, signal] = (await once(child, 'close')) as [number | null, string | null];
        expect(signal).toBe('SIGKILL');
        const again = await connect();
        const records = await again.list('things', 'k');
        for (let n = 0; n <= acknowledged; n += 1) {
          expect((await again.get('things', `k${n}`))?.value).toEqual({ n, text: String(n).repeat(2000) });
        }
        for (const { value } of records) {
          const { n, text } = value as { n: number; text: string };
          expect(text).toBe(String(n).repeat(2000));
        }
        await again.put('things', 'after', killAt);
      }
    }, 30_000);
  });
});
