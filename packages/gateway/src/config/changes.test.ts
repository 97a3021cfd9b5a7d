import { describe, expect, it } from 'vitest';
import { changesBetween } from './changes.ts';
import { checkConfig } from './check.ts';
import { masked } from './describe.ts';
import { effectiveView } from './effective.ts';
import { withProfile } from './profile.ts';
import { resolveServer } from './servers.ts';
import type { Config } from './types.ts';

const secret = 'CANARY-7d1f-CANARY-7d1f-CANARY-7d1f';
const hash = `$2b$12$${'C'.repeat(53)}`;
const key = (name: string, more: object = {}): object => ({ name, key: `${secret}-${name}`, ...more });
const id = 'https://id.example.com';
const tls = { cert: '/c.pem', key: '/k.pem' };
const deny = { effect: 'deny', tools: ['s__write_*'] };
const ask = { effect: 'ask', tools: ['s__send'] };
const allow = { effect: 'allow', servers: ['*'] };
/** Beside it, where people sign in; undefined: no server. */
const exchanging = (oauth: object | undefined): object => ({
  auth: { mode: 'oidc', oidc: { issuer: 'https://id.test', clientId: 'us' } },
  mcpServers: oauth === undefined ? {} : { s: { url: 'https://s.test/mcp', oauth } },
});
/** What the profile sets, written. */
const strictest = withProfile({ profile: 'hardened', policy: {}, mcpServers: { s: { command: 'x' } } }).value as object;
const remote = (oauth: object): object => ({ mcpServers: { s: { url: 'https://s.test/mcp', oauth } } });
const hook = { name: 'a', url: 'https://i.example.com/', phases: ['before-call'] };
const program = { name: 'b', command: 'x', phases: ['list'], onError: 'open' };
const caged = (sandbox: unknown): object => ({ mcpServers: { s: { command: 'x', sandbox } } });

function configOf(value: object): Config {
  const { entry, findings } = checkConfig({ mcpServers: { s: { command: 'x' } }, ...value });
  if (entry === undefined) throw new Error(JSON.stringify(findings));
  const { mcpServers, ...rest } = entry;
  const options = { directory: '/', fileEnv: {}, unresolved: [] };
  const servers = Object.entries(mcpServers).map(([name, server]) => resolveServer(name, server, options));
  return { ...rest, servers, secretFiles: [] };
}

const everything = {
  listen: { host: '0.0.0.0', publicUrl: 'https://gate.example.com', tls: { ...tls, clientCa: '/ca.pem' } },
  auth: {
    mode: ['key', 'jwt', 'oidc', 'introspection', 'mtls'],
    keys: [key('a', { roles: ['dev'], expires: '2027-01-31' }), { name: 'b', hash }],
    scopes: ['mcp'],
    jwt: { issuer: id, jwks: { keys: [{ kty: 'RSA' }] }, clockTolerance: '5s' },
    oidc: { preset: 'keycloak', issuer: `${id}/realms/a`, clientId: 'us', clientSecret: secret },
    introspection: { issuer: `${id}/i`, clientId: 'us', clientSecret: secret, cache: 0 },
    server: { accessToken: '5m' },
    browser: { idle: '10m' },
  },
  policy: {
    roles: { dev: { claims: { tier: 1 } } },
    rules: [deny, ask, allow],
    external: { url: `https://opa.example.com/?token=${secret}`, headers: { 'X-Key': secret, Accept: 'text/plain' } },
  },
  limits: { rate: { perPrincipal: 'off', perTool: '5/s' }, quota: { day: 5 } },
  telemetry: { metrics: { key: secret } },
  discovery: { embeddings: { url: `https://e.example.com/?token=${secret}`, model: 'm', key: secret, timeout: '1s' } },
  interceptors: [
    { ...hook, headers: { 'X-Key': secret }, secret, servers: ['s'], tools: ['s__*'] },
    {
      ...program,
      args: ['--token', secret],
      env: { API_KEY: secret },
      cwd: '/w',
      sandbox: { level: 'strict', cpu: 50 },
    },
  ],
  mcpServers: { s: { command: 'x', readOnly: true } },
};

describe('the configuration in effect', () => {
  it('is written as the file would be', () => {
    const config = configOf(everything);
    expect(configOf(effectiveView(config))).toEqual(config);
    expect(configOf(effectiveView(configOf({})))).toEqual(configOf({}));
  });

  it('shows no secret', () => {
    const text = JSON.stringify(masked(effectiveView(configOf(everything))));
    expect(text).not.toContain('CANARY');
    expect(text).not.toContain(hash);
    for (const kept of ['"clientId":"us"', '"name":"a"', 'https://opa.example.com/', 'text/plain', '"5/s"']) {
      expect(text).toContain(kept);
    }
  });
});

