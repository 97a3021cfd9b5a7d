import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { changesBetween } from './changes.ts';
import { auditSchema, defaultAudit } from './schema-audit.ts';
import type { AuditConfig, Config } from './types.ts';
import { configSchema } from './schema.ts';

const DAY = 86_400_000;

function problemOf(value: unknown): string {
  return (v.safeParse(auditSchema, value).issues ?? []).map(({ message }) => message).join();
}

describe('audit', () => {
  it('is on by itself, with these defaults', () => {
    expect(defaultAudit()).toEqual({
      enabled: true,
      retentionMs: 365 * DAY,
      durability: 'batch',
      events: ['authentication', 'authorization', 'configuration_change', 'server_access', 'admin_actions'],
      values: false,
      encrypt: false,
      sinks: [],
    });
  });

  it('takes sinks of every kind', () => {
    const { sinks } = v.parse(auditSchema, {
      sinks: [
        { type: 'file', path: 'audit.log' },
        { type: 'syslog', address: 'udp://logs.example:514' },
        { type: 'syslog', address: 'unix:/run/log.sock', facility: 'local3' },
        { type: 'otlp', url: 'http://127.0.0.1:4318/v1/logs' },
        { type: 'webhook', url: 'https://hooks.example/x', headers: { Authorization: 'Bearer x' } },
      ],
    });
    expect(sinks).toEqual([
      { type: 'file', path: 'audit.log' },
      { type: 'syslog', address: 'udp://logs.example:514', facility: 13 },
      { type: 'syslog', address: 'unix:/run/log.sock', facility: 19 },
      { type: 'otlp', url: 'http://127.0.0.1:4318/v1/logs', headers: {} },
      { type: 'webhook', url: 'https://hooks.example/x', headers: { Authorization: 'Bearer x' } },
    ]);
  });

  it.each([
    [{ durability: 'sometimes' }, 'strict'],
    [{ events: ['logins'] }, 'authentication'],
    [{ retention: '1h' }, 'at least 86400000ms'],
    [{ sinks: [{ type: 'syslog' }] }, 'expected `address`'],
    [{ sinks: [{ type: 'syslog', address: 'http://x' }] }, 'udp://host:514'],
    [{ sinks: [{ type: 'syslog', address: 'udp://x' }] }, 'udp://host:514'],
    [{ sinks: [{ type: 'file', url: 'https://x' }] }, 'expected `path`'],
    [{ sinks: [{ type: 'webhook', url: 'http://hooks.example' }] }, 'https'],
    [{ sinks: [{ type: 'file', path: 'x', url: 'https://x' }] }, 'no other place'],
  ])('refuses %j', (value, message) => {
    expect(problemOf(value)).toContain(message);
  });
});

describe('a reload', () => {
  const configOf = (audit: Partial<AuditConfig>): Config => {
    const entry = v.parse(configSchema, {});
    return { ...entry, servers: [], secretFiles: [], audit: { ...entry.audit, ...audit } };
  };

  it.each<[Partial<AuditConfig>, string]>([
    [{ enabled: false }, 'audit.enabled'],
    [{ events: ['authorization'] }, 'audit.events'],
    [{ retentionMs: DAY }, 'audit.retention'],
    [{ values: true }, 'audit.values'],
  ])('with %j leaves fewer traces or shows more: it opens', (audit, key) => {
    expect(changesBetween(configOf({}), configOf(audit)).opening).toEqual([key]);
  });

  it('with less than strict, without encryption or without a sink opens too', () => {
    const strict = configOf({ durability: 'strict', encrypt: true, sinks: [{ type: 'file', path: '/x' }] });
    expect(changesBetween(strict, configOf({})).opening).toEqual(['audit.durability', 'audit.encrypt', 'audit.sinks']);
  });

  it('with more of it needs a restart and opens nothing', () => {
    const { needRestart, opening } = changesBetween(configOf({}), configOf({ durability: 'strict' }));
    expect(opening).toEqual([]);
    expect(needRestart).toEqual(['audit.durability']);
  });
});
