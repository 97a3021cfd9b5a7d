import { describe, expect, it } from 'vitest';
import { describeSandbox } from './describe.ts';
import { planSandbox } from './plan.ts';
import type { EngineFacts, SandboxFacts, SandboxSpec, Survey } from './spec.ts';

const FACTS: SandboxFacts = {
  platform: 'linux',
  arch: 'x64',
  user: { uid: 1000, gid: 1000 },
  bwrap: { path: '/usr/bin/bwrap', version: [0, 8] },
  bwrapFailure: undefined,
  pasta: { path: '/usr/bin/pasta', version: [0, 0] },
  pastaFailure: undefined,
  setpriv: '/usr/bin/setpriv',
  setprivFailure: undefined,
  prlimit: '/usr/bin/prlimit',
  env: '/usr/bin/env',
  shell: '/usr/bin/bash',
  shellCloses: true,
  perl: '/usr/bin/perl',
  node: '/opt/node/bin/node',
  systemdRun: undefined,
  engine: undefined,
  engineFailure: undefined,
  seatbelt: undefined,
  seatbeltFailure: undefined,
  srt: undefined,
  cgroup: { version: 2, parents: { memory: '/sys/fs/cgroup/s', pids: '/sys/fs/cgroup/s', cpu: '/sys/fs/cgroup/s' } },
  ceilings: {},
  container: undefined,
};
const ENGINE: EngineFacts = {
  name: 'podman',
  argv: ['/usr/bin/podman'],
  env: {},
  rootless: false,
  virtual: false,
  seccomp: true,
  limits: ['memory', 'cpu', 'processes'],
};
const SPEC: SandboxSpec = {
  command: '/usr/bin/tool',
  args: ['--flag'],
  cwd: '/srv',
  env: { PATH: '/usr/bin' },
  hidden: [],
};
const SURVEY: Survey = { read: [], write: [], hidden: [], revealed: [], laterRun: [], problems: [] };
const ROOT = { uid: 0, gid: 0 };

const plan = (spec: Partial<SandboxSpec> = {}, facts: Partial<SandboxFacts> = {}, survey: Partial<Survey> = {}) =>
  planSandbox({ ...SPEC, ...spec }, { ...FACTS, ...facts }, { ...SURVEY, ...survey });
const layers = (...args: Parameters<typeof plan>): readonly string[] => plan(...args).missing.map(({ layer }) => layer);
/** The options of bubblewrap with one value, in their order. */
const pairs = (args: readonly string[], option: string): readonly string[] =>
  args.flatMap((arg, index) => (arg === option ? [args[index + 1] ?? ''] : []));

