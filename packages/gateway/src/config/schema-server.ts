/**
 * The schema of one server, `mcpServers.<name>`. Every key of the documentation is known here; which of them this version
 * can do is said in `not-yet.ts`, and what the keys mean together (`command` or `url`) is checked in `servers.ts`.
 */
import { z } from 'zod';
import { duration, flag, integer, size, text, texts } from './scalars.ts';
import type { RemoteTarget, ServerConfig } from './types.ts';

/** A server as written, its scalars parsed; paths still as in the file. */
export type ServerEntry = Pick<
  ServerConfig,
  'enabled' | 'era' | 'start' | 'idleMs' | 'isolation' | 'timeout' | 'tools' | 'features' | 'tags'
> & {
  readonly description?: string | undefined;
  readonly command?: string | undefined;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly envFile?: string | undefined;
  readonly cwd?: string | undefined;
  readonly url?: string | undefined;
  readonly type?: RemoteTarget['kind'] | undefined;
  readonly headers: Readonly<Record<string, string>>;
};

const glob = 'a list of globs over tool names, such as ["read_*"]';

/** An environment value may be written as a number or boolean; a child only ever sees text. */
const environmentValue = z
  .union([z.string(), z.number(), z.boolean()], { error: 'expected text' })
  .transform(String)
  .refine((value) => !value.includes('\u0000'), { error: 'expected text without NUL' });

/** RFC 9110 §5.1 and §5.5: a token, and a value without CR, LF and NUL. */
const headers = z.record(
  z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, { error: 'expected the name of an HTTP header' }),
  z.string({ error: 'expected text' }).refine((value) => !/[\r\n]/.test(value) && !value.includes('\u0000'), {
    error: 'expected a header value without line breaks or NUL',
  }),
  { error: 'expected header names and their values' },
);

const timeout = z
  .strictObject(
    {
      connect: duration(1).prefault('10s').describe('Until the handshake is done.'),
      call: duration(1).prefault('60s').describe('One request; progress renews it.'),
      max: duration(1).prefault('30m').describe('One request in all, whatever progress says.'),
      tools: duration(1).optional().describe('Requests of tools, instead of `call`.'),
      resources: duration(1).optional().describe('Requests of resources, instead of `call`.'),
      prompts: duration(1).optional().describe('Requests of prompts, instead of `call`.'),
    },
    { error: objectOf('connect, call, max, tools, resources, prompts') },
  )
  .prefault({})
  .transform(({ connect, call, max, tools, resources, prompts }) => ({
    connectMs: connect,
    callMs: call,
    maxMs: max,
    ...(tools !== undefined && { toolsMs: tools }),
    ...(resources !== undefined && { resourcesMs: resources }),
    ...(prompts !== undefined && { promptsMs: prompts }),
  }))
  .describe('How long to wait; waiting for a person stops both clocks.');

const argumentRule = z
  .strictObject({
    hide: flag().prefault(false).describe('The model does not see this argument.'),
    fix: z.json().optional().describe('Always sent, whatever the caller gives.'),
    default: z.json().optional().describe('Sent when the caller gives none.'),
  })
  .refine((rule) => rule.fix === undefined || rule.default === undefined, {
    error: '`fix` and `default` exclude each other: a fixed argument has no default',
  })
  .transform(({ hide, fix, default: fallback }) => ({
    hide,
    ...(fix !== undefined && { fix }),
    ...(fallback !== undefined && { default: fallback }),
  }));

const tools = z
  .strictObject({
    allow: texts(glob).optional().describe('Globs of the tools to show; absent = all.'),
    deny: texts(glob).prefault([]).describe('Globs of the tools to leave out; stronger than `allow`.'),
    rename: z.record(z.string(), text()).prefault({}).describe('Original name to shown name.'),
    describe: z.record(z.string(), z.string()).prefault({}).describe('Original name to another description.'),
    arguments: z
      .record(z.string(), z.record(z.string(), argumentRule))
      .prefault({})
      .describe('Tool, then argument: `{hide, fix, default}`.'),
  })
  .prefault({})
  .transform(({ allow, ...rest }) => ({ ...rest, ...(allow !== undefined && { allow }) }))
  .describe('Which tools are shown, and how.');

