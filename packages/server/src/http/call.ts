/**
 * One request that came over HTTP, as an `Exchange`: its facts, its cancellation, and its part of the response channel.
 */

import type {
  Envelope,
  Era,
  HeaderBag,
  JsonObject,
  JsonRpcNotification,
  JsonRpcRequest,
  LogLevel,
  Revision,
} from '@sallyport/wire';
import {
  errorAnswer,
  type ClientFacts,
  type ClientReply,
  type Exchange,
  type LocalClient,
  type Principal,
} from '../exchange.ts';
import type { HttpSession, OpenCall } from '../sessions.ts';
import type { ReplyChannel } from './reply-channel.ts';

/** Who calls, from where, and with what headers. */
export interface Caller {
  readonly endpoint: string;
  readonly address: string | undefined;
  readonly local: () => LocalClient | undefined;
  readonly principal: Principal;
  readonly headers: HeaderBag;
}

export interface CallFacts extends Caller {
  readonly message: JsonRpcRequest;
  readonly text: string;
  readonly era: Era;
  readonly revision: Revision;
  readonly client: ClientFacts;
  readonly logLevel: LogLevel | undefined;
  readonly session: HttpSession | undefined;
}

export function statelessFacts(caller: Caller, message: JsonRpcRequest, text: string, envelope: Envelope): CallFacts {
  return {
    endpoint: caller.endpoint,
    address: caller.address,
    local: caller.local,
    principal: caller.principal,
    headers: caller.headers,
    message,
    text,
    era: 'stateless',
    revision: envelope.revision,
    client: { info: envelope.clientInfo, capabilities: envelope.clientCapabilities },
    logLevel: envelope.logLevel,
    session: undefined,
  };
}

export function sessionFacts(caller: Caller, message: JsonRpcRequest, text: string, session: HttpSession): CallFacts {
  return {
    endpoint: caller.endpoint,
    address: caller.address,
    local: caller.local,
    principal: caller.principal,
    headers: caller.headers,
    message,
    text,
    era: 'session',
    revision: session.revision,
    client: session.client,
    logLevel: session.logLevel,
    session,
  };
}

const NO_ASKING: ClientReply = { error: { code: -32601, message: 'The client cannot be asked here.' } };

export class HttpCall implements Exchange, OpenCall {
  readonly message: JsonRpcRequest;
  readonly text: string;
  readonly era: Era;
  readonly revision: Revision;
  readonly transport = 'http' as const;
  readonly endpoint: string;
  readonly address: string | undefined;
  readonly principal: Principal;
  readonly client: ClientFacts;
  readonly logLevel: LogLevel | undefined;
  readonly session: HttpSession | undefined;
  readonly headers: HeaderBag;
  cancelled = false;
  #listener: (() => void) | undefined;
  #asked: Set<number> | undefined;
  readonly #local: () => LocalClient | undefined;
  readonly #channel: ReplyChannel;

  constructor(facts: CallFacts, channel: ReplyChannel) {
    this.message = facts.message;
    this.text = facts.text;
    this.era = facts.era;
    this.revision = facts.revision;
    this.endpoint = facts.endpoint;
    this.address = facts.address;
    this.#local = facts.local;
    this.principal = facts.principal;
    this.client = facts.client;
    this.logLevel = facts.logLevel;
    this.session = facts.session;
    this.headers = facts.headers;
    this.#channel = channel;
  }

  get local(): LocalClient | undefined {
    return this.#local();
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
    if (this.abandon()) this.#channel.drop();
  }

  cut(): void {
    if (this.abandon()) this.#channel.answer(this.message.id, errorAnswer('no_session', this.era));
  }

  /** Nobody is there for the answer. False when that was known. */
  abandon(): boolean {
    if (this.cancelled) return false;
    this.cancelled = true;
    for (const id of this.#asked ?? []) this.session?.asks.abandon(id);
    this.#listener?.();
    return true;
  }

  hold(): void {
    if (!this.cancelled) this.#channel.startStream();
  }

  notify(message: JsonRpcNotification): void {
    if (!this.cancelled) this.#channel.notify(JSON.stringify(message));
  }

  async ask(method: string, params: JsonObject | undefined): Promise<ClientReply> {
    if (this.session === undefined || this.cancelled || !this.#channel.canSpeak) return NO_ASKING;
    const { id, reply } = this.session.asks.open();
    this.#asked ??= new Set();
    this.#asked.add(id);
    this.#channel.notify(JSON.stringify({ jsonrpc: '2.0', id, method, ...(params && { params }) }));
    const answer = await reply;
    this.#asked.delete(id);
    return answer;
  }
}
