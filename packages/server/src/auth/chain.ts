/**
 * Authentication: the ways of proving who one is, tried in order. The first that knows the credential decides; when none
 * does, the answer is a challenge. A connection is remembered with what it proved, so the same credential on the same
 * connection costs nothing but the question whether the proof still holds. Comparing with what the very same peer sent
 * before tells it nothing new.
 *
 * It limits how often an address may fail. It does not limit the work that an unknown credential causes: a way that works
 * hard asks `FailureLimit.waitMs` first.
 */

import { wireError } from '@sallyport/wire';
import type { Authenticate, Authenticated, Credentials, Rejected, Unauthenticated } from './authenticate.ts';
import type { Challenge } from './challenge.ts';
import type { FailureLimit } from './failures.ts';
import type { Proof, Prove, Proved } from './proof.ts';

export interface ChainOptions {
  /** In the order in which they are tried. */
  readonly verify: readonly Prove[];
  readonly failures: FailureLimit;
  readonly challenge: Challenge;
  readonly log: (level: 'info' | 'warn', text: string, detail: Readonly<Record<string, string | undefined>>) => void;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

interface Remembered {
  readonly authorization: string | undefined;
  readonly proof: Proof;
}

/** Of an authorization server or a store that does not answer; seconds. */
const RETRY_AFTER = '5';

/** Between two lines of the log that say so: a stranger can cause them as fast as he likes. */
const QUIET_MS = 10_000;

const UNKNOWN: Rejected = {
  problem: 'invalid',
  detail: 'no configured way knows this credential: neither its form nor, of a token, its issuer',
};
const TWO: Rejected = { problem: 'invalid', detail: 'two credentials at once' };

export function createAuthenticate(options: ChainOptions): Authenticate {
  const { verify } = options;
  const refuse = refusals(options);
  const connections = new WeakMap<object, Remembered>();

  const decide = (found: Exclude<Proved, undefined>, credentials: Credentials): Authenticated => {
    if ('problem' in found) return refuse(found, credentials);
    if (!('principal' in found)) return found;
    const { authorization, connection } = credentials;
    connections.set(connection, { authorization, proof: found });
    return found.principal;
  };

  const failed = (error: unknown, credentials: Credentials): Unauthenticated => {
    return refuse({ problem: 'unavailable', detail: `a way of authentication failed: ${String(error)}` }, credentials);
  };

  /** The ways from one of them on. */
  const ask = (first: number, credentials: Credentials): Authenticated | Promise<Authenticated> => {
    for (let at = first; at < verify.length; at++) {
      const found = (verify[at] as Prove)(credentials);
      if (found instanceof Promise) return later(found, at, credentials);
      if (found !== undefined) return decide(found, credentials);
    }
    if (credentials.authorization !== undefined) return refuse(UNKNOWN, credentials);
    return challenged('unauthenticated', options.challenge(credentials));
  };

  const later = async (pending: Promise<Proved>, at: number, credentials: Credentials): Promise<Authenticated> => {
    try {
      const found = await pending;
      return found === undefined ? await ask(at + 1, credentials) : decide(found, credentials);
    } catch (error) {
      return failed(error, credentials);
    }
  };

  return (credentials) => {
    const { authorization, connection } = credentials;
    const before = connections.get(connection);
    if (before !== undefined && before.authorization === authorization && before.proof.holds(credentials)) {
      return before.proof.principal;
    }
    // Several headers arrive joined by a comma, which stands in no credential that is accepted here.
    if (authorization?.includes(',') === true) return refuse(TWO, credentials);
    try {
      return ask(0, credentials);
    } catch (error) {
      return failed(error, credentials);
    }
  };
}

type Refuse = (rejected: Rejected, credentials: Credentials) => Unauthenticated;

function refusals({ challenge, failures, log, now }: ChainOptions): Refuse {
  let quietUntilMs = 0;
  const tell = (detail: string): void => {
    if (now() < quietUntilMs) return;
    quietUntilMs = now() + QUIET_MS;
    log('warn', 'credentials cannot be checked at the moment', { detail });
  };

  return (rejected, credentials) => {
    const { address, path } = credentials;
    const { detail, problem } = rejected;
    if (problem === 'unavailable') {
      tell(detail);
      return { error: wireError('cannot_authenticate'), headers: { 'retry-after': RETRY_AFTER } };
    }
    if (problem === 'insufficient_scope') {
      log('info', 'a token lacks a scope', { address, path, detail });
      return challenged('insufficient_scope', challenge(credentials, problem));
    }
    const waitMs = failures.failed(address);
    if (waitMs > 0) return tooMany(waitMs);
    log('info', 'a credential was refused', { address, path, detail });
    return challenged('unauthenticated', challenge(credentials, 'invalid_token'));
  };
}

function challenged(key: 'unauthenticated' | 'insufficient_scope', challenge: string): Unauthenticated {
  return { error: wireError(key), headers: { 'www-authenticate': challenge } };
}

function tooMany(waitMs: number): Unauthenticated {
  const headers = { 'retry-after': String(Math.ceil(waitMs / 1000)) };
  return { error: wireError('rate_limited', 'Too many failed attempts.'), headers };
}
