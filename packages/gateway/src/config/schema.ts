/**
 * The schema of the configuration file: every key, its default, its unit. One definition gives the check of a file and the
 * JSON Schema in `schema/sallyport.schema.json`. It does not read files, expand variables or know foreign keys.
 */
import { z } from 'zod';
import { duration, flag, integer, size, text, texts } from './scalars.ts';
import { discoverySchema, laterAuth, laterLimits, laterListen, laterRooms, laterTelemetry } from './schema-later.ts';
import { serverSchema, type ServerEntry } from './schema-server.ts';
import type { Config, LimitsConfig, ListenConfig, ViewConfig } from './types.ts';

/** The file after the check: like `Config`, the servers still as written and by name. */
export type ConfigEntry = Omit<Config, 'servers' | 'discovery'> & {
  readonly mcpServers: Readonly<Record<string, ServerEntry>>;
};

/** What a server's name must match. */
export const serverNamePattern: RegExp = /^(?!_)(?!.*__)[A-Za-z0-9_-]{1,32}$(?<!_)/;

const pathPattern = /^\/(?:[A-Za-z0-9._~-]+(?:\/[A-Za-z0-9._~-]+)*)?$/;

const listen = z
  .strictObject({
    host: text('an address or host name').prefault('127.0.0.1').describe('Address to listen on.'),
    port: integer(0, 65_535).prefault(7420).describe('Port; 0 = any free one.'),
    path: z
      .string()
      .refine((value) => value.length > 1 && pathPattern.test(value), { error: 'expected a path such as "/mcp"' })
      .prefault('/mcp')
      .describe('Path of the MCP endpoint.'),
    hosts: texts('a list of host names').prefault([]).describe('Host header values to accept besides our own.'),
    origins: texts('a list of origins').prefault([]).describe('Origins of web pages to accept.'),
    trustProxy: texts('a list of addresses or CIDR blocks')
      .prefault([])
      .describe('Proxies whose headers are believed.'),
    publicUrl: z
      .string()
      .refine(isHttpUrl, { error: 'expected an absolute http or https URL' })
      .optional()
      .describe('The address that clients use, when a proxy is in front.'),
    plainBehindProxy: flag().prefault(false).describe('Allow a plain listener beyond loopback: TLS ends in a proxy.'),
    websocket: flag().prefault(true).describe('MCP over WebSocket on the same paths.'),
    sse: flag().prefault(true).describe('The legacy HTTP+SSE transport on /sse and /messages.'),
    ...laterListen,
  })
  .prefault({})
  .transform(({ publicUrl, workers: _workers, tls: _tls, ...rest }): ListenConfig => ({
    ...rest,
    ...(publicUrl !== undefined && { publicUrl }),
  }))
  .describe('Where `sallyport serve` listens.');

const namingMode = z.enum(['prefixed', 'plain']);

/** Clients put `mcp__sallyport__` in front, and the whole may have 64 characters: hence 48. */
const naming = z
  .union([
    namingMode,
    z.strictObject({
      mode: namingMode.optional().describe('prefixed = server__tool.'),
      maxLength: integer(16, 128).optional().describe('Longer names are shortened with a hash; 48 unless told.'),
    }),
  ])
  .prefault('prefixed')
  .transform((value) => {
    const written = typeof value === 'string' ? { mode: value, maxLength: undefined } : value;
    return { mode: written.mode ?? 'prefixed', maxLength: written.maxLength ?? 48 };
  })
  .describe('How tools and prompts are named for clients.');

const limits = z
  .strictObject({
    body: size().prefault('4 MiB').describe('One HTTP request body.'),
    headers: size(1024).prefault('16 KiB').describe('All header lines of one HTTP request.'),
    depth: integer(4, 512).prefault(64).describe('Nesting of one JSON message.'),
    batch: integer(1).prefault(50).describe('Entries of a JSON-RPC batch.'),
    upstreamMessage: size(1024).prefault('16 MiB').describe('One message from an upstream.'),
    headerTimeout: duration(1).prefault('10s').describe('Until the headers of a request are there.'),
    bodyTimeout: duration(1).prefault('30s').describe('Until the body of a request is there.'),
    listDeadline: duration(1).prefault('3s').describe('How long a merged list waits for slow servers.'),
    drain: duration().prefault('10s').describe('How long a stopping gateway lets calls finish.'),
    sessions: integer(1).prefault(1000).describe('Open sessions, in all.'),
    human: duration(1).prefault('10m').describe('Waiting for a person.'),
    requestState: duration(1).prefault('10m').describe('How long a call waits for input from its client.'),
    concurrency: integer(1).prefault(64).describe('Calls in flight per principal.'),
    connections: integer(1).prefault(256).describe('Open connections per address.'),
    failedAuthentications: integer(1).prefault(60).describe('Per address and minute.'),
    ...laterLimits,
  })
  .prefault({})
  .transform((value): LimitsConfig => ({
    bodyBytes: value.body,
    headerBytes: value.headers,
    depth: value.depth,
    batch: value.batch,
    upstreamMessageBytes: value.upstreamMessage,
    headerTimeoutMs: value.headerTimeout,
    bodyTimeoutMs: value.bodyTimeout,
    listDeadlineMs: value.listDeadline,
    drainMs: value.drain,
    sessions: value.sessions,
    humanMs: value.human,
    requestStateMs: value.requestState,
    concurrency: value.concurrency,
    connections: value.connections,
    failedAuthentications: value.failedAuthentications,
  }))
  .describe('Sizes, counts and times that nothing may exceed.');

