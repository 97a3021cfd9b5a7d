/**
 * How servers are written: the shapes that several clients share, and those of one. `read` turns an entry into the keys that
 * most clients have; what it does not know it leaves, so that it is named as dropped.
 */
import { braces, curly, editor, editorWithFiles, mustache, none, shell } from './variables.ts';
import type { Dialect, Endpoint, Entry } from './types.ts';

type Headers = { readonly headers?: Readonly<Record<string, string>> };

const headersOf = ({ authorization }: Endpoint): Headers =>
  authorization === undefined ? {} : { headers: { Authorization: authorization } };
const command = (program: string, args: readonly string[]): Entry => ({ command: program, args: [...args] });
const envReference = (variable: string): string => `Bearer \${env:${variable}}`;

/** `mcpServers` with `url`; `${env:X}`. LM Studio follows it. */
export const cursor: Dialect = {
  variables: editor,
  layout: 'map',
  http: (endpoint) => ({ url: endpoint.url, ...headersOf(endpoint) }),
  stdio: command,
  bearerOf: envReference,
};

/** stdio alone, no variables. */
export const claudeDesktop: Dialect = { variables: none, layout: 'map', stdio: command };

export const claudeCode: Dialect = {
  variables: braces,
  layout: 'map',
  timeoutUnit: 'ms',
  http: (endpoint) => ({ type: 'http', url: endpoint.url, ...headersOf(endpoint) }),
  stdio: (program, args) => ({ type: 'stdio', ...command(program, args) }),
  bearerOf: (variable) => `Bearer \${${variable}}`,
};

export const vsCode: Dialect = {
  ...cursor,
  http: (endpoint) => ({ type: 'http', url: endpoint.url, ...headersOf(endpoint) }),
  stdio: (program, args) => ({ type: 'stdio', ...command(program, args) }),
};

export const cline: Dialect = {
  variables: editor,
  layout: 'map',
  timeoutUnit: 's',
  http: (endpoint) => ({ type: 'streamableHttp', url: endpoint.url, ...headersOf(endpoint) }),
  stdio: command,
};

export const roo: Dialect = {
  ...cline,
  http: (endpoint) => ({ type: 'streamable-http', url: endpoint.url, ...headersOf(endpoint) }),
  bearerOf: envReference,
};

/** `command` is a list, `{env:X}`. Kilo Code follows it. */
export const openCode: Dialect = {
  variables: curly,
  layout: 'map',
  timeoutUnit: 'ms',
  read: ({ oauth, ...rest }) => ({ ...rest, ...(isObject(oauth) && { oauth: oauthOf(oauth) }) }),
  // A server with a key of its own needs no login: the client would look for one all the same.
  http: (endpoint) => ({
    type: 'remote',
    url: endpoint.url,
    enabled: true,
    ...headersOf(endpoint),
    ...(endpoint.authorization !== undefined && { oauth: false }),
  }),
  stdio: (program, args) => ({ type: 'local', command: [program, ...args], enabled: true }),
  bearerOf: (variable) => `Bearer {env:${variable}}`,
};

/** TOML; variables by name in keys of their own. */
export const codex: Dialect = {
  variables: none,
  layout: 'map',
  read: readCodex,
  http: ({ url, authorization }) => {
    const variable = /^\$(\w+)$/.exec(authorization ?? '')?.[1];
    if (variable !== undefined) return { url, bearer_token_env_var: variable };
    return { url, ...(authorization !== undefined && { http_headers: { Authorization: authorization } }) };
  },
  stdio: command,
  bearerOf: (variable) => `$${variable}`,
};

function readCodex(entry: Entry): Entry {
  const { env_vars: names, env_http_headers: headers, http_headers: fixed, ...more } = entry;
  const { startup_timeout_ms: startup, scopes, oauth, ...rest } = more;
  const variables = (Array.isArray(names) ? names : []).map((one: unknown) => (isObject(one) ? one['name'] : one));
  const client = isObject(oauth) ? oauth['client_id'] : undefined;
  const login = { ...(client !== undefined && { clientId: client }), ...(scopes !== undefined && { scopes }) };
  return {
    ...rest,
    ...(fixed !== undefined && { headers: fixed }),
    ...(startup !== undefined && { startup_timeout_sec: Number(startup) / 1000 }),
    ...(Object.keys(login).length > 0 && { oauth: login }),
    fromEnvironment: {
      env: Object.fromEntries(variables.map((name) => [String(name), String(name)])),
      headers: isObject(headers) ? headers : {},
    },
  };
}

