import { assert, constantFrom, property, string } from 'fast-check';
import { chmod, mkdir, mkdtemp, readdir, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startChild } from '../child.ts';
import { describeSandbox } from './describe.ts';
import { createDetect } from './detect.ts';
import { planSandbox } from './plan.ts';
import { createSandboxes } from './prepare.ts';
import { isNameable, LIMITED_PROFILE, probeProfiles, seatbeltProfile, type SeatbeltView } from './seatbelt.ts';
import { AT_START, type SandboxFacts, type SandboxSpec, type Survey } from './spec.ts';

/** Of the language as much as is written here: lists, words and strings. */
type Expression = string | { readonly text: string } | readonly Expression[];

function parsed(profile: string): readonly Expression[] {
  const tokens = profile.match(/[()]|"(?:[^"\\]|\\.)*"|[^\s()"]+/gs) ?? [];
  expect(profile.replaceAll(/[()]|"(?:[^"\\]|\\.)*"|[^\s()"]+/gs, '').trim()).toBe('');
  const left = [...tokens];
  const one = (): Expression => {
    const token = left.shift() ?? '';
    if (token.startsWith('"')) return { text: token.slice(1, -1).replaceAll(/\\(.)/gs, '$1') };
    if (token !== '(') return token;
    const list: Expression[] = [];
    while (left[0] !== ')') list.push(one());
    left.shift();
    return list;
  };
  const all: Expression[] = [];
  while (left.length > 0) all.push(one());
  return all;
}

/** What the rules say about one path, as Seatbelt takes them: the last that applies. */
function verdict(profile: string, operation: string, path: string): string {
  const applies = (filter: Expression): boolean => {
    if (!Array.isArray(filter)) return false;
    const [kind, value] = filter as unknown as readonly [string, { readonly text: string }];
    if (kind === 'literal') return path === value.text;
    return kind === 'subpath' && (path === value.text || path.startsWith(`${value.text}/`));
  };
  const rules = parsed(profile).filter((rule): rule is readonly Expression[] => Array.isArray(rule) && rule.length > 2);
  const names = (word: Expression): boolean =>
    typeof word === 'string' && (word === operation || (word.endsWith('*') && operation.startsWith(word.slice(0, -1))));
  const [action] = rules.findLast((rule) => rule.some(names) && rule.some(applies)) ?? [];
  return action === 'allow' ? 'allow' : 'deny';
}

const VIEW: SeatbeltView = {
  read: ['/Users/me/in'],
  write: ['/Users/me/work'],
  hidden: ['/Users/me/work/sallyport.yaml', '/Users/me/state'],
  revealed: ['/Users/me/state/package'],
  own: ['/Users/me/state/home', '/Users/me/state/scratch'],
  guarded: ['/Users/me/work/.git/hooks', '/Users/me/state/home/.ssh'],
  pinned: ['/Users/me/work/.git'],
  network: 'none',
};

