/**
 * Logins at servers (MCP authorization): whose token a server gets, which login is wanted and for whom, and who waits for
 * one. How tokens are come by is the client package's matter, loaded when a server first asks for one; how a person is led
 * to a login stands in step.ts, browser.ts and pages.ts. It knows nothing of catalogues and of sessions of browsers.
 */

import { randomUUID } from 'node:crypto';
import type { Authorization } from '@sallyport/client';
import type { DeviceLogin, GrantFacts, LoginNeeded } from '@sallyport/client/oauth';
import { createAsked, type Asked } from './asked.ts';
import { createCallers, type Callers } from './callers.ts';
import { createDevices, type Devices } from './devices.ts';
import { createLedTable, type LedTable } from './led.ts';
import type { Library } from './library.ts';
import { keep } from './kept.ts';
import { createNews, type News } from './news.ts';
import { elsewhere, NoWayBack, openLibrary } from './opening.ts';
import { createWaiting, untilLoggedIn, type Outcome, type Patience, type Waiting } from './waiting.ts';
import type { LoginsOptions } from './options.ts';
import { isPersonal, ownerKey, ownersStart, type LoginChange, type LoginServer, type Owner } from './types.ts';

export type { ExchangePlace, LoginChange, LoginEvent, LoginServer, Owner } from './types.ts';

const NOBODY = 'Each principal has a token of its own for this server; the gateway has none.';

export class Logins {
  /** What is exchanged, and for which servers. */
  readonly callers: Callers;
  readonly bind: LedTable['bind'];
  readonly boundTo: LedTable['boundTo'];
  readonly #options: LoginsOptions;
  #servers: ReadonlyMap<string, LoginServer>;
  #allow: readonly string[];
  readonly #asked: Asked;
  /** Logins that were asked for and are not finished. */
  readonly #needed: Map<string, LoginNeeded> = new Map();
  /** Those who were found to have a token. */
  readonly #granted: Map<string, true> = new Map();
  /** What servers last said with a refusal. */
  readonly #challenges: Map<string, string> = new Map();
  /** Why no token could be had, by server. */
  readonly #problems: Map<string, string> = new Map();
  readonly #devices: Devices = createDevices();
  readonly #finishing: Set<string> = new Set();
  readonly #waiting: Waiting = createWaiting();
  readonly #news: News;
  readonly #changed: Set<(change: LoginChange) => void> = new Set();
  readonly #becamePersonal: Set<() => void> = new Set();
  #library: Promise<Library> | undefined;

  constructor(options: LoginsOptions) {
    this.#options = options;
    this.#servers = byName(options.servers);
    this.#allow = options.allow;
    this.callers = createCallers(options.now);
    this.callers.use(options.servers);
    this.#asked = createAsked(options.asked);
    ({ bind: this.bind, boundTo: this.boundTo } = createLedTable(options.browsers));
    this.#news = createNews({ ...options, id: randomUUID(), heard: (change) => this.#heard(change) });
  }

  /** Whether there is a server at which somebody may have to log in. */
  get any(): boolean {
    return this.#servers.values().some(({ name }) => this.mayNeed(name));
  }