const sandboxLevel = z.enum(['strict', 'standard', 'limited', 'none']);

/** Keys that only later versions can do; `not-yet.ts` refuses them while they are not built. */
const later = {
  tls: z
    .strictObject({ ca: text().optional(), cert: text().optional(), key: text().optional(), pin: text().optional() })
    .optional()
    .describe('Certificates for this server: own CA, client certificate, pinned key.'),
  oauth: z
    .strictObject({
      clientId: text().optional(),
      clientSecret: text().optional(),
      privateKey: text().optional(),
      clientMetadataUrl: text().optional(),
      scopes: texts().optional(),
      grant: z.enum(['authorization_code', 'client_credentials']).optional(),
      per: z.enum(['principal', 'gateway']).optional(),
      allowLoopbackHttp: flag().optional(),
    })
    .optional()
    .describe('How the gateway logs in to this server.'),
  readOnly: flag().optional().describe('Only tools whose pinned definition says readOnlyHint.'),
  instances: z
    .array(z.strictObject({ url: text('a URL'), weight: integer(1).optional() }))
    .optional()
    .describe('Several equal endpoints.'),
  balance: text().optional().describe('How a call picks an instance; round-robin unless told.'),
  cache: z
    .strictObject({ ttl: duration().optional(), tools: texts(glob).optional() })
    .optional()
    .describe('Keep results marked cacheable, and those of the tools named.'),
};

const sandbox = z
  .union([
    sandboxLevel,
    z.strictObject({
      level: sandboxLevel.optional(),
      read: texts('a list of paths').optional(),
      write: texts('a list of paths').optional(),
      network: texts('a list of hosts').optional(),
      memory: size().optional(),
      cpu: integer(1).optional(),
      processes: integer(1).optional(),
      user: text().optional(),
    }),
  ])
  .optional()
  .describe('How far the child is caged: strict, standard, limited or none.');

const entry = z
  .strictObject(
    {
      description: z.string().optional().describe('For people and models.'),
      command: text('the program to start').optional().describe('Program of a stdio server.'),
      args: texts().prefault([]).describe('Its arguments; never given to a shell.'),
      env: z
        .record(z.string().regex(/^[^=\p{Cc}]+$/u), environmentValue)
        .prefault({})
        .describe('Environment of the child.'),
      envFile: text('the path of a file').optional().describe('A file of NAME=value lines; `env` wins.'),
      cwd: text('a folder').optional().describe('Working folder; the folder of this file unless told.'),
      url: text('a URL').optional().describe('Address of a remote server.'),
      type: z.enum(['http', 'sse', 'ws']).optional().describe('Transport of a remote server.'),
      headers: headers.prefault({}).describe('Sent to this server and to no other origin.'),
      enabled: flag().prefault(true).describe('false = not connected and not listed.'),
      era: z.enum(['auto', 'session', 'stateless']).prefault('auto').describe('Which protocol family to speak.'),
      start: z.enum(['lazy', 'eager']).prefault('lazy').describe('lazy = at the first use.'),
      idle: duration().prefault('10m').describe('Stop an unused child after so long; 0 = never.'),
      isolation: z
        .enum(['shared', 'principal', 'project', 'session'])
        .prefault('shared')
        .describe('Who shares a child or an upstream session.'),
      timeout,
      tools,
      features: z
        .strictObject({
          tools: flag().prefault(true),
          resources: flag().prefault(true),
          prompts: flag().prefault(true),
        })
        .prefault({})
        .describe('What of this server is offered.'),
      tags: texts().prefault([]).describe('Free labels to select servers by.'),
      sandbox,
      ...later,
    },
    { error: objectOf('command or url, …') },
  )
  .transform(({ idle, ...rest }) => ({ ...rest, idleMs: idle }));

/** One server. Input: as in the file, after expansion. Output: scalars parsed, defaults filled. */
export const serverSchema: z.ZodType<ServerEntry> = entry;

function objectOf(keys: string): (issue: { readonly code?: string | undefined }) => string | undefined {
  return (issue) => (issue.code === 'invalid_type' ? `expected an object with ${keys}` : undefined);
}
