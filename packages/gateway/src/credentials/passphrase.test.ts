import { chmod, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openKeyChange, openMasterKey } from './master-key.ts';

const FIRST = 'quarry lantern mosaic thimble oat';
const SECOND = 'velvet anchor pigeon harvest mint';

let directory: string;
let kdf: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sallyport-passphrase-'));
  kdf = join(directory, 'master.kdf');
});

afterEach(async () => await rm(directory, { recursive: true }));

const open = async (passphrase: string, state = directory): Promise<string> =>
  (await openMasterKey({ directory: state, env: { SALLYPORT_MASTER_KEY: `passphrase:${passphrase}` } }))
    .export()
    .toString('hex');
const change = async (from: string, to: Readonly<Record<string, string>>): ReturnType<typeof openKeyChange> => {
  const path = join(directory, 'old');
  await writeFile(path, from, { mode: 0o600 });
  return await openKeyChange({ directory, env: to, from: path });
};

describe('a passphrase', { timeout: 60_000 }, () => {
  it('gives the same key each time, from a variable and from a file, however an é is typed', async () => {
    const key = await open(`${FIRST}\u00e9`);
    expect(key).toMatch(/^[0-9a-f]{64}$/);
    expect(await open(`${FIRST}e\u0301`)).toBe(key);
    const file = join(directory, 'mounted');
    await writeFile(file, `passphrase:${FIRST}\u00e9\n`, { mode: 0o600 });
    const fromFile = await openMasterKey({ directory, env: { SALLYPORT_MASTER_KEY_FILE: file } });
    expect(fromFile.export().toString('hex')).toBe(key);
  });

  it('P1-02 keeps salt and cost 0600, nothing of itself, and another salt in another state', async () => {
    const umask = process.umask(0);
    try {
      const key = await open(FIRST);
      const other = await open(FIRST, join(directory, 'other'));
      expect(other).not.toBe(key);
      expect((await stat(kdf)).mode & 0o777).toBe(0o600);
      const text = await readFile(kdf, 'utf8');
      expect(text).toMatch(/^sallyport-passphrase 1 scrypt 131072 8 1 \S{22} \S{43}\n$/);
      expect(text).not.toContain('quarry');
      expect(text).not.toContain(Buffer.from(key, 'hex').toString('base64url'));
      expect(await readdir(directory)).not.toContain('master.key');
    } finally {
      process.umask(umask);
    }
  });

  it('P1-04 that is another one is refused, unsaid, and nothing changes; so is none', async () => {
    await open(FIRST);
    const before = await readFile(kdf);
    const refusal: unknown = await open(SECOND).catch((error: unknown) => error);
    expect(String(refusal)).toMatch(/SALLYPORT_MASTER_KEY: this is not the passphrase/);
    expect(String(refusal)).not.toContain('velvet');
    await expect(openMasterKey({ directory, env: {} })).rejects.toThrow(/closed with a passphrase, which is not here/);
    expect(await readFile(kdf)).toEqual(before);
    expect(await readdir(directory)).toEqual(['master.kdf']);
  });

  it.each(['', 'short', 'elevenchars', 'aaaaaaaaaaaaaaaa', 'abababababab', 'changeme'])(
    'refuses %j',
    async (passphrase) => {
      const refusal: unknown = await open(passphrase).catch((error: unknown) => error);
      expect(String(refusal)).toMatch(/too easy to guess/);
      expect(await readdir(directory)).toEqual([]);
    },
  );

  it.each([
    ['cheap', /scrypt 131072/, 'scrypt 1024'],
    ['ruinous', /scrypt 131072/, 'scrypt 16777216'],
    ['odd', /scrypt 131072/, 'scrypt 131071'],
    ['cut', /\n$/, ''],
    ['another version', /passphrase 1/, 'passphrase 2'],
  ])('is not used with a file of its parameters that is %s', async (_what, found, put) => {
    await open(FIRST);
    const text = (await readFile(kdf, 'utf8')).replace(found, put);
    await writeFile(kdf, text);
    await expect(open(FIRST)).rejects.toThrow(/does not say how a passphrase/);
    expect(await readFile(kdf, 'utf8')).toBe(text);
  });

  it('follows no link, and tightens what is loose', async () => {
    await open(FIRST);
    await chmod(kdf, 0o666);
    await open(FIRST);
    expect((await stat(kdf)).mode & 0o777).toBe(0o600);
    const text = await readFile(kdf);
    await rm(kdf);
    await writeFile(join(directory, 'elsewhere'), text);
    await symlink('elsewhere', kdf);
    await expect(open(FIRST)).rejects.toMatchObject({ code: 'symbolic_link' });
  });

  it('is one for processes that start at once', async () => {
    const keys = await Promise.all([open(FIRST), open(FIRST), open(FIRST)]);
    expect(new Set(keys).size).toBe(1);
    expect(await open(FIRST)).toBe(keys[0]);
  });
});

describe('a change of keys', { timeout: 60_000 }, () => {
  const asEnv = (passphrase: string): Readonly<Record<string, string>> => ({
    SALLYPORT_MASTER_KEY: `passphrase:${passphrase}`,
  });
  const raw = '8f'.repeat(31) + '01';

  it('from one passphrase to another can be broken off and done again, and only its end changes what is known', async () => {
    const old = await open(FIRST);
    const first = await change(`passphrase:${FIRST}`, asEnv(SECOND));
    expect(first.old.export().toString('hex')).toBe(old);
    // Broken off here, the old one still opens the state.
    expect(await open(FIRST)).toBe(old);
    await first.settle();
    expect(await open(SECOND)).toBe(first.next.export().toString('hex'));
    await expect(open(FIRST)).rejects.toThrow(/not the passphrase/);
    const again = await change(`passphrase:${FIRST}\n`, asEnv(SECOND));
    expect(again.old.equals(first.old) && again.next.equals(first.next)).toBe(true);
  });

  it('from and to a key without a passphrase', async () => {
    const into = await change(raw, asEnv(FIRST));
    await into.settle();
    expect(await open(FIRST)).toBe(into.next.export().toString('hex'));
    const out = await change(`passphrase:${FIRST}`, { SALLYPORT_MASTER_KEY: raw });
    await out.settle();
    expect(await readdir(directory)).toEqual(['old']);
    expect(out.next.export().toString('hex')).toBe(raw);
    await expect(change(`passphrase:${FIRST}`, { SALLYPORT_MASTER_KEY: raw })).rejects.toThrow(/was never closed with/);
  });
});
