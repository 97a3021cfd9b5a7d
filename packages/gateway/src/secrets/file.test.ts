import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createFileSecrets, type FileSecrets } from './file.ts';
import { program } from './testing/program.ts';
import { sealingOf } from './testing/sealing.ts';

const NOW = 1_800_000_000_000;
const CANARY = 'CANARY-4f1c9b-value';

let directory: string;
let file: string;
let said: string[];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sallyport-secrets-'));
  file = join(directory, 'secrets');
  said = [];
});

afterEach(async () => await rm(directory, { recursive: true }));

function open(byte = 7, place = directory): FileSecrets {
  return createFileSecrets({
    directory: place,
    openSealing: async () => sealingOf(byte),
    now: () => NOW,
    say: (line) => said.push(line),
  });
}

const one = async (secrets: FileSecrets, name: string): Promise<unknown> => (await secrets.read([name])).get(name);
const set = async (secrets: FileSecrets, values: Readonly<Record<string, string>>): Promise<void> =>
  await secrets.set(new Map(Object.entries(values)));
const text = async (): Promise<string> => await readFile(file, 'utf8');

describe('the file of secrets', () => {
  it('keeps, lists, replaces and removes', async () => {
    const secrets = open();
    await set(secrets, { B: 'two', A: 'one\nline' });
    await set(secrets, { B: CANARY });
    expect(await open().read(['A', 'B', 'C'])).toEqual(
      new Map([
        ['A', 'one\nline'],
        ['B', CANARY],
      ]),
    );
    expect(await secrets.list()).toEqual([
      { name: 'A', setMs: NOW, isBroken: false },
      { name: 'B', setMs: NOW, isBroken: false },
    ]);
    expect(await secrets.remove('A')).toBe(true);
    expect(await secrets.remove('A')).toBe(false);
    expect(await secrets.list()).toHaveLength(1);
  });

  it('makes nothing, and asks for no key, when there is nothing to read', async () => {
    const secrets = createFileSecrets({
      directory: join(directory, 'none'),
      openSealing: () => Promise.reject(new Error('no key is wanted')),
      now: () => NOW,
      say: () => undefined,
    });
    expect(await secrets.list()).toEqual([]);
    expect(await secrets.remove('A')).toBe(false);
    expect(await secrets.rekey(sealingOf(7))).toBe('absent');
    expect(await readdir(directory)).toEqual([]);
  });

  it('P1-02 is 0600 in a directory 0700 whatever the umask, and tightened when it is loose', async () => {
    const modes = async (): Promise<number[]> =>
      (await Promise.all([stat(file), stat(directory)])).map(({ mode }) => mode & 0o777);
    const umask = process.umask(0);
    try {
      await chmod(directory, 0o777);
      await set(open(), { A: CANARY });
      expect(await modes()).toEqual([0o600, 0o700]);
      await chmod(file, 0o666);
      await chmod(directory, 0o777);
      expect(await one(open(), 'A')).toBe(CANARY);
      expect(await modes()).toEqual([0o600, 0o700]);
      const all = await Promise.all((await readdir(directory)).map(async (name) => await stat(join(directory, name))));
      expect(all.map(({ mode }) => mode & 0o077)).toEqual(all.map(() => 0));
    } finally {
      process.umask(umask);
    }
  });

  it('P1-04 holds no value, and under another key nothing is read, written or lost', async () => {
    await set(open(), { A: CANARY, B: 'two' });
    const before = await text();
    expect(before).not.toContain(CANARY);
    expect(before).not.toContain(Buffer.from(CANARY).toString('base64url'));
    const stranger = open(8);
    for (const attempt of [
      (): Promise<unknown> => stranger.read(['A']),
      (): Promise<unknown> => stranger.list(),
      (): Promise<unknown> => set(stranger, { C: 'x' }),
      (): Promise<unknown> => stranger.remove('A'),
      (): Promise<unknown> => stranger.rekey(sealingOf(9)),
    ]) {
      await expect(attempt()).rejects.toMatchObject({ code: 'wrong_key', message: expect.stringContaining(file) });
    }
    expect(await text()).toBe(before);
  });

  it.each(['', 'sallyport-secrets 1 x\n', 'not a store\n', '{"version":1}\n'])(
    'leaves a file alone that holds %j',
    async (content) => {
      await writeFile(file, content, { mode: 0o600 });
      await expect(set(open(), { A: 'x' })).rejects.toMatchObject({ code: 'wrong_key' });
      expect(await text()).toBe(content);
    },
  );

  it('leaves a later version alone', async () => {
    await writeFile(file, 'sallyport-secrets 2 x\n', { mode: 0o600 });
    await expect(set(open(), { A: 'x' })).rejects.toMatchObject({ code: 'not_ours' });
  });

  it('quarantines one damaged record alone, and keeps it until it is set again', async () => {
    await set(open(), { A: 'one', B: CANARY, C: 'three' });
    const damaged = (await text()).replace(/^(B \d+ .{20})./m, (_whole, head: string) => `${head}!`);
    await writeFile(file, damaged);
    const secrets = open();
    const found = await secrets.read(['A', 'B', 'C']);
    expect([found.get('A'), found.get('C')]).toEqual(['one', 'three']);
    expect(found.get('B')).toMatchObject({ code: 'broken_record', message: expect.stringContaining('secret set B') });
    await set(secrets, { A: 'other' });
    expect(await text()).toContain(damaged.split('\n')[2]);
    await set(secrets, { B: 'again' });
    expect(await one(secrets, 'B')).toBe('again');
    // The damaged one is aside, for whoever can mend it, and it was said.
    const aside = join(directory, 'secrets.damaged');
    expect(await readFile(aside, 'utf8')).toBe(`${damaged.split('\n')[2]}\n`);
    expect((await stat(aside)).mode & 0o777).toBe(0o600);
    expect(said).toEqual([expect.stringMatching(/a damaged secret \(B\) was moved aside, to \S+secrets\.damaged$/)]);
    await writeFile(
      file,
      (await text()).replace(/^(C \d+ .{20})./m, (_whole, head: string) => `${head}!`),
    );
    await secrets.remove('C');
    expect((await readFile(aside, 'utf8')).split('\n').map((line) => line.split(' ')[0])).toEqual(['B', 'C', '']);
  });

  it('opens the records of a damaged header, and repairs it', async () => {
    await set(open(), { A: 'one' });
    await writeFile(file, (await text()).replace('sallyport-secrets 1', 'sallyp\u0000rt'));
    expect(await one(open(), 'A')).toBe('one');
    await set(open(), { B: 'two' });
    expect(await text()).toMatch(/^sallyport-secrets 1 /);
  });

  it('never throws for damage, and never gives another value than the one that was set', async () => {
    await set(open(), { A: 'one', B: 'two', C: 'three' });
    const whole = await readFile(file);
    const wanted = new Map(Object.entries({ A: 'one', B: 'two', C: 'three' }));
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), async (index, flip) => {
        const bytes = Buffer.from(whole);
        bytes[index] = (bytes[index] ?? 0) ^ flip;
        await writeFile(file, bytes);
        const found = await open()
          .read(['A', 'B', 'C'])
          .catch((error: unknown) => (error as { readonly code: unknown }).code);
        // A header of another version is believed; whatever else is damaged harms the records it stands in.
        const isMap = found instanceof Map;
        expect(isMap || found === 'not_ours').toBe(true);
        const good = isMap ? [...found].filter(([, value]) => typeof value === 'string') : [];
        expect(good.length).toBeGreaterThanOrEqual(!isMap ? 0 : index < whole.indexOf('\n') ? 3 : 1);
        for (const [name, value] of good) expect(value).toBe(wanted.get(name));
      }),
      { numRuns: 60 },
    );
  });

  it('binds a value to its name and its time', async () => {
    await set(open(), { A: 'one', B: 'two' });
    const lines = (await text()).split('\n');
    await writeFile(file, [lines[0], lines[1]?.replace(/^A/, 'B'), lines[2]?.replace(String(NOW), '1'), ''].join('\n'));
    expect((await open().list()).map(({ isBroken }) => isBroken)).toEqual([true, true]);
  });

  it.each([
    ['1A', 'x', 'bad_name'],
    ['A B', 'x', 'bad_name'],
    ['A}', 'x', 'bad_name'],
    ['A'.repeat(129), 'x', 'bad_name'],
    ['A', '', 'bad_value'],
    ['A', 'a\0b', 'bad_value'],
    ['A', 'x'.repeat(65_537), 'bad_value'],
  ])('refuses %s = %s', async (name, value, code) => {
    await expect(set(open(), { GOOD: 'x', [name]: value })).rejects.toMatchObject({ code });
    expect(await readdir(directory)).toEqual([]);
  });

  it('refuses to grow beyond what it reads', async () => {
    const many = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`S${index}`, 'x'.repeat(65_536)]));
    await expect(set(open(), many)).rejects.toMatchObject({ code: 'full' });
    expect(await open().list()).toEqual([]);
  });

  it('follows no link', async () => {
    const elsewhere = join(directory, 'elsewhere');
    await writeFile(elsewhere, 'mine');
    await symlink(elsewhere, file);
    await expect(set(open(), { A: 'x' })).rejects.toMatchObject({ code: 'symbolic_link' });
    await expect(open().read(['A'])).rejects.toMatchObject({ code: 'symbolic_link' });
    expect(await readFile(elsewhere, 'utf8')).toBe('mine');
  });
});

