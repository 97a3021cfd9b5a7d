/**
 * Joins a client on this process's stdio to a gateway that runs elsewhere: its lines go out as messages, and messages come
 * back as lines, byte for byte and with back-pressure in both directions. When the connection is lost the relay finds its way
 * back, or to a gateway of its own, and sets up there what the client had set up; only calls under way fail. It reads of
 * messages what it must know for that, and decides nothing about them.
 */

import { isUtf8 } from 'node:buffer';
import type { Readable, Writable } from 'node:stream';
import { LineReader } from '@sallyport/server';
import { failure, wireError, type RequestId } from '@sallyport/wire';
import { Calls } from './calls.ts';
import type { Link, OpenLink } from './link.ts';
import { createMemory, type Memory } from './memory.ts';
import { parsed, peek, type Peeked } from './peek.ts';
import { replay, type Replaying } from './replay.ts';

export interface RelayOptions {
  readonly input: Readable;
  readonly output: Writable;
  /** To the running gateway. */
  readonly join: OpenLink;
  /** To a gateway of this process, for when there is no way back. */
  readonly alone: OpenLink;
  /** Of one line of the client. */
  readonly maxLineBytes: number;
  /** A line for the person. */
  readonly note: (text: string) => void;
  /** Milliseconds, monotonic. */
  readonly now: () => number;
  /** Resolves after so many milliseconds, or when the signal aborts. */
  readonly delay: (ms: number, signal: AbortSignal) => Promise<void>;
  /** An id that no client would choose. */
  readonly newId: () => string;
}

export interface Relay {
  /** Resolves when the client has left and its last answers are written; rejects when no gateway can be had any more. */
  readonly done: Promise<void>;
  /** Ends it now. Idempotent. */
  close(): void;
}

/** How long the way back is looked for. */
const RETURN_MS = 30_000;
const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 2_000;
/** Lines that wait for a way; with more the client is no longer read. */
const QUEUE_BYTES = 1024 * 1024;
const LF = '\n';

/** Rejects when the gateway cannot be joined now; nothing has been read then. */
export async function openRelay(options: RelayOptions): Promise<Relay> {
  const relay = new StdioRelay(options);
  await relay.open();
  return relay;
}

class StdioRelay implements Relay {
  readonly done: Promise<void>;
  readonly #options: RelayOptions;
  readonly #finish: PromiseWithResolvers<void> = Promise.withResolvers();
  readonly #memory: Memory = createMemory();
  readonly #calls: Calls;
  readonly #lines: LineReader;
  readonly #stop: AbortController = new AbortController();
  /** Lines of the client that no gateway has got yet. */
  readonly #queue: Buffer[] = [];
  #queuedBytes = 0;
  /** Undefined while there is no gateway that has been set up. */
  #link: Link | undefined;
  #replaying: Replaying | undefined;
  #inputEnded = false;
  /** Stands for the link that was opened last, also while it is being opened. */
  #current: symbol | undefined;
  #latest: Link | undefined;

