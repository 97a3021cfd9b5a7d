/**
 * The call: what came in, and what each step of the pipeline adds to it. Steps and rooms share these types and nothing
 * else. No step is here.
 */

import { randomBytes } from 'node:crypto';
import type { Answer, Exchange, Principal } from '@sallyport/server';
import type { ErrorKey, JsonObject, ParamHeader } from '@sallyport/wire';

/** An API over HTTP that an OpenAPI document describes, of which this gateway makes a server. */
export interface ApiTarget {
  readonly kind: 'openapi';
  /** Absolute path. */
  readonly document: string;
  /** SHA-256 of its bytes, hexadecimal. */
  readonly hash: string;
  /** The URL that it is a copy of. */
  readonly source?: string;
  /** Where the API is, as the operator wrote it; absent: what the document says, which comes from outside. */
  readonly server?: string;
  /** Globs over operation ids and `GET /path`; without `allow` those that only read. */
  readonly operations: { readonly allow?: readonly string[]; readonly deny: readonly string[] };
  /** By the names of the document's security schemes. */
  readonly auth: Readonly<Record<string, ApiCredential>>;
  /** Sent with every request. */
  readonly headers: Readonly<Record<string, string>>;
  /** Of one answer. */
  readonly maxBytes: number;
  /** Whether it is said where there are more pages. */
  readonly pagination: boolean;
}

/** An API key or bearer token; a name and password; or a client of OAuth 2.0 (client credentials). */
export interface ApiCredential {
  readonly value?: string;
  readonly username?: string;
  readonly password?: string;
  readonly clientId?: string;
  readonly clientSecret?: string;
  /** Empty: those that the operations name. */
  readonly scopes: readonly string[];
  /** As the operator wrote it; absent: what the document names. */
  readonly tokenUrl?: string;
}

/** How far a child is caged. Paths are absolute or begin with `{root}`, the caller's project. */
export interface SandboxSettings {
  /** Written, and then required. */
  readonly level?: 'strict' | 'standard' | 'limited' | 'none';
  readonly read: readonly string[];
  readonly write: readonly string[];
  readonly network?: readonly string[];
  /** Of a container that it runs in. */
  readonly image?: string;
  readonly memoryBytes?: number;
  /** Percent of one core. */
  readonly cpuPercent?: number;
  readonly processes?: number;
  /** Name or number. */
  readonly user?: string;
}

/** `arguments` rules of one tool, in the server's own names. */
export interface ArgumentRules {
  readonly [argument: string]: { readonly hide: boolean; readonly fix?: unknown; readonly default?: unknown };
}

/** A server's news of a task (2025-11-25, tasks). */
export const TASK_STATUS = 'notifications/tasks/status';
/** The same of the tasks extension (2026-07-28). */
export const TASK_NEWS = 'notifications/tasks';

/**
 * What some principals may see, all of them the same: decided by the policy, before anything that a request says. Where a server
 * lists something else to each principal, it is one principal alone.
 */
export interface Audience {
  /** The same text: sees the same. */
  readonly key: string;
  /** The one that it is; absent: whoever the policy says. */
  readonly owner?: Owner;
  /** `id`: canonical of tools and prompts, the URI or its template else. `annotations`: the pinned ones of a tool. */
  maySee(
    kind: 'tool' | 'prompt' | 'resource' | 'template',
    server: string,
    id: string,
    annotations?: JsonObject,
  ): boolean;
  /** Whether anything of a server may be seen. */
  mayUse(server: string): boolean;
  /** Whether a server may be known by its name: not by a rule on URIs alone, which do not tell whose they are. */
  mayKnow(server: string): boolean;
  mayEnter(view: string): boolean;
}

/** An endpoint as an audience sees it; without one, whole. */
export interface Vantage {
  readonly endpoint: string;
  readonly audience: Audience | undefined;
}

/** What the policy says of one call. */
export interface Decision {
  readonly effect: 'allow' | 'deny' | 'ask';
  /** What decided: `rules[3]`, `builtin:viewer`, `default`, `external`. */
  readonly rule: string;
  /** Of the rule, for the caller to read. */
  readonly reason?: string;
  /** OAuth scopes whose lack alone made it a refusal. */
  readonly missingScopes?: readonly string[];
  /** With them: all that the call needs, those that are there too, or a client would lose them by asking for the others. */
  readonly neededScopes?: readonly string[];
}