  /** Reads which servers have asked for a token before. Rejects when the store cannot be read. */
  async open(): Promise<void> {
    await this.#news.open();
    await this.#asked.open();
    const asked = [...this.#servers.values()].filter((server) => this.#asked.has(server) && this.mayNeed(server.name));
    for (const server of asked) void this.#look(server);
  }

  /** From now on these are the servers. What was stored of others stays: they may come back. */
  replace(servers: readonly LoginServer[], allow: readonly string[]): void {
    const before = this.#servers;
    const reachesTheSame = JSON.stringify(allow) === JSON.stringify(this.#allow);
    this.#allow = allow;
    const same = (server: LoginServer): LoginServer => {
      const old = before.get(server.name);
      return old !== undefined && reachesTheSame && JSON.stringify(old) === JSON.stringify(server) ? old : server;
    };
    this.#servers = byName(servers.map(same));
    this.callers.use(servers);
    const gone = [...before.values()].filter((server) => this.#servers.get(server.name) !== server);
    for (const server of gone) if (this.#still(server) === undefined) this.#forget(server.name);
    void this.#library?.then((library) => library.forget(gone));
  }

  /** Takes over what other processes have told. Rejects while the store cannot be read. */
  async refresh(): Promise<void> {
    await this.#news.refresh();
  }

  /** Told when a login comes or ends. */
  onChanged(listener: (change: LoginChange) => void): void {
    this.#changed.add(listener);
  }

  /** Told when another server is `personal`. */
  onPersonal(listener: () => void): void {
    this.#becamePersonal.add(listener);
  }

  /** Whether a server may ask for a token, and somebody may have to log in for it. */
  mayNeed(server: string): boolean {
    return this.#servers.get(server)?.oauth.grant === 'authorization_code';
  }

  /** Servers at which somebody may have to log in, and of which nothing is known yet. */
  get new(): readonly string[] {
    const isNew = (server: LoginServer): boolean => this.mayNeed(server.name) && !this.#asked.has(server);
    return [...this.#servers.values()].filter(isNew).map(({ name }) => name);
  }

  /** True when it has asked for tokens, and they are each principal's own. */
  personal(server: string): boolean {
    const found = this.#servers.get(server);
    return found !== undefined && isPersonal(found) && this.#asked.has(found);
  }

  /** Whose login a call of somebody needs. */
  ownerFor(server: string, { issuer, subject }: NonNullable<Owner>): Owner {
    const found = this.#servers.get(server);
    return found !== undefined && isPersonal(found) ? { issuer, subject } : undefined;
  }

  /** Whether a server waits for a login of a caller, or for the gateway's where that serves all. */
  waitsFor(name: string, caller: NonNullable<Owner>): boolean {
    const server = this.#servers.get(name);
    if (server === undefined || !this.mayNeed(name) || !this.#asked.has(server)) return false;
    return !this.hasToken(name, this.ownerFor(name, caller));
  }

  /** Whether a token for this owner was at hand when somebody last looked. */
  hasToken(server: string, owner: Owner): boolean {
    return this.#granted.has(ownerKey(server, owner));
  }

  /** How a server gets its tokens; `principal`: the owner of an instance. Undefined: it gets none. */
  authorizationFor(name: string, principal: Owner): Authorization | undefined {
    const configured = this.#servers.get(name);
    if (configured === undefined) return undefined;
    const owner = isPersonal(configured) ? principal : undefined;
    // The gateway itself is nobody: what it reads without a token is what everybody may read.
    const isNobody = isPersonal(configured) && owner === undefined;
    return {
      token: () => {
        const server = this.#still(configured);
        return isNobody || server === undefined || !this.#asked.has(server) ? undefined : this.#token(server, owner);
      },
      challenged: async (refusal) => {
        if (isNobody && this.callers.exchanges(name)) throw new Error(NOBODY);
        const server = this.#still(configured);
        if (server === undefined) throw new Error(`The server "${name}" is somewhere else now: no token is sent here.`);
        const answer = await this.#challenged(server, owner, refusal);
        if (isNobody) throw new Error(NOBODY);
        return answer;
      },
    };
  }

  /** A login for an owner, of a server that need not have been asked: begun if need be. `retry`: there is a token. */
  async begin(name: string, owner: Owner): Promise<'retry' | { readonly login: LoginNeeded }> {
    const server = this.#of(name);
    const known = this.#needed.get(ownerKey(name, owner));
    if (known !== undefined && (await this.#isOpen(known.state))) return { login: known };
    const wwwAuthenticate = this.#challenges.get(ownerKey(name, owner));
    const answer = await this.#challenged(server, owner, { status: 401, wwwAuthenticate, sent: undefined });
    if (answer === 'retry' && server.exchange !== undefined) this.#loggedIn(name, owner);
    return answer;
  }

  /**
   * A login with a code that is entered in any browser (RFC 8628): no browser comes back. One that was begun before for this
   * owner ends. Rejects where the server gives no such codes.
   */
  async beginDevice(name: string, owner: Owner): Promise<{ readonly device: DeviceLogin; readonly state: string }> {
    const server = this.#of(name);
    const key = ownerKey(name, owner);
    await this.#ask(server);
    const refusal = { status: 401, wwwAuthenticate: this.#challenges.get(key), sent: undefined } as const;
    const over = (await this.grant(name, owner)) !== undefined;
    return await this.#devices.begin(key, {
      begin: async (signal) => await (await this.#load()).authorization(server, owner).beginDevice(refusal, signal),
      came: () => {
        this.#loggedIn(name, owner, over);
        this.#news.tell({ server: name, owner, is: 'in', over });
        this.#options.told({ kind: 'complete', server: name, owner, who: owner });
      },
      failed: (error) => {
        this.#options.log('warn', 'a login at a server failed', { server: name, error: String(error) });
        this.#waiting.ended(key, false);
        this.#options.told({ kind: 'refuse', server: name, owner, who: owner, reason: String(error) });
      },
    });
  }

  /** `came`: what wanted the login may be tried again. `late`: nobody waits any more. */
  async wait(name: string, owner: Owner, { state }: LoginNeeded, patience: Patience): Promise<Outcome> {
    const library = await this.#load();
    return await untilLoggedIn(this.#waiting.watch(ownerKey(name, owner)), patience, {
      now: this.#options.now,
      token: () =>
        library
          .authorization(this.#of(name), owner)
          .token()
          .catch(() => undefined),
      isUnderWay: () => this.isUnderWay(state),
      cameElsewhere: () => this.#loggedIn(name, owner),
    });
  }

  async isUnderWay(state: string): Promise<boolean> {
    return this.#finishing.has(state) || this.#devices.isUnderWay(state) || (await this.#isOpen(state));
  }

  /** Whose login comes back with this state; undefined: none of ours. */
  async ownerOf(state: string): Promise<{ readonly server: string; readonly owner: Owner } | undefined> {
    return await (await this.#load()).ownerOf(state);
  }

  /**
   * A browser came back, with this query, to the redirect URI or to what stands `below` it. Rejects with an error whose text is
   * for the log alone.
   */
  async finish(parameters: URLSearchParams, below?: string): Promise<{ readonly server: string }> {
    const state = parameters.get('state') ?? '';
    const found = await this.ownerOf(state);
    const server = found && this.#servers.get(found.server);
    if (found === undefined || server === undefined) throw new Error('No login of a server that is used is under way.');
    const authorization = (await this.#load()).authorization(server, found.owner);
    const over = (await authorization.grant()) !== undefined;
    this.#finishing.add(state);
    try {
      await authorization.finish(parameters, below);
    } catch (error) {
      // Not when nothing of it was taken: a stranger cannot end what others wait for.
      if (!(await this.#isOpen(state))) this.#waiting.ended(ownerKey(server.name, found.owner), false);
      throw error;
    } finally {
      this.#finishing.delete(state);
    }
    await this.#ask(server);
    this.#loggedIn(server.name, found.owner, over);
    this.#news.tell({ server: server.name, owner: found.owner, is: 'in', over });
    return { server: server.name };
  }

  /** `removed`: the token is gone here, but the server could not be told. */
  async logout(name: string, owner: Owner): Promise<'nothing' | 'removed' | 'revoked'> {
    const server = this.#of(name);
    // A code that is entered later would log in again.
    this.#devices.end((key) => key === ownerKey(name, owner));
    const done = await (await this.#load()).authorization(server, owner).logout();
    this.#granted.delete(ownerKey(name, owner));
    if (done === 'nothing') return done;
    const change = { server: name, owner, is: 'out', over: true } as const;
    this.#tell(change);
    this.#news.tell(change);
    return done;
  }

  async grant(name: string, owner: Owner): Promise<GrantFacts | undefined> {
    return await (await this.#load()).authorization(this.#of(name), owner).grant();
  }

  async close(): Promise<void> {
    this.#devices.end(() => true);
    (await this.#library)?.destroy();
  }

  #of(name: string): LoginServer {
    const server = this.#servers.get(name);
    if (server === undefined) throw new Error(`The server "${name}" gets no tokens from this gateway.`);
    return server;
  }

  /** As it is configured now; undefined: it is gone, or somewhere else: what is still open there gets no token any more. */
  #still({ name, url }: LoginServer): LoginServer | undefined {
    const server = this.#servers.get(name);
    return server?.url === url ? server : undefined;
  }

  /** Nobody is led to where it was any more, and what was granted there is no login here. */
  #forget(name: string): void {
    const isOf = (key: string): boolean => key.startsWith(ownersStart(name));
    for (const known of [this.#needed, this.#granted, this.#challenges])
      for (const key of known.keys()) if (isOf(key)) known.delete(key);
    this.#devices.end(isOf);
  }

  async #ask(server: LoginServer): Promise<void> {
    if (!this.#asked.add(server)) return;
    if (isPersonal(server)) for (const listener of this.#becamePersonal) listener();
    await this.#asked.keep(server);
  }

  async #token(server: LoginServer, owner: Owner): Promise<string | undefined> {
    const token = await (await this.#load()).authorization(server, owner).token();
    const key = ownerKey(server.name, owner);
    const isNews = token !== undefined && this.#needed.has(key) && !this.#granted.has(key);
    if (token === undefined) this.#granted.delete(key);
    else keep(this.#granted, key, true);
    // Another process has finished a login that was wanted here.
    if (isNews) this.#loggedIn(server.name, owner);
    return token;
  }

  async #challenged(
    server: LoginServer,
    owner: Owner,
    refusal: Parameters<Authorization['challenged']>[0],
  ): ReturnType<Authorization['challenged']> {
    const key = ownerKey(server.name, owner);
    if (refusal.wwwAuthenticate !== undefined) keep(this.#challenges, key, refusal.wwwAuthenticate);
    try {
      const answer = await (await this.#load()).authorization(server, owner).challenged(refusal);
      if (answer === 'retry') this.#needed.delete(key);
      else keep(this.#needed, key, answer.login);
      // Only now: a server that refuses and says nowhere where tokens are had asks for none.
      await this.#ask(server);
      return answer;
    } catch (error) {
      if (!(error instanceof NoWayBack)) throw this.#reported(server.name, error);
      await this.#ask(server);
      return { login: elsewhere(server.url) };
    }
  }

  /** Said once, since every list and call comes here again. */
  #reported(server: string, error: unknown): unknown {
    const text = String(error);
    if (this.#problems.get(server) !== text) {
      this.#options.log('warn', 'a server wants a token, and none can be had', { server, error: text });
    }
    keep(this.#problems, server, text);
    return error;
  }

  /** After a start: whether there is a token is known before anybody calls. */
  async #look(server: LoginServer): Promise<void> {
    const owner = this.ownerFor(server.name, this.#options.user);
    await this.#token(server, owner).catch((error: unknown) =>
      this.#options.log('debug', 'the token of a server cannot be used', { server: server.name, error: String(error) }),
    );
  }

  async #isOpen(state: string): Promise<boolean> {
    return (await this.ownerOf(state)) !== undefined;
  }

  #loggedIn(server: string, owner: Owner, over = false): void {
    const key = ownerKey(server, owner);
    this.#needed.delete(key);
    keep(this.#granted, key, true);
    this.#waiting.ended(key, true);
    this.#tell({ server, owner, is: 'in', over });
  }

  /** Another process says so. */
  #heard(change: LoginChange): void {
    const { is, over, owner, server } = change;
    const key = ownerKey(server, owner);
    if (!this.#servers.has(server)) return;
    // A first login may have been noticed by now.
    if (is === 'in' && (over || !this.#granted.has(key))) this.#loggedIn(server, owner, over);
    if (is === 'in') return;
    this.#devices.end((each) => each === key);
    this.#granted.delete(key);
    this.#tell(change);
  }

  #tell(change: LoginChange): void {
    for (const listener of this.#changed) listener(change);
  }

  #load(): Promise<Library> {
    this.#library ??= openLibrary({ ...this.#options, callers: this.callers, allow: () => this.#allow });
    return this.#library;
  }
}

function byName(servers: readonly LoginServer[]): ReadonlyMap<string, LoginServer> {
  return new Map(servers.map((server) => [server.name, server]));
}
