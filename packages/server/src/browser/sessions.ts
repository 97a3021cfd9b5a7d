/**
 * Sessions of browsers over {@link Records}, so that all processes share them. A cookie is `<name><secret>`, 256 random
 * bits each: the name says which session, is kept as its hash and stays; the secret is replaced at intervals, and one that
 * comes back after it was replaced shows that the cookie was copied: then the session ends for both holders.
 * No request is read here and no cookie set.
 */

import { isObject, type JsonValue } from '@sallyport/wire';
import { principalKey, type Principal } from '../exchange.ts';
import type { Records, StoredRecord } from '../records.ts';
import { createToken, digest, isSame, isToken, type Random } from './tokens.ts';

export interface SessionLifetimes {
  /** A session that nobody used for so long is over. */
  readonly idleMs: number;
  /** And one that began so long ago, however busy it is. */
  readonly absoluteMs: number;
  /** How long one cookie is good before it is replaced. */
  readonly rotateMs: number;
}

export interface BrowserSessionsOptions {
  /** Of this package's browser part alone. */
  readonly records: Records;
  readonly lifetimes: SessionLifetimes;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly random: Random;
}

export interface FoundSession {
  readonly principal: Principal;
  readonly signedInMs: number;
  readonly renewal: string | undefined;
  /** Known to the browser and to nobody else; what proves a form. It outlives the replacing of the cookie. */
  readonly name: string;
  /** What the cookie must be from now on. */
  readonly replaced: string | undefined;
}

export type SessionLookup =
  | { readonly found: FoundSession }
  /** The cookie had been replaced long ago: the session of this principal is ended. */
  | { readonly reused: Principal }
  | undefined;

export interface BrowserSessions {
  /**
   * A new session, and the cookie that is it. The principal's other sessions end when they were begun with other roles or
   * groups, or when there are very many.
   */
  begin(principal: Principal, renewal?: string): Promise<string>;
  /** Counts as activity. */
  find(cookie: string): Promise<SessionLookup>;
  /** At once, in all processes. */
  end(cookie: string): Promise<void>;
  /** All sessions of a principal, by its `principalKey`. How many there were. */
  endAll(principal: string): Promise<number>;
}

/** For how long requests that were on their way when the cookie was replaced are still good. */
const OVERLAP_MS = 10_000;
const MAX_PER_PRINCIPAL = 16;
const PREFIX = 'session:';
const TOKEN_LENGTH = 43;

/** What is stored. `current` and `previous` are hashes of secrets. */
interface StoredSession {
  readonly principal: Principal;
  readonly createdMs: number;
  readonly lastSeenMs: number;
  /** When `current` became so. */
  readonly issuedMs: number;
  readonly current: string;
  readonly previous?: string;
  readonly renewal?: string;
}

export function createBrowserSessions(options: BrowserSessionsOptions): BrowserSessions {
  return new Sessions(options);
}

class Sessions implements BrowserSessions {
  readonly #options: BrowserSessionsOptions;

  constructor(options: BrowserSessionsOptions) {
    this.#options = options;
  }

