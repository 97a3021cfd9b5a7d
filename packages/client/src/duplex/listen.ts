/**
 * The subscription of the stateless era (2026-07-28, subscriptions): one `subscriptions/listen` in the background for
 * list changes, as far as the server's capabilities say that there are any, and for the resources that are wanted.
 * Nobody waits for it. When the wanted set changes, the next one is acknowledged before the last one is cancelled, so
 * that no update falls between them.
 */

import { isObject, META_SUBSCRIPTION_ID, type JsonObject, type JsonRpcNotification } from '@sallyport/wire';
import { unrefTimer, type SetTimer } from '../clock.ts';
import type { LegEvents, Pending, ServerFacts, UpstreamAnswer } from '../leg.ts';
import { tasksAsked } from '../changes.ts';
import type { Connection } from './connection.ts';
import type { Wanted } from '../subscribe.ts';

/** Until a subscription that the server ended is asked for again; doubled each time, up to the longest. */
const AGAIN_MS = 1000;
const AGAIN_LONGEST_MS = 60_000;

export interface ListeningOptions {
  readonly connection: Connection;
  readonly name: string;
  readonly server: ServerFacts;
  readonly ownMeta: JsonObject | undefined;
  /** Milliseconds for the acknowledgement. */
  readonly connectTimeoutMs: number;
  readonly events: LegEvents;
  readonly setTimer?: SetTimer;
}

export function createListening(options: ListeningOptions): Wanted {
  return new Listening(options);
}

class Listening implements Wanted {
  readonly #options: ListeningOptions;
  readonly #setTimer: SetTimer;
  #uris: readonly string[] = [];
  #taskIds: readonly string[] = [];
  /** The one whose notifications are relied on. */
  #current: Pending | undefined;
  /** Asked for, and not acknowledged yet. */
  #next: Next | undefined;
  #isStale = false;
  #againMs = AGAIN_MS;

  constructor(options: ListeningOptions) {
    this.#options = options;
    this.#setTimer = options.setTimer ?? unrefTimer;
    options.connection.onAcknowledged = (message) => this.#onAcknowledged(message);
    this.#renew();
  }

  set(uris: readonly string[]): void {
    this.#uris = [...uris];
    this.#renew();
  }

  setTasks(taskIds: readonly string[]): void {
    this.#taskIds = [...new Set(taskIds)];
    this.#renew();
  }

  #renew(): void {
    if (this.#next !== undefined) {
      this.#isStale = true;
      return;
    }
    this.#isStale = false;
    const { ownMeta, server } = this.#options;
    const tasks = tasksAsked(server.capabilities, this.#taskIds, ownMeta);
    const notifications = { ...filterOf(server.capabilities, this.#uris), ...tasks.filter };
    if (Object.keys(notifications).length > 0) this.#listen({ _meta: tasks.meta, notifications });
    else this.#replace(undefined);
  }

  #listen(params: { readonly _meta: JsonObject | undefined; readonly notifications: JsonObject }): void {
    const { connection, connectTimeoutMs } = this.#options;
    let id = 0;
    const pending = connection.request({
      method: 'subscriptions/listen',
      text: (given) => {
        id = given;
        return JSON.stringify({ jsonrpc: '2.0', id, method: 'subscriptions/listen', params });
      },
      timeoutMs: Infinity,
      maxMs: Infinity,
    });
    const takeBack = this.#setTimer(() => this.#onSilence(id), connectTimeoutMs);
    this.#next = { id, pending, takeBack };
    void pending.answer.then(
      (answer) => this.#onEnd(pending, answer),
      () => this.#forget(pending),
    );
  }

  #onAcknowledged(message: JsonRpcNotification): void {
    const meta = message.params?.['_meta'];
    const next = this.#next;
    if (next === undefined || !isObject(meta) || meta[META_SUBSCRIPTION_ID] !== next.id) return;
    this.#againMs = AGAIN_MS;
    this.#settle(next);
    this.#replace(next.pending);
    if (this.#isStale) this.#renew();
  }

  #onSilence(id: number): void {
    if (this.#next?.id !== id) return;
    this.#log('did not acknowledge the subscription to its changes');
    // It may come late: what the server sends for it is as good.
    const { pending } = this.#next;
    this.#settle(this.#next);
    this.#replace(pending);
    if (this.#isStale) this.#renew();
  }

  #onEnd(pending: Pending, answer: UpstreamAnswer): void {
    this.#forget(pending);
    if (answer.kind === 'error') {
      this.#log(`refused the subscription to its changes (${answer.error.code}: ${answer.error.message})`);
      if (this.#isStale) this.#renew();
      return;
    }
    this.#setTimer(() => {
      if (this.#current === undefined) this.#renew();
    }, this.#againMs);
    this.#againMs = Math.min(this.#againMs * 2, AGAIN_LONGEST_MS);
  }

  #forget(pending: Pending): void {
    if (this.#current === pending) this.#current = undefined;
    if (this.#next?.pending === pending) this.#settle(this.#next);
  }

  #settle(next: Next): void {
    next.takeBack();
    this.#next = undefined;
  }

  #replace(pending: Pending | undefined): void {
    const last = this.#current;
    this.#current = pending;
    last?.cancel('replaced');
  }

  #log(what: string): void {
    const { name, events } = this.#options;
    events.log('warn', `The server "${name}" ${what}.`, { server: name });
  }
}

interface Next {
  readonly id: number;
  readonly pending: Pending;
  readonly takeBack: () => void;
}

function filterOf(capabilities: JsonObject, uris: readonly string[]): JsonObject {
  const has = (kind: string, flag: string): boolean => {
    const capability = capabilities[kind];
    return isObject(capability) && capability[flag] === true;
  };
  return {
    ...(has('tools', 'listChanged') && { toolsListChanged: true }),
    ...(has('prompts', 'listChanged') && { promptsListChanged: true }),
    ...(has('resources', 'listChanged') && { resourcesListChanged: true }),
    ...(has('resources', 'subscribe') && uris.length > 0 && { resourceSubscriptions: [...uris] }),
  };
}
