import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmod, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openLocalKey } from './local-key.ts';
import { openMasterKey } from './master-key.ts';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sallyport-master-'));
});

afterEach(async () => await rm(directory, { recursive: true }));

const modeOf = async (name: string): Promise<number> => (await stat(join(directory, name))).mode & 0o7777;
const bytesOf = async (env: Record<string, string>): Promise<Buffer> =>
  (await openMasterKey({ directory, env })).export();

describe('the master key', () => {
  it('is made once in the state, 32 random bytes, 0600 whatever the umask', async () => {
    const umask = process.umask(0);
    try {
      const first = await bytesOf({});
      expect(first).toHaveLength(32);
      expect(await bytesOf({})).toEqual(first);
      expect(await modeOf('master.key')).toBe(0o600);
      expect(await readdir(directory)).toEqual(['master.key']);
    } finally {
      process.umask(umask);
    }
  });

  it('is one for many that ask at once', async () => {
    const keys = await Promise.all(Array.from({ length: 8 }, async () => await bytesOf({})));
    expect(new Set(keys.map((key) => key.toString('hex'))).size).toBe(1);
    expect(await readdir(directory)).toEqual(['master.key']);
  });

  it('is tightened when it is loose', async () => {
    const first = await bytesOf({});
    await chmod(join(directory, 'master.key'), 0o666);
    expect(await bytesOf({})).toEqual(first);
    expect(await modeOf('master.key')).toBe(0o600);
  });

  it('comes from the environment first, then from a mounted file, and makes no file then', async () => {
    const [one, two] = [randomBytes(32), randomBytes(32)];
    const mounted = await mkdtemp(join(tmpdir(), 'sallyport-mounted-'));
    try {
      await writeFile(join(mounted, 'real'), `${two.toString('hex')}\n`, { mode: 0o444 });
      await symlink('real', join(mounted, 'key'));
      const file = { SALLYPORT_MASTER_KEY_FILE: join(mounted, 'key') };
      expect(await bytesOf({ SALLYPORT_MASTER_KEY: one.toString('base64'), ...file })).toEqual(one);
      expect(await bytesOf({ SALLYPORT_MASTER_KEY: one.toString('base64url') })).toEqual(one);
      expect(await bytesOf(file)).toEqual(two);
      expect(await readdir(directory)).toEqual([]);
      await chmod(join(mounted, 'real'), 0o666);
      await expect(bytesOf(file)).rejects.toMatchObject({ code: 'writable_by_others' });
    } finally {
      await rm(mounted, { recursive: true });
    }
  });

  it.each([
    '',
    ' ',
    'changeme',
    'a'.repeat(32),
    randomBytes(31).toString('hex'),
    randomBytes(33).toString('base64'),
    '0'.repeat(64),
    Buffer.alloc(32, 255).toString('base64'),
  ])('refuses %j, without saying it, and makes none in its place', async (value) => {
    const refusal = bytesOf({ SALLYPORT_MASTER_KEY: value });
    await expect(refusal).rejects.toThrow(/SALLYPORT_MASTER_KEY.*openssl rand/);
    const { message } = (await refusal.catch((error: unknown) => error)) as Error;
    expect(value.trim() !== '' && message.includes(value)).toBe(false);
    await writeFile(join(directory, 'master.key'), value, { mode: 0o600 });
    await expect(bytesOf({})).rejects.toThrow('master.key');
    expect(await readFile(join(directory, 'master.key'), 'utf8')).toBe(value);
  });

  it('refuses an empty name of a file, and a file that is not there', async () => {
    await expect(bytesOf({ SALLYPORT_MASTER_KEY_FILE: '' })).rejects.toThrow('SALLYPORT_MASTER_KEY_FILE');
    const missing = join(directory, 'none');
    await expect(bytesOf({ SALLYPORT_MASTER_KEY_FILE: missing })).rejects.toMatchObject({ code: 'ENOENT' });
    expect(await readdir(directory)).toEqual([]);
  });

  it('is one for eight processes that start at once, and so is the local key', async () => {
    const module = (name: string): string => JSON.stringify(new URL(name, import.meta.url).href);
    const program = `
      import { registerHooks } from 'node:module';
      const packages = ${JSON.stringify(fileURLToPath(new URL('../../../', import.meta.url)))};
      registerHooks({ resolve: (specifier, context, next) =>
        next(specifier.replace(/^@sallyport\\/(\\w+)$/, (_, name) => 'file://' + packages + name + '/src/index.ts'), context) });
      const { openMasterKey } = await import(${module('master-key.ts')});
      const { openLocalKey } = await import(${module('local-key.ts')});
      await new Promise((resolve) => process.stdout.write('ready\\n', resolve));
      await new Promise((resolve) => process.stdin.once('data', resolve));
      const directory = process.argv[1];
      const [master, local] = await Promise.all([openMasterKey({ directory, env: {} }), openLocalKey({ directory })]);
      process.stdout.write(master.export().toString('hex') + ' ' + local, () => process.exit(0));`;
    const children = Array.from({ length: 8 }, () =>
      spawn(process.execPath, ['--input-type=module', '-e', program, directory], {
        stdio: ['pipe', 'pipe', 'inherit'],
      }),
    );
    await Promise.all(children.map(async (child) => await once(child.stdout, 'data')));
    const outputs = children.map(async (child) => {
      let text = '';
      child.stdout.on('data', (data: Buffer) => (text += data.toString()));
      await once(child, 'close');
      return text;
    });
    for (const child of children) child.stdin.write('go\n');
    const distinct = new Set(await Promise.all(outputs));
    expect([...distinct]).toEqual([expect.stringMatching(/^[0-9a-f]{64} sp_local_/) as string]);
    expect((await readdir(directory)).toSorted()).toEqual(['local.key', 'master.key']);
  }, 30_000);
});

describe('the local key', () => {
  it('is made once, 0600, in the form of a client key', async () => {
    const key = await openLocalKey({ directory });
    expect(key).toMatch(/^sp_local_[A-Za-z0-9_-]{43}$/);
    expect(await openLocalKey({ directory })).toBe(key);
    expect(await modeOf('local.key')).toBe(0o600);
  });

  it.each(['', 'changeme', 'sp_local_short', `sp_0123456789abcdef_${'a'.repeat(43)}`])(
    'refuses a file with %j in it, and leaves it',
    async (text) => {
      await writeFile(join(directory, 'local.key'), text, { mode: 0o600 });
      await expect(openLocalKey({ directory })).rejects.toThrow('local.key');
      expect(await readFile(join(directory, 'local.key'), 'utf8')).toBe(text);
    },
  );

  it('refuses a link in its place', async () => {
    await writeFile(join(directory, 'elsewhere'), '');
    await symlink('elsewhere', join(directory, 'local.key'));
    await expect(openLocalKey({ directory })).rejects.toMatchObject({ code: 'symbolic_link' });
  });
});