describe('a profile', () => {
  it('SBX-01 lets see and write what it names, and nothing else', () => {
    const profile = seatbeltProfile(VIEW);
    const rows = [
      ['/usr/bin/true', 'allow', 'deny'],
      ['/Users/me/in/a', 'allow', 'deny'],
      ['/Users/me/work/a', 'allow', 'allow'],
      ['/Users/me/work/sallyport.yaml', 'deny', 'deny'],
      ['/Users/me/work/.git/hooks/pre-push', 'allow', 'deny'],
      ['/Users/me/state/tokens', 'deny', 'deny'],
      ['/Users/me/state/package/a', 'allow', 'deny'],
      ['/Users/me/state/home/a', 'allow', 'allow'],
      ['/Users/me/state/home/.ssh/authorized_keys', 'allow', 'deny'],
      ['/Users/me/.ssh/id_ed25519', 'deny', 'deny'],
      ['/Users/me/worker', 'deny', 'deny'],
      ['/private/etc/master.passwd', 'deny', 'deny'],
      ['/usr/local/var/postgres', 'deny', 'deny'],
      ['/', 'allow', 'deny'],
    ] as const;
    const found = rows.map(([path]) => [
      path,
      verdict(profile, 'file-read-data', path),
      verdict(profile, 'file-write-data', path),
    ]);
    expect(found).toEqual(rows.map((row) => [...row]));
    expect(verdict(profile, 'file-write-unlink', '/Users/me/work/.git')).toBe('deny');
    expect(verdict(profile, 'file-write-unlink', '/Users/me/work/other')).toBe('allow');
    expect(verdict(profile, 'file-read-metadata', '/Users/me')).toBe('allow');
    expect(parsed(profile).slice(0, 2)).toEqual([
      ['version', '1'],
      ['deny', 'default'],
    ]);
  });

  it('SBX-05 opens no network, all of it but loopback, or one port', () => {
    const about = (network: SeatbeltView['network']): readonly string[] =>
      seatbeltProfile({ ...VIEW, network })
        .split('\n')
        .filter((line) => line.includes('network'));
    expect(about('none').filter((line) => !line.includes('sysctl'))).toEqual([]);
    expect(about(4711).filter((line) => !line.includes('sysctl'))).toEqual([
      '(allow network-outbound (remote ip4 "localhost:4711"))',
    ]);
    expect(about('open').filter((line) => line.includes('outbound'))).toEqual([
      '(allow network-outbound (remote ip4 "*:*"))',
      '(deny network-outbound (remote ip "localhost:*"))',
      '(allow network-outbound (literal "/private/var/run/mDNSResponder"))',
    ]);
  });

  it('names no service of the keychain, and no facts about other processes', () => {
    const profile = seatbeltProfile({ ...VIEW, network: 'open' });
    expect(profile).not.toMatch(
      /SecurityServer|securityd|kern\.proc|process-info\* *\)|\(allow (?:mach-lookup|sysctl-read|file-read\*|network\*)\)/,
    );
  });

  it('holds every path as it is', () => {
    const unit = constantFrom('"', '\\', '(', ')', ' ', ';', '#', 'a', '\u{1f600}');
    const path = string({ unit, minLength: 1, maxLength: 60 }).map((name) => `/${name}`);
    assert(
      property(path, (read) => {
        expect(parsed(seatbeltProfile({ ...VIEW, read: [read] })).at(-1)).toBeDefined();
        expect(verdict(seatbeltProfile({ ...VIEW, read: [read], hidden: [] }), 'file-read-data', read)).toBe('allow');
      }),
    );
    expect([isNameable('/a\nb'), isNameable(`/${'a'.repeat(1000)}`), isNameable('/ä "b" \\c')]).toEqual([
      false,
      false,
      true,
    ]);
  });
});

const SPEC: SandboxSpec = { command: '/opt/tool', args: [], cwd: '/w', env: {}, hidden: [], home: '/state/home' };
const SURVEY: Survey = { read: [], write: [], hidden: [], revealed: [], laterRun: [], problems: [] };
const MAC = {
  platform: 'darwin',
  user: { uid: 501, gid: 20 },
  shell: '/bin/bash',
  env: '/usr/bin/env',
  ceilings: {},
  seatbelt: '/usr/bin/sandbox-exec',
} as unknown as SandboxFacts;
const ENGINE = {
  name: 'docker',
  argv: ['docker'],
  env: {},
  rootless: false,
  virtual: true,
  seccomp: true,
  limits: [],
} as const;
const plan = (spec: Partial<SandboxSpec> = {}, facts: Partial<SandboxFacts> = {}) =>
  planSandbox({ ...SPEC, ...spec }, { ...MAC, ...facts }, SURVEY);
const layers = (...args: Parameters<typeof plan>): readonly string[] => plan(...args).missing.map(({ layer }) => layer);

