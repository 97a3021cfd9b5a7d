/**
 * The configuration as the gateway sees it: checked, defaulted, deeply frozen. Durations are milliseconds (`…Ms`),
 * sizes bytes (`…Bytes`), paths absolute. Nothing here reads a file; `load.ts` produces these values.
 *
 * Only what this version can do has a field: a key whose room is not built is refused while loading and never arrives here.
 */

import type { InterceptorConfig } from './types-interceptors.ts';
import type { ServerConfig } from './types-server.ts';
import type { ToolConfig } from './types-tools.ts';
import type { AuthConfig, TlsConfig } from './types-auth.ts';

/** An endpoint that turns texts into vectors: of OpenAI's kind or Ollama's. */
export type EmbeddingsConfig = {
  /** The whole of it. */
  readonly url: string;
  readonly model: string;
  /** Sent as a bearer token. */
  readonly key?: string;
  /** Of a vector, asked of models that can choose; absent: as many as the model gives. */
  readonly dimensions?: number;
  /** For one question. */
  readonly timeoutMs: number;
};

/** `discovery`: how tools are shown to clients. */
export type DiscoveryConfig = {
  /** `auto`: full while what somebody sees costs less than the budget, else search. */
  readonly mode: 'auto' | 'full' | 'groups' | 'search' | 'code';
  /** Tokens. */
  readonly budget: number;
  /** Globs over canonical ids of tools that are shown in every mode. */
  readonly always: readonly string[];
  /** What ranks by meaning; at the root alone. */
  readonly embeddings?: EmbeddingsConfig;
  /** Tokens that a result may cost before it is kept and read in pieces; absent or 0: any number. */
  readonly resultBudget?: number;
};

/** A named selection of the catalogue. What is absent selects everything. */
export type ViewConfig = {
  /** Globs over the names of servers. */
  readonly servers?: readonly string[];
  readonly tags?: readonly string[];
  /** Globs over canonical ids (`server__tool`). */
  readonly tools?: readonly string[];
  readonly discovery?: Partial<DiscoveryConfig>;
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

/** What can be told. */
export type AlertEvent =
  | 'failed_authentication'
  | 'pins'
  | 'guard'
  | 'sandbox'
  | 'breaker'
  | 'quota'
  | 'audit_gap'
  | 'lockdown'
  | 'configuration_change'
  | 'admin_actions';

/** Where an alert goes. */
export type AlertDestination =
  | { readonly type: 'log' }
  /** `address`: udp://, tcp:// or unix:. `facility`: RFC 5424 §6.2.1. */
  | { readonly type: 'syslog'; readonly address: string; readonly facility: number }
  | {
      readonly type: 'webhook';
      readonly url: string;
      readonly headers: Readonly<Record<string, string>>;
      /** Signs what is sent. */
      readonly secret?: string;
    };

/** Who is told of what, and how often. */
export type AlertConfig = {
  readonly on: readonly AlertEvent[];
  /** Failed authentications of an address within `windowMs`; five times as many in all. */
  readonly threshold: number;
  readonly windowMs: number;
  /** Of the same again nothing is told for so long. */
  readonly quietMs: number;
  readonly to: AlertDestination;
};

/** What security.txt says. */
export type SecurityConfig = {
  /** URIs, the best first; none: there is no security.txt. */
  readonly contact: readonly string[];
  readonly policy?: string;
};

/** What is written about people. */
export type PrivacyConfig = {
  readonly identities: 'plain' | 'pseudonym';
  /** Of clients. */
  readonly addresses: 'full' | 'truncated' | 'none';
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
  /** A check by somebody else, over HTTP. */
  readonly external?: {
    readonly url: string;
    readonly timeoutMs: number;
    readonly headers: Readonly<Record<string, string>>;
    /** What happens without an answer. */
    readonly fail: 'open' | 'closed';
    readonly on: readonly ('arguments' | 'results')[];
  };
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
  /** A listener of its own; absent: it is at the main one. */
  readonly listen?: { readonly host: string; readonly port: number; readonly tls?: TlsConfig };
};

export type Config = {
  /** In the order of the file. Names are unique, also without regard to case. Disabled servers are in here too. */
  readonly servers: readonly ServerConfig[];
  readonly listen: ListenConfig;
  readonly naming: { readonly mode: 'prefixed' | 'plain'; readonly maxLength: number };
  readonly discovery: DiscoveryConfig;
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
  readonly privacy: PrivacyConfig;
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
  /** Programs that are tools, by name. */
  readonly tools: Readonly<Record<string, ToolConfig>>;
  readonly telemetry: {
    readonly log: { readonly level: LogLevel; readonly format: 'auto' | 'json' | 'pretty' };
    /** `key`: what a scraper shows. */
    readonly metrics: { readonly enabled: boolean; readonly key?: string };
  };
  readonly alerts: readonly AlertConfig[];
  /** In the order in which they are asked. */
  readonly interceptors: readonly InterceptorConfig[];
  readonly security: SecurityConfig;
  /** Stricter defaults, which nothing that is written weakens. */
  readonly profile?: 'hardened';
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
