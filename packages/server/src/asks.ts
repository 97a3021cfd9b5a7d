/**
 * Requests of the server that wait for a client's answer: sampling, elicitation, roots (session era).
 * One table per session; ids are never reused in it, so a late answer finds nobody.
 */

import type { JsonRpcResponse } from '@sallyport/wire';
import type { ClientReply } from './exchange.ts';

const GONE: ClientReply = { error: { code: -32603, message: 'The client is gone.' } };

export class Asks {
  readonly #waiting: Map<number, (reply: ClientReply) => void> = new Map();
  #next = 1;

  /** An id for the next request, and the promise of its answer. */
  open(): { readonly id: number; readonly reply: Promise<ClientReply> } {
    const id = this.#next++;
    const { promise, resolve } = Promise.withResolvers<ClientReply>();
    this.#waiting.set(id, resolve);
    return { id, reply: promise };
  }

  /** Hands an answer over. False when nobody waits for it. */
  answer(response: JsonRpcResponse): boolean {
    const resolve = typeof response.id === 'number' ? this.#waiting.get(response.id) : undefined;
    if (resolve === undefined) return false;
    this.#waiting.delete(response.id as number);
    resolve('result' in response ? { result: response.result } : { error: response.error });
    return true;
  }

  /** Gives a request up: its caller has gone. */
  abandon(id: number): void {
    const resolve = this.#waiting.get(id);
    this.#waiting.delete(id);
    resolve?.(GONE);
  }

  close(): void {
    for (const id of this.#waiting.keys()) this.abandon(id);
  }
}
