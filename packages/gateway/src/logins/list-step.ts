/**
 * Lists of this machine's user, where a program opens pages for that person: a server that wants a login before it lists
 * anything gets one, and the list waits for it as long as a list may. What comes later is told by `list_changed`. Nobody
 * else's list opens a page.
 */

import { UpstreamError } from '@sallyport/client';
import type { Exchange } from '@sallyport/server';
import type { Step } from '../call.ts';
import type { OpenBrowser } from './browser.ts';
import type { Logins } from './index.ts';
import { isElsewhere } from './opening.ts';

export interface ListStepOptions {
  readonly logins: Pick<Logins, 'bind' | 'ownerFor' | 'wait'>;
  readonly openBrowser: OpenBrowser | undefined;
  readonly isOwnUser: (exchange: Exchange) => boolean;
  /** Servers that the caller sees, of which it knows no list yet and that may want a login. */
  readonly unlisted: (exchange: Exchange) => readonly string[];
  readonly personal: (server: string) => boolean;
  /** Resolves when the server answers a caller. Rejects with `UpstreamError`. */
  readonly reach: (server: string, exchange: Exchange) => Promise<unknown>;
  readonly listDeadlineMs: () => number;
}

/** A server may want one login after the other: another authorization server, more scopes. */
const MAX_LOGINS = 4;

export function createListLoginStep(options: ListStepOptions): Step {
  const { isOwnUser, listDeadlineMs, openBrowser, unlisted } = options;
  return async (call, next) => {
    const { exchange } = call;
    const servers = openBrowser !== undefined && isOwnUser(exchange) ? unlisted(exchange) : [];
    if (openBrowser === undefined || servers.length === 0) return await next(call);
    const signal = AbortSignal.timeout(listDeadlineMs());
    const late = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
    const all = Promise.all(servers.map((server) => logIn(server, { ...options, exchange, openBrowser, signal })));
    await Promise.race([all, late]);
    return await next(call);
  };
}

interface Attempt extends ListStepOptions {
  readonly exchange: Exchange;
  readonly openBrowser: OpenBrowser;
  readonly signal: AbortSignal;
}

/** Never rejects: a list goes without what cannot be had. */
async function logIn(server: string, attempt: Attempt): Promise<void> {
  const { exchange, listDeadlineMs, logins, openBrowser, personal, reach, signal } = attempt;
  for (let tries = 0; tries < MAX_LOGINS && !signal.aborted; tries++) {
    const wasPersonal = personal(server);
    try {
      await reach(server, exchange);
      return;
    } catch (error) {
      const login = error instanceof UpstreamError ? error.login : undefined;
      if (login === undefined) {
        if (!wasPersonal && personal(server)) continue;
        return;
      }
      if (isElsewhere(login)) return;
      await logins.bind(login, {});
      if (!(await openBrowser(login))) return;
      const owner = logins.ownerFor(server, exchange.principal);
      if ((await logins.wait(server, owner, login, { ms: listDeadlineMs(), signal })) !== 'came') return;
    }
  }
}
