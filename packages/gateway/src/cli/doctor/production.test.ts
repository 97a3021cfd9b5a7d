import { createServer } from 'node:http';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { auditFolder, auditKeys } from '../../wiring/audit-trail.ts';
import { openAudit } from '../../audit/index.ts';
import { OPEN_PEOPLE } from '../../audit/testing/trails.ts';
import { checkConfig } from '../../config/check.ts';
import { resolveServer } from '../../config/servers.ts';
import type { Config } from '../../config/types.ts';
import { openMasterKey } from '../../credentials/index.ts';
import { NO_PROCESSES } from '../testing/fakes.ts';
import { checkAlerts } from './alerts.ts';
import { checkAccess, type KeyFacts } from './production-access.ts';
import { checkContent } from './production-content.ts';
import { checkProduction } from './production-machine.ts';
import { checkRecords } from './production-records.ts';
import type { Finding } from './report.ts';
import { realDoctorSystem } from './system.ts';
import type { Configured } from './visit.ts';

const NOW_MS = Date.UTC(2026, 10, 22);
const DAY_MS = 86_400_000;
const tls = { cert: '/c.pem', key: '/k.pem' };
const sound = {
  profile: 'hardened',
  policy: { roles: { dev: { keys: ['ann'] } }, rules: [{ effect: 'allow', roles: ['dev'], servers: ['*'] }] },
  security: { contact: 'mailto:security@acme.test' },
  listen: { host: '0.0.0.0', tls },
  alerts: [{ to: { type: 'syslog', address: 'udp://log.acme.test:514' } }],
  audit: { sinks: [{ type: 'file', path: '/copy.jsonl' }] },
  mcpServers: { files: { command: 'x' }, far: { url: 'https://far.acme.test/mcp' } },
};
/** The same without its profile, which would refuse what is weaker. */
const loose = { ...sound, profile: undefined };

function configOf(value: object): Config {
  const { entry, findings } = checkConfig(JSON.parse(JSON.stringify(value)));
  if (entry === undefined) throw new Error(JSON.stringify(findings));
  const { mcpServers, ...rest } = entry;
  const options = { directory: '/', fileEnv: {}, unresolved: [] };
  const servers = Object.entries(mcpServers).map(([name, server]) => resolveServer(name, server, options));
  return { ...rest, pins: { ...rest.pins, lock: '{}' }, servers, secretFiles: [] };
}

let state = '';
beforeEach(async () => {
  state = await mkdtemp(join(tmpdir(), 'sallyport-production-'));
});
afterEach(() => rm(state, { recursive: true, force: true }));

function visitOf(value: object, more: Record<string, unknown> = {}): Configured {
  const context = {
    env: { NODE_ENV: 'production' },
    nodeVersion: '24.1.0',
    version: '1.2.3',
    now: () => NOW_MS,
    processes: NO_PROCESSES,
    ...more,
  };
  const loaded = { config: configOf(value), path: join(state, 'c.yaml'), written: value };
  return { context, state, system: realDoctorSystem(), loaded } as unknown as Configured;
}

const verdicts = (findings: readonly Finding[]): string[] =>
  findings.map(({ check, verdict }) => `${check} ${verdict}`);
const access = (value: object, keys: readonly KeyFacts[] = []): string[] =>
  verdicts(checkAccess(configOf(value), keys, NOW_MS));

