import { describe, expect, it } from 'vitest';
import { describeSandbox } from './describe.ts';
import { findEngine } from './engine.ts';
import { planSandbox } from './plan.ts';
import { AT_START, type EngineFacts, type SandboxFacts, type SandboxSpec, type SeenPath, type Survey } from './spec.ts';

const ENGINE: EngineFacts = {
  name: 'podman',
  argv: ['/usr/bin/podman'],
  env: { PATH: '/usr/bin', HOME: '/home/me' },
  rootless: false,
  virtual: false,
  seccomp: true,
  limits: ['memory', 'cpu', 'processes'],
};
const FACTS = {
  platform: 'linux',
  arch: 'x64',
  user: { uid: 1000, gid: 1000 },
  shell: '/bin/bash',
  shellCloses: true,
  ceilings: {},
  engine: ENGINE,
} as unknown as SandboxFacts;
const SPEC: SandboxSpec = {
  level: 'strict',
  command: '/usr/bin/node',
  args: ['server.mjs'],
  cwd: '/srv',
  env: { PATH: '/usr/bin', TOKEN: 'line one\nline two', HTTP_PROXY: 'http://u:p@proxy', LD_PRELOAD: '/x.so' },
  hidden: [],
};
const SURVEY: Survey = { read: [], write: [], hidden: [], revealed: [], laterRun: [], problems: [] };

const at = (path: string, kind: SeenPath['kind'] = 'folder', real = path): SeenPath => ({ path, real, kind });
const plan = (
  spec: Partial<SandboxSpec> = {},
  engine: Partial<EngineFacts> = {},
  survey: Partial<Survey> = {},
  facts: Partial<SandboxFacts> = {},
) =>
  planSandbox({ ...SPEC, ...spec }, { ...FACTS, engine: { ...ENGINE, ...engine }, ...facts }, { ...SURVEY, ...survey });
const layers = (...args: Parameters<typeof plan>): readonly string[] => plan(...args).missing.map(({ layer }) => layer);
const mounts = (args: readonly string[]): readonly string[] =>
  args.flatMap((arg, index) => (arg === '--mount' ? [args[index + 1] ?? ''] : []));