describe('a change', () => {
  it.each([
    ['auth.mode', {}, { auth: { mode: 'none' } }],
    ['auth.mode', {}, { auth: { mode: ['key', 'jwt'], jwt: { issuer: id } } }],
    ['auth.keys', {}, { auth: { keys: [key('a')] } }],
    ['auth.keys', { auth: { keys: [key('a')] } }, { auth: { keys: [key('a', { key: `${secret}-other` })] } }],
    ['auth.keys', { auth: { keys: [key('a')] } }, { auth: { keys: [key('a', { roles: ['admin'] })] } }],
    ['auth.keys', { auth: { keys: [key('a', { expires: '2027-01-01' })] } }, { auth: { keys: [key('a')] } }],
    ['auth.keys', { auth: { keys: [key('a')] } }, { auth: { keys: [key('b')] } }],
    ['auth.scopes', { auth: { scopes: ['a', 'b'] } }, { auth: { scopes: ['a'] } }],
    ['policy', { policy: {} }, {}],
    ['policy.default', { policy: {} }, { policy: { default: 'allow' } }],
    ['policy.rules', { policy: { rules: [deny, allow] } }, { policy: { rules: [allow] } }],
    ['policy.rules', { policy: { rules: [ask] } }, { policy: { rules: [{ ...ask, effect: 'allow' }] } }],
    ['policy.rules', { policy: { rules: [deny] } }, { policy: { rules: [{ ...deny, when: 'false' }] } }],
    [
      'policy.rules',
      { policy: { rules: [{ effect: 'allow', roles: ['developer'], tools: ['s__x'] }] } },
      { policy: { rules: [] } },
    ],
    [
      'mcpServers.s.tools.deny',
      { mcpServers: { s: { command: 'x', tools: { deny: ['a', 'b'] } } } },
      { mcpServers: { s: { command: 'x', tools: { deny: ['a'] } } } },
    ],
    ['mcpServers.s.tools.allow', { mcpServers: { s: { command: 'x', tools: { allow: ['a'] } } } }, {}],
    ['policy.external', { policy: { external: { url: 'https://a/' } } }, { policy: {} }],
    [
      'policy.external',
      { policy: { external: { url: 'https://a/' } } },
      { policy: { external: { url: 'https://b/' } } },
    ],
    ['mcpServers.s.readOnly', { mcpServers: { s: { command: 'x', readOnly: true } } }, {}],
    ['mcpServers.s.oauth.per', remote({}), remote({ per: 'gateway' })],
    ['mcpServers.s.oauth.allowLoopbackHttp', remote({}), remote({ allowLoopbackHttp: true })],
    ['mcpServers.s.oauth.exchange', exchanging(undefined), exchanging({ grant: 'token_exchange' })],
    ['mcpServers.s.oauth.exchange', exchanging({}), exchanging({ grant: 'token_exchange' })],
    [
      'mcpServers.s.oauth.exchange',
      exchanging({ grant: 'token_exchange' }),
      exchanging({ grant: 'token_exchange', exchange: { tokenEndpoint: 'https://other.test/', clientId: 'c' } }),
    ],
    ['mcpServers.s.sandbox.level', caged('strict'), caged('standard')],
    ['mcpServers.s.sandbox.level', caged('standard'), caged(undefined)],
    ['mcpServers.s.sandbox.level', caged(undefined), caged({ level: 'limited' })],
    ['mcpServers.s.sandbox.level', caged('limited'), caged('none')],
    ['mcpServers.s.sandbox.read', caged({ level: 'strict' }), caged({ level: 'strict', read: ['/a'] })],
    ['mcpServers.s.sandbox.write', caged({ write: ['/a'] }), caged({ write: ['/a', '/b'] })],
    ['mcpServers.s.sandbox.network', caged({ network: ['a.test'] }), caged({ network: ['a.test', 'b.test'] })],
    ['mcpServers.s.sandbox.network', caged({ network: [] }), caged({})],
    ['mcpServers.s.sandbox.network', caged('strict'), caged({ level: 'strict', network: ['a.test'] })],
    ['mcpServers.s.sandbox.memory', caged({ memory: '1 GiB' }), caged({ memory: '2 GiB' })],
    ['mcpServers.s.sandbox.cpu', caged({ cpu: 50 }), caged({})],
    ['mcpServers.s.sandbox.processes', caged({ processes: 4 }), caged({ processes: 5 })],
    ['mcpServers.s.sandbox.user', caged({ user: 'nobody' }), caged({ user: 'root' })],
    ['mcpServers.s.sandbox.image', caged({ image: 'a:1' }), caged({ image: 'a:2' })],
    ['mcpServers.s.sandbox.image', caged({ image: 'a:1' }), caged({})],
    ['egress.allow', { egress: { allow: [] } }, { egress: { allow: ['10.0.0.1'] } }],
    [
      'discovery.embeddings',
      { discovery: { embeddings: { url: 'https://a.example/v1/embeddings', model: 'm' } } },
      { discovery: { embeddings: { url: 'https://b.example/v1/embeddings', model: 'm' } } },
    ],
    ['alerts', { alerts: [{ to: { type: 'log' } }] }, {}],
    ['interceptors', { interceptors: [hook, program] }, { interceptors: [program] }],
    ['interceptors', { interceptors: [hook, program] }, { interceptors: [program, hook] }],
    ['interceptors', { interceptors: [hook] }, { interceptors: [{ ...hook, onError: 'open' }] }],
    ['interceptors', { interceptors: [hook] }, { interceptors: [{ ...hook, tools: ['s__x'] }] }],
    ['profile', strictest, { ...strictest, profile: undefined }],
    ['listen.tls', { listen: { tls } }, {}],
    [
      'listen.tls.minVersion',
      { listen: { tls } },
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
  ])('of %s opens: from %j to %j', (opened, before, after) => {
    const [was, is] = [configOf(before), configOf(after)];
    expect(changesBetween(was, is).opening).toEqual([opened]);
    expect(changesBetween(was, is).lines.join()).not.toContain('CANARY');
  });

  it.each([
    ['a key that goes', { auth: { keys: [key('a'), key('b')] } }, { auth: { keys: [key('b')] } }],
    ['the last key that goes', { auth: { keys: [key('a')] } }, {}],
    ['another order of keys', { auth: { keys: [key('a'), key('b')] } }, { auth: { keys: [key('b'), key('a')] } }],
    ['a policy that comes', {}, { policy: { rules: [deny] } }],
    ['a rule that comes', { policy: { rules: [deny] } }, { policy: { rules: [allow, deny, ask] } }],
    ['a policy that gets stricter', { policy: { default: 'allow' } }, { policy: { roles: { dev: {} } } }],
    ['a decision point that comes', { policy: {} }, { policy: { external: { url: 'https://a/' } } }],
    [
      'limits over time',
      {},
      {
        limits: {
          rate: { perPrincipal: 'off' },
          quota: { day: 1 },
          serverConcurrency: 1,
          serverQueue: 1,
          streams: 1,
          subscriptions: 1,
        },
      },
    ],
    ['interceptors that come', { interceptors: [hook] }, { interceptors: [program, hook, { ...hook, name: 'c' }] }],
    ['an interceptor that closes', { interceptors: [program] }, { interceptors: [{ ...program, onError: 'closed' }] }],
    ['a cage', caged(undefined), caged('strict')],
    ['less to see', caged({ read: ['/a', '/b'], network: ['a.test'] }), caged({ read: ['/b'], network: [] })],
    ['a server that only reads', {}, { mcpServers: { s: { command: 'x', readOnly: true } } }],
  ])('of %s can be taken over', (_what, before, after) => {
    expect(changesBetween(configOf(before), configOf(after))).toMatchObject({ needRestart: [], opening: [] });
  });

  it.each([
    ['auth.mode', { auth: { mode: ['key', 'jwt'], jwt: { issuer: id } } }, {}],
    [
      'auth.jwt.issuer',
      { auth: { mode: 'jwt', jwt: { issuer: id } } },
      { auth: { mode: 'jwt', jwt: { issuer: `${id}/` } } },
    ],
    ['auth.scopes', {}, { auth: { scopes: ['a'] } }],
    ['auth.browser.idle', {}, { auth: { browser: { idle: '1m' } } }],
    ['listen.tls.cert', { listen: { tls } }, { listen: { tls: { ...tls, cert: '/other.pem' } } }],
  ])('of %s needs a restart', (named, before, after) => {
    expect(changesBetween(configOf(before), configOf(after)).needRestart).toContain(named);
  });

  it('names keys, and says nothing of those that stayed', () => {
    const before = configOf({ auth: { keys: [key('a'), key('b')] } });
    const after = configOf({ auth: { keys: [key('b')] } });
    expect(changesBetween(before, after).lines).toEqual([
      'auth.keys.a.name: removed',
      'auth.keys.a.key: removed',
      'auth.keys.a.roles: removed',
    ]);
  });
});
