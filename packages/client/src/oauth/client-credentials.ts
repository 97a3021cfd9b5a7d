/**
 * Tokens that this client itself is given (RFC 6749 §4.4) by a token endpoint that is known: for an API that is described
 * elsewhere, with no metadata to be found. They are kept in memory, one request for all who want one, renewed before they end.
 */

import type { ClientCredentials } from './client-authentication.ts';
import { checkUrl, type Fetch } from './requests.ts';
import { askForTokens, type Tokens } from './token-endpoint.ts';

export interface ClientCredentialsOptions {
  readonly tokenUrl: string;
  readonly client: ClientCredentials;
  /** Empty: none are named. */
  readonly scopes: readonly string[];
  /** Lets `http:` be used for addresses of this machine. Everything else is `https:`. */
  readonly allowLoopbackHttp: boolean;
  /** One that guards where it connects to, unless the operator wrote the URL. */
  readonly fetch: Fetch;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Aborted after so many milliseconds. */
  readonly timeout: (ms: number) => AbortSignal;
}

export interface ClientCredentialsTokens {
  /** To be sent now. Rejects with `AuthorizationError`. */
  token(): Promise<string>;
  /** It was refused: the next is another one. */
  refused(token: string): void;
}

/** A token is not sent in the last part of its life, nor in its last half minute. */
const AHEAD_PART = 0.1;
const AHEAD_MS = 30_000;

interface Held {
  readonly token: string;
  readonly untilMs: number;
}

export function createClientCredentials(options: ClientCredentialsOptions): ClientCredentialsTokens {
  const { now } = options;
  let held: Held | undefined;
  let asking: Promise<string> | undefined;
  const ask = async (): Promise<string> => {
    const tokens = await tokensOf(options);
    held = { token: tokens.accessToken, untilMs: now() + usableMs(tokens) };
    return held.token;
  };
  return {
    async token() {
      if (held !== undefined && now() < held.untilMs) return held.token;
      asking ??= ask().finally(() => {
        asking = undefined;
      });
      return await asking;
    },
    refused(token) {
      if (held?.token === token) held = undefined;
    },
  };
}

function usableMs({ lifetimeMs = Infinity }: Tokens): number {
  return lifetimeMs - Math.min(AHEAD_MS, lifetimeMs * AHEAD_PART);
}

async function tokensOf(options: ClientCredentialsOptions): Promise<Tokens> {
  const { allowLoopbackHttp, client, fetch, scopes, timeout, tokenUrl } = options;
  const requests = { fetch, allowLoopbackHttp, timeout };
  checkUrl('The token endpoint', tokenUrl, requests);
  const server = { issuer: new URL(tokenUrl).origin, token_endpoint: tokenUrl };
  return await askForTokens(
    { server, client, requests },
    'client_credentials',
    scopes.length === 0 ? {} : { scope: scopes.join(' ') },
  );
}
