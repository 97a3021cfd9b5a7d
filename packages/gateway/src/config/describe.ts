/**
 * Views of a configuration that are fit to be shown: what looks like a secret is masked. It masks by the name of the key and
 * by the shape of the value, and rather too much than too little; it never tells how long a secret is.
 */
import { pieces } from './expand.ts';
import type { Path } from './source.ts';

const mask = '********';
/** Words in the name of a variable, header, flag or query parameter whose value nobody should see. */
const secretWords: ReadonlySet<string> = new Set(
  'key keys apikey token tokens secret secrets password passwords passwd passphrase pwd pass auth authorization bearer credential credentials cookie session signature sig pat dsn'.split(
    ' ',
  ),
);
/** Well-known shapes of keys, and long runs of letters with digits that no path or package name has. */
const secretValue =
  /(?:^|[^A-Za-z0-9])(?:sk-[A-Za-z0-9_-]{8,}|sk_[a-z]+_[A-Za-z0-9]{8,}|gh[pousr]_[A-Za-z0-9]{16,}|github_pat_[A-Za-z0-9_]{16,}|glpat-[A-Za-z0-9_-]{12,}|xox[abprs]-[A-Za-z0-9-]{8,}|AKIA[A-Z0-9]{12,}|AIza[A-Za-z0-9_-]{20,}|eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+|npm_[A-Za-z0-9]{16,}|Bearer\s+\S+|Basic\s+\S{8,})/i;
const flagPattern = /^--?[A-Za-z][A-Za-z0-9-]*$/;

/** Secrets that stand at one place. */
const secretsOfParts: ReadonlyArray<readonly [string, ...string[]]> = [
  ['auth', 'oidc', 'clientSecret'],
  ['auth', 'introspection', 'clientSecret'],
  ['telemetry', 'metrics', 'key'],
  ['discovery', 'embeddings', 'key'],
];

/** The paths of a file's value (foreign keys mapped) whose text looks like a secret. */
export function secretPaths(value: unknown): Path[] {
  const servers = isObject(value) && isObject(value['mcpServers']) ? Object.entries(value['mcpServers']) : [];
  const found = servers.flatMap(([name, server]) =>
    isObject(server) ? serverSecrets(server).map((path): Path => ['mcpServers', name, ...path]) : [],
  );
  return [
    ...found,
    ...keySecrets(value),
    ...secretsOfParts.filter((path) => partOf(value, ...path) !== undefined),
    ...['policy', 'guard'].flatMap((room) =>
      externalSecrets(partOf(value, room, 'external')).map((path) => [room, 'external', ...path]),
    ),
    ...externalSecrets(partOf(value, 'discovery', 'embeddings')).map((path) => ['discovery', 'embeddings', ...path]),
    ...sinkSecrets(partOf(value, 'audit', 'sinks')),
    ...alertSecrets(partOf(value, 'alerts')),
    ...interceptorSecrets(partOf(value, 'interceptors')),
  ];
}

/** Of somebody who is asked over HTTP. */
function externalSecrets(external: unknown): string[][] {
  if (!isObject(external)) return [];
  const { headers, url } = external;
  return [
    ...headerSecrets(headers).map((name) => ['headers', name]),
    ...(typeof url === 'string' && isSecretUrl(url) ? [['url']] : []),
  ];
}

/** The value with every secret replaced; the given one is not touched. */
export function masked(value: unknown): unknown {
  return secretPaths(value).reduce((result, path) => replaceAt(result, path, maskText), value);
}

/** The value with every secret as `${PLACEHOLDER}`; the names are listed so that the reader can set them. */
export function withPlaceholders(value: unknown): { readonly value: unknown; readonly variables: readonly string[] } {
  const variables: string[] = [];
  const literal = secretPaths(value).filter((path) => !isVariable(valueAt(value, path)));
  const replaced = literal.reduce((result, path) => {
    const name = placeholderName(path, variables);
    variables.push(name);
    return replaceAt(result, path, (text) => {
      const flag = path[2] === 'args' ? /^(--?[^=]+=)/.exec(text)?.[1] : undefined;
      return `${flag ?? ''}\${${name}}`;
    });
  }, value);
  return { value: replaced, variables };
}

/** Webhooks carry their credential in a header or in their address. */
function sinkSecrets(sinks: unknown): Path[] {
  return (Array.isArray(sinks) ? sinks : []).flatMap((sink: unknown, index): Path[] => {
    if (!isObject(sink)) return [];
    const headers = headerSecrets(sink['headers']).map((name) => ['audit', 'sinks', index, 'headers', name]);
    const { type, url } = sink;
    const isSecret = typeof url === 'string' && (isSecretUrl(url) || (type === 'webhook' && hasTokenInPath(url)));
    return [...headers, ...(isSecret ? [['audit', 'sinks', index, 'url']] : [])];
  });
}