describe('access', () => {
  it('that is as it should be has nothing to say', () => {
    const keys = [{ name: 'ann', roles: [], expiresMs: NOW_MS + 90 * DAY_MS }];
    expect(access(sound, keys).filter((one) => !one.endsWith(' ok'))).toEqual([]);
  });

  it.each([
    ['TLS fail', { listen: { host: '0.0.0.0' } }],
    ['TLS fail', { listen: { publicUrl: 'http://gate.acme.test' } }],
    ['TLS warn', { listen: { host: '0.0.0.0', plainBehindProxy: true } }],
    [
      'TLS warn',
      {
        listen: {
          tls: {
            ...tls,
            minVersion: 'TLSv1.2',
            cipherSuites: ['TLS_AES_256_GCM_SHA384', 'ECDHE-RSA-AES256-GCM-SHA384'],
          },
        },
      },
    ],
    ['authentication fail', { auth: { mode: 'none' }, listen: {} }],
    ['policy fail', { policy: undefined }],
    ['policy fail', { policy: { default: 'allow' } }],
    ['rates fail', { limits: { rate: { perPrincipal: 'off' } } }],
    ['rates warn', { limits: { failedAuthentications: 1000 } }],
    ['sessions warn', { sessions: { idle: '2h' } }],
    ['sessions warn', { sessions: { absolute: '48h' } }],
    ['origins fail', { listen: { origins: ['https://*.acme.test'] } }],
    ['admin warn', { admin: { hosts: ['10.0.0.0/8'] } }],
    ['admin warn', { admin: { hosts: ['10.0.0.0/8'], remoteWrite: true } }],
    ['admin fail', { admin: { hosts: ['10.0.0.0/8'], remoteWrite: true, commands: true } }],
    ['security contact warn', { security: {} }],
    ['security contact fail', { security: { contact: 'mailto:security@example.com' } }],
  ])('%s of %j', (expected, weaker) => {
    expect(access({ ...loose, ...weaker })).toContain(expected);
    expect(access(loose)).not.toContain(expected);
  });

  it.each([
    ['without an end', { name: 'ann', roles: ['dev'], expiresMs: undefined }],
    ['for years', { name: 'ann', roles: ['dev'], expiresMs: NOW_MS + 400 * DAY_MS }],
    ['that is over', { name: 'ann', roles: ['dev'], expiresMs: NOW_MS }],
    ['without a role', { name: 'bob', roles: [], expiresMs: NOW_MS + DAY_MS }],
  ])('names a key %s', (_what, key) => {
    const found = checkAccess(configOf(sound), [key], NOW_MS).filter(({ check }) => check === 'keys');
    expect(found).toMatchObject([
      { verdict: 'warn', text: expect.stringContaining(key.name), remedy: expect.any(String) },
    ]);
  });
});

describe('content', () => {
  const content = (value: object, level?: string): string[] =>
    verdicts(checkContent({ config: configOf(value), written: value }, () => level));

  it('that is as it should be has nothing to say', () => {
    expect(content(sound).filter((one) => !one.endsWith(' ok'))).toEqual([]);
    expect(content(sound, 'strict')).toContain('sandbox of files ok');
  });

  it.each([
    ['profile warn', {}],
    ['guard warn', {}],
    ['guard fail', { guard: { secrets: 'off' } }],
    ['guard fail', { guard: { injection: 'off' } }],
    ['guard fail', { guard: { arguments: 'off' } }],
    ['pins warn', {}],
    ['pins fail', { guard: { pins: { mode: 'off' } } }],
    ['sandbox of files warn', {}],
    ['sandbox of files warn', { mcpServers: { files: { command: 'x', sandbox: 'limited' } } }],
    ['sandbox of files fail', { mcpServers: { files: { command: 'x', sandbox: 'none' } } }],
    ['secrets fail', { mcpServers: { files: { command: 'x', env: { TOKEN: `ghp_${'0123456789'.repeat(2)}` } } } }],
  ])('%s of %j', (expected, weaker) => {
    expect(content({ ...loose, ...weaker })).toContain(expected);
  });

  it('judges a cage by what is in force, where a gateway runs', () => {
    expect(content(loose, 'none')).toContain('sandbox of files fail');
    expect(content(sound, 'limited')).toContain('sandbox of files warn');
    expect(content(sound).join()).not.toContain('far');
  });

  it('takes a variable for no secret, and shows none', () => {
    const env = { TOKEN: '${secret:TOKEN}', OTHER: `ghp_${'0123456789'.repeat(2)}` };
    const value = { ...loose, mcpServers: { files: { command: 'x', env } } };
    const found = checkContent({ config: configOf(value), written: value }, () => undefined);
    expect(found.at(-1)?.text).toBe('1 value of the file look like secrets: mcpServers.files.env.OTHER');
  });
});

