import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createAlerts, signatureOf, type Alerts, type AlertKind, type Happened } from './index.ts';
import type { AlertRule } from './types.ts';
import { MAX_KNOWN } from './watch.ts';

const ALL: readonly AlertKind[] = [
  'failed_authentication',
  'pins',
  'guard',
  'sandbox',
  'breaker',
  'quota',
  'audit_gap',
  'lockdown',
];
const HOUR = 3_600_000;

interface Sent {
  readonly text: string;
  readonly event: string;
  readonly state: string;
  readonly count: number;
  readonly [member: string]: unknown;
}

interface Bench {
  readonly alerts: Alerts;
  readonly sent: Sent[];
  readonly lines: string[];
  /** Moves the clock and fires what is due then. */
  readonly pass: (ms: number) => void;
  readonly isIdle: () => boolean;
}

function bench(rule: Partial<AlertRule> = {}): Bench {
  let nowMs = Date.parse('2026-11-22T12:00:00Z');
  let timer: (() => void) | undefined;
  const lines: string[] = [];
  const sent: Sent[] = [];
  const alerts = createAlerts({
    alerts: [
      {
        rule: { on: ALL, threshold: 20, windowMs: 60_000, quietMs: HOUR, ...rule },
        outlet: {
          add: (added) => {
            lines.push(...added);
            sent.push(...added.map((line) => JSON.parse(line) as Sent));
          },
          note: () => undefined,
          close: () => Promise.resolve(),
        },
      },
    ],
    host: 'gate',
    version: '1.2.3',
    redact: (text) => text.replaceAll('SECRET', '[redacted]'),
    people: { shown: ({ subject }) => `p:${subject}`, address: (address) => address?.replace(/\.\d+$/, '.0/24') },
    randomId: () => 'id',
    setTimer: (fire) => {
      timer = fire;
      return () => (timer = undefined);
    },
    now: () => nowMs,
  });
  return {
    alerts,
    sent,
    lines,
    pass: (ms) => {
      nowMs += ms;
      const due = timer;
      timer = undefined;
      due?.();
    },
    isIdle: () => timer === undefined,
  };
}

const refused = (address: string, count?: number): Happened => ({
  type: 'authentication',
  action: 'credential.refuse',
  decision: 'deny',
  reason: 'unauthenticated',
  address,
  ...(count !== undefined && { facts: { count } }),
});
const event = (action: string, more: Partial<Happened> = {}): Happened => ({
  type: 'server_access',
  action,
  decision: 'error',
  server: 'files',
  ...more,
});
const told = (sent: readonly Sent[]): string[] => sent.map((one) => `${one.event} ${one.state} ${one.count}`);

describe('failed authentications', () => {
  it('are told as a burst, once, with how many more there were, and when they have stopped', () => {
    const { alerts, isIdle, pass, sent } = bench();
    for (let at = 0; at < 19; at++) alerts.take(refused('203.0.113.9'));
    expect(sent).toEqual([]);
    alerts.take(refused('203.0.113.9'));
    expect(told(sent)).toEqual(['failed_authentication raised 20']);
    expect(sent[0]?.text).toBe('Sallyport on gate: 20 failed authentications from 203.0.113.0/24 within 60 s.');
    for (let at = 0; at < 70; at++) alerts.take(refused('203.0.113.9'));
    pass(HOUR);
    // 90 of one address are fewer than 5 × 20 of all.
    expect(told(sent).slice(1)).toEqual(['failed_authentication continued 70']);
    pass(HOUR);
    expect(told(sent).slice(2)).toEqual(['failed_authentication ended 20']);
    pass(HOUR);
    expect(isIdle()).toBe(true);
    expect(sent).toHaveLength(3);
  });

  it('count in all when many addresses share them, and not again with a record of how many there were', () => {
    const { alerts, sent } = bench();
    for (let at = 0; at < 100; at++) alerts.take(refused(`198.51.100.${at % 10}`));
    alerts.take(refused('198.51.100.1', 99));
    expect(told(sent)).toEqual(['failed_authentication raised 100']);
    expect(sent[0]).not.toHaveProperty('address');
  });

  it('that are few in a window are none, and a missing scope is not one', () => {
    const { alerts, pass, sent } = bench({ threshold: 2 });
    alerts.take(refused('203.0.113.9'));
    pass(60_000);
    alerts.take(refused('203.0.113.9'));
    for (let at = 0; at < 9; at++) alerts.take({ ...refused('203.0.113.9'), reason: 'insufficient_scope' });
    expect(sent).toEqual([]);
    alerts.take(refused('203.0.113.9'));
    expect(sent).toHaveLength(1);
  });

  it('of any number of addresses are kept in a bounded table', () => {
    const { alerts, sent } = bench({ threshold: 2 });
    for (let at = 0; at < 3 * MAX_KNOWN; at++) alerts.take(refused(`2001:db8:${at.toString(16)}::1`));
    // All in one, all that were too many for the table in another.
    expect(told(sent)).toEqual(['failed_authentication raised 10', 'failed_authentication raised 2']);
  });
});

