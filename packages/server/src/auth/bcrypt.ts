/**
 * bcrypt for keys that a configuration holds as hashes. The native library is loaded when it is first needed, and works on
 * the thread pool. bcrypt reads 72 bytes of a key and no more: a longer one is hashed beforehand, so that two keys which
 * differ after byte 72 are two keys. A hash of a longer key that was made elsewhere therefore fits no key here.
 */

import { createHmac } from 'node:crypto';

export interface Bcrypt {
  /** Whether the hash is of this key. */
  readonly compare: (key: string, hash: string) => Promise<boolean>;
  readonly hash: (key: string) => Promise<string>;
}

const MAX_BYTES = 72;
const FORM = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/;
const MIN_COST = 10;
/** About a second for each wrong key. */
const MAX_COST = 14;

/** Rejects where there is no build of the library for this machine. */
export async function loadBcrypt(): Promise<Bcrypt> {
  const { hash, verify } = await import('@node-rs/bcrypt');
  return {
    compare: (key, encoded) => verify(shortened(key), encoded),
    hash: (key) => hash(shortened(key), { cost: MIN_COST }),
  };
}

function shortened(key: string): string {
  if (Buffer.byteLength(key) <= MAX_BYTES) return key;
  return createHmac('sha256', 'sallyport bcrypt').update(key).digest('base64url');
}

/** What is wrong with a hash, for people; undefined: nothing. */
export function bcryptProblem(hash: string): string | undefined {
  const cost = FORM.exec(hash)?.[1];
  if (cost === undefined) return 'expected a bcrypt hash ($2a$, $2b$ or $2y$), as `sallyport key hash` makes them';
  if (Number(cost) < MIN_COST) return `its cost is ${Number(cost)}: too cheap to guess, at least ${MIN_COST} is needed`;
  if (Number(cost) > MAX_COST) return `its cost is ${Number(cost)}: too slow to check, at most ${MAX_COST} is possible`;
  return undefined;
}
