/**
 * Login links: a caller of the gateway is given the path of a page at which something is to be agreed to, and whoever
 * opens it must be that caller. Good once, for ten minutes. The pages are in link-page.ts.
 */

import type { JsonValue } from '@sallyport/wire';
import { createFailureLimit } from '../auth/failures.ts';
import { principalKey, type Principal } from '../exchange.ts';
import { createOnceTable, type OnceOptions } from './once.ts';
import { digest, isToken } from './tokens.ts';

export interface LoginLink {
  /** Whom it was made for: its `principalKey`. */
  readonly principal: string;
  readonly purpose: string;
  readonly payload: JsonValue;
}

export interface LoginLinks {
  /** The path to give to that caller. The payload holds no secret. Undefined when it was given very many lately. */
  create(principal: string, purpose: string, payload: JsonValue): Promise<string | undefined>;
  /** What stands behind a link, whoever asks. */
  peek(state: string): Promise<LoginLink | undefined>;
  /** Uses it up, for the principal that it was made for. */
  take(state: string, principal: Principal): Promise<LoginLink | undefined>;
}

const LINK_TTL_MS = 10 * 60_000;
const LINKS_PER_MINUTE = 60;

export function createLoginLinks(options: OnceOptions): LoginLinks {
  const table = createOnceTable<LoginLink>(options, { name: 'link', ttlMs: LINK_TTL_MS });
  const lately = createFailureLimit(LINKS_PER_MINUTE, options.now);
  const peek = async (state: string): Promise<LoginLink | undefined> =>
    isToken(state) ? await table.peek(state) : undefined;
  return {
    create: async (principal, purpose, payload) => {
      if (lately.failed(digest(principal)) > 0) return undefined;
      return `/login/${await table.put({ principal, purpose, payload })}`;
    },
    peek,
    take: async (state, principal) => {
      const link = await peek(state);
      return link?.principal === principalKey(principal) ? await table.take(state) : undefined;
    },
  };
}