const sessions = z
  .strictObject({
    idle: duration(1).prefault('30m').describe('A session nobody uses ends after so long.'),
    absolute: duration(1).prefault('24h').describe('A session ends after so long in any case.'),
  })
  .prefault({})
  .transform(({ idle, absolute }) => ({ idleMs: idle, absoluteMs: absolute }))
  .describe('Sessions of clients.');

const name = z.string().regex(/^[A-Za-z0-9_-]{1,32}$/, { error: 'expected a name of 1 to 32 of A-Z a-z 0-9 _ -' });

const view = z
  .strictObject({
    servers: texts('a list of server names').optional().describe('Globs over the names of servers.'),
    tags: texts('a list of tags').optional().describe('Servers with one of these tags.'),
    tools: texts('a list of globs').optional().describe('Globs over tools as server__tool.'),
    discovery: discoverySchema.optional().describe('How tools are shown in this view; full in this version.'),
  })
  .transform(({ servers, tags, tools }): ViewConfig => ({
    ...(servers !== undefined && { servers }),
    ...(tags !== undefined && { tags }),
    ...(tools !== undefined && { tools }),
  }));

const authMode = z.enum(['none', 'key', 'jwt', 'oidc', 'introspection', 'mtls']);

const root = z
  .strictObject({
    $schema: z.string().optional().describe('For editors; no effect.'),
    mcpServers: z
      .record(z.string(), serverSchema, { error: 'expected server names, each with an object' })
      .prefault({})
      .meta({
        description: 'The servers behind the gateway, by name.',
        propertyNames: { type: 'string', pattern: '^(?!_)(?!.*__)[A-Za-z0-9_-]{1,32}$(?<!_)' },
      }),
    listen,
    naming,
    discovery: discoverySchema.optional().describe('How tools are shown to clients; full in this version.'),
    auth: z
      .strictObject({
        mode: z
          .union([authMode, z.array(authMode)])
          .prefault('key')
          .describe('How clients prove who they are; a list is tried in order.'),
        ...laterAuth,
      })
      .prefault({})
      .transform(({ mode }) => ({ mode: mode === 'none' ? ('none' as const) : ('key' as const) }))
      .describe('Who may come in.'),
    limits,
    sessions,
    views: z
      .record(name, view, { error: 'expected names of views, each with an object' })
      .prefault({})
      .describe('Named selections of the catalogue, served at /mcp/v/<name>.'),
    store: z
      .string({ error: 'expected sqlite, memory, redis://… or rediss://…' })
      .refine((value) => /^(sqlite|memory|rediss?:\/\/.+)$/.test(value), {
        error: 'expected sqlite, memory, redis://… or rediss://…',
      })
      .prefault('sqlite')
      .transform((value) => (value === 'memory' ? ('memory' as const) : ('sqlite' as const)))
      .describe('Where state lives: sqlite, memory, redis://… or rediss://…'),
    telemetry: z
      .strictObject({
        log: z
          .strictObject({
            level: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).prefault('info'),
            format: z.enum(['auto', 'json', 'pretty']).prefault('auto').describe('auto = pretty on a terminal.'),
          })
          .prefault({}),
        metrics: z
          .strictObject({
            enabled: flag().prefault(true).describe('Serve /metrics.'),
            key: text().optional().describe('What a scraper shows as its bearer token.'),
          })
          .prefault({})
          .transform(({ enabled, key }) => ({ enabled, ...(key !== undefined && { key }) }))
          .describe('Metrics for Prometheus.'),
        ...laterTelemetry,
      })
      .prefault({})
      .transform(({ log, metrics }) => ({ log, metrics }))
      .describe('Log, metrics, traces.'),
    strict: flag().prefault(false).describe('Warnings that would leave something out become errors.'),
    reload: z
      .enum(['auto', 'confirm', 'off'])
      .prefault('auto')
      .describe('What a change of this file does to a running gateway.'),
    ...laterRooms,
  })
  .transform(
    ({
      mcpServers,
      listen: listener,
      naming: names,
      auth,
      limits: limit,
      sessions: session,
      store,
      views,
      telemetry,
      strict,
      reload,
    }) => ({
      mcpServers,
      listen: listener,
      naming: names,
      auth,
      limits: limit,
      sessions: session,
      store,
      views,
      telemetry,
      strict,
      reload,
    }),
  );

/** Checks a whole file after expansion. */
export const configSchema: z.ZodType<ConfigEntry> = root;

/** The JSON Schema (2020-12) of the file as people write it. */
export function configJsonSchema(): Record<string, unknown> {
  const { $schema, ...rest } = z.toJSONSchema(root, { io: 'input', target: 'draft-2020-12' });
  return { $schema, title: 'Sallyport configuration', ...rest };
}

/** The committed text of `schema/sallyport.schema.json`. */
export function configJsonSchemaText(): string {
  return `${JSON.stringify(configJsonSchema(), null, 2)}\n`;
}

function isHttpUrl(value: string): boolean {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  return url !== undefined && (url.protocol === 'http:' || url.protocol === 'https:');
}
