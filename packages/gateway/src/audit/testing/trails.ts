/** Trails for tests: in a folder that goes away, with a clock and timers that the test moves. */

import { createSecretKey, randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Answer, Exchange } from '@sallyport/server';
import type { Call } from '../../call.ts';
import { openAudit, type Audit, type AuditOptions, type AuditSettings } from '../index.ts';
import type { TrailKeys } from '../folder.ts';
import { verifyTrail, type Anchor, type Verified } from '../verify.ts';

const SETTINGS: AuditSettings = {
  enabled: true,
  retentionMs: 365 * 86_400_000,
  durability: 'batch',
  events: ['authentication', 'authorization', 'configuration_change', 'server_access', 'admin_actions'],
  values: false,
  encrypt: false,
  sinks: [],
};

/** Says all there is to say. */
export const OPEN_PEOPLE: AuditOptions['people'] = {
  principal: ({ issuer, subject }) => `${issuer}#${subject}`,
  address: (address) => address,
  typed: (name) => name,
  saved: () => Promise.resolve(),
  outward: (line) => line,
};

/** Encrypts so that a test can see that it does. */
export const KEYS: AuditOptions['keys'] = {
  mac: createSecretKey(randomBytes(32)),
  seal: (plain, bound) => Buffer.from(JSON.stringify([bound, plain])).toString('base64url'),
  unseal: (sealed, bound) => {
    const [own, plain] = JSON.parse(Buffer.from(sealed, 'base64url').toString()) as [string, string];
    return own === bound ? plain : undefined;
  },
};

export interface LogLine {
  readonly level: string;
  readonly text: string;
  readonly detail: Readonly<Record<string, unknown>>;
}

export interface TestTrail extends AsyncDisposable {
  readonly folder: string;
  /** Milliseconds since 1970. */
  nowMs: number;
  readonly logged: LogLine[];
  /** Fires all timers that are set. */
  tick(): void;
  open(settings?: Partial<AuditSettings>, more?: Partial<AuditOptions>): Promise<Audit>;
  verify(anchors?: readonly Anchor[], keys?: TrailKeys): Promise<Verified>;
  /** Names of the segments, sorted. */
  segments(): Promise<readonly string[]>;
  /** The lines of a segment. */
  lines(name: string): Promise<string[]>;
  /** Every record of every segment, in their order. */
  records(): Promise<Record<string, unknown>[]>;
}

export async function createTrail(): Promise<TestTrail> {
  const root = await mkdtemp(join(tmpdir(), 'sallyport-audit-'));
  const folder = join(root, 'audit');
  const timers = new Set<() => void>();
  let pid = 100;
  const trail: TestTrail = {
    folder,
    nowMs: Date.parse('2026-11-21T12:00:00Z'),
    logged: [],
    tick: () => {
      const due = [...timers];
      timers.clear();
      for (const fire of due) fire();
    },
    open: (settings = {}, more = {}) =>
      openAudit({
        settings: { ...SETTINGS, ...settings },
        folder,
        keys: KEYS,
        redact: { text: (text) => text, detail: (detail) => ({ ...detail }) },
        people: OPEN_PEOPLE,
        traceIdOf: () => undefined,
        pid: pid++,
        hostname: 'here',
        facts: { role: 'test' },
        fetch: () => Promise.reject(new Error('nobody is asked')),
        timeout: (ms) => AbortSignal.timeout(ms),
        setTimer: (fire) => {
          timers.add(fire);
          return () => void timers.delete(fire);
        },
        log: (level, text, detail = {}) => void trail.logged.push({ level, text, detail }),
        now: () => trail.nowMs,
        ...more,
      }),
    verify: (anchors = [], keys = KEYS) => verifyTrail(folder, keys, anchors),
    segments: async () => (await readdir(folder)).filter((name) => name.endsWith('.jsonl')).toSorted(),
    lines: async (name) => (await readFile(join(folder, name), 'utf8')).split('\n').slice(0, -1),
    records: async () => {
      const all = await Promise.all((await trail.segments()).map((name) => trail.lines(name)));
      return all.flat().map((line) => JSON.parse(line) as Record<string, unknown>);
    },
    [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }),
  };
  return trail;
}

/** A call of a tool that was allowed. */
export function madeCall(
  more: Partial<Call> = {},
  params: object = { name: 'up__echo', arguments: { text: 'hello' } },
): Call {
  const message = { jsonrpc: '2.0', id: 1, method: 'tools/call', params };
  return {
    exchange: {
      message,
      text: JSON.stringify(message),
      transport: 'http',
      endpoint: '/mcp',
      address: '127.0.0.1',
      principal: { issuer: 'local', subject: 'alice', roles: [] },
      cancelled: false,
    } as unknown as Exchange,
    target: { server: 'up', kind: 'tool', canonicalId: 'up__echo', original: 'echo' },
    decision: { effect: 'allow', rule: 'rules[0]' },
    policyVersion: 'v1',
    upstreamMs: 1,
    ...more,
  };
}

export const ANSWER: Answer = {
  kind: 'result',
  before: Buffer.from('{"jsonrpc":"2.0","id":'),
  after: Buffer.from(',"result":{"content":[]}}'),
};
