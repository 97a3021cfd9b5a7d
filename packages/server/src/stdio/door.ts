/**
 * MCP over this process's own stdio, in both eras (2025-11-25 and 2026-07-28, transports, "stdio"): one message a
 * line, nothing else on the output. The era is that of each request: a stateless client sends its envelope along, a
 * session-era client begins with `initialize`. There is one client and one principal.
 */

import { isUtf8 } from 'node:buffer';
import type { Readable, Writable } from 'node:stream';
import {
  classifyRequest,
  failure,
  readMessage,
  wireError,
  type JsonRpcNotification,
  type JsonRpcRequest,
  type MessageLimits,
  type RequestId,
} from '@sallyport/wire';
import { gather, releaseAnswer, responseText, singleLine } from '../answer-bytes.ts';
import { Asks } from '../asks.ts';
import { errorAnswer, type Answer, type Principal, type Served } from '../exchange.ts';
import { discoverResult, INITIALIZE_NEEDS, initializeResult, readInitialize } from '../handshake.ts';
import { STDIO_ENDPOINT, StdioCall, StdioSession, type CallHost } from './call.ts';
import { LineReader } from './lines.ts';

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
  /** Cancels what is under way and ends the session. Idempotent. */
  close(): void;
}

/** With so much waiting to be read, no more of the client's requests are taken. */
const PAUSE_BYTES = 1024 * 1024;
/** A client so far behind is given up. */
const MAX_WAITING_BYTES = 64 * 1024 * 1024;
const LF = '\n';

export function openStdioDoor(options: StdioDoorOptions): StdioDoor {
  const door = new Door(options);
  return { done: door.done, close: () => door.close() };
}

class Door implements CallHost {
  readonly done: Promise<void>;
  readonly principal: Principal;
  readonly asks: Asks = new Asks();
  readonly #options: StdioDoorOptions;
  readonly #calls: Map<RequestId, StdioCall> = new Map();
  readonly #lines: LineReader;
  readonly #finish: () => void;
  #session: StdioSession | undefined;
  #inputEnded = false;
  #closed = false;

  constructor(options: StdioDoorOptions) {
    this.#options = options;
    this.principal = options.principal;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.done = promise;
    this.#finish = resolve;
    this.#lines = new LineReader({
      maxBytes: options.maxLineBytes,
      onLine: (line) => this.#line(line),
      onOversize: () => {
        const message = `A message may be ${options.maxLineBytes} bytes at most.`;
        this.write(failure(wireError('too_large', message).error));
      },
    });
    options.input.on('data', this.#onData).once('end', this.#onEnd).once('close', this.#onEnd);
    options.input.on('error', this.#onEnd);
    options.output.on('error', () => this.close()).once('close', () => this.close());
    options.output.on('drain', () => options.input.resume());
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    const { input, served } = this.#options;
    input.off('data', this.#onData).pause();
    for (const call of this.#calls.values()) call.cancel();
    this.asks.close();
    if (this.#session !== undefined) served.sessionClosed(this.#session);
    this.#finish();
  }

  write(message: object): void {
    this.#send(`${JSON.stringify(message)}${LF}`);
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#lines.push(chunk);
  };

  /** The client has said all; what it asked is still answered. A last line without its end counts when it is whole. */
  readonly #onEnd = (): void => {
    if (this.#inputEnded || this.#closed) return;
    this.#inputEnded = true;
    this.#lines.end();
    this.#closeWhenAnswered();
  };

  #closeWhenAnswered(): void {
    if (!this.#inputEnded || this.#closed || this.#calls.size > 0) return;
    this.#options.output.write('', () => this.close());
  }

  #send(line: string | Buffer): void {
    const { input, output } = this.#options;
    if (this.#closed || output.destroyed) return;
    if (output.writableLength > MAX_WAITING_BYTES) return this.close();
    output.write(line);
    if (output.writableLength > PAUSE_BYTES) input.pause();
  }

  #line(line: Buffer): void {
    if (this.#closed) return;
    if (!isUtf8(line)) return this.write(failure(wireError('parse', 'The line is not valid UTF-8.').error));
    const text = line.toString('utf8').trim();
    if (text === '') return;
    const incoming = readMessage(text, this.#options.messageLimits);
    switch (incoming.kind) {
      case 'request':
        return this.#request(incoming.message, text);
      case 'notification':
        return this.#notified(incoming.message);
      case 'response':
        return void this.asks.answer(incoming.message);
      case 'batch':
        return this.write(failure(wireError('invalid_request', 'stdio carries no batches.').error));
      case 'invalid':
        return this.write(failure(incoming.error.error, incoming.id));
    }
  }

  #request(message: JsonRpcRequest, text: string): void {
    const { id } = message;
    if (this.#calls.has(id)) {
      return this.write(failure(wireError('invalid_request', 'This id is in use.').error, id));
    }
    const classified = classifyRequest(message);
    if (classified.era === 'refused') return this.write(failure(classified.error.error, id));
    const envelope = classified.era === 'stateless' ? classified.envelope : undefined;
    const call = new StdioCall(this, message, text, envelope, this.#session);
    this.#calls.set(id, call);
    this.#dispatch(call).then(
      (answer) => this.#answer(call, answer),
      () => this.#answer(call, errorAnswer('internal', call.era)),
    );
  }

  #answer(call: StdioCall, answer: Answer): void {
    if (call.cancelled) releaseAnswer(answer);
    else if (answer.kind === 'result') return this.#answerBytes(call, answer);
    else this.#send(responseText(call.message.id, answer) + LF);
    this.#over(call);
  }

  #answerBytes(call: StdioCall, answer: Answer & { kind: 'result' }): void {
    const { id } = call.message;
    const send = (line: Buffer): void => {
      if (call.cancelled) return;
      this.#send(line);
      this.#send(LF);
      this.#over(call);
    };
    call.onCancel(() => {
      releaseAnswer(answer);
      this.#over(call);
    });
    const broken = failure(wireError('unavailable', 'The answer broke off.').error, id);
    gather(
      id,
      answer,
      (bytes) => send(singleLine(bytes)),
      () => send(Buffer.from(JSON.stringify(broken))),
    );
  }

  #over(call: StdioCall): void {
    this.#calls.delete(call.message.id);
    this.#closeWhenAnswered();
  }

  async #dispatch(call: StdioCall): Promise<Answer> {
    const { era, message } = call;
    const { served } = this.#options;
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
    const { principal, served } = this.#options;
    const { revision, client } = greeting;
    this.#session = new StdioSession(principal, revision, client, (notification) => this.write(notification));
    served.sessionOpened(this.#session);
    const description = await served.describe({ endpoint: STDIO_ENDPOINT, principal }, 'session');
    return { kind: 'value', result: initializeResult(revision, description) };
  }

  #notified(message: JsonRpcNotification): void {
    if (message.method === 'notifications/initialized') return;
    if (message.method !== 'notifications/cancelled') return this.#options.served.notified(message, this.#session);
    const id = message.params?.['requestId'];
    if (typeof id === 'string' || typeof id === 'number') this.#calls.get(id)?.cancel();
  }
}
