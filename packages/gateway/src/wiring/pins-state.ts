/** Pins as the gateway and its verbs open them: over the store of the state, with the lock of the configuration. */

import { hash } from 'node:crypto';
import type { AuditEvent, RecordEvent } from '../audit/index.ts';
import type { Config } from '../config/index.ts';
import { PinsRoom, type PinNews, type PinsSetup, type PinStore } from '../pins/index.ts';
import { readLock } from '../pins/lock.ts';
import { withOwnServer } from './saved-tools.ts';
import { enabledServers } from '../servers.ts';
import type { Store, StoreValue } from '../store/index.ts';
import type { Log } from '../telemetry/index.ts';

const COLLECTION = 'pins';

export function pinStore(store: Store): PinStore {
  return {
    get: (server) => store.get(COLLECTION, server),
    putIf: (server, expected, value) => store.putIf(COLLECTION, server, expected, value as StoreValue),
    version: () => store.version(COLLECTION),
  };
}

/** Throws, for a person, when the lock cannot be read. */
export function pinsSetup(config: Config): PinsSetup {
  const { lock, mode } = config.pins;
  return { mode, servers: withOwnServer(enabledServers(config), config.tools), lock: readLock(lock, 'sallyport.lock') };
}

/** Tools of one reading that an audit record names. */
const MAX_NAMED = 50;

/** A server lists what does not stand. */
function pinsEvent({ mode, server, tools }: PinNews): AuditEvent {
  const named = tools.slice(0, MAX_NAMED);
  return {
    type: 'server_access',
    action: 'pins.changed',
    decision: mode === 'quarantine' ? 'deny' : 'allow',
    server,
    target: named.length === 1 ? named[0]?.id : undefined,
    reason:
      mode === 'quarantine' ? 'Kept from clients until it is approved.' : 'Not as pinned; it works and is flagged.',
    facts: { count: tools.length, hash: hash('sha256', tools.map((tool) => tool.hash).join()) },
    detail: { tools: named },
  };
}

/** Tools of one reading that a line of the log names. */
const MAX_LOGGED = 20;

/** What is pinned is known when it resolves. Rejects with an error for a person. */
export async function openPins({
  config,
  log,
  now,
  record,
  store,
}: {
  readonly config: Config;
  readonly store: Store;
  readonly record: RecordEvent;
  readonly log: Log;
  readonly now: () => number;
}): Promise<PinsRoom> {
  const pins = new PinsRoom({
    setup: pinsSetup(config),
    store: pinStore(store),
    told: (news) => {
      const how = news.mode === 'quarantine' ? 'they are kept from clients' : 'they work, and are flagged';
      const detail = { server: news.server, count: news.tools.length, tools: news.tools.slice(0, MAX_LOGGED) };
      log('warn', `tools are not as they were pinned: ${how}. See \`sallyport pins diff\``, detail);
      record(pinsEvent(news));
    },
    log,
    now,
  });
  await pins.open();
  return pins;
}
