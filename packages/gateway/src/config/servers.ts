/**
 * Servers: what their names and keys mean together, and the step from a server as written to a `ServerConfig` with absolute
 * paths and one target. It starts nothing and looks nothing up on PATH.
 */
import { isAbsolute, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { suggestName, type Finding } from './check.ts';
import { didYouMean, shorten } from './problems.ts';
import { serverNamePattern } from './schema.ts';
import type { ServerEntry } from './schema-server.ts';
import type { Path } from './source.ts';
import type { OAuthConfig } from './types-oauth.ts';
import type { OpenApiTarget, RemoteTarget, SandboxConfig, ServerConfig, StdioTarget } from './types-server.ts';
import { OWN_SERVER } from './types-tools.ts';

/** In `args` and `cwd`: the project of whoever calls. */
const ROOT = '{root}';

const SCHEMES: Readonly<Record<RemoteTarget['kind'], readonly string[]>> = {
  http: ['http:', 'https:'],
  sse: ['http:', 'https:'],
  ws: ['ws:', 'wss:'],
};

/** As written, else as the URL looks. */
function kindOf(type: unknown, url: string): RemoteTarget['kind'] {
  if (type === 'http' || type === 'sse' || type === 'ws') return type;
  const { protocol, pathname } = new URL(url);
  if (SCHEMES.ws.includes(protocol)) return 'ws';
  return /\/sse\/?$/.test(pathname) ? 'sse' : 'http';
}

const stdioKeys = ['args', 'env', 'envFile', 'cwd', 'sandbox'];
const remoteKeys = ['type', 'headers', 'tls', 'oauth', 'instances', 'balance'];

/** Findings that no single key shows: names, and `command` against `url`. Looks at the value after expansion. */
export function checkServers(value: unknown): Finding[] {
  const servers = isObject(value) && isObject(value['mcpServers']) ? value['mcpServers'] : {};
  const names = Object.keys(servers);
  return [
    ...checkNames(names),
    ...names.flatMap((name) => checkServer(servers[name], ['mcpServers', name])),
    ...checkViews(value, isObject(value) && isObject(value['tools']) ? [...names, OWN_SERVER] : names),
  ];
}

/** A view that names a server which is not there would silently show less than its author thinks. */
function checkViews(value: unknown, names: readonly string[]): Finding[] {
  const views = isObject(value) && isObject(value['views']) ? Object.entries(value['views']) : [];
  return views.flatMap(([view, selection]) => {
    const servers = isObject(selection) && Array.isArray(selection['servers']) ? selection['servers'] : [];
    return servers.flatMap((server: unknown, index): Finding[] =>
      typeof server !== 'string' || server.includes('*') || names.includes(server)
        ? []
        : [{ path: ['views', view, 'servers', index], message: `there is no such server${didYouMean(server, names)}` }],
    );
  });
}

function checkNames(names: readonly string[]): Finding[] {
  const first = new Map<string, string>();
  const taken = lowerCase(names);
  return names.flatMap((name) => {
    const path = ['mcpServers', name];
    if (!serverNamePattern.test(name)) return [{ path, message: badName(name, taken) }];
    const other = first.get(name.toLowerCase());
    if (other === undefined) first.set(name.toLowerCase(), name);
    return other === undefined
      ? []
      : [{ path, message: `differs from \`${other}\` only in case; names are compared without it` }];
  });
}

/** Names as they are compared. */
export function lowerCase(names: readonly string[]): Set<string> {
  return new Set(names.map((name) => name.toLowerCase()));
}

/** What is wrong with a server's name, and one that would do. */
export function badName(name: string, taken: ReadonlySet<string>): string {
  const suggestion = suggestName(name, taken);
  const instead = suggestion === undefined ? '' : `; \`${suggestion}\` would do`;
  return `\`${shorten(name)}\` is no name for a server: 1 to 32 of A-Z a-z 0-9 _ -, no \`__\`, no \`_\` at an end${instead}`;
}

function checkServer(server: unknown, path: Path): Finding[] {
  if (!isObject(server)) return [];
  const finding = (key: string, message: string): Finding => ({ path: [...path, key], message });
  const has = (key: string): boolean => Object.hasOwn(server, key) && !isEmpty(server[key]);
  if (has('command') && has('url'))
    return [finding('url', '`command` is there too; a server is started or reached, not both')];
  if (has('openapi')) {
    const others = ['command', 'url', ...stdioKeys, ...remoteKeys];
    return others.filter(has).map((key) => finding(key, 'not for a server with `openapi`'));
  }
  if (!has('command') && !has('url')) {
    return [
      { path, message: 'expected `command` (a program to start), `url` (a server to reach) or `openapi` (an API)' },
    ];
  }
  if (has('command')) {
    return [
      ...remoteKeys.filter(has).map((key) => finding(key, 'only for a server with `url`')),
      ...placeholders(server, path),
    ];
  }
  return [
    ...stdioKeys.filter(has).map((key) => finding(key, 'only for a server with `command`')),
    ...checkUrl(server, path),
  ];
}

/** `{root}` is the caller's project: it needs a child for each project. */
function placeholders(server: Readonly<Record<string, unknown>>, path: Path): Finding[] {
  if (server['isolation'] === 'project') return [];
  const texts: Array<{ readonly at: Path; readonly value: unknown }> = [
    { at: [...path, 'cwd'], value: server['cwd'] },
    ...(Array.isArray(server['args'])
      ? server['args'].map((value: unknown, index) => ({ at: [...path, 'args', index], value }))
      : []),
  ];
  return texts
    .filter(({ value }) => typeof value === 'string' && value.includes(ROOT))
    .map(({ at }) => ({
      path: at,
      message: '`{root}` is the project of whoever calls: it needs `isolation: project`',
    }));
}

function checkUrl(server: Readonly<Record<string, unknown>>, path: Path): Finding[] {
  const text = server['url'];
  if (typeof text !== 'string') return [];
  const finding = (message: string): Finding[] => [{ path: [...path, 'url'], message }];
  if (!URL.canParse(text)) return finding('expected an absolute URL such as "https://example.com/mcp"');
  const { protocol, username, password } = new URL(text);
  const kind = kindOf(server['type'], text);
  if (!SCHEMES[kind].includes(protocol)) {
    const fitting = server['type'] === undefined ? [...SCHEMES.http, ...SCHEMES.ws] : SCHEMES[kind];
    return finding(`expected a URL that begins with ${fitting.map((scheme) => `${scheme}//`).join(' or ')}`);
  }
  if (username !== '' || password !== '') return finding('credentials do not belong in a URL; send them in `headers`');
  return [];
}

export type ResolveOptions = {
  /** Folder of the configuration file, absolute. */
  readonly directory: string;
  /** What `envFile` holds. */
  readonly fileEnv: Readonly<Record<string, string>>;
  /** Paths inside the server that still hold an undefined variable. */
  readonly unresolved: readonly Path[];
  /** Of the document that `openapi` names. */
  readonly document?: { readonly path: string; readonly hash: string } | undefined;
};

/** One server, ready for the gateway. Expects an entry that `checkServers` had nothing against. */
export function resolveServer(name: string, entry: ServerEntry, options: ResolveOptions): ServerConfig {
  const oauth = entry.url === undefined ? undefined : oauthOf(entry, options.unresolved);
  return {
    name,
    ...(entry.description !== undefined && { description: entry.description }),
    target: targetOf(entry, options),
    enabled: entry.enabled,
    era: entry.era,
    start: entry.start,
    idleMs: entry.idleMs,
    isolation: entry.isolation,
    timeout: entry.timeout,
    tools: entry.tools,
    features: entry.features,
    readOnly: entry.readOnly,
    tags: entry.tags,
    sandbox: placed(entry.sandbox, options.directory),
    ...(oauth !== undefined && { oauth }),
    unresolved: options.unresolved.map((path) => path.join('.')),
  };
}

function targetOf(entry: ServerEntry, options: ResolveOptions): ServerConfig['target'] {
  if (entry.openapi !== undefined) return openApiTarget(entry.openapi, options);
  return entry.url === undefined ? stdioTarget(entry, options) : remoteTarget(entry.url, entry, options);
}

/** A document that is a URL is read from the copy of it. */
function openApiTarget(
  { auth, document, headers, sha256, ...rest }: NonNullable<ServerEntry['openapi']>,
  { directory, document: found, unresolved }: ResolveOptions,
): OpenApiTarget {
  const ofOpenApi = unresolved.filter(([group]) => group === 'openapi').map((path) => path.slice(1));
  const withoutUnresolved = <T>(key: string, values: Readonly<Record<string, T>>): Readonly<Record<string, T>> => {
    const withheld = withheldIn(key, ofOpenApi);
    return Object.fromEntries(Object.entries(values).filter(([name]) => !withheld.has(name)));
  };
  return {
    kind: 'openapi',
    document: found?.path ?? resolve(directory, document),
    hash: found?.hash ?? sha256 ?? '',
    ...(isDocumentUrl(document) && { source: document }),
    ...rest,
    auth: withoutUnresolved('auth', auth),
    headers: withoutUnresolved('headers', headers),
  };
}

/** Whether `openapi` names what has to be fetched. */
export function isDocumentUrl(document: string): boolean {
  return /^https?:\/\//i.test(document);
}

function stdioTarget(entry: ServerEntry, { directory, fileEnv }: ResolveOptions): StdioTarget {
  const command = entry.command ?? '';
  // A bare name is for PATH; with a separator it is a file, and the file is named from the configuration's folder.
  const isFile = !isAbsolute(command) && /[/\\]/.test(command);
  const fromEnvFile = Object.keys(fileEnv).filter((name) => !Object.hasOwn(entry.env, name));
  return {
    kind: 'stdio',
    command: isFile ? resolve(directory, command) : command,
    args: entry.args,
    env: { ...fileEnv, ...entry.env },
    ...(fromEnvFile.length > 0 && { fromEnvFile }),
    cwd: entry.cwd?.startsWith(ROOT) === true ? entry.cwd : resolve(directory, entry.cwd ?? '.'),
  };
}

/** A header with an undefined variable is left out: the placeholder itself must never go out as a credential. */
function remoteTarget(url: string, entry: ServerEntry, { directory, unresolved }: ResolveOptions): RemoteTarget {
  const withheld = withheldIn('headers', unresolved);
  const headers = Object.fromEntries(Object.entries(entry.headers).filter(([header]) => !withheld.has(header)));
  const { pin, ...files } = entry.tls ?? {};
  const paths = Object.fromEntries(Object.entries(files).map(([name, path]) => [name, resolve(directory, path)]));
  const tls = entry.tls && { ...paths, ...(pin !== undefined && { pin }) };
  return {
    kind: kindOf(entry.type, url),
    guessed: entry.type === undefined,
    url,
    headers,
    ...(tls !== undefined && { tls }),
  };
}

/** Names in a group of keys whose value still holds an undefined variable. */
function withheldIn(key: string, unresolved: readonly Path[]): ReadonlySet<unknown> {
  return new Set(unresolved.filter(([group]) => group === key).map(([, name]) => name));
}

/** Of the servers that send a credential of their own, only those log in that say so. */
function oauthOf({ headers, oauth }: ServerEntry, unresolved: readonly Path[]): OAuthConfig | undefined {
  const hasCredential = Object.keys(headers).some((name) => name.toLowerCase() === 'authorization');
  if (oauth === undefined) return hasCredential ? undefined : OAUTH;
  const isThere = (...path: string[]): boolean =>
    !unresolved.some((each) => isDeepStrictEqual(each, ['oauth', ...path]));
  const { exchange, ...rest } = oauth;
  const kept = Object.entries(rest).filter(([name]) => isThere(name));
  const ofExchange = exchange && Object.entries(exchange).filter(([name]) => isThere('exchange', name));
  return Object.fromEntries([
    ...kept,
    ...(ofExchange ? [['exchange', Object.fromEntries(ofExchange)]] : []),
  ]) as OAuthConfig;
}

/** What a server that asks for a token finds when nothing was written. */
const OAUTH: OAuthConfig = { scopes: [], grant: 'authorization_code', per: 'principal', allowLoopbackHttp: false };

/** Relative paths are relative to the file; those of a project stay open until there is one. */
function placed({ read, write, ...rest }: SandboxConfig, directory: string): SandboxConfig {
  const place = (path: string): string => (path.startsWith(ROOT) ? path : resolve(directory, path));
  return { ...rest, read: read.map(place), write: write.map(place) };
}

function isEmpty(value: unknown): boolean {
  return value === undefined || (typeof value === 'object' && value !== null && Object.keys(value).length === 0);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
