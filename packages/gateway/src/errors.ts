/**
 * From a failure to an answer. Lower errors are translated here and nowhere else: what a stranger may read goes into the
 * answer, everything else into the log under the id that the answer carries.
 */

import { UpstreamError, type UpstreamReason } from '@sallyport/client';
import type { Answer } from '@sallyport/server';
import { statusOf, wireError, withLogId, type ErrorKey, type JsonObject } from '@sallyport/wire';
import { logIdOf, type Call } from './call.ts';

interface RefusedOptions {
  readonly data?: JsonObject;
  readonly headers?: Readonly<Record<string, string>>;
  readonly detail?: string;
}

/** A step's refusal. `message`, `data` and `headers` (of the HTTP answer) are public; `detail` is for the log. */
export class Refused extends Error {
  readonly key: ErrorKey;
  readonly data: JsonObject | undefined;
  readonly headers: Readonly<Record<string, string>> | undefined;
  readonly detail: string | undefined;

  constructor(key: ErrorKey, message?: string, options: RefusedOptions = {}) {
    super(message ?? wireError(key).error.message);
    this.name = 'Refused';
    this.key = key;
    this.data = options.data;
    this.headers = options.headers;
    this.detail = options.detail;
  }
}

export type LogFailure = (logId: string, call: Call, error: unknown) => void;

/** The answer to a call that failed. */
export function failureAnswer(error: unknown, call: Call, log: LogFailure): Answer {
  const logId = logIdOf(call);
  log(logId, call, error);
  const { key, message, data, headers } = publicFailure(error, call);
  call.failure = key;
  return {
    kind: 'error',
    error: withLogId(wireError(key, message, data).error, logId),
    status: statusOf(key, call.exchange.era),
    ...(headers !== undefined && { headers }),
  };
}

interface PublicFailure {
  readonly key: ErrorKey;
  readonly message?: string;
  readonly data?: JsonObject;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What a stranger reads of an upstream's failure, behind "The server". */
const UPSTREAM_FAILURES: Readonly<Record<UpstreamReason, { key: ErrorKey; text: string; reason?: string }>> = {
  timeout: { key: 'upstream_timeout', text: 'did not answer in time.' },
  too_large: { key: 'unavailable', text: 'answered with more than may pass.', reason: 'too_large' },
  protocol: { key: 'unavailable', text: 'did not answer in the protocol.', reason: 'protocol' },
  breaker: { key: 'unavailable', text: 'failed repeatedly and is left alone for a while.', reason: 'breaker' },
  unauthorized: { key: 'unavailable', text: 'refused the credential of the gateway.', reason: 'down' },
  down: { key: 'unavailable', text: 'is not available.', reason: 'down' },
  cancelled: { key: 'internal', text: 'was told that the call is cancelled.' },
};

function publicFailure(error: unknown, call: Call): PublicFailure {
  if (error instanceof Refused) {
    const { data, headers, key, message } = error;
    return { key, message, ...(data && { data }), ...(headers && { headers }) };
  }
  if (!(error instanceof UpstreamError)) return { key: 'internal' };
  const { key, text, reason } = UPSTREAM_FAILURES[error.reason];
  const server = call.target?.server;
  const who = server === undefined ? 'The server' : `The server "${server}"`;
  const data = { ...(server !== undefined && { server }), ...(reason !== undefined && { reason }) };
  return { key, message: `${who} ${text}`, data };
}

/** A failure as the log has it. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const detail = 'detail' in error && typeof error.detail === 'string' ? ` (${error.detail})` : '';
  return `${error.name}: ${error.message}${detail}`;
}
