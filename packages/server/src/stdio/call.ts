/** One request that came over stdio, as an `Exchange`. */

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
import type { ClientFacts, ClientReply, Exchange, Principal, Session } from '../exchange.ts';

export const STDIO_ENDPOINT = 'stdio';

export class StdioSession implements Session {
  readonly id: string = STDIO_ENDPOINT;
  readonly endpoint: string = STDIO_ENDPOINT;
  readonly principal: Principal;
  readonly revision: SessionRevision;
  readonly client: ClientFacts;
  logLevel: LogLevel | undefined = undefined;
  readonly notify: (message: JsonRpcNotification) => void;

  constructor(
    principal: Principal,
    revision: SessionRevision,
    client: ClientFacts,
    notify: (message: JsonRpcNotification) => void,
  ) {
    this.principal = principal;
    this.revision = revision;
    this.client = client;
    this.notify = notify;
  }
}

/** What a call needs of its door. */
export interface CallHost {
  readonly principal: Principal;
  readonly asks: Asks;
  write(message: object): void;
}

const NO_CLIENT: ClientFacts = { info: undefined, capabilities: {} };
const NO_ASKING: ClientReply = { error: { code: -32601, message: 'The client cannot be asked here.' } };

export class StdioCall implements Exchange {
  readonly message: JsonRpcRequest;
  readonly text: string;
  readonly era: Exchange['era'];
  readonly revision: Exchange['revision'];
  readonly transport = 'stdio' as const;
  readonly endpoint: string = STDIO_ENDPOINT;
  readonly principal: Principal;
  readonly client: ClientFacts;
  readonly logLevel: LogLevel | undefined;
  readonly session: StdioSession | undefined;
  readonly headers = undefined;
  cancelled = false;
  readonly #host: CallHost;
  readonly #asked: Set<number> = new Set();
  readonly #listeners: (() => void)[] = [];

  /** `envelope` makes it a stateless call; else it belongs to `session`, which is undefined before `initialize`. */
  constructor(
    host: CallHost,
    message: JsonRpcRequest,
    text: string,
    envelope: Envelope | undefined,
    session: StdioSession | undefined,
  ) {
    this.#host = host;
    this.message = message;
    this.text = text;
    this.principal = host.principal;
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

  onCancel(listener: () => void): void {
    if (this.cancelled) listener();
    else this.#listeners.push(listener);
  }

  cancel(): void {
    if (this.cancelled) return;
    this.cancelled = true;
    for (const id of this.#asked) this.#host.asks.abandon(id);
    for (const listener of this.#listeners) listener();
  }

  /** A pipe cannot be left and come back to. */
  hold(): void {}

  notify(message: JsonRpcNotification): void {
    if (!this.cancelled) this.#host.write(message);
  }

  async ask(method: string, params: JsonObject | undefined): Promise<ClientReply> {
    if (this.session === undefined || this.cancelled) return NO_ASKING;
    const { id, reply } = this.#host.asks.open();
    this.#asked.add(id);
    this.#host.write({ jsonrpc: '2.0', id, method, ...(params && { params }) });
    const answer = await reply;
    this.#asked.delete(id);
    return answer;
  }
}
