import { spawnSync } from 'node:child_process';
import { lstat, mkdir, mkdtemp, readdir, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createSandboxes, type Sandboxes, SandboxError } from './prepare.ts';
import type { GuardedPath, SandboxPlan } from './spec.ts';

let folder = '';
let sandboxes: Sandboxes;

beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'sallyport-prepare-')));
  sandboxes = createSandboxes({ folder: join(folder, 'filters'), groupName: () => 'one' });
  await mkdir(join(folder, 'group'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function planned(more: Partial<SandboxPlan>): SandboxPlan {
  return {
    level: 'limited',
    driver: 'setpriv',
    missing: [],
    gaps: [],
    command: '/bin/sh',
    args: ['-c', 'echo "$0 $1"; readlink /proc/self/fd/3', 'a b', '$c'],
    env: { PATH: '/usr/bin:/bin' },
    cwd: '/',
    filter: undefined,
    network: undefined,
    cgroup: undefined,
    limits: {},
    user: undefined,
    guarded: [],
    container: undefined,
    shell: '/bin/sh',
    ...more,
  };
}

async function run(plan: SandboxPlan): Promise<{ readonly stdout: string; readonly status: number | null }> {
  const { command, args, env, cwd } = await sandboxes.prepare(plan);
  return spawnSync(command, args, { env, cwd, encoding: 'utf8' });
}

const inGroup = (parent: string): Pick<SandboxPlan, 'cgroup'> => ({
  cgroup: { facts: { version: 2, parents: { pids: join(folder, parent) } }, limits: { processes: 9 } },
});

describe('prepare', () => {
  it('SBX-14 refuses a plan that lacks a layer', async () => {
    const missing = [{ layer: 'files' as const, why: 'bubblewrap was not found.', remedy: 'Install it.' }];
    await expect(sandboxes.prepare(planned({ level: 'strict', missing }))).rejects.toThrow(SandboxError);
    await expect(sandboxes.prepare(planned({ missing }))).rejects.toThrow('bubblewrap was not found. Install it.');
  });

  it('starts the command with its arguments as they are', async () => {
    expect(await run(planned({}))).toMatchObject({ stdout: 'a b $c\n', status: 1 });
  });

  it('leaves the command of a plan without a sandbox as it is', async () => {
    expect(await sandboxes.prepare(planned({ level: 'none' }))).toMatchObject({
      command: '/bin/sh',
      args: planned({}).args,
    });
  });

  it.skipIf(process.platform !== 'linux')(
    'hands the filter over as descriptor 3, from a private file (needs Linux)',
    async () => {
      const filter = new Uint8Array([1, 2, 3]);
      const { stdout } = await run(planned({ level: 'strict', filter }));
      const path = stdout.split('\n')[1] ?? '';
      expect(path.startsWith(join(folder, 'filters/seccomp-'))).toBe(true);
      expect(new Uint8Array(await readFile(path))).toEqual(filter);
      expect((await lstat(path)).mode & 0o777).toBe(0o600);
    },
  );

  it('joins the control group before the command runs', async () => {
    const { stdout } = await run(planned({ ...inGroup('group'), args: ['-c', 'echo $$'] }));
    expect(await readFile(join(folder, 'group/one/cgroup.procs'), 'utf8')).toBe(stdout);
    expect(await readFile(join(folder, 'group/one/pids.max'), 'utf8')).toBe('9');
  });

  it('does not start what cannot be limited', async () => {
    await expect(sandboxes.prepare(planned(inGroup('missing')))).rejects.toThrow(
      'The limits were not taken by the system: ENOENT',
    );
    const launch = await sandboxes.prepare(planned({ ...inGroup('group'), args: ['-c', 'echo started'] }));
    await mkdir(join(folder, 'group/one/cgroup.procs'));
    const { stdout, status } = spawnSync(launch.command, launch.args, { env: launch.env, encoding: 'utf8' });
    expect([stdout, status]).toEqual(['', 126]);
  });
});

describe('release', () => {
  const guarded = (name: string, kind: GuardedPath['kind']): GuardedPath => ({
    path: join(folder, name),
    kind,
    exists: false,
  });
  const entries = async (): Promise<readonly string[]> =>
    (await readdir(folder)).filter((name) => name.startsWith('.'));

  it('removes what was put in the place of later-run files', async () => {
    const launch = await sandboxes.prepare(
      planned({ guarded: [guarded('.git', 'folder'), guarded('.mcp.json', 'file')] }),
    );
    expect(await entries()).toEqual(['.git', '.mcp.json']);
    await launch.release();
    await launch.release();
    expect(await entries()).toEqual([]);
  });

  it('leaves what somebody has filled or another child still guards', async () => {
    const first = await sandboxes.prepare(
      planned({ guarded: [guarded('.git', 'folder'), guarded('.mcp.json', 'file'), guarded('.envrc', 'file')] }),
    );
    const second = await sandboxes.prepare(planned({ guarded: [{ ...guarded('.envrc', 'file'), exists: true }] }));
    await mkdir(join(folder, '.git/objects'));
    await writeFile(join(folder, '.mcp.json'), '{}');
    await first.release();
    expect(await entries()).toEqual(['.envrc', '.git', '.mcp.json']);
    await second.release();
    expect(await entries()).toEqual(['.git', '.mcp.json']);
  });

  it('never touches what was there', async () => {
    await writeFile(join(folder, '.envrc'), '');
    const launch = await sandboxes.prepare(planned({ guarded: [guarded('.envrc', 'file')] }));
    await launch.release();
    expect(await readFile(join(folder, '.envrc'), 'utf8')).toBe('');
  });
});
