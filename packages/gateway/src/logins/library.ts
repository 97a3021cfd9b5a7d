/**
 * What is behind logins: the OAuth client, and the guard on where it connects to. Loaded when a server first asks for a
 * token, or when one is stored for it. What the person wrote literally, the origins of the server itself and of where the
 * tokens of callers are exchanged, is trusted; what that server names, and where anything leads by redirection, is not.
 */

import { createGuardedFetch, type GuardedFetch } from '@sallyport/client/egress';
import {
  createUpstreamAuthorization,
  ownerOfLogin,
  type ExchangeOptions,
  type OAuthRecords,
  type Sealing,
  type UpstreamAuthorization,
} from '@sallyport/client/oauth';
import type { SubjectToken } from '@sallyport/server';
import type { Callers } from './callers.ts';
import { ownerKey, type ExchangePlace, type Log, type LoginServer, type Owner } from './types.ts';

export interface LibraryOptions {
  /** `egress.allow`. */
  readonly allow: () => readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly records: OAuthRecords;
  readonly sealing: Sealing;
  /** Where browsers come back; throws where they cannot. */
  readonly redirectUri: () => string;
  readonly callers: Pick<Callers, 'tokenOf'>;
  readonly log: Log;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** What token types begin with (RFC 8693 §3). */
const TOKEN_TYPE = 'urn:ietf:params:oauth:token-type:';
const LOOPBACK: readonly string[] = ['localhost', '127.0.0.0/8', '::1'];
/** Authorizations that are kept at hand; more are made anew, from what is stored. */
const MAX_KEPT = 1000;

interface Fetches {
  /** By origin: of the server, and of where the tokens of callers are exchanged. */
  readonly own: ReadonlyMap<string, GuardedFetch>;
  readonly others: GuardedFetch;
}

export class Library {
  readonly #options: LibraryOptions;
  readonly #fetches: Map<LoginServer, Fetches> = new Map();
  readonly #authorizations: Map<LoginServer, Map<string, UpstreamAuthorization>> = new Map();

  constructor(options: LibraryOptions) {
    this.#options = options;
  }

  /** One for each server and owner, so that they share what is under way. */
  authorization(server: LoginServer, owner: Owner): UpstreamAuthorization {
    const known = this.#authorizations.get(server) ?? new Map<string, UpstreamAuthorization>();
    this.#authorizations.set(server, known);
    const key = ownerKey(server.name, owner);
    const authorization = known.get(key) ?? this.#create(server, owner);
    // The one that was asked for last stands last, and the first gives way.
    known.delete(key);
    known.set(key, authorization);
    if (known.size > MAX_KEPT) for (const oldest of known.keys().take(1)) known.delete(oldest);
    return authorization;
  }

  /** Whose login comes back with this state; undefined when it is none of ours. */
  async ownerOf(state: string): Promise<{ readonly server: string; readonly owner: Owner } | undefined> {
    const found = await ownerOfLogin(this.#options.records, this.#options.sealing, state);
    return found && { server: found.upstream, owner: found.principal };
  }

  /** These servers are not used any more in this form. */
  async forget(servers: readonly LoginServer[]): Promise<void> {
    for (const server of servers) {
      this.#authorizations.delete(server);
      const fetches = this.#fetches.get(server);
      this.#fetches.delete(server);
      await Promise.all([...guards(fetches)].map((fetch) => fetch.close()));
    }
  }

  destroy(): void {
    for (const fetches of this.#fetches.values()) for (const fetch of guards(fetches)) fetch.destroy();
  }

  #create(server: LoginServer, owner: Owner): UpstreamAuthorization {
    const { log, now, records, redirectUri, sealing } = this.#options;
    const { allowLoopbackHttp, grant, per: _per, scopes, ...client } = server.oauth;
    return createUpstreamAuthorization({
      owner: { upstream: server.name, ...(owner && { principal: owner }) },
      url: server.url,
      // The token endpoint of an exchange is the only one that is asked then.
      client: grant === 'token_exchange' ? (server.exchange?.client ?? {}) : client,
      scopes,
      grant,
      ...(server.exchange && { exchange: this.#exchange(server.exchange, owner) }),
      allowLoopbackHttp,
      redirectUri,
      records,
      sealing,
      fetch: this.#fetchFor(server),
      onFailure: (error) =>
        log('warn', 'a token could not be renewed and is used as long as it is good', {
          server: server.name,
          error: String(error),
        }),
      now,
      random: Math.random,
      sleep: (ms) => new Promise((resolve) => void setTimeout(resolve, ms).unref()),
      timeout: (ms) => AbortSignal.timeout(ms),
    });
  }

  #exchange({ subjectTokenType, ...place }: ExchangePlace, owner: Owner): ExchangeOptions {
    const typeOf = ({ kind }: SubjectToken): string => (kind === 'id_token' ? kind : subjectTokenType);
    return {
      ...place,
      subjectToken: async () => {
        const shown = owner && this.#options.callers.tokenOf(owner);
        return shown && { token: shown.token, type: TOKEN_TYPE + typeOf(shown) };
      },
    };
  }

  #fetchFor(server: LoginServer): (url: string, init?: RequestInit) => Promise<Response> {
    const { own, others } = this.#fetches.get(server) ?? this.#open(server);
    return (url, init) => (own.get(URL.parse(url)?.origin ?? '') ?? others)(url, init);
  }

  #open(server: LoginServer): Fetches {
    const { env } = this.#options;
    const allow = this.#options.allow();
    const opened = server.oauth.allowLoopbackHttp ? [...allow, ...LOOPBACK] : allow;
    const ownTo = (url: string, tls?: LoginServer['tls']): [string, GuardedFetch] => {
      const { hostname, origin } = new URL(url);
      const host = hostname.replace(/^\[(.*)\]$/, '$1');
      return [origin, createGuardedFetch({ allow: [...opened, host], env, ...(tls && { tls }) })];
    };
    const exchange = server.exchange?.tokenEndpoint ?? server.exchange?.issuer;
    const fetches = {
      own: new Map([...(exchange === undefined ? [] : [ownTo(exchange)]), ownTo(server.url, server.tls)]),
      others: createGuardedFetch({ allow: opened, env }),
    };
    this.#fetches.set(server, fetches);
    return fetches;
  }
}

function guards(fetches: Fetches | undefined): readonly GuardedFetch[] {
  return fetches === undefined ? [] : [...fetches.own.values(), fetches.others];
}
