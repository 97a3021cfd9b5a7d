/**
 * The configuration as the gateway sees it: checked, defaulted, deeply frozen. Durations are milliseconds (`…Ms`),
 * sizes bytes (`…Bytes`), paths absolute. Nothing here reads a file; `load.ts` produces these values.
 *
 * Only what this version can do has a field: a key whose room is not built is refused while loading and never arrives here.
 */

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
  readonly target: StdioTarget | RemoteTarget;
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

/** A named selection of the catalogue. What is absent selects everything. */
export type ViewConfig = {
  /** Globs over the names of servers. */
  readonly servers?: readonly string[];
  readonly tags?: readonly string[];
  /** Globs over canonical ids (`server__tool`). */
  readonly tools?: readonly string[];
};

/** The listener of `sallyport serve`. */
export type ListenConfig = {
  readonly host: string;
  /** 0 = any free port. */
  readonly port: number;
  /** Starts with `/`, does not end with one. */
  readonly path: string;
  /** Host header values accepted besides the loopback names and `host`. */
  readonly hosts: readonly string[];
  /** Origins accepted besides none. */
  readonly origins: readonly string[];
  /** Addresses or CIDR blocks of proxies whose forwarding headers are believed. */
  readonly trustProxy: readonly string[];
  readonly publicUrl?: string;
  /** TLS ends in a proxy in front: allows a plain listener beyond loopback. */
  readonly plainBehindProxy: boolean;
  /** MCP over WebSocket on the same paths. */
  readonly websocket: boolean;
  /** The legacy HTTP+SSE transport on `/sse` and `/messages`. */
  readonly sse: boolean;
  readonly tls?: TlsConfig;
};

/** TLS of our own listener. */
export type TlsConfig = {
  /** PEM files: the certificate chain and its private key. */
  readonly cert: string;
  readonly key: string;
  /** PEM file of the authorities whose client certificates are accepted; without one none is asked for. */
  readonly clientCa?: string;
  /** PEM file of their revocation lists. */
  readonly crl?: string;
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
  readonly cipherSuites: readonly string[];
};

/** How clients may prove who they are. */
export type AuthMode = 'none' | 'key' | 'jwt' | 'oidc' | 'introspection' | 'mtls';

/** A client key written in the file: `key` itself, or `hash` (bcrypt) of any text. */
export type ConfiguredKey = {
  readonly name: string;
  readonly key?: string;
  readonly hash?: string;
  readonly roles: readonly string[];
  /** Milliseconds since 1970. */
  readonly expiresMs?: number;
};

/** Where roles and groups stand in a token: dotted paths into its claims. */
export type ClaimNames = { readonly roles: string; readonly groups: string };

export type JwtConfig = {
  /** Exact, as the `iss` claim has it. */
  readonly issuer: string;
  /** Accepted besides the URL of the path that is asked for (RFC 8707). */
  readonly audience: readonly string[];
  /** The URL of a key set, or the set itself. Absent: `publicKeys`, or what discovery of the issuer says. */
  readonly jwks?: string | { readonly keys: readonly Readonly<Record<string, unknown>>[] };
  /** PEM files. */
  readonly publicKeys: readonly string[];
  readonly algorithms: readonly string[];
  readonly clockToleranceMs: number;
  readonly claims: ClaimNames;
};

/** An OpenID provider: people sign in there, and with `auth.mode: oidc` its access tokens are accepted. */
export type OidcConfig = {
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret?: string;
  readonly scopes: readonly string[];
  /** Accepted besides the URL of the path that is asked for. */
  readonly audience: readonly string[];
  readonly algorithms: readonly string[];
  readonly clockToleranceMs: number;
  readonly claims: ClaimNames;
};

/** Opaque tokens of an authorization server (RFC 7662). */
export type IntrospectionConfig = {
  readonly issuer: string;
  /** The introspection endpoint. Absent: what discovery of the issuer says. */
  readonly endpoint?: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly audience: readonly string[];
  /** For how long an answer is believed. */
  readonly cacheMs: number;
  readonly claims: ClaimNames;
};

/** Our own authorization server: clients get their tokens here, people sign in at the provider of `auth.oidc`. */
export type AuthServerConfig = {
  /** Registration without a credential (RFC 7591). */
  readonly registration: boolean;
  /** Client ID Metadata Documents. */
  readonly clientIdMetadata: boolean;
  readonly accessTokenMs: number;
  readonly refreshTokenMs: number;
};