  async begin(principal: Principal, renewal?: string): Promise<string> {
    const { now, random, records } = this.#options;
    await this.#endOutdated(principal);
    const [name, secret, nowMs] = [createToken(random), createToken(random), now()];
    const times = { createdMs: nowMs, lastSeenMs: nowMs, issuedMs: nowMs };
    const session = { principal, ...times, current: digest(secret), ...(renewal !== undefined && { renewal }) };
    await records.put(keyOf(name), asJson(session), { expiresAtMs: this.#endsAt(session) });
    return name + secret;
  }

  async find(cookie: string): Promise<SessionLookup> {
    const { now, records } = this.#options;
    const [name, secret] = [cookie.slice(0, TOKEN_LENGTH), cookie.slice(TOKEN_LENGTH)];
    if (!isToken(name) || !isToken(secret)) return undefined;
    const record = await records.get(keyOf(name));
    const session = record && asSession(record.value);
    if (record === undefined || session === undefined || now() >= this.#endsAt(session)) return undefined;
    const { principal, createdMs: signedInMs, renewal } = session;
    const shown = digest(secret);
    if (isSame(shown, session.current)) {
      const replaced = await this.#use(record, session, name);
      return { found: { principal, signedInMs, renewal, name, replaced } };
    }
    if (isSame(shown, session.previous ?? '') && now() - session.issuedMs < OVERLAP_MS) {
      return { found: { principal, signedInMs, renewal, name, replaced: undefined } };
    }
    await records.delete(record.key);
    return { reused: principal };
  }

  async end(cookie: string): Promise<void> {
    await this.#options.records.delete(keyOf(cookie.slice(0, TOKEN_LENGTH)));
  }

  async endAll(principal: string): Promise<number> {
    const own = await this.#sessionsOf(principal);
    return await this.#delete(own);
  }

  /** Writes down that it was used, and the secret that follows when it is time for another. Undefined: it is not. */
  async #use(record: StoredRecord, session: StoredSession, name: string): Promise<string | undefined> {
    const { lifetimes, now, random, records } = this.#options;
    const nowMs = now();
    const write = (next: StoredSession): Promise<boolean> =>
      records.putIf(record.key, record.version, asJson(next), { expiresAtMs: this.#endsAt(next) });
    if (nowMs - session.issuedMs < lifetimes.rotateMs) {
      // Often enough to be seen in time, too seldom to be a burden.
      if (nowMs - session.lastSeenMs > lifetimes.idleMs / 20) await write({ ...session, lastSeenMs: nowMs });
      return undefined;
    }
    const secret = createToken(random);
    const { current: previous } = session;
    const next = { ...session, lastSeenMs: nowMs, issuedMs: nowMs, current: digest(secret), previous };
    // Whoever was first has replaced it, for this request too.
    return (await write(next)) ? name + secret : undefined;
  }

  async #endOutdated(principal: Principal): Promise<void> {
    const own = await this.#sessionsOf(principalKey(principal));
    const newestFirst = own.toSorted((a, b) => b.session.createdMs - a.session.createdMs);
    const outdated = newestFirst.filter(
      ({ session }, at) => at >= MAX_PER_PRINCIPAL - 1 || !hasSamePrivileges(session.principal, principal),
    );
    await this.#delete(outdated);
  }

  async #sessionsOf(principal: string): Promise<readonly { key: string; session: StoredSession }[]> {
    const all = await this.#options.records.list(PREFIX);
    return all.flatMap(({ key, value }) => {
      const session = asSession(value);
      return session !== undefined && principalKey(session.principal) === principal ? [{ key, session }] : [];
    });
  }

  async #delete(sessions: readonly { readonly key: string }[]): Promise<number> {
    const gone = await Promise.all(sessions.map(({ key }) => this.#options.records.delete(key)));
    return gone.filter(Boolean).length;
  }

  #endsAt({ createdMs, lastSeenMs }: Pick<StoredSession, 'createdMs' | 'lastSeenMs'>): number {
    const { absoluteMs, idleMs } = this.#options.lifetimes;
    return Math.min(createdMs + absoluteMs, lastSeenMs + idleMs);
  }
}

function keyOf(name: string): string {
  return PREFIX + digest(name);
}

function hasSamePrivileges(a: Principal, b: Principal): boolean {
  const [left, right] = [a, b].map(({ roles, groups = [] }) => JSON.stringify([roles.toSorted(), groups.toSorted()]));
  return left === right;
}

function asJson(session: StoredSession): JsonValue {
  return session as unknown as JsonValue;
}

/** A record that is not one of ours, or of another version, is no session. */
function asSession(value: JsonValue): StoredSession | undefined {
  if (!isObject(value)) return undefined;
  const { principal, createdMs, lastSeenMs, issuedMs, current } = value;
  const times = [createdMs, lastSeenMs, issuedMs];
  const formed = isObject(principal) && times.every((each) => typeof each === 'number') && typeof current === 'string';
  return formed ? (value as unknown as StoredSession) : undefined;
}