describe('the plan of a container', () => {
  it('SBX-14 is the whole cage on one command line, without a value of the environment', () => {
    const { args, command, driver, env, file, level, limits } = plan({ cpuPercent: 150 });
    expect([level, driver, command]).toEqual(['strict', 'podman', '/usr/bin/podman']);
    expect(args).toEqual([
      ...`run --rm --interactive --init --pull never --name ${AT_START.name} --label ${AT_START.label}`.split(' '),
      ...'--read-only --cap-drop ALL --security-opt no-new-privileges --ipc private --cgroupns private'.split(' '),
      ...'--read-only-tmpfs=false --image-volume=ignore --http-proxy=false --no-healthcheck --user 1000:1000'.split(
        ' ',
      ),
      ...'--memory 2147483648 --memory-swap 2147483648 --cpus 1.5 --pids-limit 256'.split(' '),
      ...'--ulimit core=0:0 --ulimit nofile=4096:4096 --network none --shm-size 268435456'.split(' '),
      ...'--tmpfs /tmp:rw,exec,nosuid,nodev,size=268435456,mode=1777,notmpcopyup'.split(' '),
      ...'--tmpfs /home/server:rw,exec,nosuid,nodev,size=268435456,mode=1777,notmpcopyup'.split(' '),
      ...`--env TOKEN --env-file ${AT_START.file} --entrypoint node ${AT_START.image} server.mjs`.split(' '),
    ]);
    // The engine's own command must not go by what is meant for the server.
    expect(env).toEqual({ TOKEN: 'line one\nline two', PATH: '/usr/bin', HOME: '/home/me' });
    expect(file).toBe('HTTP_PROXY=http://u:p@proxy\nLD_PRELOAD=/x.so\nHOME=/home/server\nTMPDIR=/tmp\n');
    expect(limits).toEqual({ memory: 'podman', cpu: 'podman', processes: 'podman' });
  });

  it('leads Docker to the engine that was found, and knows what only Podman takes', () => {
    const argv = ['/usr/bin/docker', '--config', '/var/empty', '--host', 'unix:///run/docker.sock'];
    const { args, command } = plan({}, { name: 'docker', argv });
    expect([command, ...args.slice(0, 5)]).toEqual([...argv, 'run']);
    expect(args.join(' ')).not.toMatch(/http-proxy|image-volume|notmpcopyup/);
  });

  it('SBX-01 binds what is given, covers what is hidden and keeps what is run later', () => {
    const file = { path: '/w/.git/config', kind: 'file', exists: true } as const;
    const folder = { path: '/w/a/.vscode', kind: 'folder', exists: false } as const;
    const { args, guarded } = plan(
      { cwd: '/w/a' },
      {},
      {
        read: [at('/r,1')],
        write: [at('/w')],
        hidden: [
          { path: '/w/state', kind: 'folder', exists: true },
          { path: '/r,1/key', kind: 'file', exists: true },
        ],
        laterRun: [file, folder],
      },
    );
    expect(mounts(args)).toEqual([
      'type=bind,"src=/r,1","dst=/r,1",readonly',
      'type=bind,src=/w,dst=/w',
      'type=bind,src=/w/.git,dst=/w/.git',
      'type=bind,src=/w/a,dst=/w/a',
      'type=bind,src=/w/.git/config,dst=/w/.git/config,readonly',
      `type=bind,src=${AT_START.empty},dst=/w/a/.vscode,readonly`,
      `type=bind,src=${AT_START.empty},dst=/w/state,readonly`,
      'type=bind,src=/dev/null,"dst=/r,1/key",readonly',
    ]);
    expect(args.join(' ')).toContain('--workdir /w/a ');
    expect(guarded).toEqual([file, folder]);
  });

  it('does not give a link, which the container does not have, and says so', () => {
    const { args, gaps } = plan({}, {}, { read: [at('/home/me/link', 'folder', '/data')] });
    expect(mounts(args)).toEqual(['type=bind,src=/data,dst=/data,readonly']);
    expect(gaps).toContain('"/home/me/link" is a link, which the container does not have: write "/data".');
  });

  it('starts a program of the user by its own path, and a launcher by its name', () => {
    const own = plan({ command: '/home/me/server', image: 'mine' }, {}, { read: [at('/home/me/server', 'file')] });
    expect(own.args.join(' ')).toContain(`--entrypoint /home/me/server ${AT_START.image} `);
    expect(mounts(own.args)).toEqual(['type=bind,src=/home/me/server,dst=/home/me/server,readonly']);
    const nvm = plan({ command: '/home/me/.nvm/bin/node' }, {}, { read: [at('/home/me/.nvm/bin/node', 'file')] });
    expect(mounts(nvm.args)).toEqual([]);
  });

  it('reaches named hosts by the relay of the image alone', () => {
    const { args, file, network } = plan({ network: ['a.test'], proxy: '/run/p' });
    expect(network).toEqual(['a.test']);
    expect(args.join(' ')).toContain('--network none ');
    expect(mounts(args)).toEqual(['type=bind,src=/run/p,dst=/run/sallyport/proxy,readonly']);
    expect(args.join(' ')).toContain(`--entrypoint /bin/sh ${AT_START.image} -c `);
    expect(args.slice(-2)).toEqual(['node', 'server.mjs']);
    expect(file).toContain('HTTPS_PROXY=http://127.0.0.1:3128\n');
  });

  it('is of root as nobody, of a user’s own engine as that user', () => {
    const user = (...args: Parameters<typeof plan>): string =>
      / --user (\S+)/.exec(plan(...args).args.join(' '))?.[1] ?? '';
    const root = { user: { uid: 0, gid: 0 } };
    expect(user({}, {}, {}, root)).toBe('65534:65534');
    expect(user({ user: { uid: 7, gid: 7 } }, {}, {}, root)).toBe('7:7');
    expect(plan({}, { rootless: true }).args.join(' ')).toContain('--userns keep-id --user 1000:1000');
    expect(user({}, { rootless: true, name: 'docker' })).toBe('0:0');
    expect(plan({}, {}, {}, { ...root, ceilings: { nproc: 100 } }).args.join(' ')).toContain('--ulimit nproc=100:100');
  });
});

describe('which driver a level gets', () => {
  const works = { bwrap: { path: '/usr/bin/bwrap', version: [0, 8] } } as const;

  it('is an engine only for a level that is written, where bubblewrap is not there, or for an image', () => {
    expect(plan().driver).toBe('podman');
    expect(plan({}, {}, {}, works).driver).toBe('bubblewrap');
    expect(plan({ image: 'mine' }, {}, {}, works)).toMatchObject({ driver: 'podman', image: 'mine' });
    const { level: _level, ...unwritten } = SPEC;
    const facts = { ...FACTS, setpriv: '/s', prlimit: '/p' };
    expect(planSandbox(unwritten, facts, SURVEY)).toMatchObject({ level: 'limited', driver: 'setpriv' });
    expect(planSandbox({ ...unwritten, image: 'mine' }, facts, SURVEY)).toMatchObject({
      level: 'standard',
      driver: 'podman',
    });
  });

  it('is told in words', () => {
    const { summary } = describeSandbox(plan());
    expect(summary).toMatch(
      /^strict: in a container of podman \(docker\.io\/library\/node:24-slim\), seccomp, memory by podman/,
    );
  });
});

