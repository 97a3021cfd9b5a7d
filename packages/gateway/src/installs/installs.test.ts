import { chmod, mkdir, mkdtemp, readdir, readFile, realpath, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ChildCommand } from '@sallyport/client';
import { createReaper } from '@sallyport/host';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  createInstalls,
  installedPackage,
  type InstalledChild,
  type InstallOwner,
  type InstallsOptions,
  type ProgramStatus,
} from './index.ts';

/** Stands in for npm: notes how it was called, and installs what `package` beside it says. */
const NPM = `#!/bin/sh
here=$(dirname "$0")
echo "$@" >>"$here/calls"
env >"$here/env"
cat npmrc >"$here/npmrc"
[ -f "$here/hangs" ] && exec sleep 600
[ -f "$here/fails" ] && { echo "it is not in the registry" >&2; exit 1; }
mkdir -p node_modules/pkg cache
cp "$here/package" node_modules/pkg/package.json
printf '#!/usr/bin/env -S node --no-warnings\\n' >node_modules/pkg/main.js
printf '#!/bin/sh\\n' >node_modules/pkg/tool.sh
echo '{"dependencies":{"pkg":"1"}}' >package.json
echo '{"packages":{"node_modules/pkg":{"integrity":"sha512-good"}}}' >node_modules/.package-lock.json
`;
const DAY_MS = 24 * 60 * 60_000;

let root = '';
let bin = '';
let nowMs = 0;
let caged: InstallOwner[] = [];
let lines: string[] = [];

beforeEach(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), 'sallyport-installs-')));
  bin = join(root, 'bin');
  await mkdir(bin);
  await mkdir(join(root, 'home'));
  for (const name of ['npm', 'npx']) {
    await writeFile(join(bin, name), NPM);
    await chmod(join(bin, name), 0o755);
  }
  await provide({ name: 'pkg', version: '1.2.3', bin: { one: 'main.js' } });
  nowMs = 1;
  caged = [];
  lines = [];
});
afterEach(() => rm(root, { recursive: true, force: true }));

const provide = (manifest: object): Promise<void> => writeFile(join(bin, 'package'), JSON.stringify(manifest));

interface Room {
  prepared(server: string, child: ChildCommand, level?: 'strict' | 'none'): Promise<InstalledChild>;
  status(server: string): ProgramStatus;
  close(): void;
}

function installs(more: Partial<InstallsOptions> = {}): Room {
  const room = createInstalls({
    base: join(root, 'installs'),
    cage: async (owner, child) => {
      caged.push(owner);
      return { ...child, release: async () => undefined };
    },
    env: {
      PATH: '/usr/bin:/bin',
      HOME: join(root, 'home'),
      CANARY: 'x',
      NPM_TOKEN: 't0k',
      npm_config_registry: 'https://r.example',
    },
    locked: () => undefined,
    strict: () => false,
    reaper: createReaper({ log: () => undefined }),
    log: (level, text, detail) => lines.push(`${level} ${text} ${String(detail?.['package'])}`),
    now: () => nowMs,
    ...more,
  });
  return {
    status: (server) => room.status(server),
    close: () => room.close(),
    prepared: (server, wanted, level) =>
      room.prepared(
        { server, settings: { ...(level && { level }), read: ['/r'], write: ['/w'], network: ['x'] } },
        wanted,
      ),
  };
}

const child = (...args: readonly string[]): ChildCommand => {
  return { command: join(bin, 'npx'), args, cwd: root, env: { PATH: '/usr/bin:/bin' } };
};
const calls = async (): Promise<number> =>
  (await readFile(join(bin, 'calls'), 'utf8').catch(() => '')).split('\n').length - 1;

