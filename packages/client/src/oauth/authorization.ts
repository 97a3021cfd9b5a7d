/**
 * The authorization of one principal at one protected MCP server (MCP authorization, OAuth 2.1): the token to send now, what
 * to do when the server refuses it, and the way back of a login. Of the MCP server it asks nothing but its metadata, and it
 * opens no browser.
 */

import type { AuthorizationServer } from 'oauth4webapi';
import { createAsking, type Asking } from './asking.ts';
import { readChallenge, type BearerChallenge } from './challenge.ts';
import { createClaim } from './claim.ts';
import { beginDeviceLogin, type DeviceLogin } from './device.ts';
import { AuthorizationError } from './error.ts';
import { configuredClient, type ExchangeOptions } from './exchange.ts';
import {
  canRenew,
  isDue,
  isExpired,
  isSuperseded,
  loginsAfter,
  tokenParts,
  type Grant,
  type GrantType,
} from './grant.ts';
import {
  beginLogin,
  grantKey,
  loginKey,
  loginVault,
  redeem,
  type GrantOwner,
  type LoginNeeded,
  type LoginUnderWay,
} from './login.ts';
import { createPendingLogins, type PendingLogins } from './pending-logins.ts';
import { createRegistration, type ClientOptions, type Registered, type Registration } from './registration.ts';
import { createRenewal, type Renewal } from './renewal.ts';
import { shown, type Fetch, type Requests } from './requests.ts';
import { discoverResource, type ProtectedResource } from './resource-metadata.ts';
import { readScopes, selectScopes } from './scopes.ts';
import { createServers, type Servers } from './servers.ts';
import { createVault, type OAuthRecords, type Sealing, type Vault } from './vault.ts';

export interface UpstreamAuthorizationOptions {
  readonly owner: GrantOwner;
  /** Of the MCP server, as it is configured. */
  readonly url: string;
  readonly client: ClientOptions;
  /** Always asked for; empty: what the server says. */
  readonly scopes: readonly string[];
  readonly grant: GrantType;
  /** For `token_exchange` and `identity_assertion`. */
  readonly exchange?: ExchangeOptions;
  /** Lets `http:` be used for addresses of this machine. Everything else is `https:`. */
  readonly allowLoopbackHttp: boolean;
  /**
   * Where the browser comes back: there, or one name below, where a server that does not name itself in its answers has a
   * place of its own. Asked when it is needed, because a port may be known late.
   */
  readonly redirectUri: () => string;
  /** Shared by all processes of one installation, for these records alone. */
  readonly records: OAuthRecords;
  readonly sealing: Sealing;
  /** One that guards where it connects to: most URLs come from outside. */
  readonly fetch: Fetch;
  /** A token that is still good could not be renewed. */
  readonly onFailure: (error: unknown) => void;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** In [0, 1). */
  readonly random: () => number;
  readonly sleep: (ms: number) => Promise<void>;
  /** Aborted after so many milliseconds. */
  readonly timeout: (ms: number) => AbortSignal;
}

/** What the MCP server answered instead of serving a request. */
export interface Refusal {
  readonly status: 401 | 403;
  /** The header; several joined by commas. */
  readonly wwwAuthenticate: string | undefined;
  /** The token that the request had. */
  readonly sent: string | undefined;
}

/** For people; it holds no token. */
export interface GrantFacts {
  readonly issuer: string;
  readonly resource: string;
  readonly scopes: readonly string[];
  /** Milliseconds since 1970. */
  readonly expiresAtMs?: number;
  /** Whether it is renewed without a person. */
  readonly renewable: boolean;
}

/** Every rejection is an {@link AuthorizationError}, or the store's own. */
export interface UpstreamAuthorization {
  /** To be sent now; renewed when it is due. Undefined: send none, and give what comes to `challenged`. */
  token(): Promise<string | undefined>;
  /** `retry`: send it again with what `token` says then. Rejects when no token will help, or none can be had now. */
  challenged(refusal: Refusal): Promise<'retry' | { readonly login: LoginNeeded }>;
  /**
   * Instead of a login with a browser of this machine, after a refusal for which there is no token. Who aborts the signal
   * ends it. Rejects also when the server gives no such codes, and with a grant that needs no person.
   */
  beginDevice(refusal: Refusal, signal: AbortSignal): Promise<DeviceLogin>;
  /**
   * The query with which a browser came back from a login that was begun here or by another process, and the name below
   * `redirectUri` where it did; absent: it was `redirectUri` itself.
   */
  finish(parameters: URLSearchParams, below?: string): Promise<void>;
  /** `removed`: the tokens are gone here, but the server could not be told. */
  logout(): Promise<'nothing' | 'removed' | 'revoked'>;
  grant(): Promise<GrantFacts | undefined>;
}

/** What a refusal leads to. */
interface Sight {
  readonly challenge: BearerChallenge;
  readonly resource: ProtectedResource;
  readonly server: AuthorizationServer;
  /** Undefined: there is none that is of use there. */
  readonly grant: Grant | undefined;
}