describe('what happens', () => {
  it.each([
    [
      'pins',
      event('pins.changed', { facts: { count: 3 } }),
      'The server files lists 3 tools that are not as they were',
    ],
    [
      'sandbox',
      event('server.end', { facts: { code: 137, signal: 'SIGKILL' } }),
      'The server files was killed (SIGKILL)',
    ],
    ['breaker', event('server.break'), 'The server files fails again and again'],
    ['guard', event('guard.secrets', { decision: 'deny' }), 'The guard kept back a secret at files'],
    [
      'quota',
      event('quota.exceeded', { principal: { issuer: 'local', subject: 'ann' } }),
      'A client has used up its quota',
    ],
    ['audit_gap', event('audit.fail', { type: 'admin_actions' }), 'The audit trail cannot be written'],
    [
      'audit_gap',
      event('audit.broken', { type: 'admin_actions', target: 'c' }),
      'A chain of the audit trail does not end',
    ],
    ['lockdown', event('lockdown', { type: 'admin_actions', decision: 'allow' }), 'This state was locked down'],
  ] as const)('is told: %s', (kind, happened, text) => {
    const { alerts, sent } = bench();
    for (let at = 0; at < 1000; at++) alerts.take(happened);
    expect(told(sent)).toEqual([`${kind} raised 1`]);
    expect(sent[0]?.text).toContain(`Sallyport on gate: ${text}`);
  });

  it.each([
    ['a server that ends in order', event('server.end', { facts: { code: 1 } })],
    ['what the guard only flags', event('guard.injection', { decision: 'allow' })],
    ['an admin action, unless it is asked for', event('key.create', { type: 'admin_actions', decision: 'allow' })],
    ['the beginning of a trail', event('audit.start', { type: 'admin_actions', decision: 'allow' })],
  ])('is not told: %s', (_what, happened) => {
    const { alerts, isIdle, sent } = bench();
    alerts.take(happened);
    expect(sent).toEqual([]);
    expect(isIdle()).toBe(true);
  });

  it.each([
    ['server.break', 'server.recover'],
    ['audit.fail', 'audit.recover'],
    ['audit.drop', 'audit.recover'],
  ])('is over when something says so: %s until %s', (begin, end) => {
    const { alerts, isIdle, pass, sent } = bench();
    alerts.take(event(end));
    alerts.take(event(begin));
    // It lasts: that nothing more comes does not mean that it is over.
    for (let at = 0; at < 5; at++) pass(HOUR);
    expect(sent.map(({ state }) => state)).toEqual(['raised']);
    alerts.take(event(end));
    expect(sent.map(({ state }) => state)).toEqual(['raised', 'ended']);
    expect(sent[1]?.text).toContain('over: ');
    pass(HOUR);
    expect(isIdle()).toBe(true);
  });

  it('to one server says nothing of another', () => {
    const { alerts, sent } = bench();
    alerts.take(event('server.break'));
    alerts.take(event('server.break', { server: 'issues' }));
    alerts.take(event('server.recover', { server: 'issues' }));
    expect(sent.map(({ server, state }) => [server, state])).toEqual([
      ['files', 'raised'],
      ['issues', 'raised'],
      ['issues', 'ended'],
    ]);
  });
});

describe('an alert', () => {
  it('says who as far as it may be said, and holds no secret and no value', () => {
    const { alerts, lines, sent } = bench({ on: ['admin_actions'] });
    alerts.take({
      type: 'admin_actions',
      action: 'key.create',
      decision: 'allow',
      principal: { issuer: 'local', subject: 'ann' },
      address: '203.0.113.9',
      target: `a-SECRET-${'x'.repeat(500)}`,
      reason: 'value of the matter',
      facts: { more: 'value' },
      correlationId: 'abc',
    });
    expect(sent[0]).toEqual({
      type: 'alert',
      version: 1,
      id: 'id',
      time: '2026-11-22T12:00:00.000Z',
      event: 'admin_actions',
      state: 'raised',
      text: 'Sallyport on gate: An admin action: key.create.',
      host: 'gate',
      gateway: '1.2.3',
      count: 1,
      action: 'key.create',
      target: expect.stringMatching(/^a-\[redacted\]-x{100,200}$/),
      address: '203.0.113.0/24',
      principal: 'p:ann',
      correlationId: 'abc',
    });
    expect(lines[0]).not.toMatch(/value|203\.0\.113\.9/);
  });

  it('is signed with its time', () => {
    const expected = createHmac('sha256', 'key').update('1000.{"a":1}').digest('hex');
    expect(signatureOf('{"a":1}', 'key', 1_000_999)).toBe(`t=1000,v1=${expected}`);
  });

  it('comes no more when all is closed', async () => {
    const { alerts, sent } = bench();
    await alerts.close();
    alerts.take(event('server.break'));
    expect(sent).toEqual([]);
  });
});
