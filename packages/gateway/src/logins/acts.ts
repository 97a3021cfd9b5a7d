/**
 * What this machine's user does about logins with the verbs `login` and `logout`: for its own principal, or for the gateway
 * where one login serves all. Answers are for that user alone: they hold the address of the authorization server.
 */

import { UpstreamError } from '@sallyport/client';
import type { LoginNeeded } from '@sallyport/client/oauth';
import type { Logins } from './index.ts';
import { isElsewhere } from './opening.ts';
import type { Owner } from './types.ts';

export type LoginAnswer =
  | {
      readonly status: 'login';
      readonly url: string;
      readonly state: string;
      readonly issuer: string;
      readonly scopes: readonly string[];
    }
  /** `completeUri`: with the code in it. */
  | {
      readonly status: 'device';
      readonly state: string;
      readonly userCode: string;
      readonly uri: string;
      readonly completeUri?: string;
      readonly issuer: string;
      readonly scopes: readonly string[];
    }
  | { readonly status: 'waiting' }
  /** `expiresAtMs`: of the token; absent: only the server knows. */
  | {
      readonly status: 'done';
      readonly issuer?: string;
      readonly scopes?: readonly string[];
      readonly expiresAtMs?: number;
    }
  | { readonly status: 'unknown' | 'needless' | 'unreachable' | 'refused'; readonly message: string };

export type LogoutAnswer =
  | { readonly status: 'nothing' | 'removed' | 'revoked' }
  | { readonly status: 'unknown' | 'needless' | 'refused'; readonly message: string };

export interface LoginActs {
  /** Begins a login, or with the state of one waits a while for it. Never rejects. */
  login(server: string, how: { readonly state?: string | undefined; readonly device: boolean }): Promise<LoginAnswer>;
  logout(server: string): Promise<LogoutAnswer>;
}

export interface LoginActsOptions {
  readonly logins: Pick<
    Logins,
    'begin' | 'beginDevice' | 'bind' | 'grant' | 'logout' | 'mayNeed' | 'ownerFor' | 'wait'
  >;
  readonly user: NonNullable<Owner>;
  /** By name, in configuration order. */
  readonly servers: () => readonly string[];
  /** Resolves when the server answers an owner. Rejects with `UpstreamError`. */
  readonly reach: (server: string, owner: Owner) => Promise<unknown>;
}

/** One request of the verb is answered in that time, whether the person has come or not. */
const WAIT_MS = 20_000;

export function createLoginActs(options: LoginActsOptions): LoginActs {
  const { logins, servers, user } = options;
  const refusal = (
    server: string,
  ): { readonly status: 'unknown' | 'needless'; readonly message: string } | undefined => {
    if (!servers().includes(server)) {
      return {
        status: 'unknown',
        message: `There is no server "${server}". There are: ${servers().join(', ') || 'none'}.`,
      };
    }
    if (logins.mayNeed(server)) return undefined;
    const message = `Nobody logs in at "${server}": it is no remote server, its headers hold a credential, it knows the gateway itself, or the tokens of callers are exchanged for its own.`;
    return { status: 'needless', message };
  };
  return {
    login: async (server, { device, state }) => {
      const problem = refusal(server);
      if (problem !== undefined) return problem;
      const owner = logins.ownerFor(server, user);
      try {
        if (state !== undefined) return await waited(options, server, owner, state);
        return await (device ? begunDevice : begun)(options, server, owner);
      } catch (error) {
        return failure(error);
      }
    },
    logout: async (server) => {
      const problem = refusal(server);
      if (problem !== undefined) return problem;
      try {
        return { status: await logins.logout(server, logins.ownerFor(server, user)) };
      } catch (error) {
        return { status: 'refused', message: textOf(error) };
      }
    },
  };
}

async function begun(options: LoginActsOptions, server: string, owner: Owner): Promise<LoginAnswer> {
  const { logins } = options;
  const asked = await askedFor(options, server, owner);
  const answer = asked === undefined ? await known(options, server, owner) : { login: asked };
  if (!('login' in answer)) return answer;
  const { login } = answer;
  if (isElsewhere(login))
    return { status: 'refused', message: 'This gateway has no listener that a browser could come back to.' };
  // Who gets the address is this machine's user, and so must be who comes back.
  await logins.bind(login, {});
  const { issuer, scopes, state, url } = login;
  return { status: 'login', url, state, issuer, scopes };
}

async function begunDevice(options: LoginActsOptions, server: string, owner: Owner): Promise<LoginAnswer> {
  const { logins } = options;
  const asked = await askedFor(options, server, owner);
  if (asked === undefined && (await logins.grant(server, owner)) !== undefined)
    return await done(logins, server, owner);
  const { device, state } = await logins.beginDevice(server, owner);
  const { issuer, scopes, userCode, verificationUri: uri, verificationUriComplete: completeUri } = device;
  return { status: 'device', state, userCode, uri, ...(completeUri && { completeUri }), issuer, scopes };
}

/** The login that the server itself asks for: only it knows where its metadata is. Undefined: it answers. */
async function askedFor({ reach }: LoginActsOptions, server: string, owner: Owner): Promise<LoginNeeded | undefined> {
  try {
    await reach(server, owner);
    return undefined;
  } catch (error) {
    if (error instanceof UpstreamError && error.login !== undefined) return error.login;
    throw error;
  }
}

/** It answers: because there is a token, because it asks only later, or because it never does. */
async function known(
  { logins }: LoginActsOptions,
  server: string,
  owner: Owner,
): Promise<LoginAnswer | { readonly login: LoginNeeded }> {
  if ((await logins.grant(server, owner)) !== undefined) return await done(logins, server, owner);
  const answer = await logins.begin(server, owner);
  return answer === 'retry' ? await done(logins, server, owner) : answer;
}

async function waited({ logins }: LoginActsOptions, server: string, owner: Owner, state: string): Promise<LoginAnswer> {
  const login = { state, url: '', issuer: '', scopes: [], expiresAtMs: 0 };
  const signal = AbortSignal.timeout(WAIT_MS);
  const came = await logins.wait(server, owner, login, { ms: WAIT_MS, signal });
  if (came === 'failed')
    return { status: 'refused', message: 'The authorization server said no, or its answer could not be used.' };
  if (came === 'late') return { status: 'waiting' };
  return await done(logins, server, owner);
}

async function done(logins: LoginActsOptions['logins'], server: string, owner: Owner): Promise<LoginAnswer> {
  const grant = await logins.grant(server, owner);
  if (grant === undefined) return { status: 'refused', message: 'The login has ended without a token.' };
  const { expiresAtMs, issuer, scopes } = grant;
  return { status: 'done', issuer, scopes, ...(expiresAtMs !== undefined && { expiresAtMs }) };
}

function failure(error: unknown): LoginAnswer {
  if (error instanceof UpstreamError && error.reason !== 'unauthorized') {
    return { status: 'unreachable', message: error.message };
  }
  return { status: 'refused', message: textOf(error) };
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
