/**
 * Who somebody is now who signed in at the provider a while ago, by the refresh token that came with the sign-in. A sign-in has
 * one, however many grants came of it, since a provider may take a token that is shown twice for a stolen one: so each is
 * exchanged by one process at a time, and what that brought is believed for a moment. No request is read here.
 */

import { isObject, type JsonObject, type JsonValue } from '@sallyport/wire';
import type { Principal } from '../exchange.ts';
import type { Records, StoredRecord } from '../records.ts';
import { ProviderError, type Provider } from './provider.ts';
import { createToken, type Random } from './tokens.ts';

export interface RenewalsOptions {
  readonly records: Records;
  readonly provider: Provider | undefined;
  /** From its last use on a refresh token is kept so long, in milliseconds. Absent: none is kept. */
  readonly renewalMs?: number;
  readonly now: () => number;
  readonly random: Random;
}

export interface Renewals {
  /** Keeps what came with a sign-in. Resolves with the name for `renew`; undefined: nothing came, or nothing is kept. */
  keep(principal: Principal): Promise<string | undefined>;
  /** Undefined: the provider does not know them any more. Throws {@link ProviderError} while it cannot be asked. */
  renew(name: string): Promise<Principal | undefined>;
}

interface Stored {
  readonly principal: Principal;
  readonly token: string;
  /** When the provider was asked. */
  readonly askedMs: number;
}

const PREFIX = 'renewal:';
/** What the provider said is believed so long: the clients of one person refresh one after the other. */
const BELIEVED_MS = 30_000;

export function createRenewals({ now, provider, random, records, renewalMs = 0 }: RenewalsOptions): Renewals {
  const underWay = new Map<string, Promise<Principal | undefined>>();

  const ask = async (record: StoredRecord, { principal, token }: Stored): Promise<Principal | undefined> => {
    if (provider === undefined) return undefined;
    try {
      const { principal: found, refreshToken } = await provider.renew(token, principal.subject);
      const next = asJson({ principal: found, token: refreshToken, askedMs: now() });
      await records.putIf(record.key, record.version, next, { expiresAtMs: now() + renewalMs });
      return found;
    } catch (error) {
      if (!(error instanceof ProviderError) || error.kind !== 'refused') throw error;
      // Another process may have exchanged it meanwhile.
      const current = await records.get(record.key);
      if (current !== undefined && current.version !== record.version) return readStored(current.value)?.principal;
      await records.delete(record.key);
      return undefined;
    }
  };
  const renew = async (name: string): Promise<Principal | undefined> => {
    const record = await records.get(PREFIX + name);
    const stored = record && readStored(record.value);
    if (record === undefined || stored === undefined) return undefined;
    return now() - stored.askedMs < BELIEVED_MS ? stored.principal : await ask(record, stored);
  };
  return {
    keep: async (principal) => {
      const token = provider?.refreshTokenOf(principal);
      if (token === undefined || renewalMs === 0) return undefined;
      const name = createToken(random);
      const stored = asJson({ principal, token, askedMs: now() });
      await records.put(PREFIX + name, stored, { expiresAtMs: now() + renewalMs });
      return name;
    },
    renew: (name) => {
      const begun = underWay.get(name) ?? renew(name).finally(() => underWay.delete(name));
      underWay.set(name, begun);
      return begun;
    },
  };
}

function asJson(stored: Stored): JsonObject {
  return stored as unknown as JsonObject;
}

function readStored(value: JsonValue): Stored | undefined {
  if (!isObject(value)) return undefined;
  const { askedMs, principal, token } = value;
  const isFormed = isObject(principal) && typeof token === 'string' && typeof askedMs === 'number';
  return isFormed ? (value as unknown as Stored) : undefined;
}