/** A part of it that nobody would choose as a name. */
function hasTokenInPath(url: string): boolean {
  return (URL.parse(url)?.pathname ?? '').split('/').some((part) => part.length >= 12 && /[A-Z0-9]/.test(part));
}

/** Of a webhook for people the whole address is the credential. */
function alertSecrets(alerts: unknown): Path[] {
  return (Array.isArray(alerts) ? alerts : []).flatMap((alert: unknown, index): Path[] => {
    const to = isObject(alert) ? alert['to'] : undefined;
    if (!isObject(to)) return [];
    const texts = ['url', 'secret'].filter((key) => typeof to[key] === 'string').map((key) => [key]);
    const headers = headerSecrets(to['headers']).map((name) => ['headers', name]);
    return [...texts, ...headers].map((path) => ['alerts', index, 'to', ...path]);
  });
}

function interceptorSecrets(interceptors: unknown): Path[] {
  return (Array.isArray(interceptors) ? interceptors : []).flatMap((entry: unknown, index): Path[] => {
    if (!isObject(entry)) return [];
    const own = typeof entry['secret'] === 'string' ? [['secret']] : [];
    return [...own, ...serverSecrets(entry)].map((path) => ['interceptors', index, ...path]);
  });
}

function serverSecrets(server: Readonly<Record<string, unknown>>): Path[] {
  const env = strings(server['env']).filter(([key, text]) => isSecretName(key) || isSecretText(text));
  const args = Array.isArray(server['args']) ? server['args'] : [];
  const { oauth } = server;
  const exchange = isObject(oauth) ? clientSecrets(oauth['exchange']) : [];
  return [
    ...env.map(([key]) => ['env', key]),
    ...headerSecrets(server['headers']).map((name) => ['headers', name]),
    ...clientSecrets(oauth).map((key) => ['oauth', key]),
    ...exchange.map((key) => ['oauth', 'exchange', key]),
    ...args.flatMap((value: unknown, index) => (isSecretArgument(value, args[index - 1]) ? [['args', index]] : [])),
    ...(typeof server['url'] === 'string' && isSecretUrl(server['url']) ? [['url']] : []),
    ...openApiSecrets(server['openapi']).map((path) => ['openapi', ...path]),
  ];
}

function openApiSecrets(openapi: unknown): string[][] {
  if (typeof openapi === 'string') return isSecretUrl(openapi) ? [[]] : [];
  if (!isObject(openapi)) return [];
  const { auth, document, headers } = openapi;
  const schemes = isObject(auth) ? Object.entries(auth) : [];
  return [
    ...schemes.flatMap(([name, credential]) =>
      strings(credential).flatMap(([key]) =>
        key === 'value' || key === 'password' || key === 'clientSecret' ? [['auth', name, key]] : [],
      ),
    ),
    ...headerSecrets(headers).map((name) => ['headers', name]),
    ...(typeof document === 'string' && isSecretUrl(document) ? [['document']] : []),
  ];
}

function clientSecrets(client: unknown): string[] {
  return strings(client).flatMap(([key]) => (key === 'clientSecret' || key === 'privateKey' ? [key] : []));
}

/** Which headers are harmless cannot be known: the few that surely are stay readable. */
function headerSecrets(headers: unknown): string[] {
  return strings(headers).flatMap(([name]) =>
    /^(accept|accept-language|content-type|user-agent)$/i.test(name) ? [] : [name],
  );
}

function partOf(value: unknown, ...path: readonly string[]): unknown {
  return path.reduce<unknown>((inner, key) => (isObject(inner) ? inner[key] : undefined), value);
}

function keySecrets(value: unknown): Path[] {
  const written = partOf(value, 'auth', 'keys');
  const keys = Array.isArray(written) ? written : [];
  return keys.flatMap((entry: unknown, index) =>
    strings(entry).flatMap(([key]): Path[] => (key === 'key' || key === 'hash' ? [['auth', 'keys', index, key]] : [])),
  );
}

function isSecretArgument(value: unknown, before: unknown): boolean {
  if (typeof value !== 'string') return false;
  // `--api-key=VALUE`, `API_KEY=VALUE`, `Authorization: VALUE`.
  const named = /^(?:--?)?([A-Za-z][A-Za-z0-9_-]*)(?:=|:\s*)\S/.exec(value)?.[1];
  if (named !== undefined && isSecretName(named)) return true;
  return (!value.startsWith('-') && isSecretFlag(before)) || isSecretText(value);
}

