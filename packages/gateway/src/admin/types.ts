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
}

/**
 * What a route asks of the caller. `read`: any admin. `write`: an admin on this machine, or from elsewhere where that is
 * configured. `user`: this machine's user, who has no body to be told what others see.
 */
export type Needs = 'read' | 'write' | 'user';

export type Refusal = 400 | 403 | 404 | 409 | 412 | 428 | 429 | 503;

export interface Route {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Below `admin.path`; `{name}` is one part of a path. */
  readonly path: string;
  readonly summary: string;
  readonly needs: Needs;
  /** By name, what they mean. */
  readonly query?: Readonly<Record<string, string>>;
  /** JSON Schema of the body. */
  readonly body?: JsonObject;
  /** JSON Schema of what is answered. */
  readonly answer?: JsonObject;
  /** With which its own work refuses, besides those that stand before it. */
  readonly refusals?: readonly Refusal[];
  /** The member of the answer that is a list, and is given in pages to whoever says `limit`. */
  readonly pages?: string;
  /** What the audit trail calls it, and of the body or path what it is done to. Absent: it only reads. */
  readonly action?: { readonly name: string; readonly target: (request: AdminRequest) => string };
  /**
   * What it shows or changes, in full; undefined: it is not there. Its hash is the ETag, and before and after a change
   * stands in the audit trail.
   */
  readonly resource?: (request: AdminRequest) => unknown;
  /** `If-Match` must be there where the resource is. Otherwise it is heeded when it is there. */
  readonly needsEdition?: boolean;
  /** Gives what is answered. Throws {@link AdminError}. */
  readonly handle: (request: AdminRequest) => unknown;
}

/** A refusal whose text the admin reads. */
export class AdminError extends Error {
  readonly status: Refusal;
  readonly code: string;
  /** Stands beside the error. */
  readonly more: JsonObject;

  constructor(status: Refusal, code: string, message: string, more: JsonObject = {}) {
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
