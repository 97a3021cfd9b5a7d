/**
 * The schema of one server, `mcpServers.<name>`. Every key of the documentation is known here; which of them this version
 * can do is said in `not-yet.ts`, and what the keys mean together (`command` or `url`) is checked in `servers.ts`.
 */
import * as v from 'valibot';
import { duration, flag, integer, oneOf, size, text, texts } from './scalars.ts';
import { headersSchema } from './schema-headers.ts';
import { oauth } from './schema-oauth.ts';
import { openapi, type OpenApiEntry } from './schema-openapi.ts';
import { map, maybe, object, present, preset } from './schema-parts.ts';
import type { OAuthConfig } from './types-oauth.ts';
import type { RemoteTarget, SandboxConfig, ServerConfig, UpstreamTlsConfig } from './types-server.ts';

/** A server as written, its scalars parsed; paths still as in the file. */
export type ServerEntry = Pick<
  ServerConfig,
  'enabled' | 'era' | 'start' | 'idleMs' | 'isolation' | 'timeout' | 'tools' | 'features' | 'readOnly' | 'tags'
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
  readonly tls?: UpstreamTlsConfig | undefined;
  readonly oauth?: OAuthConfig | undefined;
  readonly openapi?: OpenApiEntry | undefined;
  readonly sandbox: SandboxConfig;
};

const glob = 'a list of globs over tool names, such as ["read_*"]';

/** An environment value may be written as a number or boolean; a child only ever sees text. */
const environmentValue = v.pipe(
  v.union([v.string(), v.number(), v.boolean()], 'expected text'),
  v.transform(String),
  v.check((value) => !value.includes('\u0000'), 'expected text without NUL'),
);

const environmentName = v.pipe(v.string(), v.regex(/^[^=\p{Cc}]+$/u, 'expected the name of an environment variable'));

export const environmentSchema: v.GenericSchema<unknown, Readonly<Record<string, string>>> = preset(
  map(environmentName, environmentValue),
  {},
  'Environment of the child.',
);

const timeout = preset(
  v.pipe(
    object(
      {
        connect: preset(duration(1), '10s', 'Until the handshake is done.'),
        call: preset(duration(1), '60s', 'One request; progress renews it.'),
        max: preset(duration(1), '30m', 'One request in all, whatever progress says.'),
        tools: maybe(duration(1), 'Requests of tools, instead of `call`.'),
        resources: maybe(duration(1), 'Requests of resources, instead of `call`.'),
        prompts: maybe(duration(1), 'Requests of prompts, instead of `call`.'),
      },
      'an object with connect, call, max, tools, resources, prompts',
    ),
    v.transform(({ connect, call, max, tools, resources, prompts }) => ({
      connectMs: connect,
      callMs: call,
      maxMs: max,
      ...present({ toolsMs: tools, resourcesMs: resources, promptsMs: prompts }),
    })),
  ),
  {},
  'How long to wait; waiting for a person stops both clocks.',
);

const argumentRule = v.pipe(
  object({
    hide: preset(flag(), false, 'The model does not see this argument.'),
    fix: maybe(v.unknown(), 'Always sent, whatever the caller gives.'),
    default: maybe(v.unknown(), 'Sent when the caller gives none.'),
  }),
  v.check(
    (rule) => rule.fix === undefined || rule.default === undefined,
    '`fix` and `default` exclude each other: a fixed argument has no default',
  ),
  v.transform((rule) => present(rule)),
);

const tools = preset(
  v.pipe(
    object({
      allow: maybe(texts(glob), 'Globs of the tools to show; absent = all.'),
      deny: preset(texts(glob), [], 'Globs of the tools to leave out; stronger than `allow`.'),
      rename: preset(map(v.string(), text()), {}, 'Original name to shown name.'),
      describe: preset(map(v.string(), v.string()), {}, 'Original name to another description.'),
      arguments: preset(
        map(v.string(), map(v.string(), argumentRule)),
        {},
        'Tool, then argument: `{hide, fix, default}`.',
      ),
    }),
    v.transform((rules) => present(rules)),
  ),
  {},
  'Which tools are shown, and how.',
);

const sandboxLevel = oneOf('strict', 'standard', 'limited', 'none');

/** Keys that only later versions can do; `not-yet.ts` refuses them while they are not built. */
const later = {
  instances: maybe(v.array(object({ url: text('a URL'), weight: maybe(integer(1)) })), 'Several equal endpoints.'),
  balance: maybe(text(), 'How a call picks an instance; round-robin unless told.'),
  cache: maybe(
    object({ ttl: maybe(duration()), tools: maybe(texts(glob)) }),
    'Keep results marked cacheable, and those of the tools named.',
  ),
};

