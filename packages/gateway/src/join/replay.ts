/**
 * Sets a client up with another gateway: its session, log level, subscriptions and streams of changes. The answers to that are
 * for nobody else, so they are taken out here. Which lists may have changed meanwhile is told to the client afterwards.
 */
import { isObject, META_SUBSCRIPTION_ID, type JsonObject, type RequestId } from '@sallyport/wire';
import type { ClientCall } from './calls.ts';
import type { Link } from './link.ts';
import type { Memory } from './memory.ts';
import type { Peeked } from './peek.ts';

export interface ReplayOptions {
  readonly memory: Memory;
  readonly listens: ReadonlyMap<RequestId, ClientCall>;
  readonly newId: () => string;
  readonly delay: (ms: number, signal: AbortSignal) => Promise<void>;
  readonly link: Link;
}

export interface Replaying {
  /** Resolves when calls may follow; rejects when the gateway does not take the session. */
  readonly ready: Promise<void>;
  /** True when an answer of the gateway belongs here. `read` gives all of it. */
  answered(id: RequestId, ok: boolean, read: () => JsonObject | undefined): boolean;
  /** True for what the client has been told before: that a stream of changes is open. */
  swallows(notification: Peeked & { kind: 'notification' }): boolean;
  /** The connection was lost meanwhile. */
  lost(): void;
  /** Notifications for the client, about the lists that it follows. */
  announcements(): readonly JsonObject[];
}

/** For the answer to `initialize`. */
const GREETING_MS = 10_000;
const ACKNOWLEDGED = 'notifications/subscriptions/acknowledged';
const LISTS = ['tools', 'prompts', 'resources'] as const;

export function replay({ memory, listens, newId, delay, link }: ReplayOptions): Replaying {
  const mine = new Set<RequestId>();
  const unacknowledged = new Set<unknown>(listens.keys());
  const greeted = Promise.withResolvers<JsonObject>();
  greeted.promise.catch(() => undefined);
  const stop = new AbortController();
  let greetingId: string | undefined;
  let capabilities: JsonObject = {};
  const ask = (method: string, params: JsonObject): string => {
    const id = newId();
    mine.add(id);
    link.send(Buffer.from(JSON.stringify({ jsonrpc: '2.0', id, method, params })));
    return id;
  };
  const run = async (): Promise<void> => {
    if (memory.greeting !== undefined) {
      greetingId = ask('initialize', memory.greeting);
      void delay(GREETING_MS, stop.signal).then(() => greeted.reject(new Error('the gateway does not answer')));
      const result = await greeted.promise.finally(() => stop.abort());
      capabilities = isObject(result['capabilities']) ? result['capabilities'] : {};
      if (memory.ready !== undefined) link.send(memory.ready);
      for (const { method, params } of memory.setups) ask(method, params);
    }
    for (const { line } of listens.values()) link.send(line);
  };
  return {
    ready: run(),
    answered(id, ok, read) {
      if (!mine.delete(id)) return false;
      const result = id === greetingId ? read()?.['result'] : undefined;
      if (id !== greetingId) return true;
      if (ok && isObject(result)) greeted.resolve(result);
      else greeted.reject(new Error('the gateway does not take the session'));
      return true;
    },
    swallows({ method, params }) {
      const meta = params['_meta'];
      return method === ACKNOWLEDGED && isObject(meta) && unacknowledged.delete(meta[META_SUBSCRIPTION_ID]);
    },
    lost: () => greeted.reject(new Error('the connection was lost')),
    announcements: () => [
      ...(memory.ready === undefined
        ? []
        : LISTS.filter((list) => declares(capabilities, list)).map((list) => changed(list))),
      ...[...listens].flatMap(([id, { params }]) =>
        LISTS.filter((list) => follows(params, list)).map((list) => changed(list, { [META_SUBSCRIPTION_ID]: id })),
      ),
    ],
  };
}

function declares(capabilities: JsonObject, list: string): boolean {
  const declared = capabilities[list];
  return isObject(declared) && declared['listChanged'] === true;
}

function follows(params: JsonObject, list: string): boolean {
  const { notifications } = params;
  return isObject(notifications) && notifications[`${list}ListChanged`] === true;
}

function changed(list: string, meta?: JsonObject): JsonObject {
  const method = `notifications/${list}/list_changed`;
  return { jsonrpc: '2.0', method, ...(meta !== undefined && { params: { _meta: meta } }) };
}