describe('rekey', () => {
  it('moves all to another key, once; what is damaged stays', async () => {
    await set(open(), { A: 'one', B: CANARY });
    await writeFile(
      file,
      (await text()).replace(/^(A \d+ .{20})./m, (_whole, head: string) => `${head}!`),
    );
    expect(await open(8).rekey(sealingOf(7))).toBe('done');
    expect(await one(open(8), 'B')).toBe(CANARY);
    expect(await open(8).list()).toEqual([
      { name: 'A', setMs: undefined, isBroken: true },
      { name: 'B', setMs: NOW, isBroken: false },
    ]);
    await expect(open(7).list()).rejects.toMatchObject({ code: 'wrong_key' });
    expect(await open(8).rekey(sealingOf(7))).toBe('already');
  });
});

describe('several processes', () => {
  it('lose no write of each other', async () => {
    const body = `
      await new Promise((resolve) => process.stdout.write('ready', resolve));
      await new Promise((resolve) => process.stdin.once('data', resolve));
      for (let index = 0; index < 20; index++) await open(7).set(new Map([[process.argv[2] + index, 'x']]));
      process.exit(0);`;
    const children = ['A', 'B', 'C'].map((name) =>
      spawn(process.execPath, [...program(body), directory, name], { stdio: ['pipe', 'pipe', 'inherit'] }),
    );
    await Promise.all(children.map(async (child) => await once(child.stdout, 'data')));
    const ends = children.map(async (child) => (await once(child, 'exit'))[0] as unknown);
    for (const child of children) child.stdin.write('go');
    expect(await Promise.all(ends)).toEqual([0, 0, 0]);
    expect(await open().list()).toHaveLength(60);
  }, 60_000);

  it('P1-04 killed at any moment of 200 writes and of changes of the key, the file is whole: the last value that was told, or the next', async () => {
    await set(open(), { FIXED: CANARY });
    const body = `
      let byte = 7;
      for (let index = Number(process.argv[2]); ; index++) {
        await open(byte).set(new Map([['COUNT', String(index)]]));
        process.stdout.write(index + '\\n');
        if (index % 5 !== 4) continue;
        const next = byte === 7 ? 8 : 7;
        await open(next).rekey(sealingOf(byte));
        byte = next;
        // The next life begins with key 7 again.
        if (byte === 8) { await open(7).rekey(sealingOf(8)); byte = 7; }
      }`;
    let told = -1;
    for (let life = 0; told < 200; life += 1) {
      const child = spawn(process.execPath, [...program(body), directory, String(told + 1)], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let seen = '';
      const last = told + 14 + (life % 5);
      child.stdout.on('data', (data: Buffer) => {
        seen += data.toString();
        if (seen.includes(`${last}\n`)) child.kill('SIGKILL');
      });
      await once(child, 'close');
      told = Number(seen.trimEnd().split('\n').at(-1));
      // One of the two keys opens it, whichever was being changed to.
      const isSeven = await open(7)
        .list()
        .then(
          () => true,
          () => false,
        );
      if (!isSeven) await open(7).rekey(sealingOf(8));
      expect(await one(open(), 'FIXED')).toBe(CANARY);
      expect([told, told + 1]).toContain(Number(await one(open(), 'COUNT')));
    }
  }, 120_000);
});

const canMount = process.platform === 'linux' && process.getuid?.() === 0;

describe('a full file system of 1 MB', () => {
  it.skipIf(!canMount)('P1-04 loses nothing that was kept (mounts a tmpfs: as root on Linux only)', async (context) => {
    const disk = join(directory, 'disk');
    await mkdir(disk, { mode: 0o700 });
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m,mode=0700', 'sallyport-test', disk]);
    if (mounted.status !== 0) context.skip(`mount is not allowed here: ${mounted.stderr.toString().trim()}`);
    try {
      const kept: string[] = [];
      let refusal: unknown;
      for (let index = 0; refusal === undefined && index < 100; index += 1) {
        const value = randomBytes(15_000).toString('hex');
        refusal = await set(open(7, disk), { [`S${index}`]: value }).catch((error: unknown) => error);
        if (refusal === undefined) kept.push(value);
      }
      expect(refusal).toMatchObject({ code: 'ENOSPC' });
      expect(kept.length).toBeGreaterThan(3);
      for (const [index, value] of kept.entries()) expect(await one(open(7, disk), `S${index}`)).toBe(value);
      expect((await readdir(disk)).filter((name) => name.endsWith('.tmp'))).toEqual([]);
      await open(7, disk).remove('S0');
      await set(open(7, disk), { AFTER: 'fits' });
      expect(await one(open(7, disk), 'AFTER')).toBe('fits');
    } finally {
      expect(spawnSync('umount', [disk]).status).toBe(0);
    }
  });
});
