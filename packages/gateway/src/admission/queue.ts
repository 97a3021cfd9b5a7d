/**
 * The turn of a call at its server: so many are under way there, others wait. Principals take turns, so that one with many
 * calls does not keep the others waiting; and when no more may wait, it is the one with most calls who gives way. With
 * room there is neither a timer nor a promise.
 */

import { UpstreamError } from '@sallyport/client';
import type { Exchange } from '@sallyport/server';
import { durationText, numberText } from '@sallyport/server/limits';
import type { Refused } from '../errors.ts';
import { refusalOf } from './exceeded.ts';
import type { SetTimer } from './limits.ts';

export interface QueueOptions {
  readonly limits: () => { readonly serverConcurrency: number; readonly serverQueue: number };
  readonly setTimer: SetTimer;
}

/** A call that wants its turn. */
export interface Turn {
  /** `principalKey` of the caller. */
  readonly principal: () => string;
  readonly exchange: Pick<Exchange, 'onCancel'>;
  /** How long it waits. Milliseconds. */
  readonly timeoutMs: () => number;
}

interface Waiting {
  readonly principal: string;
  readonly go: () => void;
  readonly fail: (error: Error) => void;
}

/** A call that ends makes room: nobody knows when. */
const RETRY_MS = 1000;

export class ServerQueues {
  readonly #options: QueueOptions;
  /** By server, as long as there are calls. */
  readonly #queues: Map<string, ServerQueue> = new Map();

  constructor(options: QueueOptions) {
    this.#options = options;
  }

  /** Servers with calls. */
  get size(): number {
    return this.#queues.size;
  }

  /**
   * Undefined: it is the call's turn. Else it resolves when it is, and rejects when the call was cancelled, has waited
   * too long or gave way. Throws when there is no place to wait. After the turn comes one `leave`.
   */
  enter(server: string, turn: Turn): Promise<void> | undefined {
    const queue = this.#queues.get(server) ?? new ServerQueue(this.#options);
    const waiting = queue.enter(turn);
    this.#queues.set(server, queue);
    return waiting;
  }

  leave(server: string): void {
    const queue = this.#queues.get(server);
    queue?.leave();
    if (queue?.isIdle === true) this.#queues.delete(server);
  }
}

/** The calls at one server. */
class ServerQueue {
  readonly #options: QueueOptions;
  #underWay = 0;
  #waiting = 0;
  /** Who waits, in the order of their turns. */
  readonly #principals: Map<string, Waiting[]> = new Map();

  constructor(options: QueueOptions) {
    this.#options = options;
  }

  get isIdle(): boolean {
    return this.#underWay === 0 && this.#waiting === 0;
  }

  enter(turn: Turn): Promise<void> | undefined {
    if (this.#waiting > 0 || !this.#hasRoom) return this.#wait(turn);
    this.#underWay++;
    return undefined;
  }

  leave(): void {
    this.#underWay--;
    this.#proceed();
  }

  get #hasRoom(): boolean {
    return this.#underWay < this.#options.limits().serverConcurrency;
  }

  #wait({ exchange, ...turn }: Turn): Promise<void> {
    const principal = turn.principal();
    const ms = turn.timeoutMs();
    this.#makePlace(principal);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiting: Waiting = {
      principal,
      go: () => {
        takeBack();
        resolve();
      },
      fail: (error) => {
        takeBack();
        this.#remove(waiting);
        reject(error);
      },
    };
    const takeBack = this.#options.setTimer(
      () => waiting.fail(this.#busy(`This server was busy for ${durationText(ms)}: the call did not get its turn.`)),
      ms,
    );
    const own = this.#principals.get(principal) ?? [];
    own.push(waiting);
    this.#principals.set(principal, own);
    this.#waiting++;
    exchange.onCancel(() => waiting.fail(new UpstreamError('cancelled', 'The client went before it was its turn.')));
    // More may be allowed than when the others began to wait.
    this.#proceed();
    return promise;
  }

  /** Where all places are taken, whoever has most of them gives up one for a newcomer who has fewer. */
  #makePlace(principal: string): void {
    const { serverQueue } = this.#options.limits();
    if (this.#waiting < serverQueue) return;
    const own = this.#principals.get(principal)?.length ?? 0;
    const most = [...this.#principals.values()].reduce((one, other) => (other.length > one.length ? other : one), []);
    const full = this.#busy(`This server is busy, and ${numberText(serverQueue)} calls wait for it.`);
    if (most.length <= own + 1) throw full;
    most.at(-1)?.fail(full);
  }

  #proceed(): void {
    while (this.#waiting > 0 && this.#hasRoom) {
      const [principal, calls] = this.#principals.entries().next().value as [string, [Waiting, ...Waiting[]]];
      const [next, ...others] = calls;
      // Behind all the others: they have waited since its last turn.
      this.#principals.delete(principal);
      if (others.length > 0) this.#principals.set(principal, others);
      this.#waiting--;
      this.#underWay++;
      next.go();
    }
  }

  #remove(waiting: Waiting): void {
    const { principal } = waiting;
    const all = this.#principals.get(principal) ?? [];
    const others = all.filter((other) => other !== waiting);
    if (others.length > 0) this.#principals.set(principal, others);
    else this.#principals.delete(principal);
    this.#waiting -= all.length - others.length;
  }

  #busy(text: string): Refused {
    const count = this.#options.limits().serverQueue;
    return refusalOf({ limit: 'serverQueue', text, count, remaining: 0, retryAfterMs: RETRY_MS, resetMs: RETRY_MS });
  }
}