export type AuthConfig = {
  /** In the order in which they are tried; `none` stands alone. */
  readonly modes: readonly AuthMode[];
  readonly keys: readonly ConfiguredKey[];
  /** OAuth scopes that every token needs. */
  readonly scopes: readonly string[];
  readonly jwt?: JwtConfig;
  readonly oidc?: OidcConfig;
  readonly introspection?: IntrospectionConfig;
  readonly server?: AuthServerConfig;
  /** Sessions of browsers. */
  readonly browser: { readonly idleMs: number; readonly absoluteMs: number; readonly rotateMs: number };
};

/** Who has a role, besides those whose credential states it. */
export type RoleConfig = {
  /** Names of client keys. */
  readonly keys: readonly string[];
  readonly groups: readonly string[];
  /** Claim (dotted) → a value, or several of which one is enough. */
  readonly claims: Readonly<Record<string, readonly (string | number | boolean)[]>>;
};

/** What is absent matches everything, but a rule that names `tools`, `resources` or `prompts` speaks of what it names alone. */
export type PolicyRule = {
  readonly effect: 'allow' | 'deny' | 'ask';
  /** One of them is enough. */
  readonly roles?: readonly string[];
  /** Globs over subjects, or `issuer#subject`. */
  readonly principals?: readonly string[];
  /** Globs over canonical ids (`server__tool`). */
  readonly tools?: readonly string[];
  /** Globs over URIs. */
  readonly resources?: readonly string[];
  /** Globs over canonical ids. */
  readonly prompts?: readonly string[];
  /** Globs over names of servers. */
  readonly servers?: readonly string[];
  /** Globs over names of views. */
  readonly views?: readonly string[];
  /** OAuth scopes that a token must have, all of them. */
  readonly scopes?: readonly string[];
  /** A condition in CEL. */
  readonly when?: string;
  /** What a caller who is refused may read. */
  readonly reason?: string;
};

export type PolicyConfig = {
  readonly default: 'deny' | 'allow';
  readonly roles: Readonly<Record<string, RoleConfig>>;
  readonly rules: readonly PolicyRule[];
  /** Asked last, about what the rules allow. */
  readonly external?: {
    readonly url: string;
    readonly timeoutMs: number;
    readonly headers: Readonly<Record<string, string>>;
  };
};

/** So many in a time: a token bucket of `count`, filled in `periodMs`. */
export type Rate = { readonly count: number; readonly periodMs: number };

export type LimitsConfig = {
  /** One HTTP request body. */
  readonly bodyBytes: number;
  /** All header lines of one HTTP request. */
  readonly headerBytes: number;
  /** Nesting of one JSON message. */
  readonly depth: number;
  /** Entries of a JSON-RPC batch. */
  readonly batch: number;
  /** One message from an upstream: body, SSE event or stdio line. */
  readonly upstreamMessageBytes: number;
  readonly headerTimeoutMs: number;
  readonly bodyTimeoutMs: number;
  /** How long a merged list waits for slow servers. */
  readonly listDeadlineMs: number;
  /** How long a stopping gateway lets calls finish. */
  readonly drainMs: number;
  /** Open sessions of the session era, in all. */
  readonly sessions: number;
  /** Waiting for a person. */
  readonly humanMs: number;
  /** How long a call waits for a client that comes back with input (2026-07-28, "Multi round-trip requests"). */
  readonly requestStateMs: number;
  /** Calls in flight per principal. */
  readonly concurrency: number;
  /** Open connections per address. */
  readonly connections: number;
  /** Failed authentications per address and minute. */
  readonly failedAuthentications: number;
  /** Calls over time; absent: no such limit. The local key on this machine has no limit per principal. */
  readonly rate: {
    readonly perPrincipal?: Rate;
    readonly perServer?: Rate;
    readonly perTool?: Rate;
    readonly perSession?: Rate;
    readonly global?: Rate;
  };
  /** Calls of a principal per day and per calendar month (UTC). */
  readonly quota: { readonly day?: number; readonly month?: number };
  /** Calls under way at one server, and how many may wait for their turn. */
  readonly serverConcurrency: number;
  readonly serverQueue: number;
  /** Open streams and connections of a principal. */
  readonly streams: number;
  /** Resources that a principal is subscribed to. */
  readonly subscriptions: number;
};

