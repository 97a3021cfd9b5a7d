/**
 * Configuration files of other programs: what Claude, Cursor, VS Code, Cline, Windsurf, Gemini CLI, Codex CLI, dynamic-mcp and
 * the like write under a server, and what becomes of it here. One table: a key is mapped, or ignored with a warning. It
 * works on the value as written, before variables are expanded; what it does not know it leaves to the schema.
 */
import { pathKey, type Path } from './source.ts';

type Entry = Readonly<Record<string, unknown>>;
type Mapped = {
  /** Our keys and their values: `{ enabled: false }`; dotted keys reach inside. */
  readonly set?: Readonly<Record<string, unknown>>;
  readonly warning?: string;
};
type Rule = (value: unknown, server: Entry) => Mapped | undefined;

export type ForeignResult = {
  readonly value: unknown;
  /** `pathKey` of a value as it is now → path where it was written. */
  readonly moved: ReadonlyMap<string, Path>;
  readonly warnings: ReadonlyArray<{ readonly path: Path; readonly message: string }>;
  readonly problems: ReadonlyArray<{ readonly path: Path; readonly message: string }>;
};

const ignored =
  (why: string): Rule =>
  () => ({ warning: `ignored: ${why}` });
const moveTo =
  (key: string): Rule =>
  (value) => ({ set: { [key]: value } });

const approvals = 'approval of calls is the business of the AI client';
const display = 'it only concerns how another program shows the server';

/** Transport names of other programs; `undefined` = what `command` or `url` says anyway. */
const transports: Readonly<Record<string, 'http' | 'sse' | 'ws' | undefined>> = {
  stdio: undefined,
  local: undefined,
  remote: undefined,
  'streamable-http': 'http',
  streamablehttp: 'http',
  streamable_http: 'http',
  'http-stream': 'http',
  websocket: 'ws',
};

const transport: Rule = (value, server) => {
  const name = typeof value === 'string' ? value.toLowerCase() : '';
  if (!Object.hasOwn(transports, name)) return undefined;
  const mapped = transports[name];
  if (mapped !== undefined) return { set: { type: mapped } };
  // `stdio` with an address would be a contradiction; the schema says which key is wrong.
  return name === 'stdio' && server['command'] === undefined ? undefined : {};
};

/** Programs disagree on the unit; nobody means a quarter of an hour in seconds or less than a second in ms. */
const numericTimeout: Rule = (value) => {
  if (typeof value !== 'number' || !(value >= 0)) return undefined;
  const call = value >= 1000 ? `${Math.round(value)}ms` : value;
  const understood = value >= 1000 ? `${Math.round(value)} milliseconds` : `${value} seconds`;
  return {
    set: { 'timeout.call': call },
    warning: `a plain number is read as ${understood}; write \`timeout: {call: …}\``,
  };
};

const negated: Rule = (value) => (typeof value === 'boolean' ? { set: { enabled: !value } } : undefined);

/** Keys below a server. A rule that gives undefined leaves the key to the schema. */
const foreignServerKeys: Readonly<Record<string, Rule>> = {
  disabled: negated,
  autoApprove: ignored(approvals),
  alwaysAllow: ignored(approvals),
  trust: ignored(approvals),
  type: transport,
  transport: (value, server) => transport(value, server) ?? { set: { type: value } },
  transportType: (value, server) => transport(value, server) ?? { set: { type: value } },
  timeout: numericTimeout,
  httpUrl: (value) => ({ set: { url: value, type: 'http' } }),
  serverUrl: moveTo('url'),
  requestInit: (value) =>
    isObject(value) && Object.keys(value).join() === 'headers' ? { set: { headers: value['headers'] } } : undefined,
  http_headers: moveTo('headers'),
  bearer_token_env_var: (value) =>
    typeof value === 'string' ? { set: { 'headers.Authorization': `Bearer \${${value}}` } } : undefined,
  environment: moveTo('env'),
  command: (value) =>
    Array.isArray(value) && value.length > 0
      ? { set: { command: value[0], ...(value.length > 1 && { args: value.slice(1) }) } }
      : undefined,
  oauth_client_id: moveTo('oauth.clientId'),
  oauth_scopes: moveTo('oauth.scopes'),
  includeTools: moveTo('tools.allow'),
  enabled_tools: moveTo('tools.allow'),
  excludeTools: moveTo('tools.deny'),
  disabledTools: moveTo('tools.deny'),
  disabled_tools: moveTo('tools.deny'),
  startup_timeout_sec: moveTo('timeout.connect'),
  tool_timeout_sec: moveTo('timeout.call'),
  networkTimeout: numericTimeout,
  dev: ignored('it starts a debugger of VS Code'),
  watchPaths: ignored('a server is restarted when its configuration changes'),
  name: ignored('the key is the name'),
  gallery: ignored(display),
  icon: ignored(display),
  iconUrl: ignored(display),
  version: ignored(display),
};

/** Keys of the root that other programs keep in the same file. */
const foreignRootKeys: Readonly<Record<string, string>> = {
  inputs: 'Sallyport asks for no values; write `${NAME}` and set the variable',
  globalShortcut: 'it is a setting of Claude Desktop',
  preferences: 'it is a setting of Claude Desktop',
  scale: 'it is a setting of Claude Desktop',
  locale: 'it is a setting of Claude Desktop',
  userThemeMode: 'it is a setting of Claude Desktop',
};

