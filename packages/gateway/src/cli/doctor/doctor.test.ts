import { generateKeyPairSync } from 'node:crypto';
import { chmod, mkdir, mkdtemp, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SandboxFacts } from '@sallyport/host/sandbox';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { announceDaemon, readDaemons, thisProcess } from '../../wiring/daemon.ts';
import type { ServerConfig } from '../../config/types-server.ts';
import type { CliContext } from '../context.ts';
import { cells } from '../text.ts';
import { NO_PROCESSES } from '../testing/fakes.ts';
import { expiry, SOON_MS } from './listener.ts';
import { checkMachine } from './machine.ts';
import { fail, fixedBy, ok, reportRecord, reportText, warn, type Finding, type Section } from './report.ts';
import { checkSandbox } from './sandbox.ts';
import { checkServer, type ServerVisit } from './servers.ts';
import { checkState } from './state.ts';
import { realDoctorSystem, type DoctorSystem } from './system.ts';
import type { Visit } from './visit.ts';

const NOW_MS = Date.UTC(2026, 10, 1);
let state = '';

beforeEach(async () => {
  state = await mkdtemp(join(tmpdir(), 'sallyport-doctor-'));
});
afterEach(() => rm(state, { recursive: true, force: true }));

interface Setting {
  readonly env?: Record<string, string>;
  readonly nodeVersion?: string;
  readonly nowMs?: number;
  readonly fix?: boolean;
  readonly alive?: boolean;
  readonly system?: Partial<DoctorSystem>;
}

function visitOf({
  env = {},
  nodeVersion = '24.1.0',
  nowMs = NOW_MS,
  fix = false,
  alive = false,
  system,
}: Setting = {}): Visit {
  const context = {
    env,
    nodeVersion,
    now: () => nowMs,
    cwd: '/',
    stderr: { write: () => undefined },
    files: { stateDirectory: async () => state },
    processes: { ...NO_PROCESSES, uid: process.getuid?.(), isAlive: () => alive },
  } as unknown as CliContext;
  return {
    context,
    globals: { json: false, color: false },
    interrupted: new Promise(() => undefined),
    state,
    fix,
    system: { ...realDoctorSystem(), ...system },
  };
}

const short = (findings: readonly Finding[]): string[] => findings.map(({ check, verdict }) => `${check} ${verdict}`);

describe('the report', () => {
  const sections: Section[] = [
    {
      title: 'One',
      findings: [
        ok('fine', 'as it should be'),
        warn('long check', `${'words '.repeat(40)}end`, `do ${'this '.repeat(40)}`),
        fail('evil', 'a\u001b[2J\nb', 'mend --it'),
      ],
    },
    { title: 'Two', findings: [fixedBy(warn('mended', 'it was open'), 'chmod 700 x')] },
  ];

  it('keeps to its width, drives no terminal, and says what mends what', () => {
    const text = reportText(sections, { columns: 80, color: false });
    for (const line of text.split('\n')) expect(cells(line)).toBeLessThanOrEqual(80);
    expect(text).not.toContain('\u001b');
    expect(text).toContain('  ✗ evil        a\ufffd[2J b\n                → mend --it\n');
    expect(text).toContain('  ✓ mended      it was open\n                fixed: chmod 700 x\n');
    expect(text.endsWith('\n\n4 checks: 1 warning, 1 check failed.')).toBe(true);
    expect(reportText(sections, { columns: 80, color: true })).toContain('\u001b[31m✗\u001b[0m evil');
    expect(reportText([{ title: 'x', findings: [ok('a', 'b')] }], { columns: undefined, color: false })).toBe(
      'x\n  ✓ a  b\n\n1 check, all is well.',
    );
  });

  it('is a record for programs', () => {
    expect(reportRecord(sections)).toMatchObject({
      ok: false,
      counts: { ok: 2, warn: 1, fail: 1 },
      findings: [{ section: 'One', check: 'fine', verdict: 'ok' }, {}, {}, { section: 'Two', fixed: 'chmod 700 x' }],
    });
  });
});

