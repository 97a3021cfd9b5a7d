/** One request that came over a connection of its own, and the session of that connection. */

import {
  LATEST_SESSION,
  type Envelope,
  type JsonObject,
  type JsonRpcNotification,
  type JsonRpcRequest,
  type LogLevel,
  type SessionRevision,
} from '@sallyport/wire';
import type { Asks } from '../asks.ts';
import type { ClientFacts, ClientReply, Exchange, LocalClient, Principal, Session } from '../exchange.ts';

/** What is known of the client of a connection before it says anything. */
export interface Peer {
  readonly transport: 'stdio' | 'ws' | 'sse';
  /** The name of the place that it asked for. */
  readonly endpoint: string;
  readonly principal: Principal;
  /** Its network address; absent when it has come over no network. */
  readonly address?: string | undefined;
  /** Its folder; asked when it is wanted. */
  readonly local: () => LocalClient | undefined;
}

/** What a call needs of its connection. */
export interface CallHost {
  readonly peer: Peer;
  readonly asks: Asks;
  write(message: object): void;
}

export class ConnectionSession implements Session {
  readonly id: string;
  readonly transport: Session['transport'];
  readonly endpoint: string;
  readonly principal: Principal;
  readonly revision: SessionRevision;
  readonly client: ClientFacts;
  logLevel: LogLevel | undefined = undefined;
  readonly #host: CallHost;

  constructor(id: string, host: CallHost, revision: SessionRevision, client: ClientFacts) {
    this.id = id;
    this.transport = host.peer.transport;
    this.endpoint = host.peer.endpoint;
    this.principal = host.peer.principal;
    this.revision = revision;
    this.client = client;
    this.#host = host;
  }

  notify(message: JsonRpcNotification): void {
    this.#host.write(message);
  }
}

const NO_CLIENT: ClientFacts = { info: undefined, capabilities: {} };
const NO_ASKING: ClientReply = { error: { code: -32601, message: 'The client cannot be asked here.' } };

export class ConnectionCall implements Exchange {
  readonly message: JsonRpcRequest;
  readonly text: string;
  readonly era: Exchange['era'];
  readonly revision: Exchange['revision'];
  readonly transport: Peer['transport'];
  readonly endpoint: string;
  readonly address: string | undefined;
  readonly principal: Principal;
  readonly client: ClientFacts;
  readonly logLevel: LogLevel | undefined;
  readonly session: ConnectionSession | undefined;
  readonly headers = undefined;
  cancelled = false;
  readonly #host: CallHost;
  #asked: Set<number> | undefined;
  readonly #listeners: (() => void)[] = [];

  /** `envelope` makes it a stateless call; else it belongs to `session`, which is undefined before `initialize`. */
  constructor(
    host: CallHost,
    message: JsonRpcRequest,
    text: string,
    envelope: Envelope | undefined,
    session: ConnectionSession | undefined,
  ) {
    this.#host = host;
    this.message = message;
    this.text = text;
    this.transport = host.peer.transport;
    this.endpoint = host.peer.endpoint;
    this.address = host.peer.address;
    this.principal = host.peer.principal;
    if (envelope === undefined) {
      this.era = 'session';
      this.revision = session?.revision ?? LATEST_SESSION;
      this.session = session;
      this.client = session?.client ?? NO_CLIENT;
      this.logLevel = session?.logLevel;
    } else {
      this.era = 'stateless';
      this.revision = envelope.revision;
      this.client = { info: envelope.clientInfo, capabilities: envelope.clientCapabilities };
      this.logLevel = envelope.logLevel;
    }
  }

  get local(): LocalClient | undefined {
    return this.#host.peer.local();
  }

  onCancel(listener: () => void): void {
    if (this.cancelled) listener();
    else this.#listeners.push(listener);
  }

  cancel(): void {
    if (this.cancelled) return;
    this.cancelled = true;
    for (const id of this.#asked ?? []) this.#host.asks.abandon(id);
    for (const listener of this.#listeners) listener();
  }

  /** A connection cannot be left and come back to. */
  hold(): void {}

  notify(message: JsonRpcNotification): void {
    if (!this.cancelled) this.#host.write(message);
  }

  async ask(method: string, params: JsonObject | undefined): Promise<ClientReply> {
    if (this.session === undefined || this.cancelled) return NO_ASKING;
    const { id, reply } = this.#host.asks.open();
    this.#asked ??= new Set();
    this.#asked.add(id);
    this.#host.write({ jsonrpc: '2.0', id, method, ...(params && { params }) });
    const answer = await reply;
    this.#asked.delete(id);
    return answer;
  }
}
