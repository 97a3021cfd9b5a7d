import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkDraft, draftOf } from './check-text.ts';
import { loadConfig, type ConfigFiles, type LoadOptions } from './load.ts';
import { asWritten, secretValues, type SecretSource } from './secrets.ts';

const env = { HOST: 'vault.example.com' };
const vault = ['vault', 'kv', 'get', '${HOST}'];

/** A source that notes what it was asked. */
function sourceOf(stored: Readonly<Record<string, string | Error>>): { source: SecretSource; asked: unknown[] } {
  const asked: unknown[] = [];
  const source: SecretSource = {
    stored: async (names) => {
      asked.push(names);
      return new Map(Object.entries(stored));
    },
    run: async (name, argv) => {
      asked.push([name, ...argv]);
      if (name === 'BAD') throw new Error('/bin/bad ended with code 2');
      return `${name}-\${HOST}`;
    },
  };
  return { source, asked };
}

async function load(value: object, source?: SecretSource, more: Partial<ConfigFiles> = {}): Promise<unknown> {
  const bytes = new TextEncoder().encode(JSON.stringify(value));
  const files: ConfigFiles = {
    exists: async (path) => path === '/c/c.json',
    read: async () => bytes,
    readSecret: async () => bytes,
    checkTrusted: async (path) => ({ realPath: path, readableByOthers: false }),
    ...more,
  };
  const options: LoadOptions = { file: '/c/c.json', env, cwd: '/', home: '/', files };
  const { config, secrets } = await loadConfig(source === undefined ? options : { ...options, secrets: () => source });
  const [server] = config.servers;
  return { env: server?.target.kind === 'stdio' ? server.target.env : undefined, secrets };
}

const server = (variables: Readonly<Record<string, string>>): object => ({
  mcpServers: { a: { command: 'x', env: variables } },
});

