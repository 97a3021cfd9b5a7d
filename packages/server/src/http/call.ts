/**
 * One request that came over HTTP, as an `Exchange`: its facts, its cancellation, and its part of the response channel.
 */

import {
  atLeast,
  type Era,
  type HeaderBag,
  type JsonObject,
  type JsonRpcNotification,
  type JsonRpcRequest,
  type LogLevel,
  type Revision,
} from '@sallyport/wire';
import type { ClientFacts, ClientReply, Exchange, Principal } from '../exchange.ts';
import type { HttpSession } from '../sessions.ts';
import type { ReplyChannel } from './reply-channel.ts';

export interface CallFacts {
  readonly message: JsonRpcRequest;
  readonly text: string;
  readonly era: Era;
  readonly revision: Revision;
  readonly endpoint: string;
  readonly principal: Principal;
  readonly client: ClientFacts;
  readonly logLevel: LogLevel | undefined;
  readonly session: HttpSession | undefined;
  readonly headers: HeaderBag;
}

const NO_ASKING: ClientReply = { error: { code: -32601, message: 'The client cannot be asked here.' } };

export class HttpCall implements Exchange {
  readonly message: JsonRpcRequest;
  readonly text: string;
  readonly era: Era;
  readonly revision: Revision;
  readonly transport = 'http' as const;
  readonly endpoint: string;
  readonly principal: Principal;
  readonly client: ClientFacts;
  readonly logLevel: LogLevel | undefined;
  readonly session: HttpSession | undefined;
  readonly headers: HeaderBag;
  cancelled = false;
  #listener: (() => void) | undefined;
  #asked: Set<number> | undefined;
  readonly #channel: () => ReplyChannel;

  constructor(facts: CallFacts, channel: () => ReplyChannel) {
    this.message = facts.message;
    this.text = facts.text;
    this.era = facts.era;
    this.revision = facts.revision;
    this.endpoint = facts.endpoint;
    this.principal = facts.principal;
    this.client = facts.client;
    this.logLevel = facts.logLevel;
    this.session = facts.session;
    this.headers = facts.headers;
    this.#channel = channel;
  }

  onCancel(listener: () => void): void {
    if (this.cancelled) return listener();
    const before = this.#listener;
    this.#listener =
      before === undefined
        ? listener
        : () => {
            before();
            listener();
          };
  }

  cancel(): void {
    if (this.cancelled) return;
    this.cancelled = true;
    for (const id of this.#asked ?? []) this.session?.asks.abandon(id);
    this.#listener?.();
  }

  notify(message: JsonRpcNotification): void {
    if (!this.cancelled) this.#channel().notify(JSON.stringify(message));
  }

  async ask(method: string, params: JsonObject | undefined): Promise<ClientReply> {
    if (this.session === undefined || this.cancelled) return NO_ASKING;
    const { id, reply } = this.session.asks.open();
    this.#asked ??= new Set();
    this.#asked.add(id);
    this.#channel().notify(JSON.stringify({ jsonrpc: '2.0', id, method, ...(params && { params }) }));
    const answer = await reply;
    this.#asked.delete(id);
    return answer;
  }
}

/** An empty first event, which old clients would take for a broken message, is known since 2025-11-25. */
export function primesStreams(revision: Revision): boolean {
  return atLeast(revision, '2025-11-25');
}
