/**
 * The schema of the configuration file: every key, its default, its unit. One definition gives the check of a file and,
 * by json-schema.ts, `schema/sallyport.schema.json`. It does not read files, expand variables or know foreign keys.
 */
import * as v from 'valibot';
import { duration, flag, integer, oneOf, text, texts } from './scalars.ts';
import { adminSchema } from './schema-admin.ts';
import { alertsSchema } from './schema-alerts.ts';
import { auditSchema } from './schema-audit.ts';
import { privacySchema } from './schema-privacy.ts';
import { authSchema } from './schema-auth.ts';
import { discoverySchema, viewDiscoverySchema } from './schema-discovery.ts';
import { interceptorsSchema } from './schema-interceptors.ts';
import { laterTelemetry } from './schema-later.ts';
import { limitsSchema } from './schema-limits.ts';
import { listenSchema } from './schema-listen.ts';
import { map, maybe, object, present, preset } from './schema-parts.ts';
import { guardOf, guardSchema } from './schema-guard.ts';
import { pinsOf } from './schema-pins.ts';
import { policySchema } from './schema-policy.ts';
import { secretsSchema } from './schema-secrets.ts';
import { securitySchema } from './schema-security.ts';
import { serverSchema, type ServerEntry } from './schema-server.ts';
import { toolsSchema } from './schema-tools.ts';
import { secret } from './schema-values.ts';
import type { Config, ViewConfig } from './types.ts';

/** The file after the check: like `Config`, the servers still as written and by name. */
export type ConfigEntry = Omit<Config, 'servers' | 'secretFiles'> & {
  readonly mcpServers: Readonly<Record<string, ServerEntry>>;
};

/** What a server's name must match. */
export const serverNamePattern: RegExp = /^(?!_)(?!.*__)[A-Za-z0-9_-]{1,32}$(?<!_)/;

const namingMode = oneOf('prefixed', 'plain');

/** Clients put `mcp__sallyport__` in front, and the whole may have 64 characters: hence 48. */
const naming = preset(
  v.pipe(
    v.union([
      namingMode,
      object({
        mode: maybe(namingMode, 'prefixed = server__tool.'),
        maxLength: maybe(integer(16, 128), 'Longer names are shortened with a hash; 48 unless told.'),
      }),
    ]),
    v.transform((value): Config['naming'] => {
      const written = typeof value === 'string' ? { mode: value, maxLength: undefined } : value;
      return { mode: written.mode ?? 'prefixed', maxLength: written.maxLength ?? 48 };
    }),
  ),
  'prefixed',
  'How tools and prompts are named for clients.',
);

const sessions = preset(
  v.pipe(
    object({
      idle: preset(duration(1), '30m', 'A session nobody uses ends after so long.'),
      absolute: preset(duration(1), '24h', 'A session ends after so long in any case.'),
    }),
    v.transform(({ idle, absolute }) => ({ idleMs: idle, absoluteMs: absolute })),
  ),
  {},
  'Sessions of clients.',
);

const name = v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{1,32}$/, 'expected a name of 1 to 32 of A-Z a-z 0-9 _ -'));

const view = v.pipe(
  object({
    servers: maybe(texts('a list of server names'), 'Globs over the names of servers.'),
    tags: maybe(texts('a list of tags'), 'Servers with one of these tags.'),
    tools: maybe(texts('a list of globs'), 'Globs over tools as server__tool.'),
    discovery: viewDiscoverySchema,
  }),
  v.transform((value): ViewConfig => present(value)),
);

const stores = 'expected sqlite, memory, redis://… or rediss://…';

const store = preset(
  v.pipe(
    v.string(stores),
    v.check((value) => /^(sqlite|memory|rediss?:\/\/.+)$/.test(value), stores),
    v.transform((value): Config['store'] => (value === 'memory' ? 'memory' : 'sqlite')),
  ),
  'sqlite',
  'Where state lives: sqlite, memory, redis://… or rediss://…',
);

const log = object({
  level: preset(oneOf('trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'), 'info'),
  format: preset(oneOf('auto', 'json', 'pretty'), 'auto', 'auto = pretty on a terminal.'),
});

const metrics = v.pipe(
  object({
    enabled: preset(flag(), true, 'Serve /metrics.'),
    key: maybe(secret('a key'), 'What a scraper shows as its bearer token.'),
  }),
  v.transform((value) => present(value)),
);

const telemetry = preset(
  v.pipe(
    object({ log: preset(log, {}), metrics: preset(metrics, {}, 'Metrics for Prometheus.'), ...laterTelemetry }),
    v.transform((value): Config['telemetry'] => ({ log: value.log, metrics: value.metrics })),
  ),
  {},
  'Log, metrics, traces.',
);

const egress = preset(
  v.pipe(
    object({
      allow: preset(texts('a list of hosts, addresses or CIDR blocks'), [], 'Reachable though they are not public.'),
      proxy: maybe(text('a URL'), 'Proxy for what is reached outside; else HTTPS_PROXY and NO_PROXY.'),
    }),
    v.transform((value) => present(value)),
  ),
  {},
  'What addresses that arrive from outside may reach.',
);

const servers = v.pipe(
  preset(map(v.string(), serverSchema, 'server names, each with an object'), {}),
  v.metadata({
    description: 'The servers behind the gateway, by name.',
    propertyNames: { type: 'string', pattern: serverNamePattern.source },
  }),
);

const root = v.pipe(
  object({
    $schema: maybe(v.string(), 'For editors; no effect.'),
    mcpServers: servers,
    listen: listenSchema,
    naming,
    discovery: discoverySchema,
    auth: authSchema,
    policy: maybe(policySchema, 'Who may use what; absent = whoever is authenticated may use everything.'),
    limits: limitsSchema,
    sessions,
    views: preset(
      map(name, view, 'names of views, each with an object'),
      {},
      'Named selections of the catalogue, served at /mcp/v/<name>.',
    ),
    store,
    telemetry,
    egress,
    admin: adminSchema,
    audit: auditSchema,
    privacy: privacySchema,
    guard: guardSchema,
    alerts: alertsSchema,
    security: securitySchema,
    profile: maybe(oneOf('hardened'), 'Stricter defaults, which nothing that is written weakens.'),
    strict: preset(flag(), false, 'Warnings that would leave something out become errors.'),
    reload: preset(oneOf('auto', 'confirm', 'off'), 'auto', 'What a change of this file does to a running gateway.'),
    secrets: maybe(secretsSchema, 'Where `${secret:NAME}` and `${exec:NAME}` come from.'),
    tools: toolsSchema,
    interceptors: interceptorsSchema,
  }),
  v.transform((value) => ({
    mcpServers: value.mcpServers,
    listen: value.listen,
    naming: value.naming,
    discovery: value.discovery,
    auth: value.auth,
    ...(value.policy !== undefined && { policy: value.policy }),
    limits: value.limits,
    sessions: value.sessions,
    store: value.store,
    views: value.views,
    tools: value.tools,
    telemetry: value.telemetry,
    egress: value.egress,
    admin: value.admin,
    audit: value.audit,
    privacy: value.privacy,
    guard: guardOf(value.guard),
    pins: pinsOf(value.guard),
    alerts: value.alerts,
    interceptors: value.interceptors,
    security: value.security,
    ...(value.profile !== undefined && { profile: value.profile }),
    strict: value.strict,
    reload: value.reload,
  })),
);

/** Checks a whole file after expansion. */
export const configSchema: v.GenericSchema<unknown, ConfigEntry> = root;