describe('the machine', () => {
  it('is named by what it lacks', async () => {
    const old = await checkMachine(
      visitOf({ nodeVersion: '22.12.9', nowMs: 0, env: { PATH: '/none', HTTPS_PROXY: 'x y' } }),
    );
    expect(short(old)).toEqual(['Node fail', 'npm warn', 'clock fail', 'proxy fail']);
    expect(old.every(({ remedy }) => remedy !== undefined)).toBe(true);
  });

  it('is well, and no password of a proxy is shown', async () => {
    const env = { PATH: '/usr/bin', https_proxy: 'http://me:hunter2@proxy.example:3128', NO_PROXY: 'localhost' };
    const found = await checkMachine(visitOf({ env, system: { output: async () => '11.0.0' } }));
    expect(JSON.stringify(found)).not.toMatch(/hunter2|me:/);
    expect(found.at(-1)).toEqual(ok('proxy', 'https_proxy: http://proxy.example:3128, but not for localhost'));
  });
});

describe('the state', () => {
  const files = async (): Promise<void> => {
    await mkdir(join(state, 'audit'));
    await writeFile(join(state, 'state.db'), 'x');
    await writeFile(join(state, 'audit/1.jsonl'), 'x');
    await mkdir(join(state, 'homes'));
    for (const [name, mode] of [
      ['', 0o755],
      ['state.db', 0o644],
      ['audit/1.jsonl', 0o640],
      ['audit', 0o750],
      ['homes', 0o755],
    ] as const) {
      await chmod(join(state, name), mode);
    }
  };
  const modeOf = async (name: string): Promise<number> => (await stat(join(state, name))).mode & 0o777;

  it('that others may see is told, and with --fix is shut; what children have is left alone', async () => {
    await files();
    const before = await checkState(visitOf(), 'file');
    expect(short(before)).toEqual(['directory warn', 'files warn', 'master key ok']);
    expect(before[1]?.text).toMatch(/^3 files open to others/);
    expect(await modeOf('state.db')).toBe(0o644);
    const fixed = await checkState(visitOf({ fix: true }), 'file');
    expect(short(fixed)).toEqual(['directory ok', 'files ok', 'master key ok']);
    expect(fixed.map((one) => one.fixed !== undefined)).toEqual([true, true, false]);
    const modes = await Promise.all(['', 'state.db', 'audit', 'audit/1.jsonl', 'homes'].map(modeOf));
    expect(modes).toEqual([0o700, 0o600, 0o700, 0o600, 0o755]);
    expect(
      (await checkState(visitOf(), 'file')).every(({ fixed: done, verdict }) => verdict === 'ok' && done === undefined),
    ).toBe(true);
  });

  it('that holds links is told, and they are never followed to mend anything', async () => {
    const outside = join(state, 'homes', 'outside');
    await mkdir(join(state, 'homes'));
    await writeFile(outside, 'x', { mode: 0o644 });
    await symlink(outside, join(state, 'local.key'));
    const found = await checkState(visitOf({ fix: true }), 'file');
    expect(found[1]).toMatchObject({ check: 'files', verdict: 'fail' });
    expect(await modeOf('homes/outside')).toBe(0o644);
  });

  it('that is not there is no fault, and --fix makes it', async () => {
    await rm(state, { recursive: true });
    expect(short(await checkState(visitOf(), 'file'))).toEqual(['directory ok']);
    await expect(stat(state)).rejects.toThrow('ENOENT');
    await checkState(visitOf({ fix: true }), 'file');
    expect(await modeOf('')).toBe(0o700);
  });

  it('keeps records of gateways that live, and loses those that are gone only with --fix', async () => {
    const record = {
      ...thisProcess(),
      id: 'a',
      url: 'http://127.0.0.1:1/mcp',
      startedMs: 1,
      words: [],
      cwd: '/',
      reload: 'auto',
    };
    await announceDaemon(state, { ...record, configPath: undefined, configHash: undefined, logPath: undefined });
    expect(short(await checkState(visitOf({ alive: true }), 'file'))).not.toContain('records warn');
    expect(short(await checkState(visitOf(), 'file'))).toContain('records warn');
    expect(await readDaemons(state)).toHaveLength(1);
    await checkState(visitOf({ fix: true, alive: true }), 'file');
    expect(await readDaemons(state)).toHaveLength(1);
    expect(short(await checkState(visitOf({ fix: true }), 'file'))).toContain('records ok');
    expect(await readDaemons(state)).toEqual([]);
  });

  it('whose key is none is told without showing it', async () => {
    await writeFile(join(state, 'master.key'), 'SECRET-BUT-WRONG', { mode: 0o600 });
    const found = await checkState(visitOf(), 'file');
    expect(found.at(-1)).toMatchObject({ check: 'master key', verdict: 'fail' });
    expect(JSON.stringify(found)).not.toContain('SECRET-BUT');
  });
});

