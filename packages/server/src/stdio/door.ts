/**
 * MCP over this process's own stdio, in both eras (2025-11-25 and 2026-07-28, transports, "stdio"): one message a
 * line, nothing else on the output. The era is that of each request: a stateless client sends its envelope along, a
 * session-era client begins with `initialize`. There is one client and one principal.
 */

import type { Readable, Writable } from 'node:stream';
import {
  classifyRequest,
  failure,
  readMessage,
  SESSION_REVISIONS,
  wireError,
  type Envelope,
  type JsonObject,
  type JsonRpcNotification,
  type JsonRpcRequest,
  type LogLevel,
  type MessageLimits,
  type RequestId,
  type SessionRevision,
} from '@sallyport/wire';
import { Asks } from '../asks.ts';
import {
  errorAnswer,
  type Answer,
  type ClientFacts,
  type ClientReply,
  type Exchange,
  type Principal,
  type Served,
  type Session,
} from '../exchange.ts';
import { discoverResult, INITIALIZE_NEEDS, initializeResult, readInitialize } from '../handshake.ts';
import { gather } from '../http/reply-channel.ts';

export interface StdioDoorOptions {
  readonly input: Readable;
  readonly output: Writable;
  readonly served: Served;
  readonly principal: Principal;
  readonly maxLineBytes: number;
  readonly messageLimits: MessageLimits;
}

export interface StdioDoor {
  /** Resolves when the client has closed its side and every answer is written. */
  readonly done: Promise<void>;
  close(): void;
}

const ENDPOINT = 'stdio';
const LF = 0x0a;

export function openStdioDoor(options: StdioDoorOptions): StdioDoor {
  const door = new Door(options);
  return { done: door.done, close: () => door.close() };
}

class StdioSession implements Session {
  readonly id = ENDPOINT;
  readonly endpoint = ENDPOINT;
  readonly principal: Principal;
  readonly revision: SessionRevision;
  readonly client: ClientFacts;
  logLevel: LogLevel | undefined = undefined;
  readonly #send: (message: object) => void;

  constructor(principal: Principal, revision: SessionRevision, client: ClientFacts, send: (message: object) => void) {
    this.principal = principal;
    this.revision = revision;
    this.client = client;
    this.#send = send;
  }

  notify(message: JsonRpcNotification): void {
    this.#send(message);
  }
}

class Door {
  readonly done: Promise<void>;
  readonly #options: StdioDoorOptions;
  readonly #calls: Map<RequestId, StdioCall> = new Map();
  readonly #asks: Asks = new Asks();
  readonly #finish: () => void;
  #session: StdioSession | undefined;
  #parts: Buffer[] = [];
  #bytes = 0;
  #skipping = false;
  #closed = false;

  constructor(options: StdioDoorOptions) {
    this.#options = options;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.done = promise;
    this.#finish = resolve;
    options.input.on('data', (chunk: Buffer) => this.#data(chunk));
    options.input.once('end', () => this.#ended());
    options.output.on('error', () => this.close());
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const call of this.#calls.values()) call.cancel();
    this.#asks.close();
    if (this.#session !== undefined) this.#options.served.sessionClosed(this.#session);
    this.#finish();
  }

  /** The client has said all; what it asked is still answered. */
  #ended(): void {
    if (this.#calls.size === 0) this.close();
    else void Promise.allSettled([...this.#calls.values()].map((call) => call.finished)).then(() => this.close());
  }

  #data(chunk: Buffer): void {
    let at = 0;
    for (let end = chunk.indexOf(LF); end !== -1; end = chunk.indexOf(LF, at)) {
      this.#part(chunk.subarray(at, end));
      this.#line();
      at = end + 1;
    }
    if (at < chunk.length) this.#part(chunk.subarray(at));
  }

  #part(part: Buffer): void {
    this.#bytes += part.length;
    if (this.#bytes <= this.#options.maxLineBytes) this.#parts.push(part);
    else if (!this.#skipping) {
      this.#skipping = true;
      this.#parts = [];
      this.#write(
        failure(wireError('too_large', `A message may be ${this.#options.maxLineBytes} bytes at most.`).error),
      );
    }
  }

  #line(): void {
    const text = this.#skipping ? '' : Buffer.concat(this.#parts).toString('utf8').trim();
    this.#parts = [];
    this.#bytes = 0;
    this.#skipping = false;
    if (text === '') return;
    const incoming = readMessage(text, this.#options.messageLimits);
    switch (incoming.kind) {
      case 'request':
        return this.#request(incoming.message, text);
      case 'notification':
        return this.#notified(incoming.message);
      case 'response':
        return void this.#asks.answer(incoming.message);
      case 'batch':
        return this.#write(failure(wireError('invalid_request', 'stdio carries no batches.').error));
      case 'invalid':
        return this.#write(failure(incoming.error.error, incoming.id));
    }
  }

  #request(message: JsonRpcRequest, text: string): void {
    if (this.#calls.has(message.id)) {
      return this.#write(failure(wireError('invalid_request', 'This id is in use.').error, message.id));
    }
    const classified = classifyRequest(message);
    if (classified.era === 'refused') return this.#write(failure(classified.error.error, message.id));
    const envelope = classified.era === 'stateless' ? classified.envelope : undefined;
    const call = new StdioCall(this.#host, message, text, envelope, this.#session);
    this.#calls.set(message.id, call);
    void this.#answer(call);
  }

  async #answer(call: StdioCall): Promise<void> {
    const answer = await this.#dispatch(call);
    const { id } = call.message;
    this.#calls.delete(id);
    if (answer.kind === 'result') {
      if (call.cancelled) answer.rest?.cancel();
      else await this.#writeResult(id, answer);
    } else if (!call.cancelled) {
      this.#write({
        jsonrpc: '2.0',
        id,
        ...(answer.kind === 'error' ? { error: answer.error } : { result: answer.result }),
      });
    }
    call.finish();
  }