export type AuditEventType =
  | 'authentication'
  | 'authorization'
  | 'configuration_change'
  | 'server_access'
  | 'admin_actions';

/** Where copies of the audit's records go. */
export type AuditSink =
  | { readonly type: 'file'; readonly path: string }
  /** `address`: udp://, tcp:// or unix:. `facility`: RFC 5424 §6.2.1. */
  | { readonly type: 'syslog'; readonly address: string; readonly facility: number }
  | { readonly type: 'otlp' | 'webhook'; readonly url: string; readonly headers: Readonly<Record<string, string>> };

export type AuditConfig = {
  readonly enabled: boolean;
  /** Absolute path of a copy. */
  readonly file?: string;
  /** How long records are kept. */
  readonly retentionMs: number;
  /** strict: no answer leaves before its record is on the disk. */
  readonly durability: 'batch' | 'strict';
  readonly events: readonly AuditEventType[];
  /** Arguments and results stand in the records. */
  readonly values: boolean;
  readonly encrypt: boolean;
  readonly sinks: readonly AuditSink[];
};

/** What is done about the content of calls. */
export type GuardConfig = {
  readonly arguments: 'validate' | 'off';
  /** Those of the gateway itself are blocked, unless it is off. */
  readonly secrets: 'off' | 'flag' | 'redact' | 'block';
  readonly injection: 'off' | 'flag' | 'block';
  /** Hidden instructions are looked for in results too. */
  readonly injectionResults: boolean;
  /** Of a result. */
  readonly resultMaxBytes: number;
};

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';

/** One configuration file, whole. */
/** `admin`. */
export type AdminConfig = {
  readonly enabled: boolean;
  readonly path: string;
  /** Addresses and CIDR blocks. */
  readonly hosts: readonly string[];
  readonly remoteWrite: boolean;
  readonly commands: boolean;
};

export type Config = {
  /** In the order of the file. Names are unique, also without regard to case. Disabled servers are in here too. */
  readonly servers: readonly ServerConfig[];
  readonly listen: ListenConfig;
  readonly naming: { readonly mode: 'prefixed' | 'plain'; readonly maxLength: number };
  readonly discovery: { readonly mode: 'full' };
  readonly auth: AuthConfig;
  /** Absent: whoever is authenticated may use everything. */
  readonly policy?: PolicyConfig;
  readonly limits: LimitsConfig;
  readonly sessions: { readonly idleMs: number; readonly absoluteMs: number };
  readonly store: 'sqlite' | 'memory';
  /** What addresses that arrive from outside may reach beyond the public net. */
  readonly egress: { readonly allow: readonly string[]; readonly proxy?: string };
  readonly admin: AdminConfig;
  readonly audit: AuditConfig;
  /** `guard` but for its pins. */
  readonly guard: GuardConfig;
  /** `guard.pins`: what is done about tools whose definition is not the one that was pinned. */
  readonly pins: {
    readonly mode: 'off' | 'warn' | 'quarantine';
    /** Text of the `sallyport.lock` beside the file; absent: there is none. */
    readonly lock?: string;
  };
  /** By name. */
  readonly views: Readonly<Record<string, ViewConfig>>;
  readonly telemetry: {
    readonly log: { readonly level: LogLevel; readonly format: 'auto' | 'json' | 'pretty' };
    /** `key`: what a scraper shows. */
    readonly metrics: { readonly enabled: boolean; readonly key?: string };
  };
  /** Warnings that would leave something out become errors. */
  readonly strict: boolean;
  /** Absolute paths of files that secrets were read from: no child sees them. */
  readonly secretFiles: readonly string[];
  /** What a change of the file does to a running gateway. */
  readonly reload: 'auto' | 'confirm' | 'off';
};

/** Where something stands in the configuration file; lines and columns count from 1. */
export type Position = { readonly line: number; readonly column: number };

/** One thing that is wrong (or worth a warning), with its place. */
export type Problem = {
  readonly file: string;
  readonly position?: Position;
  /** Keys from the root: `['mcpServers', 'files', 'args', 0]`; empty = the file as a whole. */
  readonly path: ReadonlyArray<string | number>;
  readonly message: string;
};

/** What `loadConfig` gives. */
export type LoadedConfig = {
  readonly config: Config;
  /** Absolute path of the file. */
  readonly path: string;
  /** sha256, hex, of the file with the `sallyport.lock` beside it. */
  readonly hash: string;
  readonly warnings: readonly Problem[];
};