export const gemini: Dialect = {
  variables: shell,
  layout: 'map',
  timeoutUnit: 'ms',
  read: ({ oauth, ...rest }) => ({ ...rest, ...(isObject(oauth) && { oauth: oauthOf(oauth) }) }),
  http: (endpoint) => ({ url: endpoint.url, type: 'http', ...headersOf(endpoint) }),
  stdio: command,
  bearerOf: (variable) => `Bearer \${${variable}}`,
};

export const antigravity: Dialect = {
  variables: none,
  layout: 'map',
  http: (endpoint) => ({ serverUrl: endpoint.url, ...headersOf(endpoint) }),
  stdio: command,
};

export const windsurf: Dialect = { ...antigravity, variables: editorWithFiles };

/** A program may be an object, `{path, args, env}`. Entries of extensions hold settings alone. */
export const zed: Dialect = {
  variables: none,
  layout: 'map',
  timeoutUnit: 's',
  read: ({ source: _source, ...entry }) => {
    const { command: program } = entry;
    if (isObject(program)) return { ...entry, ...program, command: program['path'], path: undefined };
    return program === undefined && entry['url'] === undefined ? undefined : entry;
  },
  http: (endpoint) => ({ url: endpoint.url, ...headersOf(endpoint) }),
  stdio: command,
};

/** YAML; a list; headers inside `requestOptions`. */
export const continueDev: Dialect = {
  variables: mustache,
  layout: 'list',
  read: ({ requestOptions, connectionTimeout, ...entry }) => {
    const { headers, ...options } = isObject(requestOptions) ? requestOptions : {};
    const kept = Object.keys(options).length > 0 ? { requestOptions: options } : {};
    return {
      ...entry,
      ...kept,
      ...(headers !== undefined && { headers }),
      ...(typeof connectionTimeout === 'number' && { startup_timeout_sec: connectionTimeout / 1000 }),
    };
  },
  http: (endpoint) => {
    const { headers } = headersOf(endpoint);
    return {
      type: 'streamable-http',
      url: endpoint.url,
      ...(headers !== undefined && { requestOptions: { headers } }),
    };
  },
  stdio: command,
  bearerOf: (variable) => `Bearer \${{ secrets.${variable} }}`,
};

/** The files of other clients, as it takes them. */
export const continueJson: Dialect = { ...cursor, variables: mustache };

/** Extensions: `cmd`, `envs`, `uri`; names of variables that its own keyring holds. */
export const goose: Dialect = {
  variables: shell,
  layout: 'map',
  timeoutUnit: 's',
  read: ({ cmd, envs, uri, env_keys: keys, available_tools: tools, bundled: _bundled, ...entry }) => {
    if (cmd === undefined && uri === undefined) return undefined;
    const names = Array.isArray(keys) ? keys.map(String) : [];
    return {
      ...entry,
      ...(cmd !== undefined && { command: cmd }),
      ...(uri !== undefined && { url: uri }),
      ...(envs !== undefined && cmd !== undefined && { env: envs }),
      ...(Array.isArray(tools) && tools.length > 0 && { includeTools: tools }),
      ...(names.length > 0 && {
        fromEnvironment: { env: Object.fromEntries(names.map((name) => [name, name])), headers: {} },
      }),
    };
  },
  http: (endpoint) => ({
    enabled: true,
    type: 'streamable_http',
    name: 'sallyport',
    description: 'All MCP servers, through Sallyport',
    uri: endpoint.url,
    envs: {},
    env_keys: [],
    ...headersOf(endpoint),
    timeout: 300,
    bundled: null,
    available_tools: [],
  }),
  stdio: (program, args) => ({
    enabled: true,
    type: 'stdio',
    name: 'sallyport',
    description: 'All MCP servers, through Sallyport',
    cmd: program,
    args: [...args],
    envs: {},
    env_keys: [],
    timeout: 300,
    bundled: null,
    available_tools: [],
  }),
};

/** stdio is what all its versions speak. */
export const junie: Dialect = { variables: none, layout: 'map', stdio: command };

/** The keys of a login that Sallyport has too. */
function oauthOf({ enabled: _enabled, scope, ...oauth }: Entry): Entry {
  return { ...oauth, ...(typeof scope === 'string' && { scopes: scope.split(/\s+/).filter((one) => one !== '') }) };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