describe('the sandbox', () => {
  const tool = { path: '/usr/bin/x', version: [0, 8] as const };
  const facts = {
    platform: 'linux',
    arch: 'x64',
    user: { uid: 1000, gid: 1000 },
    node: '/usr/bin/node',
    bwrap: tool,
    bwrapFailure: undefined,
    pasta: tool,
    pastaFailure: undefined,
    setpriv: '/usr/bin/setpriv',
    prlimit: '/usr/bin/prlimit',
    env: '/usr/bin/env',
    perl: '/usr/bin/perl',
    shell: '/bin/bash',
    shellCloses: true,
    systemdRun: undefined,
    cgroup: undefined,
    ceilings: {},
    container: undefined,
  } as unknown as SandboxFacts;

  it('is well where all levels are to be had', async () => {
    const found = await checkSandbox(facts);
    expect(found.every(({ verdict }) => verdict === 'ok')).toBe(true);
    expect(found[0]?.text).toContain('strict, standard, limited');
  });

  it('names the engine that is there, or why it does not answer', async () => {
    const engine = { name: 'podman', rootless: true } as NonNullable<SandboxFacts['engine']>;
    expect(await checkSandbox({ ...facts, engine })).toContainEqual(
      expect.objectContaining({ check: 'programs', text: expect.stringContaining('podman (rootless)') }),
    );
    expect(await checkSandbox({ ...facts, engineFailure: 'docker: no daemon' })).toContainEqual(
      expect.objectContaining({ verdict: 'ok', text: 'does not answer: docker: no daemon' }),
    );
  });

  it('says what to install for more', async () => {
    const [levels, ...rest] = await checkSandbox({ ...facts, bwrap: undefined });
    expect(levels).toMatchObject({ verdict: 'warn', text: expect.stringMatching(/^limited; /) });
    const without = await checkSandbox({ ...facts, prlimit: undefined });
    expect(rest).toContainEqual(
      expect.objectContaining({ verdict: 'warn', remedy: expect.stringContaining('apt install bubblewrap') }),
    );
    expect(without).toContainEqual(
      expect.objectContaining({ check: 'limits', verdict: 'warn', remedy: 'install util-linux' }),
    );
  });
});

describe('the listener', () => {
  it('knows a port that is taken', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as AddressInfo;
    expect(await realDoctorSystem().portProblem('127.0.0.1', port)).toBe('EADDRINUSE');
    await new Promise((resolve) => server.close(resolve));
    expect(await realDoctorSystem().portProblem('127.0.0.1', port)).toBeUndefined();
  });

  it.each([
    [-1, 'fail'],
    [0, 'fail'],
    [SOON_MS - 1, 'warn'],
    [SOON_MS, 'ok'],
  ])('a certificate that ends in %i ms: %s', (leftMs, verdict) => {
    expect(expiry('TLS', NOW_MS + leftMs, NOW_MS, 'renew')).toMatchObject({ verdict });
  });
});

