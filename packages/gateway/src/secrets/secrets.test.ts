import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createFileSecrets } from './file.ts';
import { createSecrets, type Secrets } from './secrets.ts';
import { SecretsError, type SecretBackend, type SecretStore } from './store.ts';
import { sealingOf } from './testing/sealing.ts';

let directory: string;
let said: string[];
/** What the keychain holds, and the error that it gives instead. */
let held: Map<string, string>;
let silence: SecretsError | undefined;
let asked: number;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sallyport-places-'));
  said = [];
  held = new Map();
  silence = undefined;
  asked = 0;
});

afterEach(async () => await rm(directory, { recursive: true }));

const none = (): SecretsError => new SecretsError('no_keychain', 'there is no keychain: no bus');
const locked = (): SecretsError => new SecretsError('silent_keychain', 'the keychain does not answer: it is locked');

const file = (): ReturnType<typeof createFileSecrets> =>
  createFileSecrets({
    directory,
    openSealing: async () => sealingOf(7),
    now: () => 1,
    say: (text) => said.push(text),
  });

function keychain(): SecretStore {
  const answering = async <T>(work: () => T): Promise<T> => {
    asked += 1;
    if (silence !== undefined) throw silence;
    return work();
  };
  return {
    place: 'the keychain',
    read: async (names) => await answering(() => new Map([...held].filter(([name]) => names.includes(name)))),
    list: async () =>
      await answering(() => [...held.keys()].map((name) => ({ name, setMs: undefined, isBroken: false }))),
    set: async (values) => await answering(() => values.forEach((value, name) => held.set(name, value))),
    remove: async (name) => await answering(() => held.delete(name)),
  };
}

const open = (backend: SecretBackend): Secrets =>
  createSecrets({ backend, file: file(), keychain: keychain(), say: (text) => said.push(text) });
const one = (name: string, value: string): ReadonlyMap<string, string> => new Map([[name, value]]);
const value = async (secrets: Secrets, name: string): Promise<unknown> => (await secrets.read([name])).get(name);

describe('auto', () => {
  it('keeps in the keychain what it sets, and takes it out of the file', async () => {
    await file().set(one('A', 'old'));
    expect(await open('auto').set(one('A', 'new'))).toBe('keychain');
    expect(await file().list()).toEqual([]);
    expect(await value(open('auto'), 'A')).toBe('new');
    expect(said).toEqual([]);
  });

  it.each([none, locked])(
    'goes to the file where none answers, says so once, and the later value counts',
    async (why) => {
      await open('auto').set(one('A', 'old'));
      silence = why();
      expect(await open('auto').set(new Map([...one('A', 'the newer one'), ...one('B', 'two')]))).toBe('file');
      expect(said).toEqual([`note: kept in ${join(directory, 'secrets')}, since ${silence.message}`]);
      expect(await readFile(join(directory, 'secrets'), 'utf8')).not.toContain('the newer one');
      silence = undefined;
      expect(await value(open('auto'), 'A')).toBe('the newer one');
      expect((await open('auto').list()).map(({ name, place }) => [name, place])).toEqual([
        ['A', 'file'],
        ['B', 'file'],
        ['A', 'keychain'],
      ]);
    },
  );

  it('asks no keychain for what is in the file, and says of what is nowhere why', async () => {
    await file().set(one('A', 'one'));
    expect(await value(open('auto'), 'A')).toBe('one');
    expect(asked).toBe(0);
    expect(await value(open('auto'), 'B')).toBeUndefined();
    silence = none();
    const found = await open('auto').read(['A', 'B']);
    expect(found.get('A')).toBe('one');
    expect(found.get('B')).toMatchObject({
      code: 'not_found',
      message: expect.stringMatching(/no secret B in \S+secrets, and there is no keychain: no bus.*secret set B/),
    });
  });

  it('lists and removes without a keychain; one that does not answer is named', async () => {
    await file().set(new Map([...one('A', 'one'), ...one('B', 'two')]));
    silence = none();
    expect(await open('auto').list()).toHaveLength(2);
    expect(await open('auto').remove('A')).toBe(true);
    expect(said).toEqual([]);
    silence = locked();
    expect(await open('auto').list()).toHaveLength(1);
    expect(await open('auto').remove('B')).toBe(true);
    expect(said).toEqual([expect.stringMatching(/is not listed/), expect.stringMatching(/has it still/)]);
  });

  it('removes from both', async () => {
    await file().set(one('A', 'one'));
    held.set('A', 'older');
    expect(await open('auto').remove('A')).toBe(true);
    expect([held.size, (await file().list()).length]).toEqual([0, 0]);
    expect(await open('auto').remove('A')).toBe(false);
  });

  it('hides no other trouble behind the keychain', async () => {
    silence = new SecretsError('full', 'full');
    await expect(open('auto').set(one('A', 'x'))).rejects.toMatchObject({ code: 'full' });
  });
});

describe('keychain', () => {
  it('that does not answer is an error with what to do, and nothing goes to the file', async () => {
    silence = locked();
    const secrets = open('keychain');
    for (const attempt of [
      (): Promise<unknown> => secrets.set(one('A', 'x')),
      (): Promise<unknown> => secrets.read(['A']),
      (): Promise<unknown> => secrets.list(),
      (): Promise<unknown> => secrets.remove('A'),
      (): Promise<unknown> => secrets.move('file'),
    ]) {
      await expect(attempt()).rejects.toMatchObject({
        code: 'silent_keychain',
        message: expect.stringMatching(/it is locked\. Unlock .* backend: file/),
      });
    }
    expect(await file().list()).toEqual([]);
    expect(said).toEqual([]);
  });

  it('does not read the file, and says what lies there', async () => {
    await file().set(one('A', 'one'));
    expect(await value(open('keychain'), 'A')).toMatchObject({
      code: 'not_found',
      message: expect.stringContaining('`sallyport secret move keychain A`'),
    });
    expect(await value(open('keychain'), 'B')).toBeUndefined();
    expect(await open('keychain').list()).toEqual([]);
    expect(await open('keychain').remove('A')).toBe(false);
  });
});

describe('file', () => {
  it('asks no keychain for anything', async () => {
    const secrets = open('file');
    expect(await secrets.set(one('A', 'one'))).toBe('file');
    expect(await value(secrets, 'A')).toBe('one');
    expect(await secrets.list()).toMatchObject([{ name: 'A', place: 'file' }]);
    expect(await secrets.remove('A')).toBe(true);
    expect(asked).toBe(0);
  });
});

describe('move', () => {
  it('takes all or some over, and none is lost when the other place refuses', async () => {
    await file().set(new Map([...one('A', 'one'), ...one('B', 'two')]));
    await expect(open('auto').move('keychain', ['A', 'C'])).rejects.toMatchObject({ code: 'not_found' });
    silence = locked();
    await expect(open('auto').move('keychain')).rejects.toMatchObject({ code: 'silent_keychain' });
    expect(await file().list()).toHaveLength(2);
    silence = undefined;
    expect(await open('auto').move('keychain', ['B'])).toEqual(['B']);
    expect([...held]).toEqual([['B', 'two']]);
    expect(await open('auto').move('keychain')).toEqual(['A']);
    expect(await file().list()).toEqual([]);
    expect((await open('auto').move('file')).toSorted()).toEqual(['A', 'B']);
    expect(held.size).toBe(0);
    expect(await open('auto').move('file')).toEqual([]);
  });
});
