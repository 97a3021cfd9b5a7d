/**
 * The keys that verify the JWTs of an issuer: written in the configuration, or read from its key set (RFC 7517) and kept as
 * `renewed.ts` says. An object of type `Keys` stands for one state of the set, so who remembers which one verified a token
 * sees at once that a key was dropped. Keys that a token brings along are never looked at.
 */

import { createPublicKey } from 'node:crypto';
import { createLocalJWKSet, errors, type CryptoKey, type JSONWebKeySet } from 'jose';
import type { JsonValue } from '@sallyport/wire';
import { FETCH_TIMEOUT_MS, fetchJson, type Fetch } from './fetch-json.ts';
import { createRenewed, type Renewed } from './renewed.ts';

export interface KeyHint {
  readonly alg: string;
  readonly kid?: string | undefined;
}

/** The keys that may have signed what has such a header; none: it is unknown here. Never rejects. */
export type Keys = (hint: KeyHint) => Promise<readonly CryptoKey[]>;

export type KeySet = Renewed<Keys>;

const FRESH_MS = 10 * 60_000;
const STALE_MS = 60 * 60_000;
const INTERVAL_MS = 30_000;
const MAX_KEYS = 100;
/** Of keys that fit a token which does not name its own. */
const MAX_CANDIDATES = 8;

export interface StaticKeysOptions {
  readonly jwks?: { readonly keys: readonly Readonly<Record<string, unknown>>[] };
  /** Contents of PEM files: public keys or certificates. */
  readonly publicKeys: readonly string[];
}

/** Throws an Error for a person when there is no key, or one that is none. */
export function createStaticKeySet({ jwks, publicKeys }: StaticKeysOptions): KeySet {
  const named = keysOf([...(jwks?.keys ?? [])] as JSONWebKeySet['keys']);
  // What is written as PEM has no name, and is meant whatever a token calls its key.
  const unnamed = keysOf(publicKeys.map(publicKey));
  if (publicKeys.length + (jwks?.keys.length ?? 0) === 0) throw new Error('There is no key that could verify a token.');
  const keys: Keys = async (hint) => [...(await named(hint)), ...(await unnamed({ alg: hint.alg }))];
  return { current: () => keys, renew: async () => keys };
}

export interface RemoteKeysOptions {
  /** Rejects while it is not known. */
  readonly url: () => Promise<string>;
  readonly fetch: Fetch;
  readonly timeoutMs?: number;
  readonly onFailure: (error: unknown) => void;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

export function createRemoteKeySet(options: RemoteKeysOptions): KeySet {
  const { fetch, now, onFailure, timeoutMs = FETCH_TIMEOUT_MS, url } = options;
  const texts = new WeakMap<Keys, string>();
  return createRenewed<Keys>({
    load: async (previous) => {
      const address = await url();
      const { keys: list } = await fetchJson(address, { fetch, timeoutMs });
      if (!isKeyList(list)) throw new Error(`${address}: its answer is no set of at most ${MAX_KEYS} keys`);
      const text = JSON.stringify(list);
      if (previous !== undefined && texts.get(previous) === text) return previous;
      const keys = keysOf(list as unknown as JSONWebKeySet['keys']);
      texts.set(keys, text);
      return keys;
    },
    freshMs: FRESH_MS,
    staleMs: STALE_MS,
    intervalMs: INTERVAL_MS,
    onFailure,
    now,
  });
}

function isKeyList(value: JsonValue | undefined): value is JsonValue[] {
  return Array.isArray(value) && value.length <= MAX_KEYS;
}

function keysOf(list: JSONWebKeySet['keys']): Keys {
  const find = createLocalJWKSet({ keys: list });
  return async ({ alg, kid }) => {
    try {
      return [await find({ alg, ...(kid !== undefined && { kid }) })];
    } catch (error) {
      if (!(error instanceof errors.JWKSMultipleMatchingKeys)) return [];
      const found: CryptoKey[] = [];
      for await (const key of error) if (found.length < MAX_CANDIDATES) found.push(key);
      return found;
    }
  };
}

function publicKey(pem: string, index: number): JSONWebKeySet['keys'][number] {
  const where = `publicKeys[${index}]`;
  if (pem.includes('PRIVATE KEY')) {
    throw new Error(
      `${where} holds a private key. Write out its public key (openssl pkey -pubout) and remove this one.`,
    );
  }
  try {
    return createPublicKey(pem).export({ format: 'jwk' });
  } catch (error) {
    throw new Error(`${where} is no public key or certificate in PEM.`, { cause: error });
  }
}