describe('a package that a command would fetch', () => {
  it('is installed once and started by node, with the arguments as they were', async () => {
    const room = installs();
    const wanted = child('-y', 'pkg@1.2.3', '--root', '$(id); `id` "x"');
    const all = await Promise.all([room.prepared('s', wanted), room.prepared('s', wanted)]);
    const again = await installs().prepared('s', wanted);
    const [folder = ''] = again.revealed;
    const main = join(folder, 'node_modules/pkg/main.js');
    expect(again).toMatchObject({
      args: ['--no-warnings', main, '--root', '$(id); `id` "x"'],
      cwd: root,
      env: wanted.env,
    });
    expect(again.command).toMatch(/\/node$/);
    expect(all).toEqual([again, again]);
    expect(await calls()).toBe(1);
    expect(folder.startsWith(join(root, 'installs'))).toBe(true);
    const started = 'info a package is started pkg@1.2.3';
    const once = ['info a package is installed pkg@1.2.3', 'info the package is installed pkg@1.2.3'];
    expect(lines).toEqual([...once, started, started, started]);
  });

  it('is installed without scripts, with the registry of this user and nothing else of this process', async () => {
    await writeFile(join(root, 'home/.npmrc'), '//r.example/:_authToken=${NPM_TOKEN}\nother=${NOT_SET}\n');
    const { revealed } = await installs().prepared('s', child('pkg@1.2.3'));
    const [folder = ''] = revealed;
    const called = await readFile(join(bin, 'calls'), 'utf8');
    expect(called).toContain('--ignore-scripts');
    expect(called).toMatch(/ -- pkg@1\.2\.3\n$/);
    expect(await readFile(join(bin, 'npmrc'), 'utf8')).toContain('_authToken=t0k\nother=${NOT_SET}');
    const env = await readFile(join(bin, 'env'), 'utf8');
    expect(env).toContain('npm_config_registry=https://r.example');
    expect(env).not.toMatch(/CANARY|NPM_TOKEN/);
    expect(caged).toEqual([{ server: 's', settings: { read: [], write: [folder] } }]);
    // Credentials and what was only downloaded do not stay.
    expect((await readdir(folder)).toSorted()).toEqual(['node_modules', 'package.json']);
    expect((await stat(folder)).mode & 0o022).toBe(0);
  });

  it('is one for each server and package', async () => {
    const room = installs();
    const [one, other, newer] = [
      await room.prepared('a', child('pkg@1.2.3')),
      await room.prepared('b', child('pkg@1.2.3')),
      await room.prepared('a', child('pkg@1.2.4')),
    ];
    expect(new Set([one, other, newer].flatMap(({ revealed }) => revealed)).size).toBe(3);
  });

  it('says what it is doing while it does it', async () => {
    const room = installs({
      cage: async ({ server }, spec) => {
        lines.push(String(room.status(server).doing));
        return { ...spec, release: async () => undefined };
      },
    });
    await room.prepared('s', child('pkg@1.2.3'));
    expect(lines).toContain('installing pkg@1.2.3');
    const told = { command: join(bin, 'npx'), package: { spec: 'pkg@1.2.3', version: '1.2.3' } };
    expect(room.status('s')).toEqual(told);
    await writeFile(join(bin, 'fails'), '');
    await expect(room.prepared('s', child('pkg@2.0.0'))).rejects.toThrow('could not be installed');
    expect(room.status('s')).toEqual({ command: join(bin, 'npx') });
    expect(room.status('other')).toEqual({});
  });

  it('says why it failed, leaves nothing, and is tried again', async () => {
    await writeFile(join(bin, 'fails'), '');
    const room = installs();
    const failure = '"pkg@1.2.3" could not be installed (code 1). it is not in the registry';
    await expect(room.prepared('s', child('pkg@1.2.3'))).rejects.toThrow(failure);
    const [place = ''] = await readdir(join(root, 'installs'));
    expect((await readdir(join(root, 'installs', place))).filter((name) => !name.startsWith('lock'))).toEqual([]);
    await rm(join(bin, 'fails'));
    expect((await room.prepared('s', child('pkg@1.2.3'))).revealed).toHaveLength(1);
  });

  it('is not waited for by a gateway that ends', async () => {
    await writeFile(join(bin, 'hangs'), '');
    const room = installs();
    const asked = room.prepared('s', child('pkg@1.2.3'));
    await vi.waitFor(async () => expect(await calls()).toBe(1), { timeout: 20_000 });
    room.close();
    await expect(asked).rejects.toThrow('The gateway does not use it any more.');
    await expect(room.prepared('s', child('pkg@1.2.3'))).rejects.toThrow('does not use it any more');
    expect(await calls()).toBe(1);
    expect(room.status('s')).toEqual({ command: join(bin, 'npx') });
  });

  it('is looked for again after a day when its version moves, and kept when that fails', async () => {
    const room = installs();
    const moving = child('pkg');
    const first = await room.prepared('s', moving);
    nowMs += DAY_MS - 1;
    expect(await room.prepared('s', moving)).toEqual(first);
    nowMs += 1;
    await writeFile(join(bin, 'fails'), '');
    expect(await room.prepared('s', moving)).toEqual(first);
    const moved = { spec: 'pkg', version: '1.2.3', pinned: 'pkg@1.2.3' };
    expect(room.status('s')).toMatchObject({ package: moved });
    expect(lines.at(-2)).toBe('warn the package could not be looked for again: the one of before is used pkg');
    await rm(join(bin, 'fails'));
    const second = await room.prepared('s', moving);
    expect(second.revealed).not.toEqual(first.revealed);
    // Children may still run from the one before.
    expect((await stat(first.revealed[0] ?? '')).isDirectory()).toBe(true);
    nowMs += 100 * DAY_MS;
    await room.prepared('s', child('pkg@1.2.3'));
    nowMs += 100 * DAY_MS;
    const before = await calls();
    await room.prepared('s', child('pkg@1.2.3'));
    expect(await calls()).toBe(before);
  });

  it.each([
    [{ bin: 'main.js' }, [], 'main.js'],
    [{ bin: { pkg: 'main.js', other: 'tool.sh' } }, [], 'main.js'],
    [{ bin: { pkg: 'main.js', other: 'tool.sh' } }, ['other'], 'tool.sh'],
  ])('runs of %j what npm would', async (manifest, program, file) => {
    await provide({ name: '@scope/pkg', ...manifest });
    const { args, command } = await installs().prepared(
      's',
      child('-p', 'pkg@1.2.3', ...(program.length > 0 ? program : ['pkg'])),
    );
    expect([command, ...args].at(-1)).toMatch(new RegExp(`/node_modules/pkg/${file}$`));
  });

  it.each([
    [{ bin: { a: 'main.js', b: 'tool.sh' } }, 'does not say which program to run: it has a, b'],
    [{}, 'it has none'],
    [{ bin: '../../../../bin/npm' }, 'outside'],
    [{ bin: '/bin/sh' }, 'absolute'],
  ])('is refused when it offers %j', async (manifest, message) => {
    await provide({ name: 'pkg', ...manifest });
    await expect(installs().prepared('s', child('pkg@1.2.3'))).rejects.toThrow(message);
  });
});