/** Other names of `mcpServers`. */
const serverRoots = ['servers', 'mcp_servers'];

/** Reads a value with the eyes of the programs above. */
export function mapForeign(value: unknown): ForeignResult {
  if (!isObject(value)) return { value, moved: new Map(), warnings: [], problems: [] };
  const work = createWork();
  const root: Record<string, unknown> = {};
  for (const [key, member] of Object.entries(value)) {
    const alias = serverRoots.includes(key);
    const reason = Object.hasOwn(foreignRootKeys, key) ? foreignRootKeys[key] : undefined;
    if (reason !== undefined) work.warnings.push({ path: [key], message: `ignored: ${reason}` });
    else if (alias && Object.hasOwn(value, 'mcpServers')) {
      work.problems.push({ path: [key], message: '`mcpServers` is there too; put all servers under one of them' });
    } else if ((alias || key === 'mcpServers') && isObject(member)) root['mcpServers'] = mapServers(member, key, work);
    else root[alias ? 'mcpServers' : key] = member;
  }
  return { value: root, ...work };
}

type Work = { moved: Map<string, Path>; warnings: Found[]; problems: Found[] };
type Found = { readonly path: Path; readonly message: string };

function createWork(): Work {
  return { moved: new Map(), warnings: [], problems: [] };
}

function mapServers(servers: Entry, rootKey: string, work: Work): Entry {
  if (rootKey !== 'mcpServers') work.moved.set(pathKey(['mcpServers']), [rootKey]);
  return Object.fromEntries(
    Object.entries(servers).map(([name, server]) => {
      const path = [rootKey, name];
      if (rootKey !== 'mcpServers') work.moved.set(pathKey(['mcpServers', name]), path);
      return [name, isObject(server) ? mapServer(server, name, path, work) : server];
    }),
  );
}

function mapServer(server: Entry, name: string, path: Path, work: Work): Entry {
  const target: Record<string, unknown> = {};
  const written = new Map<string, string>();
  for (const [key, value] of Object.entries(server)) {
    const rule = Object.hasOwn(foreignServerKeys, key) ? foreignServerKeys[key] : undefined;
    const mapped = rule?.(value, server);
    if (mapped?.warning !== undefined) work.warnings.push({ path: [...path, key], message: mapped.warning });
    for (const [ours, now] of Object.entries(mapped === undefined ? { [key]: value } : (mapped.set ?? {}))) {
      const before = written.get(ours);
      if (before !== undefined && !sameValue(read(target, ours), now)) {
        work.problems.push({ path: [...path, key], message: `says something else than \`${before}\` for \`${ours}\`` });
        continue;
      }
      write(target, ours, now);
      written.set(ours, key);
      noteMove({ server, name, path: [...path, key], ours: ours.split('.') }, work);
    }
  }
  openCode(target, path, work);
  return target;
}

type Move = { readonly server: Entry; readonly name: string; readonly path: Path; readonly ours: readonly string[] };

/** Remembers where a value was written that now stands under another key. */
function noteMove({ server, name, path, ours }: Move, work: Work): void {
  const now = ['mcpServers', name, ...ours];
  if (pathKey(now) === pathKey(path)) return;
  work.moved.set(pathKey(now), path);
  // `oauth_client_id` makes an `oauth` that stands nowhere else.
  const isNested = ours.length > 1 && !Object.hasOwn(server, ours[0] ?? '');
  if (isNested) work.moved.set(pathKey(now.slice(0, 3)), path);
}

/** OpenCode's `{env:NAME}` would arrive as text; in a credential that is never meant. */
function openCode(server: Entry, path: Path, work: Work): void {
  for (const group of ['env', 'headers']) {
    const values = server[group];
    for (const [key, value] of isObject(values) ? Object.entries(values) : []) {
      const match = typeof value === 'string' ? /(?<!\$)\{(env|file):([^}]*)\}/.exec(value) : null;
      if (match === null) continue;
      const ours = match[1] === 'env' ? `\${${match[2] ?? ''}}` : `\${file:${match[2] ?? ''}}`;
      const message = `\`${match[0]}\` is the syntax of OpenCode; write \`${ours}\``;
      work.problems.push({ path: [...path, group, key], message });
    }
  }
}

function write(target: Record<string, unknown>, dotted: string, value: unknown): void {
  const [key = '', inner] = dotted.split('.');
  if (inner === undefined) {
    // `headers` after `headers.Authorization` adds to it: both were written.
    const before = target[key];
    target[key] = isObject(before) && isObject(value) ? { ...before, ...value } : value;
    return;
  }
  const before = target[key];
  if (before === undefined || isObject(before)) target[key] = { ...before, [inner]: value };
  else target[key] = before;
}

function read(target: Entry, dotted: string): unknown {
  const [key = '', inner] = dotted.split('.');
  const outer = target[key];
  return inner === undefined ? outer : isObject(outer) ? outer[inner] : undefined;
}

function sameValue(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
