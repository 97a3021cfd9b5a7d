/**
 * The gateway's own credentials, as far as their values are known here: what the configuration holds, the keys of this machine, the
 * tokens that were got for servers. Only forms of them are kept, and whether some bytes hold one is all that can be asked.
 */

import { formsOf, MIN_SECRET, partsOf } from './forms.ts';
import { createLiterals, type Literals } from './literals.ts';

export interface OwnSecrets {
  /** From now on these count as well. What is not used any more may still be good: it is not forgotten, within a bound. */
  learn(secrets: Iterable<string>): void;
  readonly literals: Literals;
}

/** Tokens come and go: those that were learned last stay. */
const MAX_SECRETS = 2000;
/** Characters of one; a longer one is known by its beginning. */
const MAX_LENGTH = 4096;

export function createOwnSecrets(): OwnSecrets {
  const known = new Set<string>();
  let literals: Literals | undefined;
  return {
    learn: (secrets) => {
      for (const secret of secrets) {
        if (Buffer.byteLength(secret) < MIN_SECRET || known.has(secret)) continue;
        known.add(secret);
        literals = undefined;
      }
      for (const oldest of known) {
        if (known.size <= MAX_SECRETS) break;
        known.delete(oldest);
      }
    },
    get literals() {
      literals ??= createLiterals(formsOfAll(known));
      return literals;
    },
  };
}

function formsOfAll(secrets: Iterable<string>): Buffer[] {
  const forms = new Map<string, Buffer>();
  for (const secret of secrets) {
    for (const part of partsOf(secret.slice(0, MAX_LENGTH))) {
      for (const form of formsOf(part)) forms.set(form.toString('latin1'), form);
    }
  }
  return [...forms.values()];
}
