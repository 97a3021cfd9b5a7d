/**
 * The device authorization grant (RFC 8628): a person enters a short code in a browser of any machine, and this one asks
 * until it is done. For terminals that cannot open a browser.
 */

import type { AuthorizationServer } from 'oauth4webapi';
import type { JsonObject } from '@sallyport/wire';
import { AuthorizationError } from './error.ts';
import { tokenParts, type Grant } from './grant.ts';
import { askAs, type ClientReference, type Registration } from './registration.ts';
import { checkUrl, shown, statusError, urlProblem, type Requests } from './requests.ts';
import { AnswerLost, askForDeviceCode, DEVICE_CODE, TokenRefused, type Tokens } from './token-endpoint.ts';

/** What a person must do. Every text came from the authorization server and was checked to be harmless to print. */
export interface DeviceLogin {
  /** To be entered at `verificationUri`. */
  readonly userCode: string;
  readonly verificationUri: string;
  /** The same with the code in it, for who can follow a link or scan one. */
  readonly verificationUriComplete?: string;
  readonly expiresAtMs: number;
  /** What is asked for; empty: whatever the server grants. */
  readonly scopes: readonly string[];
  /** Issuer of the authorization server. */
  readonly issuer: string;
  /** Resolves when it is granted and stored. Rejects with `AuthorizationError`, also when the signal was aborted. */
  readonly finished: Promise<void>;
}

export interface DeviceOptions {
  readonly registration: Registration;
  readonly requests: Requests;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly sleep: (ms: number) => Promise<void>;
  readonly store: (grant: Grant) => Promise<void>;
}

export interface DeviceWanted {
  readonly resource: string;
  readonly scopes: readonly string[];
  readonly logins: number;
}

const INTERVAL_MS = 5000;
const SLOWER_MS = 5000;
const LONGEST_INTERVAL_MS = 60_000;
const LONGEST_MS = 30 * 60_000;
/** RFC 8628 §6.1 recommends eight letters; nothing that could move the cursor of a terminal. */
const USER_CODE = /^[\x21-\x7e](?:[\x20-\x7e]{0,62}[\x21-\x7e])?$/;

/** What was answered, as far as it is used. */
interface Code {
  readonly deviceCode: string;
  readonly intervalMs: number;
  readonly login: Omit<DeviceLogin, 'finished'>;
}

/** Registers where it must. Throws `unusable` or `unavailable`. */
export async function beginDeviceLogin(
  server: AuthorizationServer,
  wanted: DeviceWanted,
  options: DeviceOptions,
  signal: AbortSignal,
): Promise<DeviceLogin> {
  if (server.device_authorization_endpoint === undefined) {
    throw new AuthorizationError('unusable', `${shown(server.issuer)} gives no device codes. Log in with a browser.`);
  }
  const client = await options.registration.choose(server, '');
  const code = await askForCode(server, client, wanted, options);
  const finished = finish(code, { server, client, wanted }, options, signal);
  // Whoever only wants to see the code does not wait for it.
  finished.catch(() => undefined);
  return { ...code.login, finished };
}

async function askForCode(
  server: AuthorizationServer,
  client: ClientReference,
  { resource, scopes }: DeviceWanted,
  { now, registration, requests }: DeviceOptions,
): Promise<Code> {
  const credentials = await registration.credentials(server.issuer, client);
  if (credentials === undefined) throw new AuthorizationError('unavailable', 'The client was forgotten meanwhile.');
  const form = { resource, ...(scopes.length > 0 && { scope: scopes.join(' ') }) };
  const { body, status } = await askForDeviceCode({ server, client: credentials, requests }, form);
  if (status !== 200 || body === undefined) {
    const problem = status >= 500 || status === 429 ? 'unavailable' : 'unusable';
    throw statusError(problem, server.device_authorization_endpoint ?? '', { body, status });
  }
  const { device_code: deviceCode, expires_in: seconds, interval, user_code: userCode } = body;
  if (typeof deviceCode !== 'string' || typeof userCode !== 'string' || !USER_CODE.test(userCode)) {
    throw new AuthorizationError('unusable', `${shown(server.issuer)} gave no code that could be shown.`);
  }
  return {
    deviceCode,
    intervalMs: millisecondsOf(interval, INTERVAL_MS, LONGEST_INTERVAL_MS),
    login: {
      userCode,
      ...readPlaces(body, server.issuer, requests),
      expiresAtMs: now() + millisecondsOf(seconds, LONGEST_MS, LONGEST_MS),
      scopes,
      issuer: server.issuer,
    },
  };
}

/** Where the code is entered: people open it, so it is no more than a page. Throws `unusable`. */
function readPlaces(
  body: JsonObject,
  issuer: string,
  requests: Requests,
): Pick<DeviceLogin, 'verificationUri' | 'verificationUriComplete'> {
  const { verification_uri: uri, verification_uri_complete: complete } = body;
  const text = typeof uri === 'string' ? uri : '';
  checkUrl(`The verification_uri of ${shown(issuer)},`, text, requests);
  const isUsable = typeof complete === 'string' && urlProblem(complete, requests.allowLoopbackHttp) === undefined;
  return {
    // Written by the parser, so that nothing is left in it that a terminal would obey.
    verificationUri: new URL(text).href,
    ...(isUsable && { verificationUriComplete: new URL(complete).href }),
  };
}

async function finish(
  { deviceCode, intervalMs, login }: Code,
  { client, server, wanted }: { server: AuthorizationServer; client: ClientReference; wanted: DeviceWanted },
  options: DeviceOptions,
  signal: AbortSignal,
): Promise<void> {
  const { now, sleep, store } = options;
  const brokenOff = aborted(signal);
  let pauseMs = intervalMs;
  for (;;) {
    await Promise.race([sleep(pauseMs), brokenOff]);
    if (signal.aborted) throw new AuthorizationError('refused', 'The login was broken off.');
    if (now() >= login.expiresAtMs) {
      throw new AuthorizationError('refused', `The code for ${shown(login.issuer)} has expired. Begin again.`);
    }
    const tokens = await poll(deviceCode, wanted.resource, { server, client }, options);
    if (tokens === 'slower') pauseMs = Math.min(pauseMs + SLOWER_MS, LONGEST_INTERVAL_MS);
    else if (tokens !== 'pending') {
      const nowMs = now();
      const of = { issuer: server.issuer, client, ...wanted, loggedInAtMs: nowMs };
      // It is renewed as one that came by a redirect.
      return await store({ ...of, by: 'authorization_code', ...tokenParts(tokens, nowMs) });
    }
  }
}

/** RFC 8628 §3.5. */
async function poll(
  deviceCode: string,
  resource: string,
  at: { readonly server: AuthorizationServer; readonly client: ClientReference },
  of: DeviceOptions,
): Promise<Tokens | 'pending' | 'slower'> {
  try {
    const tokens = await askAs(of, at, DEVICE_CODE, { device_code: deviceCode, resource });
    if (tokens !== undefined) return tokens;
  } catch (error) {
    const code = error instanceof TokenRefused ? error.code : undefined;
    if (code === 'authorization_pending') return 'pending';
    if (code === 'slow_down' || error instanceof AnswerLost) return 'slower';
    throw error;
  }
  throw new AuthorizationError('refused', 'The client of this login is not ours any more.');
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

function millisecondsOf(seconds: unknown, defaultMs: number, mostMs: number): number {
  return typeof seconds === 'number' && seconds > 0 ? Math.min(seconds * 1000, mostMs) : defaultMs;
}
