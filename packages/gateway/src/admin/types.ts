/** The words of the admin API: who asks, what a route is, how it says no. Types, and the one error. */

import type { JsonObject } from '@sallyport/wire';

/** Who asks, once he is known to be an admin. */
export interface Caller {
  readonly issuer: string;
  readonly subject: string;
  /** On this machine, straight to the listener. */
  readonly isLocal: boolean;
  /** This machine's user, by the local key. */
  readonly isUser: boolean;
}

export interface AdminRequest {
  readonly caller: Caller;
  /** He may have a command started that he writes. */
  readonly mayCommand: boolean;
  /** What stands in the path for `{name}`. */
  readonly of: (name: string) => string;
  readonly query: URLSearchParams;
  /** Empty without one. */
  readonly body: JsonObject;
  /** The edition that the caller has seen; undefined: he says nothing of it. */
  readonly ifMatch: string | undefined;
}

/**
 * What a route asks of the caller. `read`: any admin. `write`: an admin on this machine, or from elsewhere where that is
 * configured. `user`: this machine's user, who has no body to be told what others see.
 */
export type Needs = 'read' | 'write' | 'user';

export interface Route {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** Below `admin.path`; `{name}` is one part of a path. */
  readonly path: string;
  readonly summary: string;
  readonly needs: Needs;
  /** By name, what they mean. */
  readonly query?: Readonly<Record<string, string>>;
  /** JSON Schema of the body. */
  readonly body?: JsonObject;
  /** What the audit trail calls it, and of the body or path what it is done to. Absent: it only reads. */
  readonly action?: { readonly name: string; readonly target: (request: AdminRequest) => string };
  /** Gives what is answered. Throws {@link AdminError}. */
  readonly handle: (request: AdminRequest) => unknown;
}

/** A refusal whose text the admin reads. */
export class AdminError extends Error {
  readonly status: 400 | 403 | 404 | 409 | 412 | 428;
  readonly code: string;
  /** Stands beside the error. */
  readonly more: JsonObject;

  constructor(status: AdminError['status'], code: string, message: string, more: JsonObject = {}) {
    super(message);
    this.name = 'AdminError';
    this.status = status;
    this.code = code;
    this.more = more;
  }
}

/** `admin` of the configuration, as this room needs it. */
export interface AdminSettings {
  readonly enabled: boolean;
  readonly path: string;
  /** Addresses and CIDR blocks from which admin keys are good besides this machine. */
  readonly hosts: readonly string[];
  readonly remoteWrite: boolean;
  readonly commands: boolean;
}
