import { describe, expect, it } from 'vitest';
import { checkConfig } from './check.ts';
import { hardened, isStrict, withProfile } from './profile.ts';

const base = {
  profile: 'hardened',
  policy: {},
  mcpServers: { files: { command: 'x' }, far: { url: 'https://a.test/' } },
};

/** What stands at a dotted path. */
function at(value: unknown, path: string): unknown {
  return path
    .split('.')
    .reduce<unknown>((inner, key) => (inner as Readonly<Record<string, unknown>> | undefined)?.[key], value);
}

describe('profile: hardened', () => {
  it('sets every default of its table where nothing is written', () => {
    const { applied, findings, value } = withProfile(base);
    expect(findings).toEqual([]);
    const wanted = hardened.filter((one) => one.value !== undefined);
    expect(applied.map((path) => path.join('.'))).toEqual(wanted.map(({ path }) => path.replace('*', 'files')));
    for (const one of wanted) expect(at(value, one.path.replace('*', 'files'))).toBe(one.value);
    expect(base).not.toHaveProperty('audit');
    expect(at(value, 'mcpServers.far.sandbox')).toBeUndefined();
    expect(isStrict(base)).toBe(true);
  });

  it('is what is in force', () => {
    const { entry, findings } = checkConfig(base);
    expect(findings).toEqual([]);
    expect(entry).toMatchObject({
      strict: true,
      profile: 'hardened',
      audit: { enabled: true, durability: 'strict', encrypt: true, values: false },
      guard: { arguments: 'validate', secrets: 'redact', injection: 'block' },
      pins: { mode: 'quarantine' },
      admin: { hosts: [], remoteWrite: false, commands: false },
      telemetry: { metrics: { enabled: false } },
      auth: { modes: ['key'] },
      policy: { default: 'deny' },
      mcpServers: { files: { sandbox: { level: 'strict' } } },
    });
  });

  it('keeps what is written and as strict', () => {
    const written = {
      ...base,
      strict: 'true',
      guard: { secrets: 'block', pins: { mode: 'quarantine' } },
      telemetry: { metrics: { key: 'k7Wq2mVx9LpT4nRb8sYc' } },
      mcpServers: { a: { command: 'x', sandbox: 'standard' }, b: { command: 'x', sandbox: { read: ['/a'] } } },
    };
    const { entry, findings } = checkConfig(written);
    expect(findings).toEqual([]);
    expect(entry).toMatchObject({
      guard: { secrets: 'block', injection: 'block' },
      telemetry: { metrics: { enabled: true } },
      mcpServers: {
        a: { sandbox: { level: 'standard' } },
        b: { sandbox: { level: 'strict', read: ['/a'] } },
      },
    });
  });

  it.each([
    ['strict', { strict: false }],
    ['auth.mode', { auth: { mode: 'none' } }],
    ['auth.mode', { auth: { mode: ['none'] } }],
    ['policy.default', { policy: { default: 'allow' } }],
    ['listen.plainBehindProxy', { listen: { plainBehindProxy: true } }],
    ['listen.tls.minVersion', { listen: { tls: { cert: 'c', key: 'k', minVersion: 'TLSv1.2' } } }],
    ['limits.rate.perPrincipal', { limits: { rate: { perPrincipal: 'off' } } }],
    ['mcpServers.a.sandbox', { mcpServers: { a: { command: 'x', sandbox: 'none' } } }],
    ['mcpServers.a.sandbox.level', { mcpServers: { a: { command: 'x', sandbox: { level: 'limited' } } } }],
    ['guard.arguments', { guard: { arguments: 'off' } }],
    ['guard.pins.mode', { guard: { pins: { mode: 'warn' } } }],
    ['guard.secrets', { guard: { secrets: 'flag' } }],
    ['guard.injection', { guard: { injection: 'flag' } }],
    ['audit.enabled', { audit: { enabled: false } }],
    ['audit.durability', { audit: { durability: 'batch' } }],
    ['audit.encrypt', { audit: { encrypt: false } }],
    ['audit.events', { audit: { events: ['authentication'] } }],
    ['audit.values', { audit: { values: true } }],
    ['store', { store: 'memory' }],
    ['privacy.addresses', { privacy: { addresses: 'full' } }],
    ['telemetry.metrics.enabled', { telemetry: { metrics: { enabled: true } } }],
    ['admin.hosts', { admin: { hosts: ['10.0.0.0/8'] } }],
    ['admin.remoteWrite', { admin: { remoteWrite: true } }],
    ['admin.commands', { admin: { commands: true } }],
  ])('refuses by its name what would break its promise: %s', (path, weaker) => {
    const { entry, findings } = checkConfig({ ...base, ...weaker });
    expect(entry).toBeUndefined();
    expect(findings.map((one) => one.path.join('.'))).toContain(path);
    expect(findings.find((one) => one.path.join('.') === path)?.message).toContain('`profile: hardened` promises it');
    // Every row of the table is tried here.
    const keys = hardened.map((one) => one.path.replace('*', 'a'));
    expect(keys.some((key) => key === path || key === `${path}.level`)).toBe(true);
  });

  it('needs a policy', () => {
    const { policy: _policy, ...rest } = base;
    expect(checkConfig(rest).findings).toEqual([{ path: ['profile'], message: 'hardened needs `policy`' }]);
  });

  it('leaves to the schema what is no value at all', () => {
    const { findings } = checkConfig({
      ...base,
      audit: 3,
      guard: [],
      mcpServers: { a: 3, b: { command: 'x', sandbox: 5 } },
    });
    const paths = findings.map(({ path }) => path.join('.'));
    expect(paths).toEqual(expect.arrayContaining(['audit', 'guard', 'mcpServers.a', 'mcpServers.b.sandbox']));
  });

  it('does nothing where it is not written', () => {
    const value = { audit: { enabled: false } };
    expect(withProfile(value)).toEqual({ value, applied: [], findings: [] });
    expect(isStrict(value)).toBe(false);
  });
});
