/** The servers of the configuration, as types.ts describes its values. */

import type { OAuthConfig } from './types-oauth.ts';

/** How long the gateway waits for one server. All in milliseconds. */
export type ServerTimeouts = {
  /** From the start of a connection (or child) until its handshake is done. */
  readonly connectMs: number;
  /** One request; progress renews it. */
  readonly callMs: number;
  /** One request in all, whatever progress says. */
  readonly maxMs: number;
  /** Requests of `tools/*`, `resources/*`, `prompts/*`; `callMs` where absent. */
  readonly toolsMs?: number;
  readonly resourcesMs?: number;
  readonly promptsMs?: number;
};

/** What happens to one argument of one tool. `fix` is sent always, `default` when the caller gives none. */
export type ArgumentRule = {
  readonly hide: boolean;
  readonly fix?: unknown;
  readonly default?: unknown;
};

/** Which tools of a server are shown, and how. Keys and globs speak of the server's own tool names. */
export type ToolRules = {
  /** Globs; absent = every tool. */
  readonly allow?: readonly string[];
  /** Globs; deny wins over allow. */
  readonly deny: readonly string[];
  /** original name → shown name */
  readonly rename: Readonly<Record<string, string>>;
  /** original name → description */
  readonly describe: Readonly<Record<string, string>>;
  /** original name → argument → rule */
  readonly arguments: Readonly<Record<string, Readonly<Record<string, ArgumentRule>>>>;
};

/** A child process that speaks MCP on its stdin and stdout. */
export type StdioTarget = {
  readonly kind: 'stdio';
  /** A bare name is looked up on PATH by whoever starts it; anything with a separator is absolute here. */
  readonly command: string;
  readonly args: readonly string[];
  /** `envFile` with `env` over it. The allow-listed variables of the gateway are not in here. */
  readonly env: Readonly<Record<string, string>>;
  /** Those of them that only `envFile` names. */
  readonly fromEnvFile?: readonly string[];
  /** Absolute, or beginning with `{root}`: the caller's project (`isolation: project`, also in `args`). */
  readonly cwd: string;
};

/** A remote server: over Streamable HTTP, WebSocket or legacy HTTP+SSE. */
export type RemoteTarget = {
  readonly kind: 'http' | 'ws' | 'sse';
  /** The kind was guessed from the URL: what the server really speaks is tried. */
  readonly guessed: boolean;
  /** Absolute URL; ws or wss for `ws`, http or https for the others. */
  readonly url: string;
  /** Only headers whose value is fully resolved; the others are named in `ServerConfig.unresolved`. */
  readonly headers: Readonly<Record<string, string>>;
  readonly tls?: UpstreamTlsConfig;
};

/** Operations of an API over HTTP that an OpenAPI document describes, as tools: this gateway is the server itself. */
export type OpenApiTarget = {
  readonly kind: 'openapi';
  /** Absolute path. */
  readonly document: string;
  /** SHA-256 of its bytes, hexadecimal, as the configuration found it. */
  readonly hash: string;
  /** The URL that it is a copy of; absent: it is the user's own file. */
  readonly source?: string;
  /** Where the API is; absent: what the document says, which is then outside. */
  readonly server?: string;
  readonly operations: {
    /** Globs over operation ids and `GET /path`; absent: those that only read. */
    readonly allow?: readonly string[];
    readonly deny: readonly string[];
  };
  /** By the names of the document's security schemes. Only those that are fully resolved. */
  readonly auth: Readonly<Record<string, OpenApiCredential>>;
  /** The same. */
  readonly headers: Readonly<Record<string, string>>;
  /** Of one answer. */
  readonly maxBytes: number;
  readonly pagination: boolean;
};

/** An API key or bearer token; a name and password; or a client of OAuth 2.0 (client credentials). */
export type OpenApiCredential = {
  readonly value?: string;
  readonly username?: string;
  readonly password?: string;
  readonly clientId?: string;
  readonly clientSecret?: string;
  /** Empty: those that the operations name. */
  readonly scopes: readonly string[];
  /** Absent: what the document names. */
  readonly tokenUrl?: string;
};

/** Certificates for one remote server. Files are PEM, their paths absolute. */
export type UpstreamTlsConfig = {
  /** Authorities that are trusted for this server instead of the system's. */
  readonly ca?: string;
  /** What this gateway shows of itself. */
  readonly cert?: string;
  readonly key?: string;
  /** SHA-256 of the server's public key (SPKI), base64, as in `sha256/AAAA…=`. */
  readonly pin?: string;
};

export type SandboxLevel = 'strict' | 'standard' | 'limited' | 'none';

/** How far a child is caged. */
export type SandboxConfig = {
  /** As written, and then required; absent: the strongest of standard and limited that the machine has. */
  readonly level?: SandboxLevel;
  /** Absolute paths, or beginning with `{root}`. */
  readonly read: readonly string[];
  readonly write: readonly string[];
  /** Hosts; absent: what the level gives. */
  readonly network?: readonly string[];
  /** Of the container that it runs in; absent: one is made only where nothing else can keep to the level. */
  readonly image?: string;
  readonly memoryBytes?: number;
  /** Percent of one core. */
  readonly cpuPercent?: number;
  readonly processes?: number;
  /** Name or number of the user that the child runs as; only root may choose. */
  readonly user?: string;
};

export type ServerConfig = {
  readonly name: string;
  readonly description?: string;
  readonly target: StdioTarget | RemoteTarget | OpenApiTarget;
  readonly enabled: boolean;
  readonly era: 'auto' | 'session' | 'stateless';
  readonly start: 'lazy' | 'eager';
  /** Stop a child that nobody has used for so long; 0 = never. */
  readonly idleMs: number;
  /** Who shares a child or an upstream session. */
  readonly isolation: 'shared' | 'principal' | 'project' | 'session';
  readonly timeout: ServerTimeouts;
  readonly tools: ToolRules;
  readonly features: { readonly tools: boolean; readonly resources: boolean; readonly prompts: boolean };
  /** Only tools whose pinned definition says that they change nothing. */
  readonly readOnly: boolean;
  readonly tags: readonly string[];
  /** Of a child; a remote server has none. */
  readonly sandbox: SandboxConfig;
  /** Absent: the server is no remote one, or its `headers` hold the credential. */
  readonly oauth?: OAuthConfig;
  /** Dotted paths inside this server whose text still holds an undefined `${VAR}`: `headers.Authorization`, `args.2`, … */
  readonly unresolved: readonly string[];
};
