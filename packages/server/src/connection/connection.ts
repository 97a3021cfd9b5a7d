/**
 * One client on a connection of its own: one principal, at most one session, messages one by one in both directions.
 * What the specification says of stdio (2025-11-25 and 2026-07-28, transports) holds for every connection of this kind;
 * what carries the messages, and how they are framed, is the channel's matter. The era is that of each request: a
 * stateless client sends its envelope along, a session-era client begins with `initialize`.
 */

import {
  classifyRequest,
  failure,
  readMessage,
  SESSION_REVISIONS,
  wireError,
  type Envelope,
  type Era,
  type Incoming,
  type JsonRpcNotification,
  type JsonRpcRequest,
  type MessageLimits,
  type RequestId,
  type WireError,
} from '@sallyport/wire';
import { gather, releaseAnswer, responseText, singleLine } from '../answer-bytes.ts';
import { Asks } from '../asks.ts';
import { errorAnswer, refusedAnswer, type Answer, type NotAdmitted, type Served } from '../exchange.ts';
import { discoverResult, INITIALIZE_NEEDS, initializeResult, readInitialize } from '../handshake.ts';
import { ConnectionCall, ConnectionSession, type CallHost, type Peer } from './call.ts';

/** What carries the messages of one client. */
export interface Channel {
  /** Sends one message: JSON without a line break. */
  send(message: string | Buffer): void;
  /** Bytes that the client has not taken yet. */
  readonly waitingBytes: number;
  /** Takes no more of the client's messages until it has taken what waits. */
  pause(): void;
  /** Ends in good order once all that was sent has left. The connection is told when that has happened. */
  end(): void;
  /** Ends now. Idempotent. */
  destroy(): void;
}

export interface ConnectionOptions {
  readonly channel: Channel;
  readonly peer: Peer;
  readonly served: Served;
  readonly messageLimits: MessageLimits;
  /** The id that its session will have. */
  readonly sessionId: string;
  /** Whether the stateless era is served. */
  readonly stateless: boolean;
  /** Why a request, or what is no message, is not looked at now. Absent where each of them was let in before. */
  readonly arrived?: (() => NotAdmitted | undefined) | undefined;
  /** Called once, when all is over. */
  readonly onClosed: () => void;
}

/** With so much waiting to be read, no more of the client's requests are taken. */
const PAUSE_BYTES = 1024 * 1024;
/** A client so far behind is given up. */
export const MAX_WAITING_BYTES: number = 64 * 1024 * 1024;

/** What is answered here, and by nobody who would count it. */
const OWN: Readonly<Record<Era, readonly string[]>> = {
  session: ['initialize', 'ping'],
  stateless: ['server/discover'],
};

