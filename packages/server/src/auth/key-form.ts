/**
 * The form of a client key: `sp_<id>_<secret>`, a public id and a random secret of 256 bits in base64url. Here it is written
 * and told from other text; whether a key is good, keys.ts knows.
 */

/** Id and name of the local key. */
export const LOCAL = 'local';

const PREFIX = 'sp_';
const SECRET_LENGTH = 43;
const FORM = /^sp_(?:[0-9a-f]{16}|local)_[A-Za-z0-9_-]{43}$/;
const ID = /^[0-9a-f]{16}$/;
const NAME = /^[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}$/;

/** What is hashed in place of something that has not the form of a key; nothing is ever compared with it. */
export const STAND_IN: string = `${PREFIX}${'0'.repeat(16)}_${'A'.repeat(SECRET_LENGTH)}`;

/** A key from its id and 32 random bytes. */
export function formatClientKey(id: string, secret: Uint8Array): string {
  return `${PREFIX}${id}_${Buffer.from(secret).toString('base64url')}`;
}

/** Whether the text has the form of a client key; says nothing about whether it is one. */
export function hasKeyForm(text: unknown): text is string {
  // The length first: a header may be long.
  return typeof text === 'string' && text.length <= STAND_IN.length && FORM.test(text);
}

/** Of a text that has the form. */
export function secretOf(key: string): string {
  return key.slice(-SECRET_LENGTH);
}

/** Of a text that has the form. */
export function idOf(key: string): string {
  return key.slice(PREFIX.length, -SECRET_LENGTH - 1);
}

export function isKeyId(text: unknown): text is string {
  return typeof text === 'string' && ID.test(text);
}

/** Whether a key can have this name: one that is taken for no id, and not that of the local key. */
export function isKeyName(text: unknown): text is string {
  return typeof text === 'string' && NAME.test(text) && !ID.test(text) && text !== LOCAL;
}

/** What is wrong with a name, for people. */
export function badNameText(name: string): string {
  return `${JSON.stringify(name)} cannot name a key: up to 64 letters, digits and . _ @ + -, beginning with a letter or digit, neither "local" nor of the form of an id.`;
}
