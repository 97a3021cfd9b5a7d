/**
 * The clients that registered themselves (RFC 7591), in storage, bounded in number (client-places.ts).
 * Clients that publish a document instead are in client-documents.ts. Who may register at all is decided elsewhere.
 */

import { isObject, type JsonObject, type JsonValue } from '@sallyport/wire';
import { networkOf } from '../network.ts';
import type { Records, StoredRecord } from '../records.ts';
import { createClientPlaces, type PlaceHolder } from './client-places.ts';
import { readClientMetadata, type ClientMetadata } from './client-metadata.ts';
import { digestOf } from './token-text.ts';

export interface Client {
  readonly id: string;
  readonly metadata: ClientMetadata;
  /** Of its secret, if it has one. */
  readonly secretHash?: string;
  /** The host of its document; undefined for a client that registered. */
  readonly publisher?: string;
}

/** For a client that nobody has approved. */
const UNUSED_MS = 24 * 3_600_000;
/** How long a client is remembered after its last grant can have ended. */
const USED_MS = 90 * 24 * 3_600_000;
const ID = /^sc_[A-Za-z0-9_-]{22}$/;

export interface ClientsOptions {
  readonly records: Records;
  /** The scopes that there are. */
  readonly scopes: readonly string[];
  readonly refreshTokenMs: number;
  readonly now: () => number;
  readonly random: (size: number) => Uint8Array;
}

/** As RFC 7591 §3.2.1 answers; the secret is in here and nowhere else. */
export interface Registration extends ClientMetadata {
  readonly client_id: string;
  readonly client_id_issued_at: number;
  readonly client_secret?: string;
  /** Never. */
  readonly client_secret_expires_at?: 0;
}

export interface Clients {
  find(id: string): Promise<Client | undefined>;
  /** From a network address. Rejects with a `MetadataError`, or an `OAuthError` when there is no room. */
  register(document: JsonObject, address: string | undefined): Promise<Registration>;
  /** A person approved it: one that registered is kept for longer. */
  approved(client: Client): Promise<void>;
}

interface StoredClient {
  readonly metadata: ClientMetadata;
  readonly secretHash?: string;
  readonly createdMs: number;
  readonly approvedMs?: number;
  /** Where it came from, until it is approved. */
  readonly network?: string;
}

export function createClients(options: ClientsOptions): Clients {
  const { now, random, records, scopes } = options;
  const places = createClientPlaces({
    records,
    list: async () => (await records.list()).map(placeOf),
    remove: async (key) => {
      const record = await records.get(key);
      return record !== undefined && !placeOf(record).isApproved && (await records.delete(key));
    },
    now,
  });
  return {
    find: async (id) => {
      const stored = ID.test(id) ? readStored((await records.get(id))?.value) : undefined;
      if (stored === undefined) return undefined;
      const { metadata, secretHash } = stored;
      return { id, metadata, ...(secretHash !== undefined && { secretHash }) };
    },
    register: async (document, address) => {
      const metadata = readClientMetadata(document, { scopes, authMethod: 'client_secret_basic' });
      const createdMs = now();
      const id = `sc_${base64url(random(16))}`;
      const secret = metadata.token_endpoint_auth_method === 'none' ? undefined : `scs_${base64url(random(32))}`;
      const secretHash = secret === undefined ? {} : { secretHash: digestOf(secret) };
      const stored: StoredClient = { metadata, createdMs, network: networkOf(address), ...secretHash };
      await places.take(id, () => records.put(id, storedValue(stored), { expiresAtMs: createdMs + UNUSED_MS }));
      return {
        client_id: id,
        client_id_issued_at: Math.floor(createdMs / 1000),
        ...(secret && { client_secret: secret, client_secret_expires_at: 0 }),
        ...metadata,
      };
    },
    approved: async ({ id }) => {
      const record = ID.test(id) ? await records.get(id) : undefined;
      const stored = readStored(record?.value);
      if (record === undefined || stored === undefined) return;
      const approvedMs = now();
      const expiresAtMs = approvedMs + options.refreshTokenMs + USED_MS;
      // Who is faster, or removes it, is right as well.
      const { network: _, ...rest } = stored;
      await records.putIf(id, record.version, storedValue({ ...rest, approvedMs }), { expiresAtMs });
    },
  };
}

function placeOf({ key, value }: StoredRecord): PlaceHolder {
  const { approvedMs, createdMs = 0, network = '' } = readStored(value) ?? {};
  return { key, createdMs, network, isApproved: approvedMs !== undefined };
}

/** Storage may have been edited by hand: what does not look like a client is none. */
function readStored(value: JsonValue | undefined): StoredClient | undefined {
  if (!isObject(value) || !isObject(value['metadata'])) return undefined;
  const { createdMs, metadata, secretHash } = value;
  if (typeof createdMs !== 'number' || !['string', 'undefined'].includes(typeof secretHash)) return undefined;
  const isPublic = metadata['token_endpoint_auth_method'] === 'none';
  const hasLists = Array.isArray(metadata['redirect_uris']) && Array.isArray(metadata['grant_types']);
  return hasLists && isPublic === (secretHash === undefined) ? (value as unknown as StoredClient) : undefined;
}

function storedValue(stored: StoredClient): JsonObject {
  return stored as unknown as JsonObject;
}

function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64url');
}