/** Stands in for uv. */
const UV = `#!/bin/sh
here=$(dirname "$0")
echo "$@" >>"$here/calls"
env >"$here/env"
mkdir -p "$UV_TOOL_BIN_DIR" "$UV_CACHE_DIR" "$UV_TOOL_DIR/my-tool/lib/python3.11/site-packages/My_Tool-1.2.dist-info"
printf '#!/bin/sh\\n' >"$UV_TOOL_BIN_DIR/my-tool"
`;

describe('a package of Python that a command would fetch', () => {
  beforeEach(async () => {
    for (const name of ['uv', 'uvx']) {
      await writeFile(join(bin, name), UV);
      await chmod(join(bin, name), 0o755);
    }
  });
  const python = (...args: readonly string[]): ChildCommand => ({ ...child(...args), command: join(bin, 'uvx') });

  it('is installed from wheels alone and started by its own program', async () => {
    const room = installs({ env: { PATH: '/usr/bin:/bin', CANARY: 'x', UV_DEFAULT_INDEX: 'https://i.example' } });
    const { args, command, revealed } = await room.prepared('s', python('my-tool', '--x', '$y'));
    const [folder = ''] = revealed;
    expect([command, ...args]).toEqual([join(folder, 'bin/my-tool'), '--x', '$y']);
    expect(await readFile(join(bin, 'calls'), 'utf8')).toMatch(/^tool install .*--no-build -- my-tool\n$/);
    expect(await readFile(join(bin, 'env'), 'utf8')).toContain('UV_DEFAULT_INDEX=https://i.example');
    expect(await readFile(join(bin, 'env'), 'utf8')).not.toContain('CANARY');
    expect((await readdir(folder)).toSorted()).toEqual(['bin', 'tools']);
    expect(room.status('s').package).toEqual({ spec: 'my-tool', version: '1.2', pinned: 'my-tool==1.2' });
  });

  it('is refused when it has no such program, or uv is not there', async () => {
    const other = installs().prepared('s', python('--from', 'my-tool', 'other'));
    await expect(other).rejects.toThrow('has no program "other": it has my-tool');
    await rm(join(bin, 'uv'));
    const lost = { ...python('else'), env: { PATH: '/none' } };
    await expect(installs().prepared('s', lost)).rejects.toThrow('uv was not found');
  });
});

