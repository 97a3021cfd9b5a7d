/**
 * Grants in storage: approved, found by what was given for them, changed by one conditional write, ended. What a code or
 * a refresh token buys is in redeem.ts.
 */

import { principalKey } from '../exchange.ts';
import type { Records, StoredRecord } from '../records.ts';
import { readGrant, storedGrant, type Grant } from './grant.ts';
import { digestOf, type TokenKind, type TokenText } from './token-text.ts';

/** Between approval and the exchange of the code (OAuth 2.1 §4.1.2: ten minutes at most). */
const CODE_MS = 60_000;
/** Of one principal; the oldest makes room. */
const MAX_GRANTS = 100;
/** Conditional writes that others may win in a row before this one gives up. */
const MAX_ATTEMPTS = 20;

export interface GrantsOptions {
  readonly records: Records;
  readonly texts: TokenText;
  readonly now: () => number;
  /** What access tokens say may have changed, or they have ended. */
  readonly onChanged: () => void;
}

/** What a person approved. */
export type Approval = Pick<
  Grant,
  'clientId' | 'principal' | 'signedInMs' | 'renewal' | 'scopes' | 'resource' | 'refreshes'
> &
  Pick<Grant['code'], 'redirectUri' | 'challenge'>;

export interface FoundGrant {
  readonly key: string;
  readonly version: number;
  readonly expiresAtMs: number;
  readonly grant: Grant;
}

export interface Grants {
  /** Gives the code. */
  approve(approval: Approval): Promise<string>;
  /** The grant that a code or token was given for; whether it is still good there is for the caller to see. */
  find(kind: TokenKind, token: string): Promise<FoundGrant | undefined>;
  /**
   * Runs `step` on the grant of a code or token, again with the grant as it then is whenever `step` says that somebody
   * else was first by giving undefined. Undefined: there is no such grant.
   */
  change<T>(
    kind: TokenKind,
    token: string,
    step: (found: FoundGrant) => Promise<T | undefined>,
  ): Promise<T | undefined>;
  /** False when somebody else was first. Its end stays where it is unless another is said. */
  write(found: FoundGrant, next: Grant, expiresAtMs?: number): Promise<boolean>;
  end(found: FoundGrant): Promise<void>;
  endAll(principalKey: string): Promise<void>;
}

export function createGrants(options: GrantsOptions): Grants {
  const { now, onChanged, records, texts } = options;
  const find = async (kind: TokenKind, token: string): Promise<FoundGrant | undefined> => {
    const key = texts.grantOf(kind, token);
    const record = key === undefined ? undefined : await records.get(key);
    const grant = record && readGrant(record.value);
    if (record?.expiresAtMs === undefined || grant === undefined) return undefined;
    return { key: record.key, version: record.version, expiresAtMs: record.expiresAtMs, grant };
  };
  const end = async (key: string): Promise<void> => {
    await records.delete(key);
    onChanged();
  };
  return {
    approve: async ({ redirectUri, challenge, ...approval }) => {
      const person = principalKey(approval.principal);
      for (const key of await superfluous(records, texts.personOf(person))) await end(key);
      const key = texts.newGrant(person);
      const code = texts.make('sac_', key);
      const approvedMs = now();
      const grant: Grant = {
        ...approval,
        approvedMs,
        code: { hash: digestOf(code), redirectUri, challenge },
        spent: false,
        access: [],
      };
      await records.put(key, storedGrant(grant), { expiresAtMs: approvedMs + CODE_MS });
      return code;
    },
    find,
    change: async (kind, token, step) => {
      for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
        const found = await find(kind, token);
        if (found === undefined) return undefined;
        const done = await step(found);
        if (done !== undefined) return done;
      }
      throw new Error('A grant was changed by others again and again.');
    },
    write: async ({ key, version, ...found }, next, expiresAtMs = found.expiresAtMs) => {
      const isFirst = await records.putIf(key, version, storedGrant(next), { expiresAtMs });
      onChanged();
      return isFirst;
    },
    end: ({ key }) => end(key),
    endAll: async (person) => {
      for (const { key } of await records.list(texts.personOf(person))) await end(key);
    },
  };
}

/** The keys of a person's oldest grants, when there is no room for one more. */
async function superfluous(records: Records, prefix: string): Promise<readonly string[]> {
  const approvedMs = ({ value }: StoredRecord): number => readGrant(value)?.approvedMs ?? 0;
  const known = await records.list(prefix);
  return known
    .toSorted((a, b) => approvedMs(a) - approvedMs(b))
    .slice(0, Math.max(0, known.length - MAX_GRANTS + 1))
    .map(({ key }) => key);
}
