/** By what stands for an engine: a script that takes no other arguments than those of a plan. A real one: test/security/sandbox-engine.test.ts. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readdir, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Child, startChild } from '../child.ts';
import { createContainers } from './containers.ts';
import { createDetect } from './detect.ts';
import { planSandbox } from './plan.ts';
import { createSandboxes } from './prepare.ts';
import type { SandboxSpec, Survey } from './spec.ts';

const SURVEY: Survey = { read: [], write: [], hidden: [], revealed: [], laterRun: [], problems: [] };
const INFO = { host: { cgroupControllers: ['memory', 'pids'], security: { seccompEnabled: true, rootless: true } } };

/** A container is a session of its own, which the engine's command only waits for. */
const ENGINE = `#!/bin/sh
here=\${0%/*}
echo "$*" >>"$here/asked"
case "$1 $2" in
  'info '*) cat "$here/info" ;;
  'image '*) [ "$5" = here:1 ] && echo sha256:1 ;;
  'ps '*) ls "$here/containers" ;;
  'rm '*)
    for name; do :; done
    kill -9 -"$(cat "$here/containers/$name")"
    rm "$here/containers/$name"
    ;;
  'run '*)
    while [ $# -gt 0 ] && [ "$1" != sha256:1 ]; do
      case $1 in
        --name) name=$2 ;;
        --entrypoint) program=$2 ;;
        --env-file) grep -q '^HOME=/home/server$' "$2" || exit 125 ;;
      esac
      shift
    done
    shift
    exec 3<&0
    setsid "$program" "$@" <&3 3<&- &
    echo $! >"$here/containers/$name"
    trap 'kill -TERM $!' TERM
    wait $!
    code=$?
    while kill -0 $! 2>/dev/null; do wait $!; code=$?; done
    rm -f "$here/containers/$name"
    exit $code
    ;;
  *) exit 64 ;;
esac
`;

let folder = '';
beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'sallyport-engine-')));
  await writeFile(join(folder, 'podman'), ENGINE);
  await chmod(join(folder, 'podman'), 0o755);
  await writeFile(join(folder, 'info'), JSON.stringify(INFO));
  await mkdir(join(folder, 'containers'));
});
afterEach(() => rm(folder, { recursive: true }));

const containers = (): Promise<readonly string[]> => readdir(join(folder, 'containers'));
const asked = async (): Promise<readonly string[]> =>
  (await readFile(join(folder, 'asked'), 'utf8')).trim().split('\n');

interface Started {
  readonly child: Child;
  readonly lines: readonly string[];
  readonly release: () => Promise<void>;
}

async function start(script: string, more: Partial<SandboxSpec> = {}): Promise<Started> {
  const find = (name: string): Promise<string | undefined> =>
    Promise.resolve(name === 'podman' ? join(folder, name) : name === 'sh' ? '/bin/sh' : undefined);
  const facts = await createDetect({ find, env: {} })({ engine: true });
  const program = { command: '/bin/sh', args: ['-c', script], cwd: '/', env: { TOKEN: 's3cret' }, hidden: [] };
  const plan = planSandbox(
    { level: 'strict', image: 'here:1', ...program, ...more },
    { ...facts, bwrap: undefined },
    SURVEY,
  );
  const groupName = (): string => `sallyport-${process.pid}-one`;
  const launch = await createSandboxes({ folder: join(folder, 'state'), groupName }).prepare(plan);
  const lines: string[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  const child = await startChild({
    ...launch,
    maxLineBytes: 10_000,
    onLine: (line) => {
      lines.push(String(line));
      resolve();
    },
    onOversize: () => undefined,
    onStderr: (text) => lines.push(text),
    onExit: () => resolve(),
  });
  await promise;
  return { child, lines, release: () => launch.release() };
}

describe.skipIf(process.platform !== 'linux')('a container (a session of its own stands for it: needs Linux)', () => {
  it('gets its environment, ends with its server, and leaves nothing', async () => {
    const { child, lines, release } = await start(`printf '["%s"]\\n' "$TOKEN"; cat >/dev/null`);
    expect(lines).toEqual(['["s3cret"]']);
    expect(await containers()).toEqual([`sallyport-${process.pid}-one`]);
    await child.close();
    await release();
    expect(await containers()).toEqual([]);
    expect(await readdir(join(folder, 'state', 'file'))).toEqual([]);
    expect((await asked()).join('\n')).not.toContain('s3cret');
  });

  it('P1-17 is ended by the engine when it does not heed, though its group is not that of the command', async () => {
    const deaf = `trap '' TERM; echo '[1]'; while :; do sleep 1; done`;
    const { child, release } = await start(deaf);
    await child.close();
    expect(await containers()).toEqual([]);
    await release();
  });

  it('P1-17 goes when its command was killed at once', async () => {
    const { child, release } = await start(`echo '[1]'; sleep 600`);
    child.destroy();
    await child.close();
    expect((await containers()).length).toBe(1);
    await release();
    expect(await containers()).toEqual([]);
  });

  it('is swept when its gateway is gone, and no other is', async () => {
    const gone = spawn('/bin/true');
    await once(gone, 'exit');
    const names = [`sallyport-${gone.pid}-left`, `sallyport-${process.pid}-mine`, 'other'];
    for (const name of names) {
      const container = spawn('sleep', ['600'], { detached: true, stdio: 'ignore' });
      await writeFile(join(folder, 'containers', name), String(container.pid));
    }
    const isAlive = (pid: number): boolean => pid === process.pid;
    const engine = {
      name: 'podman',
      argv: [join(folder, 'podman')],
      env: { PATH: '/usr/bin:/bin' },
      rootless: true,
      virtual: false,
      seccomp: true,
      limits: [],
    } as const;
    const created = createContainers({ isAlive, host: 'here' });
    await created.sweep(engine);
    expect(new Set(await containers())).toEqual(new Set(names.slice(1)));
    expect(await asked()).toContain('ps --all --filter label=sallyport.host=here --format {{.Names}}');
    await Promise.all(names.slice(1).map((name) => created.end(engine, name)));
    expect(await containers()).toEqual([]);
  });

  it('SBX-14 is not started without its image', async () => {
    await expect(start('', { image: 'else:1' })).rejects.toThrow(
      'The image "else:1" is not here: podman pull else:1, or',
    );
    expect((await asked()).some((line) => line.startsWith('run'))).toBe(false);
  });
});
