/**
 * From a failure to an answer. Lower errors are translated here and nowhere else: what a stranger may read goes into the
 * answer, everything else into the log under the id that the answer carries.
 */

import { randomBytes } from 'node:crypto';
import { UpstreamError } from '@sallyport/client';
import type { Answer } from '@sallyport/server';
import { statusOf, wireError, withLogId, type ErrorKey, type JsonObject } from '@sallyport/wire';
import type { Call } from './call.ts';

/** A step's refusal. `message` and `data` are public; `detail` is for the log. */
export class Refused extends Error {
  readonly key: ErrorKey;
  readonly data: JsonObject | undefined;
  readonly detail: string | undefined;

  constructor(key: ErrorKey, message?: string, options: { data?: JsonObject; detail?: string } = {}) {
    super(message ?? wireError(key).error.message);
    this.name = 'Refused';
    this.key = key;
    this.data = options.data;
    this.detail = options.detail;
  }
}

export type LogFailure = (logId: string, call: Call, error: unknown) => void;

/** The answer to a call that failed. */
export function failureAnswer(error: unknown, call: Call, log: LogFailure): Answer {
  const logId = randomBytes(6).toString('hex');
  log(logId, call, error);
  const { key, message, data } = publicFailure(error, call);
  return {
    kind: 'error',
    error: withLogId(wireError(key, message, data).error, logId),
    status: statusOf(key, call.exchange.era),
    ...(key === 'rate_limited' && { headers: { 'retry-after': '1' } }),
  };
}

interface PublicFailure {
  readonly key: ErrorKey;
  readonly message?: string;
  readonly data?: JsonObject;
}

function publicFailure(error: unknown, call: Call): PublicFailure {
  if (error instanceof Refused) {
    return { key: error.key, message: error.message, ...(error.data && { data: error.data }) };
  }
  if (!(error instanceof UpstreamError)) return { key: 'internal' };
  const server = call.target?.server;
  const named = server === undefined ? {} : { server };
  const who = server === undefined ? 'The server' : `The server "${server}"`;
  switch (error.reason) {
    case 'timeout':
      return { key: 'upstream_timeout', message: `${who} did not answer in time.`, data: named };
    case 'too_large':
      return unavailable(`${who} answered with more than may pass.`, 'too_large', named);
    case 'protocol':
      return unavailable(`${who} did not answer in the protocol.`, 'protocol', named);
    case 'breaker':
      return unavailable(`${who} failed repeatedly and is left alone for a while.`, 'breaker', named);
    case 'unauthorized':
      return unavailable(`${who} refused the credential of the gateway.`, 'down', named);
    case 'cancelled':
      return { key: 'internal', message: 'The call was cancelled.' };
    case 'down':
      return unavailable(`${who} is not available.`, 'down', named);
  }
}

function unavailable(message: string, reason: string, named: JsonObject): PublicFailure {
  return { key: 'unavailable', message, data: { ...named, reason } };
}