export class Connection implements CallHost {
  readonly peer: Peer;
  readonly asks: Asks = new Asks();
  readonly #options: ConnectionOptions;
  readonly #calls: Map<RequestId, ConnectionCall> = new Map();
  #session: ConnectionSession | undefined;
  #draining = false;
  #ending = false;
  #destroyed = false;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.peer = options.peer;
  }

  get destroyed(): boolean {
    return this.#destroyed;
  }

  /** Takes no more requests, and ends when those under way are answered. Idempotent. */
  drain(): void {
    this.#draining = true;
    this.#endWhenAnswered();
  }

  /** Cancels what is under way, and ends. Idempotent. */
  destroy(): void {
    if (this.#destroyed) return;
    this.#destroyed = true;
    const { channel, onClosed, served } = this.#options;
    channel.destroy();
    for (const call of this.#calls.values()) call.cancel();
    this.asks.close();
    if (this.#session !== undefined) served.sessionClosed(this.#session);
    onClosed();
  }

  write(message: object): void {
    this.#send(JSON.stringify(message));
  }

  /** Says what was wrong with something that was no message. */
  refuse(error: WireError): void {
    this.write(failure(error.error));
  }

  /** Takes one message as text. */
  receive(text: string): void {
    if (!this.#destroyed) this.take(readMessage(text, this.#options.messageLimits), text);
  }

  /** Takes one message that was read already. */
  take(incoming: Incoming, text: string): void {
    if (this.#destroyed) return;
    if (incoming.kind === 'notification') return this.#notified(incoming.message);
    if (incoming.kind === 'response') return void this.asks.answer(incoming.message);
    const refused = this.#options.arrived?.();
    if (refused !== undefined) return this.#tooMuch(incoming, refused.error);
    switch (incoming.kind) {
      case 'request':
        return this.#request(incoming.message, text);
      case 'batch':
        return this.refuse(wireError('invalid_request', NO_BATCHES));
      case 'invalid':
        return this.write(failure(incoming.error.error, incoming.id));
    }
  }

  /** A client is told when to come again. Whoever sends what is no message, and so much of it, is none. */
  #tooMuch(incoming: Incoming, { error }: WireError): void {
    if (incoming.kind === 'request') this.write(failure(error, incoming.message.id));
    else this.destroy();
  }

  #send(message: string | Buffer): void {
    const { channel } = this.#options;
    if (this.#destroyed) return;
    if (channel.waitingBytes > MAX_WAITING_BYTES) return this.destroy();
    channel.send(message);
    if (channel.waitingBytes > PAUSE_BYTES) channel.pause();
  }

  #endWhenAnswered(): void {
    if (!this.#draining || this.#ending || this.#destroyed || this.#calls.size > 0) return;
    this.#ending = true;
    this.#options.channel.end();
  }

  #request(message: JsonRpcRequest, text: string): void {
    const { id } = message;
    const envelope = this.#admit(message);
    if (envelope !== undefined && 'key' in envelope) return this.write(failure(envelope.error, id));
    const call = new ConnectionCall(this, message, text, envelope, this.#session);
    this.#calls.set(id, call);
    this.#dispatch(call).then(
      (answer) => this.#answer(call, answer),
      () => this.#answer(call, errorAnswer('internal', call.era)),
    );
  }

  /** What makes a request a stateless one, nothing for the session's, or why it is refused. */
  #admit(message: JsonRpcRequest): Envelope | WireError | undefined {
    if (this.#draining) return wireError('shutting_down');
    if (this.#calls.has(message.id)) return wireError('invalid_request', 'This id is in use.');
    const classified = classifyRequest(message);
    if (classified.era === 'refused') return classified.error;
    if (classified.era === 'session') return undefined;
    const { envelope } = classified;
    if (this.#options.stateless) return envelope;
    const supported = [...SESSION_REVISIONS];
    return wireError('unsupported_version', SESSIONS_ALONE, { supported, requested: envelope.revision });
  }

  #answer(call: ConnectionCall, answer: Answer): void {
    if (call.cancelled) releaseAnswer(answer);
    else if (answer.kind === 'result') return this.#answerBytes(call, answer);
    else this.#send(responseText(call.message.id, answer));
    this.#over(call);
  }

  #answerBytes(call: ConnectionCall, answer: Answer & { kind: 'result' }): void {
    const { id } = call.message;
    const send = (message: Buffer): void => {
      if (call.cancelled) return;
      this.#send(message);
      this.#over(call);
    };
    if (answer.rest !== undefined) {
      call.onCancel(() => {
        releaseAnswer(answer);
        this.#over(call);
      });
    }
    const broken = (): Buffer =>
      Buffer.from(JSON.stringify(failure(wireError('unavailable', 'The answer broke off.').error, id)));
    gather(
      id,
      answer,
      (bytes) => send(singleLine(bytes)),
      () => send(broken()),
    );
  }

  #over(call: ConnectionCall): void {
    this.#calls.delete(call.message.id);
    this.#endWhenAnswered();
  }

  async #dispatch(call: ConnectionCall): Promise<Answer> {
    const { era, message } = call;
    const { served } = this.#options;
    if (OWN[era].includes(message.method)) {
      const refused = served.admit?.(call);
      if (refused !== undefined) return refusedAnswer(refused, era);
    }
    if (era === 'stateless' && message.method === 'server/discover') {
      return { kind: 'value', result: discoverResult(await served.describe(call, 'stateless')) };
    }
    if (era === 'stateless') return await served.handle(call);
    if (message.method === 'initialize') return await this.#initialize(message);
    if (message.method === 'ping') return { kind: 'value', result: {} };
    if (this.#session === undefined) return errorAnswer('invalid_request', 'session', 'initialize comes first.');
    return await served.handle(call);
  }

  async #initialize(message: JsonRpcRequest): Promise<Answer> {
    if (this.#session !== undefined) return errorAnswer('invalid_request', 'session', 'Already initialized.');
    const greeting = readInitialize(message);
    if (greeting === undefined) return errorAnswer('invalid_params', 'session', INITIALIZE_NEEDS);
    const { served, sessionId } = this.#options;
    const { revision, client } = greeting;
    this.#session = new ConnectionSession(sessionId, this, revision, client);
    served.sessionOpened(this.#session);
    const description = await served.describe(this.peer, 'session');
    return { kind: 'value', result: initializeResult(revision, description) };
  }

  #notified(message: JsonRpcNotification): void {
    if (message.method === 'notifications/initialized') return;
    if (message.method !== 'notifications/cancelled') return this.#options.served.notified(message, this.#session);
    const id = message.params?.['requestId'];
    if (typeof id === 'string' || typeof id === 'number') this.#calls.get(id)?.cancel();
  }
}

const NO_BATCHES = 'This transport carries no batches.';
const SESSIONS_ALONE = 'This transport serves the revisions that begin with initialize.';