describe('the level in force', () => {
  it('is standard when none is written and the machine has all of it', () => {
    expect(plan()).toMatchObject({ level: 'standard', missing: [] });
  });

  it('is limited when a layer of standard is not there, and says which', () => {
    const weaker = plan({}, { bwrap: undefined });
    expect(weaker).toMatchObject({ level: 'limited', missing: [] });
    expect(weaker.gaps.join(' ')).toContain('Not "standard": bubblewrap was not found. Install bubblewrap');
    expect(plan({}, { pastaFailure: 'no /dev/net/tun' }).gaps.join(' ')).toContain('no /dev/net/tun');
  });

  it('is none where nothing is built', () => {
    expect(plan({}, { platform: 'darwin', setpriv: undefined, cgroup: undefined, prlimit: undefined })).toMatchObject({
      level: 'none',
    });
  });

  it('SBX-14 does not fall below what is written: the layer is missing', () => {
    expect(layers({ level: 'strict' }, { bwrap: undefined })).toEqual(['files']);
    expect(layers({ level: 'strict' }, { bwrap: { path: '/usr/bin/bwrap', version: [0, 3] } })).toEqual(['files']);
    expect(layers({ level: 'strict' }, { bwrapFailure: 'No permissions to create new namespace' })).toEqual(['files']);
    expect(layers({ level: 'strict' }, { arch: undefined })).toEqual(['seccomp']);
    expect(layers({ level: 'strict' }, { user: ROOT, setpriv: undefined })).toEqual(['user']);
    expect(layers({ level: 'standard' }, { pasta: undefined })).toEqual(['network']);
    expect(layers({ level: 'limited' }, { setpriv: undefined })).toEqual(['user']);
    expect(layers({ level: 'limited' }, { prlimit: undefined })).toEqual(['memory']);
    expect(layers({ level: 'strict' }, { platform: 'win32' })).toEqual(['platform']);
    expect(layers({ level: 'strict' }, {}, { problems: ['"/x" does not exist.'] })).toEqual(['paths']);
  });

  it('does not fall for a path, which a server could have spoilt', () => {
    const problems = ['"/srv/.claude" is a symbolic link.'];
    expect(plan({}, {}, { problems })).toMatchObject({ level: 'standard', missing: [{ layer: 'paths' }] });
    expect(plan({}, { bwrap: undefined }, { problems })).toMatchObject({ level: 'limited', missing: [] });
    expect(plan({}, {}, { notes: ['Less.'] }).gaps).toContain('Less.');
  });

  it('refuses what the level cannot give, or not to this user', () => {
    const network = ['api.example.com'];
    expect(layers({ level: 'strict', network })).toEqual(['network']);
    expect(layers({ level: 'strict', network, proxy: '/p' }, { env: undefined })).toEqual(['network']);
    expect(layers({ level: 'limited', network, proxy: '/p' })).toEqual(['network']);
    expect(layers({ level: 'none', network: [] })).toEqual(['network']);
    expect(plan({ network, proxy: '/p' }, { bwrap: undefined })).toMatchObject({
      level: 'standard',
      missing: [{ layer: 'files' }],
    });
    expect(layers({ level: 'strict', user: { uid: 7, gid: 7 } })).toEqual(['user']);
    expect(layers({ level: 'none', user: { uid: 7, gid: 7 } }, { user: ROOT })).toEqual(['user']);
    expect(layers({ level: 'standard', user: ROOT }, { user: ROOT })).toEqual(['network']);
    expect(plan({ user: { uid: 7, gid: 7 } })).toMatchObject({ level: 'standard', missing: [{ layer: 'user' }] });
  });

  it('says what would do where bubblewrap is not there and an engine is', () => {
    const remedy = (spec: Partial<SandboxSpec>): string | undefined =>
      plan(spec, { bwrap: undefined, engine: ENGINE }).missing.find(({ layer }) => layer === 'files')?.remedy;
    expect(remedy({ level: 'strict' })).toContain('Or write an "image" that has "tool" into "sandbox": podman then');
    expect(plan({ command: '/usr/bin/node' }, { bwrap: undefined, engine: ENGINE }).gaps[0]).toContain(
      'Or write the level into "sandbox": podman then makes a container for it.',
    );
    const engineFailure = 'docker: Cannot connect';
    expect(plan({ level: 'strict' }, { bwrap: undefined, engineFailure }).missing[0]?.remedy).toContain(
      'A container engine is there, but does not answer: docker: Cannot connect.',
    );
  });

  it('tells it in words, with what enforces what', () => {
    const { summary, missing } = describeSandbox(plan({ level: 'strict' }, { user: ROOT, container: 'podman' }));
    expect(summary).toBe(
      'strict: bubblewrap, seccomp, as user 65534, memory by control group, processes by control group, inside a container (podman)',
    );
    expect(missing).toEqual([]);
    expect(describeSandbox(plan({ level: 'none' }))).toMatchObject({
      summary: 'none',
      gaps: [expect.stringContaining('No sandbox')],
    });
  });
});

