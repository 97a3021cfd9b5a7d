/**
 * The gateway's own credentials, as far as their values are known here: whoever holds one says so, and says so again when it is
 * another. Only forms of them are searched for, and whether some bytes hold one is all that can be asked.
 */

import { isEscaped, unescaped } from './escapes.ts';
import { findFormats, type Found } from './formats.ts';
import { formsOf, MIN_SECRET, partsOf } from './forms.ts';
import { createLiterals, type Literals } from './literals.ts';
import { wordsOf } from './words.ts';

export interface OwnSecrets {
  /**
   * What a holder has from now on. What it had just before counts as well, since it may still be good; what it had before that is
   * forgotten. How many holders there are, and how much they hold, is theirs to bound.
   */
  hold(holder: string, secrets: Iterable<string>): void;
  /** It is good for nothing any more, all that a holder ever had. */
  release(holder: string): void;
  readonly literals: Literals;
}

/** Characters of one; a longer one is known by its beginning. */
const MAX_LENGTH = 4096;

interface Held {
  readonly now: readonly string[];
  readonly before: readonly string[];
}

interface Known {
  /** So often it is held. */
  count: number;
  /** Each takes one of its forms out. */
  readonly forget: readonly (() => void)[];
}

const NOTHING: Held = { now: [], before: [] };

export function createOwnSecrets(): OwnSecrets {
  const holders = new Map<string, Held>();
  const known = new Map<string, Known>();
  const literals = createLiterals();
  const learn = (secret: string): void => {
    const entry = known.get(secret);
    if (entry !== undefined) entry.count++;
    else known.set(secret, { count: 1, forget: formsOfAll(secret).map((form) => literals.add(form)) });
  };
  const forget = (secret: string): void => {
    const entry = known.get(secret);
    if (entry === undefined || --entry.count > 0) return;
    known.delete(secret);
    for (const takeOut of entry.forget) takeOut();
  };
  const become = (holder: string, held: Held): void => {
    const was = holders.get(holder) ?? NOTHING;
    // First the new ones: what stays is not made anew.
    for (const secret of [...held.now, ...held.before]) learn(secret);
    for (const secret of [...was.now, ...was.before]) forget(secret);
    holders.delete(holder);
    if (held !== NOTHING) holders.set(holder, held);
  };
  return {
    hold: (holder, secrets) => {
      const now = [...new Set(secrets)].filter((secret) => Buffer.byteLength(secret) >= MIN_SECRET);
      const before = holders.get(holder)?.now ?? [];
      const isSame = now.length === before.length && now.every((secret) => before.includes(secret));
      if (!isSame) become(holder, { now, before });
    },
    release: (holder) => become(holder, NOTHING),
    literals,
  };
}

function formsOfAll(secret: string): Buffer[] {
  const forms = new Map<string, Buffer>();
  for (const part of partsOf(secret.slice(0, MAX_LENGTH))) {
    for (const form of formsOf(part)) forms.set(form.toString('latin1'), form);
  }
  return [...forms.values()];
}

/** What is found in some bytes. `kinds`: `sallyport` alone where one of them is a credential of the gateway. */
export interface SecretsFound {
  readonly isOwn: boolean;
  readonly kinds: readonly string[];
  /** Where they are. Those that escapes hide are not among them. */
  readonly found: readonly Found[];
  readonly isHidden: boolean;
}

/** `again`: bytes at the front that were looked at before; what ends in them was told. Undefined: there is nothing. */
export function secretsIn(
  bytes: Buffer,
  { literals }: Pick<OwnSecrets, 'literals'>,
  again = 0,
): SecretsFound | undefined {
  const read = wordsOf(bytes);
  const all = findFormats(bytes, read);
  const found = again === 0 || all.length === 0 ? all : all.filter(({ end }) => end > again);
  let isOwn = literals.holds(bytes, read);
  let shown = found;
  if (isEscaped(bytes)) {
    const plain = unescaped(bytes);
    isOwn ||= literals.holds(plain);
    const inPlain = findFormats(plain);
    if (inPlain.length > all.length) shown = inPlain;
  }
  if (isOwn || shown.some((each) => each.isOwn === true)) {
    return { isOwn: true, kinds: ['sallyport'], found, isHidden: shown !== found };
  }
  if (shown.length === 0) return undefined;
  return { isOwn: false, kinds: [...new Set(shown.map(({ kind }) => kind))], found, isHidden: shown !== found };
}