  #writeResult(id: RequestId, answer: Answer & { kind: 'result' }): Promise<void> {
    return new Promise((resolve) => {
      gather(
        id,
        answer,
        (bytes) => {
          const line = bytes.includes(LF) ? Buffer.from(JSON.stringify(JSON.parse(bytes.toString('utf8')))) : bytes;
          this.#options.output.write(Buffer.concat([line, Buffer.of(LF)]));
          resolve();
        },
        () => {
          this.#write(failure(wireError('unavailable').error, id));
          resolve();
        },
      );
    });
  }

  async #dispatch(call: StdioCall): Promise<Answer> {
    const { method } = call.message;
    if (call.era === 'stateless')
      return method === 'server/discover' ? await this.#discover(call) : await this.#serve(call);
    if (method === 'initialize') return await this.#initialize(call.message);
    if (method === 'ping') return { kind: 'value', result: {} };
    if (this.#session === undefined) return errorAnswer('invalid_request', 'session', 'initialize comes first.');
    return await this.#serve(call);
  }

  async #serve(call: StdioCall): Promise<Answer> {
    return await this.#options.served.handle(call);
  }

  async #discover(call: StdioCall): Promise<Answer> {
    return { kind: 'value', result: discoverResult(await this.#options.served.describe(call, 'stateless')) };
  }

  async #initialize(message: JsonRpcRequest): Promise<Answer> {
    if (this.#session !== undefined) return errorAnswer('invalid_request', 'session', 'Already initialized.');
    const greeting = readInitialize(message);
    if (greeting === undefined) return errorAnswer('invalid_params', 'session', INITIALIZE_NEEDS);
    const { principal, served } = this.#options;
    const { revision, client } = greeting;
    this.#session = new StdioSession(principal, revision, client, (notification) => this.#write(notification));
    served.sessionOpened(this.#session);
    const description = await served.describe({ endpoint: ENDPOINT, principal }, 'session');
    return { kind: 'value', result: initializeResult(revision, description) };
  }

  #notified(message: JsonRpcNotification): void {
    if (message.method === 'notifications/initialized') return;
    if (message.method !== 'notifications/cancelled') return this.#options.served.notified(message, this.#session);
    const id = message.params?.['requestId'];
    if (typeof id === 'string' || typeof id === 'number') this.#calls.get(id)?.cancel();
  }

  #write(message: object): void {
    if (!this.#closed) this.#options.output.write(`${JSON.stringify(message)}\n`);
  }

  /** What a call needs of its door. */
  get #host(): CallHost {
    return { principal: this.#options.principal, asks: this.#asks, write: (message) => this.#write(message) };
  }
}

interface CallHost {
  readonly principal: Principal;
  readonly asks: Asks;
  write(message: object): void;
}

const NO_CLIENT: ClientFacts = { info: undefined, capabilities: {} };

class StdioCall implements Exchange {
  readonly message: JsonRpcRequest;
  readonly text: string;
  readonly era: Exchange['era'];
  readonly revision: Exchange['revision'];
  readonly transport = 'stdio' as const;
  readonly endpoint = ENDPOINT;
  readonly principal: Principal;
  readonly client: ClientFacts;
  readonly logLevel: LogLevel | undefined;
  readonly session: StdioSession | undefined;
  readonly headers = undefined;
  readonly finished: Promise<void>;
  readonly finish: () => void;
  cancelled = false;
  readonly #host: CallHost;
  readonly #asked: Set<number> = new Set();
  readonly #listeners: (() => void)[] = [];

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
    this.era = envelope === undefined ? 'session' : 'stateless';
    this.revision = envelope?.revision ?? session?.revision ?? SESSION_REVISIONS[0];
    this.session = envelope === undefined ? session : undefined;
    this.client =
      envelope === undefined
        ? (session?.client ?? NO_CLIENT)
        : { info: envelope.clientInfo, capabilities: envelope.clientCapabilities };
    this.logLevel = envelope === undefined ? session?.logLevel : envelope.logLevel;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.finished = promise;
    this.finish = resolve;
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

  notify(message: JsonRpcNotification): void {
    if (!this.cancelled) this.#host.write(message);
  }

  async ask(method: string, params: JsonObject | undefined): Promise<ClientReply> {
    const { id, reply } = this.#host.asks.open();
    this.#asked.add(id);
    this.#host.write({ jsonrpc: '2.0', id, method, ...(params && { params }) });
    const answer = await reply;
    this.#asked.delete(id);
    return answer;
  }
}