/** Where a request goes. */
export interface Target {
  readonly server: string;
  readonly kind: 'tool' | 'prompt' | 'resource' | 'template' | 'task' | 'server';
  /** `server__original` for tools and prompts, the URI for resources: what policy, pins, audit and limits know. */
  readonly canonicalId: string;
  /** What the server calls it; undefined where the message names nothing. */
  readonly original: string | undefined;
  /** Tools only: what is believed of them, arguments that travel as headers, and rules on arguments. */
  readonly annotations?: JsonObject;
  readonly paramHeaders?: readonly ParamHeader[];
  readonly argumentRules?: ArgumentRules;
  /** Tools only: as clients see it. */
  readonly inputSchema?: JsonObject;
  /** Tasks only: the call of a tool that made it. What is asked of the task is decided as that call. */
  readonly madeBy?: MadeBy;
}

/** The call of a tool that made a task, as a policy looks at it. */
export interface MadeBy {
  readonly canonicalId: string;
  readonly annotations?: JsonObject;
  /** Absent where they are not known any more. */
  readonly arguments?: JsonObject;
  /** A person was asked about it, and said yes. */
  readonly approved: boolean;
}

/** How a server's clients are kept apart. */
export type Isolation = 'shared' | 'principal' | 'project' | 'session';

/** A principal whose own something is. Nothing else of it lasts as long as what is kept for it. */
export interface Owner {
  /** `principalKey`. */
  readonly key: string;
  readonly principal: Pick<Principal, 'issuer' | 'subject'>;
}

/** One of several children or upstream sessions of a server that its clients do not share. */
export interface Instance {
  /** Names its owner: no two owners have the same. */
  readonly key: string;
  /** `principalKey` of the owner. */
  readonly owner: string;
  /** The owner, for credentials that are its own. */
  readonly principal: Pick<Principal, 'issuer' | 'subject'>;
  /** The owner's project folder, absolute, where the server works on one. */
  readonly root?: string;
}

export interface Call {
  /** What was asked. A step that takes out what was meant for the gateway puts the rest here. */
  exchange: Exchange;
  /** Set where its arguments are others than its client sent: that is what its headers speak of. */
  stated?: Exchange;
  /** Set by `resolve`. */
  target?: Target;
  /** Set by `authorize`: the decision, and the version of the policy that gave it. */
  decision?: Decision;
  policyVersion?: string;
  /** Set by `isolate`; absent: the instance that everybody shares. */
  instance?: Instance;
  /** Set by `drain` and `admit`: the places that it takes among the calls under way, which `leave` gives back. */
  isUnderWay?: boolean;
  countedFor?: string | undefined;
  /** Set by `send`: the time spent with the server, its start included. Milliseconds. */
  upstreamMs?: number;
  /** Set when it fails: the row of the error table that its client reads. */
  failure?: ErrorKey;
  /** Use `logIdOf`. */
  logId?: string;
  /** The call in whose midst it is made, on behalf of the same caller. */
  outer?: Call;
  /** Set where it was meant through a tool of the gateway's own. */
  via?: Via;
  /** Lists: of this server alone. */
  group?: string;
}

/** The tool through which a call was meant. */
export interface Via {
  readonly name: string;
  /** Only a target that is believed to change nothing is called. */
  readonly reads?: true;
  /** Only a tool of this server is called: another one's may have the name that was made up for it. */
  readonly server?: string;
  /** What the client reads of the outcome; absent: what it would read of the direct call. */
  readonly told?: (answer: Answer, call: Call) => Answer;
}

/** From here on the call has other arguments than its client sent. */
export function restate(call: Call, exchange: Exchange): void {
  call.stated ??= call.exchange;
  call.exchange = exchange;
}

/** The id of a call in the log, in its error and in what is logged on its behalf. Made when it is first asked for. */
export function logIdOf(call: Call): string {
  return (call.logId ??= randomBytes(6).toString('hex'));
}

export type Next = (call: Call) => Promise<Answer>;

/** One step: passes on by calling `next`, or answers itself. Refuses by throwing a `Refused`. */
export type Step = (call: Call, next: Next) => Promise<Answer>;

/** Puts steps in a row. The last one must answer. */
export function compose(steps: readonly Step[]): Next {
  return steps.reduceRight<Next>(
    (next, step) => (call) => step(call, next),
    () => Promise.reject(new Error('The route ended without an answer.')),
  );
}