describe('the command line', () => {
  it('leaves a child without a sandbox as it is', () => {
    expect(plan({ level: 'none' })).toMatchObject({
      command: '/usr/bin/tool',
      args: ['--flag'],
      cwd: '/srv',
      env: SPEC.env,
    });
  });

  it('gives away rights under limited, and root itself', () => {
    const { command, args } = plan({ level: 'limited' }, { user: ROOT });
    expect([command, ...args].join(' ')).toBe(
      '/usr/bin/setpriv --reuid=65534 --regid=65534 --clear-groups --no-new-privs --inh-caps=-all --bounding-set=-all ' +
        '--pdeathsig=KILL -- /usr/bin/prlimit --core=0 --nofile=4096 -- /usr/bin/tool --flag',
    );
  });

  it('has no network under strict, and one through pasta under standard', () => {
    expect(plan({ level: 'strict' }).args).toContain('--unshare-net');
    expect(plan({ level: 'strict' }).args).not.toContain('/usr/bin/pasta');
    const { args } = plan({ level: 'standard' });
    expect(args.indexOf('/usr/bin/pasta')).toBeLessThan(args.indexOf('/usr/bin/bwrap'));
    expect(args).toContain('--no-map-gw');
    expect(args).not.toContain('--unshare-net');
    expect(plan({ level: 'standard', network: [] }).args).toContain('--unshare-net');
  });

  it('has no network but the way to the proxy where hosts are named', () => {
    const spec = {
      network: ['api.example.com'],
      proxy: '/proxies/one',
      env: { PATH: '/usr/bin', HTTP_PROXY: 'http://x' },
    };
    for (const level of ['strict', 'standard'] as const) {
      const { args, env, network } = plan({ ...spec, level });
      expect(args).toContain('--unshare-net');
      expect(args).not.toContain('/usr/bin/pasta');
      expect(args.join(' ')).toContain('--ro-bind /proxies/one /run/sallyport/proxy');
      expect(args).not.toContain('/opt/node/bin/node');
      expect(args.slice(-6).join(' ')).toMatch(/socket\([^]*\/usr\/bin\/env -u SHLVL \/usr\/bin\/tool --flag$/);
      expect(env).toMatchObject({ HTTP_PROXY: 'http://127.0.0.1:3128', NODE_USE_ENV_PROXY: '1' });
      expect(network).toEqual(['api.example.com']);
    }
    const exempt = (...hosts: string[]): string | undefined =>
      plan({ ...spec, network: hosts, level: 'strict' }).env['NO_PROXY'];
    expect(exempt('api.example.com')).toBe('localhost,127.0.0.1,::1');
    expect(exempt('127.0.0.1:11434', '::1')).toBe('localhost');
    expect(exempt('localhost', '[::1]:80')).toBe('127.0.0.1');
    const { args } = plan({ ...spec, level: 'strict' }, { perl: undefined });
    expect(args.join(' ')).toContain('--ro-bind /opt/node/bin/node /opt/node/bin/node');
    expect(describeSandbox(plan({ ...spec, level: 'strict' })).summary).toContain('network to api.example.com alone');
    expect(plan({ level: 'strict', network: [], proxy: '/proxies/one' }).args).not.toContain('/proxies/one');
  });

  it('keeps variables of loaders from the programs that build the sandbox', () => {
    const env = { PATH: '/usr/bin', LD_PRELOAD: '/evil.so', BASH_ENV: '/evil.sh', SECRET: 's3cret' };
    const caged = plan({ level: 'strict', env });
    expect(caged.env).toEqual({ PATH: '/usr/bin', SECRET: 's3cret', HOME: '/home/server', TMPDIR: '/tmp' });
    expect(caged.args.join(' ')).toContain('--setenv LD_PRELOAD /evil.so');
    expect(caged.args.join(' ')).not.toContain('s3cret');
    const limited = plan({ level: 'limited', env });
    expect(limited.env).toEqual({ PATH: '/usr/bin', SECRET: 's3cret' });
    expect(limited.args.join(' ')).toContain('/usr/bin/env LD_PRELOAD=/evil.so BASH_ENV=/evil.sh /usr/bin/prlimit');
  });

  it('bounds temporary files where bubblewrap can, and says where it cannot', () => {
    expect(pairs(plan({ level: 'strict' }).args, '--size').length).toBe(3);
    const old = plan({ level: 'strict' }, { bwrap: { path: '/usr/bin/bwrap', version: [0, 6] } });
    expect(pairs(old.args, '--size')).toEqual([]);
    expect(old.gaps.join(' ')).toContain('cannot bound the temporary files');
  });

  it('says when inherited descriptors cannot be closed', () => {
    expect(plan({ level: 'strict' }, { shellCloses: false }).gaps.join(' ')).toContain('install bash');
  });
});

describe('the sight of a child', () => {
  const folder = (real: string, path = real) => ({ path, real, kind: 'folder' as const });

  it('binds outer folders before inner ones, writable where both were said', () => {
    const { args } = plan(
      { level: 'strict' },
      {},
      {
        read: [folder('/data/in'), folder('/data'), folder('/both')],
        write: [folder('/data/in/out'), folder('/both')],
      },
    );
    expect(pairs(args, '--bind')).toEqual(['/both', '/data/in/out']);
    expect(pairs(args, '--ro-bind')).toEqual(['/data']);
    expect(args.indexOf('/data')).toBeLessThan(args.indexOf('/data/in/out'));
  });

  it('keeps a read-only folder inside a writable one', () => {
    const { args } = plan({ level: 'strict' }, {}, { read: [folder('/data/in')], write: [folder('/data')] });
    expect(args.indexOf('/data')).toBeLessThan(args.indexOf('/data/in'));
    expect(pairs(args, '--ro-bind')).toEqual(['/data/in']);
  });

  it('shows a path as it was written by a link to where it is', () => {
    const { args } = plan({ level: 'strict' }, {}, { read: [folder('/real/place', '/written')] });
    expect(args.join(' ')).toContain('--ro-bind /real/place /real/place --symlink /real/place /written');
  });

  it('hides what is hidden and pins the folders on the way to it', () => {
    const hidden = [
      { path: '/data/a/state', kind: 'folder' as const, exists: true },
      { path: '/data/key', kind: 'file' as const, exists: true },
    ];
    const { args } = plan({ level: 'strict' }, {}, { write: [folder('/data')], hidden });
    const line = args.join(' ');
    expect(line).toContain(
      '--bind /data/a /data/a --tmpfs /data/a/state --remount-ro /data/a/state --ro-bind /dev/null /data/key',
    );
    expect(plan({ level: 'strict' }, {}, { hidden }).args.join(' ')).not.toContain('/data');
  });

  it('has an own home under standard only', () => {
    expect(plan({ level: 'standard', home: '/cache/one' }).args.join(' ')).toContain('--bind /cache/one /home/server');
    expect(plan({ level: 'strict', home: '/cache/one' }).args.join(' ')).toContain('--tmpfs /home/server');
  });
});

describe('a HOME that is written', () => {
  const work = { path: '/srv', real: '/real/srv', kind: 'folder' } as const;

  it.each(['/srv', '/srv/home', '/real/srv/home'])('is kept where the server sees it: %s', (writtenHome) => {
    const found = plan({ level: 'standard', writtenHome }, {}, { write: [work] });
    expect([found.env['HOME'], found.gaps]).toEqual([writtenHome, []]);
  });

  it('is said not to be the server’s elsewhere', () => {
    for (const level of ['standard', 'strict'] as const) {
      const found = plan({ level, writtenHome: '/srv-other' }, {}, { write: [work] });
      expect(found.env['HOME']).toBe('/home/server');
      expect(found.gaps).toEqual([expect.stringContaining('HOME of "env", "/srv-other", is not the server\'s')]);
    }
    expect(plan({ level: 'limited', writtenHome: '/x', env: { HOME: '/x' } }).env['HOME']).toBe('/x');
  });
});

describe('a server that is a container', () => {
  const run = (...args: string[]): Partial<SandboxSpec> => ({
    command: '/usr/bin/docker',
    args: ['run', ...args, 'image'],
  });

  it('is left to its engine, and says so', () => {
    const found = plan(run('-i', '--rm'), { user: ROOT });
    expect(found).toMatchObject({ level: 'container', missing: [], gaps: [], user: undefined, filter: undefined });
    expect([found.command, ...found.args]).toEqual(['/usr/bin/docker', 'run', '-i', '--rm', 'image']);
    expect(describeSandbox(found).summary).toBe('container: made by docker');
  });

  it('names what opens it, and refuses that where a level is written', () => {
    expect(plan(run('--privileged'))).toMatchObject({
      level: 'container',
      missing: [],
      gaps: ['"--privileged" opens the container to this machine.'],
    });
    for (const level of ['strict', 'standard', 'limited'] as const) {
      expect(layers({ ...run('--privileged', '--net=host'), level })).toEqual(['files', 'files']);
      expect(layers({ ...run('-i'), level })).toEqual([]);
    }
    expect(plan({ ...run('--privileged'), level: 'none' })).toMatchObject({ level: 'none', missing: [] });
  });

  it('is no written level where something else decides about it', () => {
    const exec = { command: '/usr/bin/docker', args: ['exec', '-i', 'box', 'server'] };
    expect(plan(exec)).toMatchObject({
      level: 'container',
      missing: [],
      gaps: ['What its container may do was said when that was made, and is not looked at.'],
    });
    expect(layers({ ...exec, level: 'standard' })).toEqual(['files']);
    expect(plan({ ...exec, level: 'none' })).toMatchObject({ level: 'none', missing: [] });
  });

  it('requires what is written in its own flags', () => {
    const written = { memoryBytes: 1, cpuPercent: 1, processes: 1, network: ['a.test'], read: ['/data'] };
    expect(layers({ ...run('-i'), ...written })).toEqual(['memory', 'cpu', 'processes', 'network', 'paths']);
    const flags = ['--memory=1g', '--cpus', '1', '--pids-limit=9', '-v', 'data:/data'];
    expect(layers({ ...run(...flags, '--network', 'mine'), ...written })).toEqual(['network']);
    expect(layers({ ...run(...flags, '--network', 'none'), ...written, network: [] })).toEqual([]);
  });
});

describe('limits', () => {
  it('asks for 2 GiB and 256 processes, and for no share of the processor', () => {
    expect(plan({ level: 'strict' }).cgroup?.limits).toEqual({ memoryBytes: 2 ** 31, processes: 256 });
    expect(plan({ level: 'strict', cpuPercent: 50 }).cgroup?.limits).toMatchObject({ cpuPercent: 50 });
  });

  it('uses a scope of systemd where no control group can be made', () => {
    const { command, args, limits } = plan(
      { level: 'strict', cpuPercent: 50 },
      { cgroup: undefined, systemdRun: { path: '/usr/bin/systemd-run' } },
    );
    expect([command, ...args].slice(0, 9).join(' ')).toBe(
      '/usr/bin/systemd-run --scope --quiet --collect --property=MemoryMax=2147483648 --property=MemorySwapMax=0 ' +
        '--property=CPUQuota=50% --property=TasksMax=256 --',
    );
    expect(limits).toEqual({ memory: 'systemd scope', cpu: 'systemd scope', processes: 'systemd scope' });
  });

  it('falls back to limits of processes, inside the user namespace and never above a ceiling', () => {
    const facts = { cgroup: undefined, ceilings: { nofile: 1024, data: 1 << 20, nproc: 100 } };
    const strict = plan({ level: 'strict' }, facts);
    expect(strict.args.join(' ')).toContain(
      '-- /usr/bin/prlimit --core=0 --nofile=1024 --data=1048576 --nproc=100 -- /usr/bin/tool',
    );
    expect(strict.gaps).toEqual([expect.stringContaining('for each process')]);
    const limited = plan({ level: 'limited' }, facts);
    expect(limited.args.join(' ')).not.toContain('--nproc');
    expect(limited.gaps.join(' ')).toContain('Nothing here can limit the processes');
  });

  it('requires a limit that is written', () => {
    const nothing = { cgroup: undefined, prlimit: undefined };
    expect(layers({ level: 'strict' }, nothing)).toEqual([]);
    expect(layers({ level: 'strict', memoryBytes: 1, cpuPercent: 1, processes: 1 }, nothing)).toEqual([
      'memory',
      'cpu',
      'processes',
    ]);
    expect(layers({ level: 'none', cpuPercent: 1 })).toEqual(['cpu']);
    expect(layers({ cpuPercent: 1 }, nothing)).toEqual(['cpu']);
  });
});