const MAX_LOGINS = 3;
/** A token that is refused so soon after it came is not renewed: the next would be refused as well. */
const SETTLED_MS = 30_000;

export function createUpstreamAuthorization(options: UpstreamAuthorizationOptions): UpstreamAuthorization {
  return new Authorization(options);
}

class Authorization implements UpstreamAuthorization {
  readonly #options: UpstreamAuthorizationOptions;
  readonly #key: string;
  readonly #requests: Requests;
  readonly #grants: Vault<Grant>;
  readonly #logins: Vault<LoginUnderWay>;
  readonly #registration: Registration;
  readonly #servers: Servers;
  readonly #asking: Asking;
  readonly #renewal: Renewal;
  readonly #pending: PendingLogins;
  readonly #challenges = new Map<string, ReturnType<UpstreamAuthorization['challenged']>>();
  #read: { readonly version: number; readonly grant: Grant | undefined } | undefined;

  constructor(options: UpstreamAuthorizationOptions) {
    const { allowLoopbackHttp, client, fetch, grant, now, owner, records, sealing, timeout, url } = options;
    this.#options = options;
    this.#key = grantKey(owner, url, grant);
    this.#requests = { fetch, allowLoopbackHttp, timeout };
    this.#grants = createVault(records, sealing, 'grant');
    this.#logins = loginVault(records, sealing);
    const vault = createVault<Registered>(records, sealing, 'client');
    const claim = createClaim(url, client, createVault(records, sealing, 'claim'));
    this.#registration = createRegistration({ client, requests: this.#requests, vault, claim, now });
    this.#servers = createServers(this.#requests, now);
    this.#asking = createAsking({
      grant,
      client,
      claim,
      exchange: options.exchange,
      isPersonal: owner.principal !== undefined,
      registration: this.#registration,
      requests: this.#requests,
      servers: this.#servers,
    });
    this.#pending = createPendingLogins(this.#logins, now);
    this.#renewal = createRenewal({
      ...options,
      vault: this.#grants,
      key: this.#key,
      ask: (from) => this.#asking.next(from),
      drop: async (unused) => void (await this.#asking.giveBack(unused)),
    });
  }

  async token(): Promise<string | undefined> {
    const { now, onFailure } = this.#options;
    const grant = await this.#current();
    if (grant === undefined || !isDue(grant, now())) return grant?.accessToken;
    try {
      return (await this.#renewal.renew(grant.accessToken, false))?.accessToken;
    } catch (error) {
      if (isExpired(grant, now())) throw error;
      onFailure(error);
      return grant.accessToken;
    }
  }

  challenged(refusal: Refusal): ReturnType<UpstreamAuthorization['challenged']> {
    const what = JSON.stringify(refusal);
    const running = this.#challenges.get(what);
    if (running !== undefined) return running;
    const answer = this.#challenged(refusal).finally(() => this.#challenges.delete(what));
    this.#challenges.set(what, answer);
    return answer;
  }

  async #challenged(refusal: Refusal): ReturnType<UpstreamAuthorization['challenged']> {
    const { now } = this.#options;
    const { sent, status } = refusal;
    const { value: found } = await this.#grants.read(this.#key);
    if (isSuperseded(sent, found, now())) return 'retry';
    const { challenge, grant, resource, server } = await this.#look(refusal, found);
    if (status === 401 && (await this.#isRenewed(grant))) return 'retry';
    const scopes = this.#select(challenge.scopes, resource, server, grant);
    return await this.#authorize(server, resource, scopes, loginsAfter(found, now()));
  }

  /** What is to be known before anything is asked for. */
  async #look({ status, wwwAuthenticate }: Refusal, found: Grant | undefined): Promise<Sight> {
    const { url } = this.#options;
    const challenge = readChallenge(wwwAuthenticate);
    if (status === 403 && challenge.error !== 'insufficient_scope') {
      throw new AuthorizationError('refused', `${shown(url)} forbids it, and asks for no further scope.`);
    }
    const resource = await discoverResource(url, challenge.resourceMetadata, this.#requests);
    const server = await this.#asking.choose(resource, found?.issuer);
    // What another server granted, or for another resource, is of no use here.
    const grant = found?.issuer === server.issuer && found.resource === resource.resource ? found : undefined;
    return { challenge, resource, server, grant };
  }

  async #authorize(
    server: AuthorizationServer,
    { resource }: ProtectedResource,
    scopes: readonly string[],
    logins: number,
  ): ReturnType<UpstreamAuthorization['challenged']> {
    const { grant, now, owner, redirectUri, url: serverUrl } = this.#options;
    if (logins > MAX_LOGINS) {
      const text = `${shown(serverUrl)} still refuses what was granted after ${MAX_LOGINS} logins in ten minutes.`;
      throw new AuthorizationError('refused', text);
    }
    if (grant !== 'authorization_code') {
      await this.#obtain(server, resource, scopes, logins);
      return 'retry';
    }
    const options = { vault: this.#logins, registration: this.#registration, redirectUri, now };
    const what = JSON.stringify([server.issuer, resource, scopes, logins]);
    const login = await this.#pending.share(what, () =>
      beginLogin(server, { owner, serverUrl, resource, scopes, logins }, options),
    );
    return { login };
  }

  async beginDevice(refusal: Refusal, signal: AbortSignal): Promise<DeviceLogin> {
    const { grant: by, now, sleep } = this.#options;
    if (by !== 'authorization_code') {
      throw new AuthorizationError('unusable', `Nobody logs in for the grant ${by}.`);
    }
    const { value: found } = await this.#grants.read(this.#key);
    const { challenge, grant, resource, server } = await this.#look(refusal, found);
    const scopes = this.#select(challenge.scopes, resource, server, grant);
    const wanted = { resource: resource.resource, scopes, logins: loginsAfter(found, now()) };
    const options = { registration: this.#registration, requests: this.#requests, now, sleep };
    const store = (next: Grant): Promise<void> => this.#grants.put(this.#key, next);
    return await beginDeviceLogin(server, wanted, { ...options, store }, signal);
  }

  async finish(parameters: URLSearchParams, below?: string): Promise<void> {
    const states = parameters.getAll('state');
    const key = loginKey(states.length === 1 ? (states[0] ?? '') : '');
    const { value: login } = await this.#logins.read(key);
    if (login === undefined || grantKey(login.owner, login.serverUrl, 'authorization_code') !== this.#key)
      throw unknown();
    const server = await this.#servers.metadata(login.issuer);
    if (!(await this.#logins.delete(key))) throw unknown();
    const { now } = this.#options;
    const grant = await redeem(
      login,
      server,
      { parameters, below },
      {
        now,
        registration: this.#registration,
        requests: this.#requests,
      },
    );
    await this.#grants.put(this.#key, grant);
  }

  async logout(): Promise<'nothing' | 'removed' | 'revoked'> {
    const { value: grant } = await this.#grants.read(this.#key);
    const isRemoved = await this.#grants.delete(this.#key);
    await this.#pending.end();
    if (!isRemoved) return 'nothing';
    return grant !== undefined && (await this.#asking.giveBack(grant)) ? 'revoked' : 'removed';
  }

  async grant(): Promise<GrantFacts | undefined> {
    const grant = await this.#current();
    if (grant === undefined) return undefined;
    const { expiresAtMs, granted, issuer, resource, scopes } = grant;
    return {
      issuer,
      resource,
      scopes: granted === undefined ? scopes : readScopes(granted),
      ...(expiresAtMs !== undefined && { expiresAtMs }),
      renewable: canRenew(grant),
    };
  }

  /** As it is stored; read again only when anything in the store has changed. */
  async #current(): Promise<Grant | undefined> {
    const version = await this.#options.records.version();
    if (this.#read?.version !== version) {
      this.#read = { version, grant: (await this.#grants.read(this.#key)).value };
    }
    return this.#read.grant;
  }

  async #isRenewed(grant: Grant | undefined): Promise<boolean> {
    if (grant === undefined || !canRenew(grant)) return false;
    const nowMs = this.#options.now();
    const isNew = nowMs - grant.obtainedAtMs < SETTLED_MS && !isExpired(grant, nowMs);
    if (isNew) return false;
    const next = await this.#renewal.renew(grant.accessToken, true);
    return next !== undefined && next.accessToken !== grant.accessToken;
  }

  #select(
    challenged: readonly string[] | undefined,
    { scopesSupported }: ProtectedResource,
    server: AuthorizationServer,
    grant: Grant | undefined,
  ): readonly string[] {
    const { grant: by, scopes } = this.#options;
    return selectScopes({
      configured: scopes,
      challenged,
      supported: scopesSupported,
      earlier: [...(grant?.scopes ?? []), ...readScopes(grant?.granted ?? '')],
      ofServer: by === 'authorization_code' ? (server.scopes_supported ?? []) : [],
    });
  }

  /** Without a person: for this client itself, or for a token of whoever calls. */
  async #obtain(
    server: AuthorizationServer,
    resource: string,
    scopes: readonly string[],
    logins: number,
  ): Promise<void> {
    const { client, grant: by, now } = this.#options;
    const { id } = configuredClient(client);
    const nowMs = now();
    const of = { issuer: server.issuer, resource, scopes, logins, loggedInAtMs: nowMs, by };
    const grant = { ...of, client: { id, via: 'given', redirectUri: '' } } as const;
    const tokens = await this.#asking.next({ ...grant, accessToken: '', obtainedAtMs: nowMs });
    if (tokens !== undefined) await this.#grants.put(this.#key, { ...grant, ...tokenParts(tokens, nowMs) });
  }
}

function unknown(): AuthorizationError {
  const text = 'No such login is under way: it is finished, or took longer than ten minutes. Begin again.';
  return new AuthorizationError('refused', text);
}