describe('the plan on macOS', () => {
  it('is standard by Seatbelt, and names what macOS cannot keep', () => {
    const { env, gaps, level, missing } = plan({ env: { A: 'b', HOME: '/Users/me' } });
    expect([level, missing]).toEqual(['standard', []]);
    expect(env).toEqual({ A: 'b', HOME: '/state/home', TMPDIR: AT_START.scratch });
    expect(gaps.join(' ')).toMatch(
      /cannot limit the memory.*no namespaces and no filter.*outlives.*other addresses of this machine/,
    );
    expect(describeSandbox(plan()).summary).toBe('standard: Seatbelt');
  });

  it('SBX-14 is not what macOS cannot keep', () => {
    expect(layers({ level: 'strict' })).toEqual(['platform']);
    expect(plan({ level: 'strict', command: '/usr/bin/node' }, { engine: ENGINE })).toMatchObject({
      driver: 'docker',
      missing: [],
    });
    expect(layers({ level: 'standard', memoryBytes: 1, cpuPercent: 1, processes: 1 })).toEqual([
      'memory',
      'cpu',
      'processes',
    ]);
    expect(layers({ level: 'standard', network: ['a.test'] })).toEqual(['network']);
    expect(layers({ level: 'limited', network: [] })).toEqual(['network']);
    expect(layers({ level: 'standard' }, { user: { uid: 0, gid: 0 } })).toEqual(['user']);
    expect(layers({ level: 'standard' }, { seatbelt: undefined, seatbeltFailure: 'no' })).toEqual(['files']);
    expect(layers({ level: 'standard', hidden: ['/a\nb'] })).toEqual(['paths']);
    expect(plan({}, { seatbelt: undefined })).toMatchObject({ level: 'none', driver: undefined });
  });

  it('reaches named hosts by one port of loopback, with the secret in the environment alone', () => {
    const { args, env, missing, network } = plan({
      network: ['a.test'],
      proxyUrl: 'http://sallyport:s3cret@127.0.0.1:4711',
    });
    expect([missing, network]).toEqual([[], ['a.test']]);
    expect(args.join(' ')).toContain('(remote ip4 "localhost:4711")');
    expect(args.join(' ')).not.toContain('s3cret');
    expect(env).toMatchObject({ HTTPS_PROXY: 'http://sallyport:s3cret@127.0.0.1:4711', NODE_USE_ENV_PROXY: '1' });
  });

  it('is by sandbox-runtime where sandbox-exec does not work, without a network', () => {
    const facts = { seatbelt: undefined, srt: '/opt/homebrew/bin/srt' };
    const { args, command, driver, file, missing } = plan(
      { level: 'standard', network: [], hidden: ['/state'], env: { NODE_OPTIONS: '--x' } },
      facts,
    );
    expect([driver, command, missing, args.slice(0, 3)]).toEqual([
      'sandbox-runtime',
      '/opt/homebrew/bin/srt',
      [],
      ['--settings', AT_START.file, '--'],
    ]);
    expect(args.slice(-3)).toEqual(['/usr/bin/env', 'NODE_OPTIONS=--x', '/opt/tool']);
    expect(JSON.parse(file ?? '')).toMatchObject({
      network: { allowedDomains: [], deniedDomains: ['*'] },
      filesystem: { denyRead: ['/', '/state'], allowWrite: ['/state/home', AT_START.scratch], denyWrite: [] },
    });
    expect(layers({ level: 'standard' }, facts)).toEqual(['network']);
    expect(layers({ level: 'standard', network: ['a.test'] }, facts)).toEqual(['network']);
    expect(layers({ level: 'standard', network: [], write: [], hidden: ['/a[b]'] }, facts)).toEqual(['paths']);
  });
});