  constructor(options: RelayOptions) {
    this.#options = options;
    this.done = this.#finish.promise;
    this.#calls = new Calls((message) => this.#writeBytes(message), options.delay, this.#stop.signal);
    this.#lines = new LineReader({
      maxBytes: options.maxLineBytes,
      onLine: (line) => this.#line(line),
      onOversize: () => {
        const text = `A message may be ${options.maxLineBytes} bytes at most.`;
        this.#write(failure(wireError('too_large', text).error));
      },
    });
  }

  async open(): Promise<void> {
    const { input, output, join } = this.#options;
    this.#link = await this.#openLink(join);
    input.on('data', (chunk: Buffer) => this.#lines.push(chunk));
    input.once('end', this.#onEnd).once('close', this.#onEnd).on('error', this.#onEnd);
    output.on('error', () => this.close()).once('close', () => this.close());
    output.on('drain', () => this.#link?.resume());
  }

  close(): void {
    if (this.#stop.signal.aborted) return;
    this.#stop.abort();
    this.#link?.close();
    this.#link = undefined;
    this.#options.input.pause();
    this.#finish.resolve();
  }

  /** A link that is this relay's until the next one is opened: of earlier ones nothing is heard any more. */
  async #openLink(open: OpenLink): Promise<Link> {
    const mine = Symbol('link');
    const isMine = (): boolean => this.#current === mine;
    this.#current = mine;
    const link = await open({
      onMessage: (message) => void (isMine() && this.#message(message)),
      onDrain: () => void (isMine() && this.#options.input.resume()),
      onClosed: () => {
        if (!isMine()) return;
        this.#replaying?.lost();
        if (this.#link !== undefined) this.#lost();
      },
    });
    this.#latest = link;
    return link;
  }

  readonly #onEnd = (): void => {
    if (this.#inputEnded) return;
    this.#inputEnded = true;
    this.#lines.end();
    this.#endWhenAnswered();
  };

  /** A client that has left still gets what it has asked for, while there is somebody to ask. */
  #endWhenAnswered(): void {
    if (!this.#inputEnded || this.#stop.signal.aborted) return;
    if (this.#link !== undefined && this.#calls.waiting > 0) return;
    for (const line of this.#queue.splice(0)) this.#refuse(peek(line));
    this.#options.output.write('', () => this.close());
  }

  #line(line: Buffer): void {
    if (this.#stop.signal.aborted || isBlank(line)) return;
    // A frame that is not UTF-8 would cost the connection.
    if (!isUtf8(line)) return this.#write(failure(wireError('parse', 'The line is not valid UTF-8.').error));
    if (this.#link !== undefined) return this.#send(this.#link, line);
    this.#queue.push(line);
    this.#queuedBytes += line.length;
    if (this.#queuedBytes > QUEUE_BYTES) this.#options.input.pause();
  }

  #send(link: Link, line: Buffer): void {
    const message = peek(line);
    if (message.kind === 'request') {
      const { id, method, params } = message;
      if (!this.#calls.begin(id, { method, params, line })) {
        return this.#write(failure(wireError('rate_limited', 'Too many calls are under way.').error, id));
      }
    } else if (message.kind === 'notification') {
      if (message.method === 'notifications/initialized') this.#memory.initialized(Buffer.from(line));
      if (message.method === 'notifications/cancelled') this.#calls.cancel(message.params['requestId']);
    } else if (message.kind === 'response' && !this.#calls.answeredByClient(message.id)) {
      // The answer to a question of a gateway that is gone: another one's may have the same number.
      return;
    }
    if (!link.send(line)) this.#options.input.pause();
  }

  /** A message of the gateway. */
  #message(message: Buffer): void {
    if (this.#stop.signal.aborted) return;
    const found = peek(message);
    if (found.kind === 'response') return this.#response(message, found);
    if (found.kind === 'request' && !this.#calls.askedByGateway(found.id)) {
      const busy = failure({ code: -32603, message: 'The client has not answered an earlier question yet.' }, found.id);
      return void this.#latest?.send(Buffer.from(JSON.stringify(busy)));
    }
    if (found.kind === 'notification' && this.#replaying?.swallows(found) === true) return;
    this.#writeBytes(message);
  }

  #response(message: Buffer, { id, ok }: Peeked & { kind: 'response' }): void {
    if (this.#replaying?.answered(id, ok, () => parsed(message)) === true) return;
    const call = this.#calls.answered(id, ok, message);
    if (call === 'held') return;
    if (call !== undefined && ok) this.#memory.accepted(call.method, call.params);
    this.#writeBytes(message);
    this.#endWhenAnswered();
  }

  #refuse(message: Peeked): void {
    if (message.kind === 'request') this.#write(lostAnswer(message.id, 'The gateway is not there.'));
  }

  #lost(): void {
    this.#link = undefined;
    const { lost, again } = this.#calls.lost();
    for (const id of lost) {
      this.#write(
        lostAnswer(id, 'The connection to the gateway was lost; whether the call was carried out is not known.'),
      );
    }
    this.#queue.unshift(...again);
    this.#options.input.resume();
    this.#endWhenAnswered();
    if (this.#stop.signal.aborted || this.#inputEnded) return;
    this.#options.note('the connection to the gateway was lost: looking for it again');
    this.#comeBack().catch((error: unknown) => {
      this.#stop.abort();
      this.#finish.reject(error);
    });
  }

  async #comeBack(): Promise<void> {
    const { now, delay, note, join, alone } = this.#options;
    const endMs = now() + RETURN_MS;
    let waitMs = FIRST_WAIT_MS;
    for (; now() < endMs; waitMs = Math.min(2 * waitMs, LONGEST_WAIT_MS)) {
      await delay(waitMs, this.#stop.signal);
      if (this.#stop.signal.aborted || this.#inputEnded) return;
      const link = await this.#setUp(join).catch(() => undefined);
      if (link === undefined) continue;
      note('joined the gateway again');
      return this.#resume(link);
    }
    note('the gateway has not come back: serving alone from now on');
    this.#resume(await this.#setUp(alone));
  }

  /** A link to a gateway that knows what the client has set up. */
  async #setUp(open: OpenLink): Promise<Link> {
    const link = await this.#openLink(open);
    const { newId, delay } = this.#options;
    this.#replaying = replay({ memory: this.#memory, listens: this.#calls.listens(), newId, delay, link });
    try {
      await this.#replaying.ready;
      return link;
    } catch (error) {
      link.close();
      throw error;
    }
  }

  #resume(link: Link): void {
    if (this.#stop.signal.aborted) return link.close();
    this.#link = link;
    this.#queuedBytes = 0;
    for (const line of this.#queue.splice(0)) this.#send(link, line);
    for (const message of this.#replaying?.announcements() ?? []) this.#write(message);
    this.#options.input.resume();
    this.#endWhenAnswered();
  }

  #write(message: object): void {
    this.#writeBytes(Buffer.from(JSON.stringify(message)));
  }

  #writeBytes(message: Buffer): void {
    const { output } = this.#options;
    if (output.destroyed) return;
    output.write(message);
    if (!output.write(LF)) this.#link?.pause();
  }
}

function isBlank(line: Buffer): boolean {
  return line.length < 8 && line.toString('latin1').trim() === '';
}

function lostAnswer(id: RequestId, text: string): object {
  return failure(wireError('unavailable', text, { reason: 'down' }).error, id);
}
