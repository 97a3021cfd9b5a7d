/**
 * The schema of root keys whose rooms are not built. They are known so that the JSON Schema is whole and a typing error in
 * them is not mistaken for an unknown key; `not-yet.ts` refuses every one of them, so nothing here reaches the gateway.
 */
import { z } from 'zod';
import { duration, flag, integer, period, size, text, texts } from './scalars.ts';

const mode = z.enum(['auto', 'full', 'groups', 'search', 'code']);

/** Members of an object whose values nobody reads yet. */
type Members<Key extends string> = Readonly<Record<Key, z.ZodOptional<z.ZodType>>>;

/** `discovery`, also inside a view: a mode, or an object. */
export const discoverySchema: z.ZodType = z.union([
  mode,
  z.strictObject({
    mode: mode.optional(),
    budget: integer(0).optional().describe('Tokens the full catalogue may cost in mode auto.'),
    always: texts().optional().describe('Tools that are shown in every mode.'),
    embeddings: z.record(z.string(), z.json()).optional().describe('An endpoint that ranks by meaning.'),
    resultBudget: integer(0).optional().describe('Tokens a result may cost.'),
  }),
]);

const rate = text('a rate such as "1000/m"').refine((value) => /^\d+\/(s|m|h|d)$|\$\{/.test(value), {
  error: 'expected a rate such as "1000/m" (s, m, h or d)',
});

/** Parts of `limits` that count calls over time. */
export const laterLimits: Members<'rate' | 'quota'> = {
  rate: z
    .strictObject({
      perPrincipal: rate.optional(),
      perServer: rate.optional(),
      perTool: rate.optional(),
      perSession: rate.optional(),
      global: rate.optional(),
    })
    .optional()
    .describe('Calls per time, as "1000/m".'),
  quota: z
    .strictObject({ day: integer(0).optional(), month: integer(0).optional() })
    .optional()
    .describe('Calls in all.'),
};

/** Parts of `listen` beyond a plain listener of one process. */
export const laterListen: Members<'workers' | 'tls'> = {
  workers: integer(1).optional().describe('Processes that share the listener.'),
  tls: z
    .strictObject({
      cert: text().optional(),
      key: text().optional(),
      clientCa: text().optional(),
      crl: text().optional(),
      minVersion: z.enum(['TLSv1.2', 'TLSv1.3']).optional(),
      cipherSuites: texts().optional(),
    })
    .optional()
    .describe('Serve TLS.'),
};

/** Parts of `auth` beyond one mode. */
export const laterAuth: Members<'keys' | 'jwt' | 'server'> = {
  keys: z
    .array(
      z.strictObject({
        name: text(),
        key: text().optional(),
        hash: text().optional(),
        roles: texts().optional(),
        expires: text().optional(),
      }),
    )
    .optional()
    .describe('Keys written in the file.'),
  jwt: z
    .strictObject({
      issuer: text().optional(),
      audience: z.union([text(), texts()]).optional(),
      jwks: z.union([text(), z.record(z.string(), z.json())]).optional(),
      publicKeys: texts().optional(),
      algorithms: texts().optional(),
      clockTolerance: duration().optional(),
      claims: z.strictObject({ roles: text().optional(), groups: text().optional() }).optional(),
    })
    .optional()
    .describe('Tokens of an issuer.'),
  server: z.record(z.string(), z.json()).optional().describe('An authorization server of our own.'),
};

/** Parts of `telemetry` beyond log and metrics. */
export const laterTelemetry: Members<'traces'> = {
  traces: z.strictObject({ endpoint: text().optional() }).optional().describe('OpenTelemetry.'),
};

const role = z.strictObject({
  keys: texts().optional(),
  groups: texts().optional(),
  claims: z.record(z.string(), z.json()).optional(),
});

const rule = z.strictObject({
  effect: z.enum(['allow', 'deny', 'ask']),
  roles: texts().optional(),
  principals: texts().optional(),
  tools: texts().optional(),
  resources: texts().optional(),
  prompts: texts().optional(),
  servers: texts().optional(),
  when: text('a condition').optional(),
  reason: text().optional(),
});

const auditEvents = z.enum([
  'authentication',
  'authorization',
  'configuration_change',
  'server_access',
  'admin_actions',
]);

/** Whole rooms of the root. */
export const laterRooms: Members<
  | 'policy'
  | 'guard'
  | 'audit'
  | 'privacy'
  | 'secrets'
  | 'egress'
  | 'admin'
  | 'interceptors'
  | 'alerts'
  | 'security'
  | 'profile'
> = {
  policy: z
    .strictObject({
      default: z.enum(['deny', 'allow']).optional(),
      roles: z.record(z.string(), role).optional(),
      rules: z.array(rule).optional(),
    })
    .optional()
    .describe('Who may use what; absent = whoever is authenticated may use everything.'),
  guard: z
    .strictObject({
      arguments: z.enum(['validate', 'off']).optional(),
      pins: z.strictObject({ mode: z.enum(['warn', 'off', 'quarantine']).optional() }).optional(),
      secrets: z.enum(['flag', 'off', 'redact', 'block']).optional(),
      injection: z.enum(['flag', 'off', 'block']).optional(),
      injectionResults: flag().optional(),
      resultMax: size().optional(),
    })
    .optional()
    .describe('Checks of content.'),
  audit: z
    .strictObject({
      enabled: flag().optional(),
      file: text().optional(),
      retention: period().optional(),
      durability: z.enum(['batch', 'strict']).optional(),
      events: z.array(auditEvents).optional(),
      values: flag().optional(),
      encrypt: flag().optional(),
      sinks: z.array(z.json()).optional(),
    })
    .optional()
    .describe('The audit trail.'),
  privacy: z
    .strictObject({
      identities: z.enum(['plain', 'pseudonym']).optional(),
      addresses: z.enum(['full', 'truncated', 'none']).optional(),
    })
    .optional()
    .describe('What records say of people.'),
  secrets: z
    .strictObject({
      backend: z.enum(['auto', 'keychain', 'file']).optional(),
      exec: z.record(z.string(), texts()).optional(),
    })
    .optional()
    .describe('Where secrets live.'),
  egress: z
    .strictObject({ allow: texts().optional(), proxy: text().optional() })
    .optional()
    .describe('What addresses from outside may reach.'),
  admin: z
    .strictObject({
      enabled: flag().optional(),
      path: text().optional(),
      dashboard: flag().optional(),
      hosts: texts().optional(),
      remoteWrite: flag().optional(),
      commands: flag().optional(),
    })
    .optional()
    .describe('The admin API and dashboard.'),
  interceptors: z.array(z.json()).optional().describe('Own steps in the route of a call.'),
  alerts: z.array(z.json()).optional().describe('Who is told when something happens.'),
  security: z
    .strictObject({ contact: text().optional(), policy: text().optional() })
    .optional()
    .describe('security.txt.'),
  profile: z.enum(['hardened']).optional().describe('A set of stricter defaults.'),
};