describe('a command that is left as it is', () => {
  it.each([
    ['node', ['server.js']],
    ['npx', ['./here']],
    ['npx', ['--registry', 'https://x.example', 'pkg@1.2.3']],
    ['npx', ['-p', 'pkg@1.2.3', '-p', 'more', 'pkg']],
    ['bunx', ['pkg@1.2.3']],
  ])('%s %j', async (name, args) => {
    const same = { ...child(...args), command: join(bin, name) };
    expect(await installs().prepared('s', same)).toEqual({ ...same, revealed: [] });
    expect(await calls()).toBe(0);
  });

  it('is one without a version that the project has, and any where nothing can be kept', async () => {
    await mkdir(join(root, 'node_modules/pkg'), { recursive: true });
    const below = { ...child('pkg'), cwd: join(root, 'home') };
    expect(await installs().prepared('s', below)).toEqual({ ...below, revealed: [] });
    expect((await installs().prepared('s', { ...child('pkg@1.2.3'), cwd: below.cwd })).revealed).toHaveLength(1);
    const kept = installs({ base: undefined });
    expect(await kept.prepared('s', child('pkg@1.2.3'))).toEqual({ ...child('pkg@1.2.3'), revealed: [] });
  });
});

describe('the level of an install', () => {
  it("is standard for strict, for it needs a network, and none is the runner's own way", async () => {
    await installs().prepared('s', child('pkg@1.2.3'), 'strict');
    expect(caged).toMatchObject([{ settings: { level: 'standard' } }]);
    expect((await installs().prepared('s', child('pkg@1.2.3'), 'none')).revealed).toEqual([]);
  });
});

describe('P1-21 strict', () => {
  it('refuses a program that others may replace', async () => {
    const loose = { ...child(), command: join(bin, 'npm') };
    const strict = installs({ strict: () => true });
    expect(await strict.prepared('s', loose)).toMatchObject(loose);
    await chmod(join(bin, 'npm'), 0o757);
    await expect(strict.prepared('s', loose)).rejects.toThrow(/world-writable\. Under `strict` it is not run/);
    expect(await installs().prepared('s', loose)).toMatchObject(loose);
  });
});

describe('a package whose version is locked', () => {
  const locked = { spec: 'pkg', version: '1.2.3', integrity: 'sha512-good' };
  const env = { PATH: '/usr/bin:/bin', HOME: '/nowhere' };

  it.each([[['-y', 'pkg']], [['-y', '--package=pkg', 'one']]])(
    'is fetched in that version, which moves no more: %j',
    async (args) => {
      const room = installs({ locked: () => locked });
      await room.prepared('s', child(...args));
      expect(await readFile(join(bin, 'calls'), 'utf8')).toContain('-- pkg@1.2.3\n');
      nowMs += 10 * DAY_MS;
      await room.prepared('s', child(...args));
      expect(await calls()).toBe(1);
      room.close();
    },
  );

  it('is not started when it is another under the same version', async () => {
    const room = installs({ locked: () => ({ ...locked, integrity: 'sha512-other' }) });
    await expect(room.prepared('s', child('pkg'))).rejects.toThrow(
      /not the package that sallyport\.lock has.*sha512-good/,
    );
    room.close();
  });

  it('is fetched in that version by its own runner, where nothing is installed apart', async () => {
    const room = installs({ locked: () => locked });
    expect((await room.prepared('s', child('-y', 'pkg', 'pkg'), 'none')).args).toEqual(['-y', 'pkg@1.2.3', 'pkg']);
    room.close();
  });

  it('is another one when the configuration names another', async () => {
    const room = installs({ locked: () => ({ ...locked, spec: 'pkg@1' }) });
    await room.prepared('s', child('pkg'));
    expect(await readFile(join(bin, 'calls'), 'utf8')).toContain('-- pkg\n');
    room.close();
  });

  it('is what was installed, when it is written down', async () => {
    const base = join(root, 'installs');
    const find = (): Promise<unknown> => installedPackage('s', child('pkg'), { base, env, now: () => nowMs });
    expect(await find()).toBeUndefined();
    const room = installs();
    await room.prepared('s', child('pkg'));
    expect(await find()).toEqual(locked);
    room.close();
  });
});