describe('${secret:NAME} and ${exec:NAME}', () => {
  it('are put in, each asked for once, and never looked at again', async () => {
    const { source, asked } = sourceOf({ S: 'p$$w${HOST}${secret:S}' });
    const value = {
      ...server({ A: 'x-${secret:S}', B: '${secret:S}', C: '${exec:V}', D: '${exec:V}', E: '$${secret:S}' }),
      secrets: { exec: { V: vault, UNUSED: ['never'] } },
    };
    expect(await load(value, source)).toEqual({
      env: {
        A: 'x-p$$w${HOST}${secret:S}',
        B: 'p$$w${HOST}${secret:S}',
        C: 'V-${HOST}',
        D: 'V-${HOST}',
        E: '${secret:S}',
      },
      secrets: [
        { written: '${secret:S}', value: 'p$$w${HOST}${secret:S}' },
        { written: '${exec:V}', value: 'V-${HOST}' },
      ],
    });
    expect(asked).toEqual([['S'], ['V', 'vault', 'kv', 'get', 'vault.example.com']]);
  });

  it('asks nobody when none is used', async () => {
    const { source, asked } = sourceOf({});
    await load({ ...server({ A: '$${exec:V}' }), secrets: { backend: 'file', exec: { V: vault } } }, source);
    expect(asked).toEqual([]);
  });

  it.each([
    [
      '${secret:NOPE}',
      {},
      /c\.json:\d+:\d+: mcpServers\.a\.env\.A: `\$\{secret:NOPE\}`: there is no secret NOPE\. Set it with `sallyport secret set NOPE`/,
    ],
    ['${secret:BROKEN}', {}, /`\$\{secret:BROKEN\}`: damaged/],
    ['${exec:NOPE}', { V: vault }, /`secrets\.exec` has no command NOPE/],
    ['${exec:toString}', { V: vault }, /`secrets\.exec` has no command toString/],
    ['${exec:BAD}', { BAD: ['bad'] }, /\/bin\/bad ended with code 2/],
    ['${exec:V}', { V: ['x', '${NOT_SET}'] }, /its command is not run: the variable NOT_SET is not set/],
    ['${exec:V}', { V: ['x', '${secret:S}'] }, /its command is not run: `\$\{secret:S\}`/],
    ['${exec:V}', { V: ['x', '${exec:V}'] }, /its command is not run: `\$\{exec:V\}`/],
    ['${exec:V}', { V: [] }, /not a list of texts/],
    ['${exec:V}', { V: 'vault get' }, /not a list of texts/],
    ['${exec:V}', { V: ['x', 1] }, /not a list of texts/],
  ])('%s with %j is refused by name', async (text, exec, message) => {
    const { source } = sourceOf({ S: 'x', BROKEN: new Error('damaged') });
    await expect(load({ ...server({ A: text }), secrets: { exec } }, source)).rejects.toThrow(message);
  });

  it('runs no command of a file that others could have written, and still says what else is wrong', async () => {
    const { source, asked } = sourceOf({});
    const readSecret = (): Promise<never> => Promise.reject(new Error('/c may be changed by group 5'));
    const value = { ...server({ A: '${exec:V}', B: '${secret:NOPE}' }), secrets: { exec: { V: vault } } };
    const refused = load(value, source, { readSecret });
    await expect(refused).rejects.toThrow(/no command of this file is run: \/c may be changed by group 5/);
    await expect(refused).rejects.toThrow(/there is no secret NOPE/);
    expect(asked).toEqual([['NOPE']]);
  });

  it('runs nothing of a file that is not trusted', async () => {
    const { source, asked } = sourceOf({});
    const bytes = new TextEncoder().encode(
      JSON.stringify({ ...server({ A: '${exec:V}${secret:S}' }), secrets: { exec: { V: vault } } }),
    );
    const files: ConfigFiles = {
      exists: async (path) => path === '/c/sallyport.json',
      read: async () => bytes,
      readSecret: async () => bytes,
      checkTrusted: async (path) => ({ realPath: path, readableByOthers: false }),
    };
    const options = { env, cwd: '/c', home: '/', files, secrets: () => source, confirmTrust: async () => false };
    await expect(loadConfig(options)).rejects.toThrow(/sallyport trust/);
    expect(asked).toEqual([]);
  });

  it('are refused where no store is at hand', async () => {
    await expect(load(server({ A: '${secret:S}' }))).rejects.toThrow(/no secrets are at hand here/);
  });

  it('says that the store cannot be opened', async () => {
    const source: SecretSource = { stored: () => Promise.reject(new Error('another key')), run: async () => 'x' };
    const values = await secretValues({
      value: { a: '${secret:S}' },
      source,
      lookup: { env, files: new Map() },
      checkOnlyOurs: async () => undefined,
    });
    expect(values.get('${secret:S}')).toEqual(new Error('another key'));
  });

  it.each([
    [{ backend: 'vault' }, /expected `auto`, `keychain` or `file`/],
    [{ exec: { V: [] } }, /expected a list: a program, then its arguments/],
    [{ exec: { V: [''] } }, /expected a list: a program, then its arguments/],
    [{ exec: { V: 'x' } }, /expected a list: a program, then its arguments/],
    [{ exec: { 'a b': ['x'] } }, /expected a letter or _ first/],
    [{ exe: {} }, /did you mean `exec`/],
  ])('`secrets: %j` is refused', async (secrets, message) => {
    const draft = await draftOf('f', JSON.stringify({ mcpServers: {}, secrets }), 'json');
    const { problems } = checkDraft(draft, { env: {}, files: new Map() });
    expect(problems.map((problem) => problem.message).join()).toMatch(message);
  });
});

describe('asWritten', () => {
  const known = [
    { written: '${secret:A}', value: 'se"cr\\et' },
    { written: '${secret:LONG}', value: 'se"cr\\et-and-more' },
    { written: '${exec:S}', value: 'abc' },
  ];

  it('turns values back, as they stand, inside other text and inside JSON', () => {
    const shown = {
      a: ['x se"cr\\et y', 'se"cr\\et-and-more', 'abc', 'abcd', 7, null],
      b: JSON.stringify('se"cr\\et'),
    };
    expect(asWritten(shown, known)).toEqual({
      a: ['x ${secret:A} y', '${secret:LONG}', '${exec:S}', 'abcd', 7, null],
      b: '"${secret:A}"',
    });
  });

  it('leaves nothing of a value in what is shown', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 4 }), fc.string(), fc.string(), (value, before, after) => {
        fc.pre(!'${secret:N}'.includes(value) && !(before + after).includes(value));
        const text = asWritten(before + value + after, [{ written: '${secret:N}', value }]);
        expect(text).toContain('${secret:N}');
      }),
    );
  });
});
