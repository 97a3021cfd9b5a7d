/** What goes wrong with a client: one error, with a code to branch on. */

import type { JsonRpcErrorObject } from '@sallyport/wire';
import { errorOf } from '../ask.ts';
import { UpstreamError, type UpstreamReason } from '../leg.ts';
import type { LoginNeeded } from '../oauth/login.ts';

export type ClientErrorCode =
  /** The server cannot be started or reached, went away, or is left alone for a while after failures. */
  | 'unavailable'
  /** No answer and no progress for `timeoutMs`, or none within `maxMs`. */
  | 'timeout'
  /** The caller's signal was aborted. */
  | 'cancelled'
  /** The client was closed. */
  | 'closed'
  /** The server answered with an error: `rpc` holds it. */
  | 'rpc'
  /** The server asks for a credential. `login` says where a person could get one, if it is that. */
  | 'unauthorized'
  /** The server has not announced the capability that this needs. */
  | 'unsupported'
  /** The server asked for input in the middle of the request, and there is none: no handler, or one that failed. */
  | 'input'
  /** A message of the server was larger than `maxMessageBytes`. */
  | 'too_large'
  /** The server did not speak the protocol. */
  | 'protocol'
  /** No server offers anything under that name. */
  | 'unknown_name';

export interface ClientErrorOptions {
  readonly rpc?: JsonRpcErrorObject;
  readonly status?: number;
  readonly login?: LoginNeeded;
  readonly cause?: unknown;
}

/** The one error of a client. Texts of the server in `message` and `rpc` are a stranger's. */
export class ClientError extends Error {
  readonly code: ClientErrorCode;
  /** The server's JSON-RPC error, with its `code`, `message` and `data`. */
  readonly rpc: JsonRpcErrorObject | undefined;
  /** HTTP status, where there was one. */
  readonly status: number | undefined;
  readonly login: LoginNeeded | undefined;

  constructor(code: ClientErrorCode, message: string, options: ClientErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'ClientError';
    this.code = code;
    this.rpc = options.rpc;
    this.status = options.status;
    this.login = options.login;
  }
}

const CODES: Readonly<Record<UpstreamReason, ClientErrorCode>> = {
  down: 'unavailable',
  breaker: 'unavailable',
  timeout: 'timeout',
  too_large: 'too_large',
  protocol: 'protocol',
  unauthorized: 'unauthorized',
  cancelled: 'cancelled',
};

/** The error for whoever uses the client; one that is none of the connection's stays as it is. */
export function clientError(error: unknown): unknown {
  if (!(error instanceof UpstreamError)) return error;
  const rpc = errorOf(error);
  return new ClientError(rpc === undefined ? CODES[error.reason] : 'rpc', error.message, {
    cause: error,
    ...(rpc !== undefined && { rpc }),
    ...(error.status !== undefined && { status: error.status }),
    ...(error.login !== undefined && { login: error.login }),
  });
}