describe('what a container cannot keep', () => {
  it('SBX-14 is missing where it was asked for', () => {
    const noEngine = { engine: undefined, engineFailure: 'docker: no daemon' };
    expect(plan({ image: 'mine' }, {}, {}, noEngine).missing).toMatchObject([
      { why: 'No container engine: docker: no daemon.' },
    ]);
    expect(layers({ command: '/usr/bin/tool', image: 'mine' })).toEqual([]);
    expect(layers({}, { seccomp: false })).toEqual(['seccomp']);
    expect(layers({ memoryBytes: 1, processes: 1 }, { limits: ['cpu'] })).toEqual(['memory', 'processes']);
    expect(layers({ level: 'standard' }, { virtual: true })).toEqual(['network']);
    expect(layers({ network: ['a.test'], proxy: '/p' }, { virtual: true })).toEqual(['network']);
    expect(layers({ network: ['a.test'] })).toEqual(['network']);
    expect(layers({ user: { uid: 7, gid: 7 } })).toEqual(['user']);
    expect(layers({ env: { HTTP_PROXY: 'a\nb' } })).toEqual(['environment']);
    expect(layers({ level: 'limited', image: 'mine' }, {}, {}, { setpriv: '/s', prlimit: '/p' })).toEqual(['image']);
    const within = { write: [at('/w')], hidden: [{ path: '/w/state', kind: 'folder', exists: true }] as const };
    expect(layers({}, {}, { ...within, revealed: ['/w/state/package'] })).toEqual(['paths']);
    expect(layers({}, {}, { problems: ['"/x" does not exist.'] })).toEqual(['paths']);
  });

  it('is a gap where it was not', () => {
    const gaps = plan({ level: 'standard' }, { name: 'docker', limits: ['memory', 'cpu'] }).gaps.join(' ');
    expect(gaps).toContain('docker cannot limit the processes of a server here.');
    expect(gaps).toContain('no user namespace of its own');
    expect(gaps).toContain('what listens on all addresses of this machine');
    expect(plan({}, { rootless: true }).gaps).toEqual([]);
  });
});

describe('findEngine', () => {
  const info = {
    host: {
      serviceIsRemote: false,
      cgroupControllers: ['memory', 'pids'],
      security: { rootless: true, seccompEnabled: true },
    },
  };
  const docker = {
    OSType: 'linux',
    SecurityOptions: ['name=seccomp,profile=builtin', 'name=rootless'],
    MemoryLimit: true,
    PidsLimit: true,
  };
  const find = (name: string): Promise<string> => Promise.resolve(`/usr/bin/${name}`);
  const ask = (answers: Readonly<Record<string, unknown>>, env: Readonly<Record<string, string>> = {}) => {
    const asked: string[] = [];
    const run = (command: string, args: readonly string[]): Promise<string> => {
      const line = [command.slice('/usr/bin/'.length), ...args].join(' ');
      asked.push(line);
      const answer = Object.entries(answers).find(([begin]) => line.startsWith(begin))?.[1];
      return answer === undefined
        ? Promise.reject(new Error('does not run.\n'))
        : Promise.resolve(typeof answer === 'string' ? answer : JSON.stringify(answer));
    };
    return findEngine({ run, find, env: { HOME: '/home/me', SECRET: 's', ...env }, platform: 'linux' }).then(
      (found) => ({ ...found, asked }),
    );
  };

  it('takes Podman, with what it can enforce, and gives it nothing of the environment but its own', async () => {
    const { engine } = await ask({ 'podman info': info });
    expect(engine).toMatchObject({
      name: 'podman',
      argv: ['/usr/bin/podman'],
      rootless: true,
      seccomp: true,
      virtual: false,
      limits: ['memory', 'processes'],
    });
    expect(Object.keys(engine?.env ?? {})).toEqual(['PATH', 'HOME']);
  });

  it('takes Docker where Podman does not run, by the socket of its context', async () => {
    const { asked, engine } = await ask({
      'docker context': 'unix:///run/user/1/docker.sock\n',
      'docker --config': docker,
    });
    expect(engine).toMatchObject({ name: 'docker', rootless: true, seccomp: true, limits: ['memory', 'processes'] });
    expect(engine?.argv).toEqual([
      '/usr/bin/docker',
      '--config',
      '/var/empty',
      '--host',
      'unix:///run/user/1/docker.sock',
    ]);
    expect(asked.at(-1)).toContain('--host unix:///run/user/1/docker.sock info');
  });

  it('SBX-14 takes none on another machine, without a filter of system calls it says so, and tells why none answers', async () => {
    const remote = await ask(
      { 'podman info': { host: { ...info.host, serviceIsRemote: true } }, 'docker --config': docker },
      { DOCKER_HOST: 'ssh://there' },
    );
    expect(remote).toMatchObject({
      engine: undefined,
      engineFailure: 'podman: its service is on another machine; docker: its service is on another machine',
    });
    const open = await ask(
      { 'docker --config': { ...docker, SecurityOptions: ['name=seccomp,profile=unconfined'] } },
      { DOCKER_HOST: 'unix:///d' },
    );
    expect(open.engine?.seccomp).toBe(false);
    expect(await ask({})).toMatchObject({ engineFailure: 'podman: does not run; docker: does not run' });
  });
});
