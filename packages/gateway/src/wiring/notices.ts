/**
 * What clients tell without asking: news of their roots, and notifications that nobody here knows, which pass where only one
 * server can be meant. Nothing that is a request passes this way, whatever its form: it would pass everything that decides.
 */

import type { Session } from '@sallyport/server';
import type { JsonRpcNotification } from '@sallyport/wire';
import type { Decision } from '../call.ts';
import type { Log } from '../telemetry/index.ts';

export interface NoticesOptions {
  /** Names of the servers that a session sees. */
  readonly serversOf: (session: Session) => readonly string[];
  /** Whether its principal may have a whole server do what nobody here knows. */
  readonly decide: (session: Session, server: string, message: JsonRpcNotification) => Decision | Promise<Decision>;
  readonly rootsChanged: (session: Session) => void;
  readonly tell: (server: string, message: JsonRpcNotification) => void;
  readonly log: Log;
  readonly now: () => number;
}

const ROOTS_CHANGED = 'notifications/roots/list_changed';
const PREFIX = 'notifications/';

/** Of a client alone, or about a request that the server does not know by this number. */
const NOT_FOR_SERVERS: ReadonlySet<string> = new Set([
  ROOTS_CHANGED,
  'notifications/progress',
  'notifications/cancelled',
  'notifications/initialized',
]);

/** Of one session in a window; who tells more is not heard. */
const WINDOW_MS = 10_000;
const MAX_TOLD = 100;

export function createNotices(
  options: NoticesOptions,
): (message: JsonRpcNotification, session: Session | undefined) => void {
  const told = new WeakMap<Session, { startMs: number; count: number }>();

  const isHeard = (session: Session): boolean => {
    const nowMs = options.now();
    const before = told.get(session);
    const window = before !== undefined && nowMs - before.startMs < WINDOW_MS ? before : { startMs: nowMs, count: 0 };
    told.set(session, window);
    return ++window.count <= MAX_TOLD;
  };

  const pass = async (message: JsonRpcNotification, session: Session, server: string): Promise<void> => {
    const { effect } = await options.decide(session, server, message);
    if (effect === 'allow') options.tell(server, message);
  };

  return (message, session) => {
    const { method } = message;
    if (method === ROOTS_CHANGED && session !== undefined) options.rootsChanged(session);
    const [only, ...others] = session === undefined ? [] : options.serversOf(session);
    const isForServers = method.startsWith(PREFIX) && !NOT_FOR_SERVERS.has(method);
    if (session === undefined || only === undefined || others.length > 0 || !isForServers || !isHeard(session)) {
      return options.log('debug', 'a notification of a client that is for no server', { method });
    }
    void pass(message, session, only);
  };
}
