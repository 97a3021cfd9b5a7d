import { describe, expect, it } from 'vitest';
import { checkConfig } from './check.ts';
import { masked } from './describe.ts';
import { effectiveView } from './effective.ts';
import type { Config } from './types.ts';

const hook = { type: 'webhook', url: 'https://hooks.acme.test/services/T0/B0/x' };
const check = (value: object): { entry?: Config; paths: string[] } => {
  const { entry, findings } = checkConfig(value);
  return {
    ...(entry !== undefined && { entry: entry as unknown as Config }),
    paths: findings.map(({ path }) => path.join('.')),
  };
};

describe('alerts', () => {
  it('tell of everything that is wrong unless it is written', () => {
    const { entry } = check({ alerts: [{ to: hook }, { on: ['pins'], quiet: '5m', to: { type: 'log' } }] });
    expect(entry?.alerts).toMatchObject([
      { threshold: 20, windowMs: 60_000, quietMs: 3_600_000, to: { ...hook, headers: {} } },
      { on: ['pins'], quietMs: 300_000, to: { type: 'log' } },
    ]);
    expect(entry?.alerts[0]?.on).toEqual(
      'failed_authentication pins guard sandbox breaker quota audit_gap lockdown'.split(' '),
    );
    expect(check({}).entry?.alerts).toEqual([]);
  });

  it.each([
    [{ type: 'webhook' }],
    [{ type: 'webhook', address: 'udp://a:514' }],
    [{ type: 'log', url: 'https://a.test/' }],
    [{ type: 'log', secret: 'signs what is told' }],
    [{ type: 'syslog', address: 'udp://a:514', headers: { a: 'b' } }],
  ])('refuse a place that is none: %j', (to) => {
    expect(check({ alerts: [{ to }] }).paths).toEqual(['alerts.0.to']);
  });

  it.each([
    ['url', { ...hook, url: 'http://hooks.acme.test/' }],
    ['secret', { ...hook, secret: 'changeme' }],
    ['address', { type: 'syslog', address: 'a:514' }],
  ])('refuse a bad %s', (key, to) => {
    expect(check({ alerts: [{ to }] }).paths).toContain(`alerts.0.to.${key}`);
  });

  it('show neither their addresses nor their secrets', () => {
    const to = { ...hook, secret: 'CANARY-7d1f-CANARY', headers: { 'X-Token': 'CANARY-header' } };
    const value = { alerts: [{ to }, { to: { type: 'syslog', address: 'udp://a:514' } }] };
    const entry = check(value).entry as Config;
    const view = effectiveView({ ...entry, servers: [], secretFiles: [] });
    const { alerts } = masked(view) as { alerts: { to: unknown }[] };
    expect(JSON.stringify(alerts)).not.toMatch(/CANARY|services/);
    expect(alerts.map((one) => one.to)).toEqual([
      {
        type: 'webhook',
        url: 'https://hooks.acme.test/********',
        headers: { 'X-Token': '********' },
        secret: '********',
      },
      { type: 'syslog', address: 'udp://a:514', facility: 'audit' },
    ]);
    expect(
      check({ alerts: effectiveView({ ...entry, servers: [], secretFiles: [] })['alerts'] }).entry?.alerts,
    ).toEqual(entry.alerts);
  });
});

describe('security', () => {
  it.each(['mailto:security@acme.test', 'https://acme.test/report', 'tel:+1-201-555-0123'])('takes %s', (contact) => {
    expect(check({ security: { contact } }).entry?.security).toEqual({ contact: [contact] });
  });

  it.each([
    ['security@acme.test'],
    ['http://acme.test/report'],
    ['mailto:a@b\nExpires: never'],
    ['https://user:pass@acme.test/'],
    ['javascript:alert(1)'],
    [''],
  ])('refuses %j', (contact) => {
    expect(check({ security: { contact } }).paths).toEqual(['security.contact']);
    expect(check({ security: { contact: ['mailto:a@acme.test', contact] } }).paths).not.toEqual([]);
  });

  it('needs a contact for a policy', () => {
    expect(check({ security: { policy: 'https://acme.test/p' } }).paths).toEqual(['security']);
    expect(check({ security: { contact: 'mailto:a@acme.test', policy: 'mailto:a@acme.test' } }).paths).toEqual([
      'security.policy',
    ]);
  });
});
