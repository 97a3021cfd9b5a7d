/**
 * What is wrong with keys that stand in a configuration, before anything of them is used: an empty key, a word that anybody
 * would try, a variable that is not set. What a bcrypt hash was made of cannot be seen.
 */

import { bcryptProblem } from './bcrypt.ts';
import { badNameText, isKeyName } from './key-form.ts';

/** `key` itself or `hash`, a bcrypt hash of it. */
export interface ConfiguredKey {
  readonly name: string;
  readonly key?: string;
  readonly hash?: string;
  readonly roles: readonly string[];
  /** Milliseconds since 1970. */
  readonly expiresMs?: number;
}

export const MAX_KEY_LENGTH = 512;
const MIN_KEY_LENGTH = 32;
const MIN_DIFFERENT = 8;
const MAX_KEYS = 256;
/** Each costs a wrong key its share of bcrypt. */
const MAX_HASHES = 32;
const TOO_MANY = `a configuration has at most ${MAX_KEYS} keys, ${MAX_HASHES} of them as hashes; \`sallyport key create\` makes any number`;

const PRINTABLE = /^[\x21-\x2b\x2d-\x7e]+$/;
const PLACEHOLDER =
  /change.?me|replace.?me|place.?holder|your.?(?:api|client|secret|own)?.?(?:key|token|secret)|example/i;

/** What is wrong with the text of a key, for people; it does not stand in the message. Undefined: nothing. */
export function keyTextProblem(key: string): string | undefined {
  if (key.length < MIN_KEY_LENGTH) {
    return `a key has at least ${MIN_KEY_LENGTH} characters; \`openssl rand -base64 32\` makes one`;
  }
  if (key.length > MAX_KEY_LENGTH) return `a key has at most ${MAX_KEY_LENGTH} characters`;
  if (!PRINTABLE.test(key)) return 'a key is printable ASCII without spaces and commas: it is sent in a header';
  if (key.includes('${')) return 'its variable is not set';
  if (PLACEHOLDER.test(key) || new Set(key).size < MIN_DIFFERENT) {
    return 'it is a placeholder that anybody would guess; `openssl rand -base64 32` makes a key';
  }
  return undefined;
}

/** What is wrong with keys of a configuration, each with its place in the list. */
export function configuredKeyProblems(
  keys: readonly ConfiguredKey[],
): readonly { readonly index: number; readonly message: string }[] {
  const names = new Set<string>();
  const texts = new Set<string>();
  let hashes = 0;
  const problemOf = (key: ConfiguredKey, index: number): string | undefined => {
    const problem = ownProblem(key);
    if (problem !== undefined) return problem;
    if (!isFirst(names, key.name)) return `there are two keys named ${key.name}`;
    if (!isFirst(texts, key.key ?? key.hash ?? '')) return 'another name has the same key';
    if (key.hash !== undefined) hashes += 1;
    return index >= MAX_KEYS || hashes > MAX_HASHES ? TOO_MANY : undefined;
  };
  return keys.flatMap((key, index) => {
    const message = problemOf(key, index);
    return message === undefined ? [] : [{ index, message }];
  });
}

function isFirst(seen: Set<string>, value: string): boolean {
  if (seen.has(value)) return false;
  seen.add(value);
  return true;
}

function ownProblem({ name, key, hash }: ConfiguredKey): string | undefined {
  if (!isKeyName(name)) return badNameText(name);
  if ((key === undefined) === (hash === undefined)) return 'either `key` or `hash` is needed';
  return key === undefined ? bcryptProblem(hash ?? '') : keyTextProblem(key);
}