describe('the process', () => {
  it('that is as it should be has nothing to say', async () => {
    await writeFile(join(state, 'c.yaml'), '', { mode: 0o600 });
    const found = verdicts(await checkProduction(visitOf(sound), join(state, 'c.yaml')));
    expect(found).toEqual(['user ok', 'Node support ok', 'environment ok', 'file modes ok']);
  });

  it.each([
    ['user fail', { processes: { ...NO_PROCESSES, uid: 0 } }],
    ['Node support warn', { nodeVersion: '25.0.0' }],
    ['Node support fail', { now: () => Date.UTC(2029, 0) }],
    ['environment warn', { env: {} }],
    ['environment warn', { env: { NODE_ENV: 'production', DEBUG: '*' } }],
    ['environment fail', { env: { NODE_TLS_REJECT_UNAUTHORIZED: '0' } }],
    ['environment fail', { env: { NODE_OPTIONS: '--inspect=0.0.0.0' } }],
  ])('%s', async (expected, more) => {
    expect(verdicts(await checkProduction(visitOf(sound, more), undefined))).toContain(expected);
  });

  it('has a file that others may read', async () => {
    await writeFile(join(state, 'c.yaml'), '', { mode: 0o644 });
    expect(verdicts(await checkProduction(visitOf(sound), join(state, 'c.yaml')))).toContain('file modes warn');
  });
});

describe('records', () => {
  const found = async (value: object): Promise<string[]> => verdicts(await checkRecords(visitOf(value)));

  it.each([
    ['audit fail', { audit: { enabled: false } }],
    ['audit fail', { store: 'memory' }],
    ['audit warn', { audit: { events: ['authentication'] } }],
    ['retention warn', { audit: { retention: '30d' } }],
    ['values warn', { audit: { values: true } }],
    ['copy warn', { audit: {} }],
    ['alerts warn', { alerts: [] }],
    ['alerts warn', { alerts: [{ to: { type: 'log' } }] }],
  ])('%s of %j', async (expected, weaker) => {
    expect(await found({ ...loose, ...weaker })).toContain(expected);
  });

  it('are verified, and a backup is looked for in them', async () => {
    const folder = auditFolder(state);
    expect(await found(sound)).toEqual(expect.arrayContaining(['verify ok', 'backup warn', 'alerts ok', 'copy ok']));
    const keys = auditKeys(await openMasterKey({ directory: state, env: {} }));
    const audit = await openAudit({
      settings: { ...configOf(sound).audit, encrypt: false, sinks: [] },
      folder,
      keys,
      people: OPEN_PEOPLE,
      redact: { text: (said) => said, detail: (detail) => ({ ...detail }) },
      traceIdOf: () => undefined,
      pid: 1,
      hostname: 'here',
      facts: {},
      fetch: () => Promise.reject(new Error('nobody is asked')),
      timeout: () => new AbortController().signal,
      setTimer: () => () => undefined,
      log: () => undefined,
      now: () => NOW_MS - DAY_MS,
    });
    audit.record({ type: 'admin_actions', action: 'state.backup', decision: 'allow', target: '/b' });
    await audit.close();
    expect(await found(sound)).toEqual(expect.arrayContaining(['verify ok', 'backup ok']));
    const [segment = ''] = (await readdir(folder)).filter((name) => name.endsWith('.jsonl'));
    const lines = await readFile(join(folder, segment), 'utf8');
    await writeFile(join(folder, segment), lines.replace('"target":"/b"', '"target":"/c"'));
    expect(await found(sound)).toContain('verify fail');
  });
});

describe('alerts', () => {
  it('are tried when that is asked for, each by itself', async () => {
    const bodies: string[] = [];
    const server = createServer((request, response) => {
      void text(request).then((body) => {
        bodies.push(body);
        response.writeHead(request.url === '/bad' ? 500 : 200).end();
      });
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const to = (path: string): object => ({ to: { type: 'webhook', url: `${base}${path}` } });
    const tried = await checkAlerts(visitOf({ ...sound, alerts: [to('/good'), to('/bad'), { to: { type: 'log' } }] }));
    expect(verdicts(tried)).toEqual(['alert 1 ok', 'alert 2 fail', 'alert 3 ok']);
    expect(tried[1]?.text).toBe(`${base}: it answered 500`);
    expect(bodies.map((body) => (JSON.parse(body) as { action: string }).action)).toEqual([
      'doctor.alert',
      'doctor.alert',
    ]);
    server.close();
  });
});
