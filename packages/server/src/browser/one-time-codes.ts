/**
 * One-time codes: whoever can run a command as the operator makes one and gives it to a person, who is then known at a
 * browser as the principal it was made for. Good once, for two minutes. Guessing is hopeless (256 bits); who tries all
 * the same is slowed down where the form is read.
 */

import type { Principal } from '../exchange.ts';
import { createOnceTable, type OnceOptions } from './once.ts';
import { isToken } from './tokens.ts';

export interface OneTimeCode {
  /** What a person pastes into the sign-in page. */
  readonly code: string;
  /** Or opens: a path that leads to a page with the code already in it. */
  readonly path: string;
  /** Milliseconds since 1970. */
  readonly expiresAtMs: number;
}

/** What a code is good for. */
export interface CodePurpose {
  readonly principal: Principal;
  /** The path that it leads to when it is opened and not pasted: `/login` or one that is allowed after a sign-in. */
  readonly to: string;
}

export interface OneTimeCodes {
  create(principal: Principal, to?: string): Promise<OneTimeCode>;
  /** Used up, and undefined for everybody after. */
  take(code: string): Promise<CodePurpose | undefined>;
}

const CODE_TTL_MS = 2 * 60_000;
/** Tells a code from a login link in a path. */
const PREFIX = 'c-';

export function createOneTimeCodes(options: OnceOptions): OneTimeCodes {
  const table = createOnceTable<CodePurpose>(options, { name: 'code', ttlMs: CODE_TTL_MS });
  return {
    create: async (principal, to = '/login') => {
      const expiresAtMs = options.now() + CODE_TTL_MS;
      const code = PREFIX + (await table.put({ principal, to }));
      return { code, path: `/login/${code}`, expiresAtMs };
    },
    take: async (code) => (isOneTimeCode(code) ? await table.take(code.slice(PREFIX.length)) : undefined),
  };
}

export function isOneTimeCode(text: string): boolean {
  return text.startsWith(PREFIX) && isToken(text.slice(PREFIX.length));
}