describe('a start by what stands for the programs of macOS', () => {
  let folder = '';
  beforeAll(async () => {
    folder = await realpath(await mkdtemp(join(tmpdir(), 'sallyport-seatbelt-')));
    await mkdir(join(folder, 'bin'));
    // Both refuse every argument that is not the one that is due, and then become the command.
    const standIns = {
      'sandbox-exec': `[ "$1" = -p ] || exit 64\ncase $2 in '(version 1)'*) ;; *) exit 65 ;; esac\nprintf '%s' "$2" >"$0.profile.$$"\nshift 2\nexec "$@"`,
      srt: `[ "$1" = --settings ] && [ -f "$2" ] && [ "$3" = -- ] || exit 64\ncat "$2" >"$0.settings"\nshift 3\nexec "$@"`,
    };
    for (const [name, script] of Object.entries(standIns)) {
      await writeFile(join(folder, 'bin', name), `#!/bin/sh\n${script}\n`);
      await chmod(join(folder, 'bin', name), 0o755);
    }
  });
  afterAll(() => rm(folder, { recursive: true }));

  const find =
    (has: readonly string[]) =>
    (name: string): Promise<string | undefined> =>
      Promise.resolve(
        has.includes(name)
          ? join(folder, 'bin', name)
          : ['true', 'sh', 'env'].includes(name)
            ? `/usr/bin/${name}`
            : undefined,
      );
  const started = async (has: readonly string[], spec: Partial<SandboxSpec>): Promise<readonly unknown[]> => {
    const facts = { ...(await createDetect({ find: find(has), platform: 'darwin' })()), user: { uid: 501, gid: 20 } };
    const script = `console.log(JSON.stringify([process.env.TMPDIR, process.env.HOME, process.cwd()])); process.stdin.on('data', (data) => console.log(JSON.stringify([String(data)])))`;
    const { home: _home, ...homeless } = SPEC;
    const whole = {
      ...homeless,
      level: 'standard',
      command: process.execPath,
      args: ['-e', script],
      cwd: folder,
      ...spec,
    } as const;
    const planned = planSandbox(whole, facts, SURVEY);
    const state = join(folder, 'state');
    const launch = await createSandboxes({
      folder: state,
      groupName: () => `sallyport-${process.pid}-a`,
    }).prepare(planned);
    const lines: unknown[] = [];
    const { promise, resolve } = Promise.withResolvers<void>();
    const child = await startChild({
      ...launch,
      maxLineBytes: 10_000,
      onLine: (line) => {
        lines.push(JSON.parse(String(line)));
        if (lines.length === 1) child.send('[1]');
        else resolve();
      },
      onOversize: () => undefined,
      onStderr: (text) => lines.push(text),
      onExit: () => resolve(),
    });
    await promise;
    await child.close();
    await launch.release();
    lines.push(await readdir(join(state, 'scratch')));
    return lines;
  };

  it('has its own home and temporary files, which go with it', async () => {
    const scratch = join(folder, 'state', 'scratch', `sallyport-${process.pid}-a`);
    expect(await started(['sandbox-exec'], {})).toEqual([[scratch, scratch, folder], ['[1]\n'], []]);
    const profiles = (await readdir(join(folder, 'bin'))).filter((name) => name.startsWith('sandbox-exec.profile'));
    // Each profile was tried once before the start.
    expect(profiles.length).toBe(probeProfiles().length + 1);
  });

  it('is the same by sandbox-runtime, whose settings are in a private file', async () => {
    const lines = await started(['srt'], { network: [] });
    expect(lines.slice(1)).toEqual([['[1]\n'], []]);
    expect(await readdir(join(folder, 'state', 'file'))).toEqual([]);
  });

  it('SBX-14 is not where a profile is not taken', async () => {
    const facts = await createDetect({
      find: find(['sandbox-exec']),
      platform: 'darwin',
      run: (_command, args) =>
        args.includes(LIMITED_PROFILE) ? Promise.resolve('') : Promise.reject(new Error('unbound variable: x')),
    })();
    expect(facts).toMatchObject({ seatbelt: undefined, seatbeltFailure: 'unbound variable: x' });
  });
});