describe('a server', () => {
  const server = (
    target: Partial<Extract<ServerConfig['target'], { kind: 'stdio' }>>,
    more: object = {},
  ): ServerConfig =>
    ({
      name: 'one',
      enabled: true,
      unresolved: [],
      target: { kind: 'stdio', command: process.execPath, args: [], env: {}, cwd: '/', ...target },
      ...more,
    }) as unknown as ServerConfig;
  const visit = (attempt: ServerVisit['attempt'], strict = false): ServerVisit => ({
    ...visitOf({ env: { PATH: '/usr/bin' } }),
    strict,
    attempt,
  });
  const well: ServerVisit['attempt'] = async () => ({ text: '3 tools in 0.1 s' });

  it('is looked at before it is started, and told when it must not be', async () => {
    expect(short(await checkServer(visit(well), server({})))).toEqual(['command ok', 'environment ok', 'start ok']);
    const untrusted = await checkServer(visit(undefined), server({}));
    expect(untrusted.at(-1)).toMatchObject({ verdict: 'warn', remedy: 'sallyport trust' });
    const off = server({}, { enabled: false });
    expect(short(await checkServer(visit(well), off))).toEqual(['state ok']);
  });

  it('that cannot start is not started', async () => {
    let attempts = 0;
    const counting: ServerVisit['attempt'] = async () => {
      attempts += 1;
      return { text: '' };
    };
    const found = await checkServer(visit(counting), server({ command: 'no-such-program' }));
    expect(found[0]).toMatchObject({ check: 'command', verdict: 'fail' });
    expect(attempts).toBe(0);
    expect(short(await checkServer(visit(counting, true), server({ command: 'npx', args: ['pkg'] })))).toContain(
      'package fail',
    );
    expect(attempts).toBe(0);
    expect(short(await checkServer(visit(counting), server({ args: ['x'] }, { unresolved: ['args.0'] })))).toContain(
      'variables warn',
    );
    expect(attempts).toBe(1);
  });

  it('P3-08 is told with the names of its variables, never their values', async () => {
    const { privateKey } = generateKeyPairSync('ed25519');
    const secret = privateKey.export({ type: 'pkcs8', format: 'der' }).toString('hex');
    const found = await checkServer(visit(well), server({ env: { TOKEN: secret, NODE_OPTIONS: secret } }));
    expect(JSON.stringify(found)).not.toContain(secret.slice(0, 32));
    expect(found[1]).toMatchObject({
      verdict: 'warn',
      text: expect.stringMatching(/NODE_OPTIONS TOKEN of the configuration/),
    });
  });

  it.each([
    [{ needsLogin: true, error: 'x' }, 'login', 'warn', 'sallyport login one'],
    [
      { error: 'It ended. EACCES: permission denied' },
      'start',
      'fail',
      'if its sandbox lacks a path: sallyport allow one PATH',
    ],
    [{ error: 'fetch failed' }, 'start', 'fail', 'if its sandbox lacks a host: sallyport allow one HOST'],
    [
      { error: 'It said last: Error: Cannot find module' },
      'start',
      'fail',
      'see that `args` name what is there; if its sandbox lacks a path: sallyport allow one PATH',
    ],
    [
      { error: 'It ended with code 0.' },
      'start',
      'fail',
      'see that `command` and `args` start a server that speaks MCP over its stdin and stdout',
    ],
  ])('that answers %j is given a way out', async (trial, check, verdict, remedy) => {
    const found = await checkServer(
      visit(async () => ({ text: '', ...trial })),
      server({}),
    );
    expect(found.at(-1)).toMatchObject({ check, verdict, remedy });
  });

  it('P4-04 that was refused a host is told with the command that opens it, also when it started', async () => {
    const blocked = ['blocked a.test:443; sallyport allow one a.test'];
    for (const more of [{}, { error: 'It ended.' }]) {
      const found = await checkServer(
        visit(async () => ({ text: 'x', blocked, ...more })),
        server({}),
      );
      const told = {
        check: 'network',
        verdict: 'warn',
        text: 'blocked a.test:443',
        remedy: 'sallyport allow one a.test',
      };
      expect(found).toContainEqual(told);
    }
  });

  it('that is caged less than could be is a warning', async () => {
    const cage =
      (level: 'standard' | 'limited'): ServerVisit['attempt'] =>
      async () => ({
        text: 'x',
        sandbox: { level, summary: `${level}: so`, gaps: ['A gap.'] },
      });
    expect(short(await checkServer(visit(cage('standard')), server({})))).toContain('sandbox ok');
    expect(short(await checkServer(visit(cage('limited')), server({})))).toContain('sandbox warn');
  });
});
