import {
  chmod,
  chown,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  realpath,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { run } from '../cli.ts';
import type { CliSystem, Linked } from './context.ts';
import { realSystem } from './system.ts';
import { NO_PROCESSES } from './testing/fakes.ts';

let home = '';

beforeEach(async () => {
  home = await realpath(await mkdtemp(join(tmpdir(), 'sallyport-connect-')));
  await chmod(home, 0o700);
  await mkdir(join(home, '.config/sallyport'), { recursive: true });
  await writeFile(join(home, '.config/sallyport/config.yaml'), 'mcpServers: {}\n', { mode: 0o600 });
});
afterEach(async () => rm(home, { recursive: true, force: true }));

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** A command line in the temporary home, with some of the file functions replaced; no gateway runs there. */
async function sallyportWith(own: Partial<CliSystem['files']>, ...words: readonly string[]): Promise<Ran> {
  const [out, err]: [string[], string[]] = [[], []];
  const real = realSystem();
  const state = join(home, 'state');
  const system: CliSystem = {
    ...real,
    stdout: { write: (text) => out.push(text) },
    stderr: { write: (text) => err.push(text) },
    env: { PATH: '' },
    cwd: join(home, 'work'),
    home,
    isTerminal: false,
    columns: () => undefined,
    files: { ...real.files, stateDirectory: async () => state, ...own },
    processes: { ...NO_PROCESSES, self: ['/usr/bin/node', '/opt/sallyport.js'] },
  };
  const code = await run(words, system);
  return { code, out: out.join(''), err: err.join('') };
}
const sallyport = (...words: readonly string[]): Promise<Ran> => sallyportWith({}, ...words);

const cursor = (): string => join(home, '.cursor/mcp.json');
const OWN = '// mine\n{ "mcpServers": { "a": { "command": "x" } } }\n';

async function withCursor(text = OWN): Promise<void> {
  await mkdir(join(home, '.cursor'), { recursive: true });
  await writeFile(cursor(), text, { mode: 0o644 });
}

const keyIn = async (path: string): Promise<string> =>
  /Bearer (sp_\w+)/.exec(await readFile(path, 'utf8'))?.[1] ?? 'none';
const keys = async (): Promise<{ name: string; roles: string[] }[]> =>
  JSON.parse((await sallyport('key', 'list', '--json')).out) as { name: string; roles: string[] }[];
const status = async (): Promise<{ client: string; state: string; beside: string[] }[]> =>
  JSON.parse((await sallyport('connect', '--status', '--json')).out) as {
    client: string;
    state: string;
    beside: string[];
  }[];

describe('connect', () => {
  it('writes an entry with a key of its own, keeps the file as it was, and says nothing of the key', async () => {
    await withCursor();
    const { code, out, err } = await sallyport('connect', 'cursor', '--role', 'viewer');
    expect([code, out]).toEqual([0, expect.stringContaining('Cursor is connected')]);
    const key = await keyIn(cursor());
    expect(out + err).not.toContain(key);
    expect(await readFile(cursor(), 'utf8')).toContain('// mine\n');
    expect(await keys()).toMatchObject([{ name: 'cursor', roles: ['viewer'] }]);
    // Before, anybody could read the file.
    expect((await stat(cursor())).mode & 0o777).toBe(0o600);
    const [backup = ''] = await readdir(join(home, 'state/backups/clients'));
    expect(await readFile(join(home, 'state/backups/clients', backup), 'utf8')).toBe(OWN);
    expect(await status()).toMatchObject([{ client: 'cursor', state: 'connected', beside: ['a'] }]);
  });

  it('changes nothing the second time, and only the roles when they are others', async () => {
    await withCursor();
    await sallyport('connect', 'cursor');
    const before = await readFile(cursor(), 'utf8');
    expect((await sallyport('connect', 'cursor')).out).toContain('connected already');
    expect((await sallyport('connect', 'cursor', '--role', 'developer')).out).toContain('connected already');
    expect(await readFile(cursor(), 'utf8')).toBe(before);
    expect(await keys()).toMatchObject([{ name: 'cursor', roles: ['developer'] }]);
  });

  it('sees an entry that somebody changed and a key that was revoked, and mends both', async () => {
    await withCursor();
    await sallyport('connect', 'cursor');
    const first = await keyIn(cursor());
    await writeFile(cursor(), (await readFile(cursor(), 'utf8')).replace('/mcp"', '/else"'));
    expect(await status()).toMatchObject([{ state: 'changed' }]);
    await sallyport('connect', 'cursor');
    expect(await status()).toMatchObject([{ state: 'connected' }]);
    expect(await keyIn(cursor())).not.toBe(first);
    expect(await keys()).toHaveLength(1);
    await sallyport('key', 'revoke', 'cursor');
    expect(await status()).toMatchObject([{ state: 'key revoked' }]);
    await sallyport('connect', 'cursor');
    expect(await status()).toMatchObject([{ state: 'connected' }]);
  });

  it('is taken back by disconnect, key and all', async () => {
    await withCursor();
    await sallyport('connect', 'cursor');
    expect(await sallyport('disconnect', 'cursor')).toMatchObject({
      code: 0,
      out: expect.stringContaining('revoked  cursor') as string,
    });
    const text = await readFile(cursor(), 'utf8');
    expect([text.startsWith('// mine\n'), text.includes('sallyport'), await keys()]).toEqual([true, false, []]);
    expect(await sallyport('disconnect', 'cursor')).toMatchObject({
      code: 1,
      err: expect.stringContaining('is not connected') as string,
    });
  });

  it('ends the key also when the entry is gone already', async () => {
    await withCursor();
    await sallyport('connect', 'cursor');
    await writeFile(cursor(), OWN);
    expect((await sallyport('disconnect', 'cursor')).code).toBe(0);
    expect(await keys()).toEqual([]);
  });

  it('ends the key also when the file cannot be read any more', async () => {
    await withCursor();
    await sallyport('connect', 'cursor');
    await writeFile(cursor(), '{ broken');
    expect(await sallyport('disconnect', 'cursor')).toMatchObject({
      code: 1,
      out: '',
      err: expect.stringMatching(/revoked cursor[^]*no valid JSON/) as string,
    });
    expect([await keys(), await readFile(cursor(), 'utf8')]).toEqual([[], '{ broken']);
    await writeFile(cursor(), OWN);
    expect((await sallyport('disconnect', 'cursor')).code).toBe(0);
  });

  it('says where else it is connected', async () => {
    const other = join(home, 'other');
    await sallyport('connect', 'cursor', '--client-home', other);
    expect(await sallyport('disconnect', 'cursor')).toMatchObject({
      code: 1,
      err: expect.stringContaining(join(other, '.cursor/mcp.json')) as string,
    });
  });

  it('knows of the key before the file has it', async () => {
    await withCursor();
    let known: unknown;
    const { replace } = realSystem().files;
    const looking: typeof replace = async (...words) => {
      known = JSON.parse(await readFile(join(home, 'state/connections.json'), 'utf8'));
      await replace(...words);
    };
    const { code } = await sallyportWith({ replace: looking }, 'connect', 'cursor');
    const [{ id } = { id: '' }] = (await keys()) as { id?: string }[];
    expect([code, known]).toEqual([0, [expect.objectContaining({ path: cursor(), keyId: id })]]);
  });

  it('takes the key back when the file cannot be written', async () => {
    await withCursor();
    const full = (): Promise<void> => Promise.reject(new Error('the disk is full'));
    expect(await sallyportWith({ replace: full }, 'connect', 'cursor')).toMatchObject({ code: 1, out: '' });
    expect([await keys(), await status()]).toMatchObject([[], [{ state: 'not connected' }]]);
  });

  it('follows a link to a file of the same user, and says where it wrote', async () => {
    const real = join(home, 'dotfiles/mcp.json');
    await mkdir(join(home, 'dotfiles'));
    await mkdir(join(home, '.cursor'));
    await writeFile(real, OWN);
    await symlink(real, cursor());
    const { code, out } = await sallyport('connect', 'cursor');
    expect([code, out]).toEqual([0, expect.stringContaining(real)]);
    expect([(await lstat(cursor())).isSymbolicLink(), await keyIn(real)]).toEqual([true, await keyIn(cursor())]);
    expect((await sallyport('disconnect', 'cursor')).code).toBe(0);
    expect(await readFile(real, 'utf8')).not.toContain('sallyport');
  });

  it('writes no key into a repository through a link, and a command all the same', async () => {
    const real = join(home, 'dotfiles/cursor/mcp.json');
    await mkdir(join(home, 'dotfiles/.git'), { recursive: true });
    await mkdir(join(home, 'dotfiles/cursor'));
    await writeFile(real, OWN);
    await symlink(join(home, 'dotfiles/cursor'), join(home, '.cursor'));
    const refused = await sallyport('connect', 'cursor');
    expect(refused).toMatchObject({ code: 1, out: '', err: expect.stringContaining('in the repository') as string });
    expect([await readFile(real, 'utf8'), await keys()]).toEqual([OWN, []]);
    expect((await sallyport('connect', 'cursor', '--stdio')).code).toBe(0);
    expect(await readFile(real, 'utf8')).toContain('serve');
  });

  it('leaves the file of another user behind a link as it is', async () => {
    await withCursor();
    const linked = (): Promise<Linked> => Promise.resolve({ path: '/home/other/mcp.json', isOwn: false });
    for (const verb of ['connect', 'disconnect']) {
      const before = await readFile(cursor(), 'utf8');
      const { code, err } = await sallyportWith({ linked }, verb, 'cursor');
      expect([code === 0, err.includes('another user')]).toEqual(verb === 'connect' ? [false, true] : [false, false]);
      expect(await readFile(cursor(), 'utf8')).toBe(before);
    }
  });

  it.skipIf(process.getuid?.() !== 0)(
    'as root leaves the file, and a new one, to whose folder it is in (needs root)',
    async () => {
      await withCursor();
      await chown(cursor(), 65_534, 65_534);
      await chown(join(home, '.cursor'), 65_534, 65_534);
      expect((await sallyport('connect', 'cursor')).code).toBe(0);
      const { mode, uid } = await stat(cursor());
      expect([uid, mode & 0o777]).toEqual([65_534, 0o600]);
      const other = join(home, 'other');
      await mkdir(other);
      await chown(other, 65_534, 65_534);
      await sallyport('connect', 'windsurf', '--client-home', other);
      const made = ['.codeium', '.codeium/windsurf', '.codeium/windsurf/mcp_config.json'].map((path) =>
        stat(join(other, path)),
      );
      expect((await Promise.all(made)).map((one) => one.uid)).toEqual([65_534, 65_534, 65_534]);
    },
  );

  it('carries dates in the file of Codex, where it stands and where it is imported', async () => {
    const path = join(home, '.codex/config.toml');
    await mkdir(join(home, '.codex'));
    const own = 'seen = 2026-01-01\n\n[mcp_servers.a]\ncommand = "x"\nenv = { SINCE = 2026-02-03T04:05:06Z }\n';
    await writeFile(path, own);
    expect((await sallyport('connect', 'codex')).code).toBe(0);
    expect((await readFile(path, 'utf8')).startsWith(own)).toBe(true);
    expect((await sallyport('import', 'codex', '--yes')).code).toBe(0);
    expect(await readFile(join(home, '.config/sallyport/config.yaml'), 'utf8')).toContain('2026-02-03T04:05:06');
  });

  it('writes no key into the file of a project', async () => {
    await mkdir(join(home, 'work'));
    for (const [client, path, reference] of [
      ['cursor', '.cursor/mcp.json', 'Bearer ${env:SALLYPORT_KEY}'],
      ['claude-code', '.mcp.json', 'Bearer ${SALLYPORT_KEY}'],
      ['codex', '.codex/config.toml', 'bearer_token_env_var = "SALLYPORT_KEY"'],
      ['opencode', 'opencode.json', 'Bearer {env:SALLYPORT_KEY}'],
    ] as const) {
      expect((await sallyport('connect', client, '--project')).code, client).toBe(0);
      expect(await readFile(join(home, 'work', path), 'utf8')).toContain(reference);
    }
    expect(await keys()).toEqual([]);
    expect(await sallyport('connect', 'zed', '--project')).toMatchObject({ code: 1, out: '' });
  });

  it('gives a command with absolute paths to a client without HTTP', async () => {
    await sallyport('connect', 'claude-desktop');
    const text = await readFile(join(home, '.config/Claude/claude_desktop_config.json'), 'utf8');
    const config = join(home, '.config/sallyport/config.yaml');
    expect(JSON.parse(text)).toEqual({
      mcpServers: {
        sallyport: { command: '/usr/bin/node', args: ['/opt/sallyport.js', 'serve', '--stdio', '--config', config] },
      },
    });
    expect(await sallyport('connect', 'claude-desktop', '--role', 'viewer')).toMatchObject({ code: 2 });
    expect(await keys()).toEqual([]);
  });

  it('leaves a file that it cannot read alone, and makes no key', async () => {
    await withCursor('{ "mcpServers": { broken');
    expect(await sallyport('connect', 'cursor')).toMatchObject({
      code: 1,
      err: expect.stringContaining('no valid JSON') as string,
    });
    expect(await readFile(cursor(), 'utf8')).toBe('{ "mcpServers": { broken');
    await writeFile(cursor(), '{ "mcpServers": [] }');
    expect(await sallyport('connect', 'cursor')).toMatchObject({
      code: 1,
      err: expect.stringContaining('left as it is') as string,
    });
    expect(await keys()).toEqual([]);
  });

  it('looks into another home on demand', async () => {
    const other = join(home, 'other');
    await mkdir(join(other, '.codex'), { recursive: true });
    await sallyport('connect', 'codex', '--client-home', other);
    expect(await readFile(join(other, '.codex/config.toml'), 'utf8')).toMatch(/^\[mcp_servers\.sallyport\]$/m);
  });
});

describe('import', () => {
  it('adds, keeps what is there, and puts literal secrets away', async () => {
    const token = `ghp_${'0123456789'.repeat(2)}`;
    await withCursor(
      `{ "mcpServers": { "a": { "command": "x", "env": { "GH_TOKEN": "${token}", "P": "$1" } }, "b": { "command": "y", "disabled": true } } }`,
    );
    const config = join(home, '.config/sallyport/config.yaml');
    await writeFile(config, '# servers\nmcpServers:\n  b: { command: other } # mine\n');
    const dry = await sallyport('import', 'cursor', '--dry-run');
    expect([dry.code, dry.out.includes('would add a'), await readFile(config, 'utf8')]).toEqual([
      0,
      true,
      '# servers\nmcpServers:\n  b: { command: other } # mine\n',
    ]);
    expect((await sallyport('import', 'cursor', '--dry-run', '--keep-secrets', '--json')).out).not.toContain(token);
    const { code, out, err } = await sallyport('import', 'cursor', '--json');
    expect(code).toBe(0);
    expect(out + err + dry.out + dry.err).not.toContain(token);
    const text = await readFile(config, 'utf8');
    expect(text).toContain('# servers\n');
    expect(text).toContain('b: { command: other } # mine');
    expect(text).toContain('GH_TOKEN: ${secret:GH_TOKEN}');
    expect(text).toContain('P: $$1');
    expect(text).not.toContain(token);
    expect(JSON.parse(out)).toMatchObject({
      client: 'cursor',
      servers: [
        { name: 'a', action: 'added', secrets: ['GH_TOKEN'] },
        { name: 'b', action: 'kept' },
      ],
    });
    expect((await sallyport('import', 'cursor')).out).toContain('the same  a');
    expect(await readFile(config, 'utf8')).toBe(text);
    expect((await sallyport('config', 'show')).code).toBe(0);
  });

  it('says where it looked, and knows no other clients', async () => {
    expect(await sallyport('import', 'cursor')).toMatchObject({
      code: 1,
      err: expect.stringContaining(cursor()) as string,
    });
    expect(await sallyport('import', 'cursr')).toMatchObject({
      code: 2,
      err: expect.stringContaining('did you mean `cursor`') as string,
    });
    await withCursor();
    expect((await sallyport('import')).out).toContain(`cursor  ${cursor()}`);
  });
});