/** The flag of `--api-key VALUE`. */
function isSecretFlag(value: unknown): boolean {
  return typeof value === 'string' && flagPattern.test(value) && isSecretName(value.replace(/^-+/, ''));
}

/** `GITHUB_TOKEN`, `x-api-key`, `clientSecret`, `accesstoken`. */
export function isSecretName(name: string): boolean {
  const words = name
    .slice(0, 200)
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z0-9]+/);
  return words.some((word) => secretWords.has(word) || /(?:token|secret|password|apikey)$/.test(word));
}

function isSecretText(text: string): boolean {
  return (
    secretValue.test(text) ||
    (/^[A-Za-z0-9+/_=-]{32,}$/.test(text) && /\d/.test(text) && /[A-Za-z]/.test(text)) ||
    isSecretUrl(text)
  );
}

/** Credentials in the authority, or a query parameter with a telling name. */
function isSecretUrl(text: string): boolean {
  if (!/^[A-Za-z][A-Za-z0-9+.-]*:\/\//.test(text) || !URL.canParse(text)) return false;
  const url = new URL(text);
  return (
    url.password !== '' ||
    [...url.searchParams].some(([name, value]) => value !== '' && isSecretName(name)) ||
    secretValue.test(url.pathname)
  );
}

/** Keeps what is no secret around it: the flag, the scheme of a credential, the URL without its query. */
function maskText(text: string, path: Path): string {
  const flag = path[2] === 'args' ? /^(--?[^=]+=|[A-Za-z0-9_-]+[=:]\s*)/.exec(text)?.[1] : undefined;
  if (flag !== undefined && !text.includes('://')) return `${flag}${mask}`;
  if (/^[A-Za-z][A-Za-z0-9+.-]*:\/\//.test(text) && URL.canParse(text))
    return `${new URL(text).protocol}//${new URL(text).host}/${mask}`;
  return mask;
}

/** All that could be secret in this text is a variable or a file already: `Bearer ${T}`, `--key=${K}`. */
export function isVariable(text: unknown): boolean {
  if (typeof text !== 'string') return false;
  const parts = pieces(text);
  const variables = parts.filter(
    (piece) =>
      (piece.kind === 'variable' && piece.fallback === undefined) || ['file', 'secret', 'exec'].includes(piece.kind),
  );
  if (variables.length === 0 || variables.length + parts.filter(({ kind }) => kind === 'text').length < parts.length)
    return false;
  const rest = parts.map((piece) => (piece.kind === 'text' ? piece.text : '')).join('');
  if (/^[A-Za-z][A-Za-z0-9+.-]*:\/\//.test(rest)) return !isSecretUrl(rest);
  return /^(?:--?[A-Za-z][A-Za-z0-9-]*=|[A-Za-z0-9_-]+[=:]\s*)?(?:(?:bearer|basic|token)\s+)?$/i.test(rest);
}

export function valueAt(value: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (inner, key) => (inner as Readonly<Record<string | number, unknown>> | undefined)?.[key],
    value,
  );
}

export function placeholderName(path: Path, taken: readonly string[]): string {
  const words = path[0] === 'mcpServers' ? [path[1], path.at(-1)] : path;
  const own = path[2] === 'env' && /^[A-Za-z_][A-Za-z0-9_]*$/.test(String(path[3])) ? String(path[3]) : undefined;
  const base =
    own ??
    words
      .join('_')
      .toUpperCase()
      .replaceAll(/[^A-Z0-9]+/g, '_')
      .replace(/^(?=\d)/, '_');
  if (!taken.includes(base)) return base;
  const server = `${String(path[1])
    .toUpperCase()
    .replaceAll(/[^A-Z0-9]+/g, '_')
    .replace(/^(?=\d)/, '_')}_${base}`;
  return taken.includes(server) ? `${server}_${taken.length}` : server;
}

function replaceAt(
  value: unknown,
  path: Path,
  change: (text: string, path: Path) => string,
  from: Path = path,
): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return typeof value === 'string' ? change(value, from) : mask;
  if (Array.isArray(value))
    return value.map((item: unknown, index) => (index === key ? replaceAt(item, rest, change, from) : item));
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [name, name === key ? replaceAt(item, rest, change, from) : item]),
  );
}

function strings(value: unknown): Array<[string, string]> {
  return isObject(value) ? Object.entries(value).map(([key, item]) => [key, String(item)]) : [];
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
