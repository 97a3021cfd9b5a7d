/**
 * A call that the gateway makes for a caller under a call of that caller's own, as the route takes it. Its caller, endpoint, session
 * and credential are the outer one's, so it may do what the outer one may and no more; it is cancelled with it, or alone. It is of
 * the session era whatever its caller speaks: so what a server asks meanwhile comes to `ears.ask` in one form, and the bridge does
 * the rest.
 */

import type { ClientReply, Exchange } from '@sallyport/server';
import type { JsonObject, JsonRpcNotification, JsonRpcRequest } from '@sallyport/wire';
import type { Ears } from './meta.ts';

export interface InnerRequest {
  /** Shown name of a tool. */
  readonly name: string;
  readonly arguments: JsonObject;
}

/** Under which progress of inner calls is told. */
export const INNER_PROGRESS = 'inner';

const REVISION = '2025-11-25';

export class InnerExchange implements Exchange {
  readonly message: JsonRpcRequest;
  readonly text: string;
  readonly era: Exchange['era'] = 'session';
  readonly revision: Exchange['revision'] = REVISION;
  readonly transport: Exchange['transport'];
  readonly endpoint: string;
  readonly local: Exchange['local'];
  readonly address: Exchange['address'];
  readonly principal: Exchange['principal'];
  readonly client: Exchange['client'];
  readonly logLevel: Exchange['logLevel'];
  readonly session: Exchange['session'];
  readonly headers: Exchange['headers'] = undefined;
  readonly #ears: Ears;
  readonly #listeners: (() => void)[] = [];
  #cancelled = false;

  constructor(outer: Exchange, { name, arguments: args }: InnerRequest, ears: Ears) {
    const params = { name, arguments: args, _meta: { progressToken: INNER_PROGRESS } };
    this.message = { jsonrpc: '2.0', id: 0, method: 'tools/call', params };
    this.text = JSON.stringify(this.message);
    this.transport = outer.transport;
    this.endpoint = outer.endpoint;
    this.local = outer.local;
    this.address = outer.address;
    this.principal = outer.principal;
    this.client = outer.client;
    this.logLevel = outer.logLevel;
    this.session = outer.session;
    this.#ears = ears;
    outer.onCancel(() => this.cancel());
  }

  get cancelled(): boolean {
    return this.#cancelled;
  }

  /** Its outer call is gone, or the program that made it. Idempotent. */
  cancel(): void {
    if (this.#cancelled) return;
    this.#cancelled = true;
    for (const listener of this.#listeners.splice(0)) listener();
  }

  onCancel(listener: () => void): void {
    if (this.#cancelled) listener();
    else this.#listeners.push(listener);
  }

  hold(): void {
    this.#ears.hold();
  }

  notify(message: JsonRpcNotification): void {
    if (!this.#cancelled) this.#ears.notify(message);
  }

  ask(method: string, params: JsonObject | undefined): Promise<ClientReply> {
    return this.#ears.ask(method, params);
  }
}