const tls = maybe(
  v.pipe(
    object({
      ca: maybe(text('the path of a PEM file'), "Authorities trusted for this server instead of the system's."),
      cert: maybe(text('the path of a PEM file'), 'Client certificate.'),
      key: maybe(text('the path of a PEM file'), 'Its private key.'),
      pin: maybe(
        v.pipe(text(), v.regex(/^sha256\/[A-Za-z0-9+/]{43}=$|\$\{/, 'expected sha256/ and 32 bytes in base64')),
        'SHA-256 of the public key of the server.',
      ),
    }),
    v.check(({ cert, key }) => (cert === undefined) === (key === undefined), '`cert` and `key` belong together'),
    v.transform((files) => present(files)),
  ),
  'Certificates for this server: own authorities, client certificate, pinned key.',
);

/** Names, names below one, addresses. Which of them is none after all is said when the server is started. */
const hosts = v.array(
  v.pipe(
    v.string('expected text'),
    v.regex(
      /^(?:(?:\*\.[\w-]+(?=\.))?[\w.-]+|\[?[\dA-Fa-f:.]+\]?)(?::\d{1,5})?$|\$\{/,
      'expected a host such as api.example.com, *.example.com, api.example.com:8443 or an address',
    ),
  ),
  'expected a list of hosts',
);

export const sandboxSchema: v.GenericSchema<unknown, SandboxConfig> = preset(
  v.pipe(
    v.union([
      sandboxLevel,
      object({
        level: maybe(sandboxLevel, 'Required when it is written.'),
        read: preset(texts('a list of paths'), [], 'Readable besides what the level gives.'),
        write: preset(texts('a list of paths'), [], 'Writable besides what the level gives.'),
        network: maybe(hosts, 'The hosts it may reach; none of them: no network.'),
        image: maybe(
          v.pipe(
            text('the name of an image'),
            v.regex(/^[\w$][\w./:@{}$-]*$/, 'expected the name of an image, such as node:24-slim'),
          ),
          'Runs it in a container of this image, which has to be there: nothing is pulled.',
        ),
        memory: maybe(size(), 'Bytes; 2 GiB unless told.'),
        cpu: maybe(integer(1), 'Percent of one core.'),
        processes: maybe(integer(1), '256 unless told.'),
        user: maybe(text('the name or number of a user'), 'Whom it runs as; only root may choose.'),
      }),
    ]),
    v.transform((written): SandboxConfig => {
      if (typeof written === 'string') return { level: written, read: [], write: [] };
      const { cpu, memory, ...rest } = written;
      return present({ ...rest, cpuPercent: cpu, memoryBytes: memory });
    }),
  ),
  {},
  'How far the child is caged: strict, standard, limited or none.',
);

const entry = v.pipe(
  object(
    {
      description: maybe(v.string(), 'For people and models.'),
      command: maybe(text('the program to start'), 'Program of a stdio server.'),
      args: preset(texts(), [], 'Its arguments; never given to a shell.'),
      env: environmentSchema,
      envFile: maybe(text('the path of a file'), 'A file of NAME=value lines; `env` wins.'),
      cwd: maybe(text('a folder'), 'Working folder; the folder of this file unless told.'),
      url: maybe(text('a URL'), 'Address of a remote server.'),
      type: maybe(oneOf('http', 'sse', 'ws'), 'Transport of a remote server.'),
      headers: preset(headersSchema, {}, 'Sent to this server and to no other origin.'),
      enabled: preset(flag(), true, 'false = not connected and not listed.'),
      era: preset(oneOf('auto', 'session', 'stateless'), 'auto', 'Which protocol family to speak.'),
      start: preset(oneOf('lazy', 'eager'), 'lazy', 'lazy = at the first use.'),
      idle: preset(duration(), '10m', 'Stop an unused child after so long; 0 = never.'),
      isolation: preset(
        oneOf('shared', 'principal', 'project', 'session'),
        'shared',
        'Who shares a child or an upstream session.',
      ),
      timeout,
      tools,
      features: preset(
        object({ tools: preset(flag(), true), resources: preset(flag(), true), prompts: preset(flag(), true) }),
        {},
        'What of this server is offered.',
      ),
      readOnly: preset(flag(), false, 'Only tools whose pinned definition says readOnlyHint.'),
      tags: preset(texts(), [], 'Free labels to select servers by.'),
      sandbox: sandboxSchema,
      tls,
      oauth: maybe(oauth, 'How the gateway logs in to this server.'),
      openapi: maybe(openapi, 'An OpenAPI document whose operations become tools, instead of a command or url.'),
      ...later,
    },
    'an object with command, url or openapi, …',
  ),
  v.transform(({ idle, ...rest }) => ({ ...rest, idleMs: idle })),
);

/** One server. Input: as in the file, after expansion. Output: scalars parsed, defaults filled. */
export const serverSchema: v.GenericSchema<unknown, ServerEntry> = entry;
