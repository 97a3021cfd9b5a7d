/**
 * The HTTP response to one POST. It begins as nothing, and becomes a JSON body when the answer comes first, or an event
 * stream as soon as something has to be said before it (2025-11-25 and 2026-07-28, transports, "Sending messages").
 * It knows messages as text and answers as bytes; which requests they belong to is the endpoint's matter.
 */

import type { ServerResponse } from 'node:http';
import { sseEvent, SSE_HEARTBEAT, wireError, type RequestId } from '@sallyport/wire';
import {
  gather,
  releaseAnswer,
  responseLatin1,
  responseLength,
  responseStart,
  responseText,
  singleLine,
} from '../answer-bytes.ts';
import type { Answer, AnswerRest } from '../exchange.ts';
import type { EventWriter, Outbox } from '../outbox.ts';
import { UNLISTED, type Listed, type Roster } from '../under-way.ts';
import { Outlet } from './outlet.ts';

/** Up to this size head and body leave in one write. */
const ONE_WRITE_BYTES = 32 * 1024;
/** Up to this size they are one string: cheaper to write than two buffers, as long as it is cheap to copy (measured). */
const ONE_STRING_BYTES = 4 * 1024;
/** What the answers of a batch may have together: they are gathered before the first byte leaves. */
const MAX_BATCH_ANSWER_BYTES = 16 * 1024 * 1024;
const DATA = Buffer.from('data: ');
const EVENT_END = Buffer.from('\n\n');
const HEARTBEAT = Buffer.from(SSE_HEARTBEAT);
const OPEN_LIST = Buffer.from('[');
const CLOSE_LIST = Buffer.from(']');
const COMMA = Buffer.from(',');
const NOTHING = Buffer.alloc(0);

/** The head of an event stream, flat. `X-Accel-Buffering`: a proxy must hand on each event as it comes. */
export const STREAM_HEAD: readonly string[] = [
  'content-type',
  'text/event-stream',
  'cache-control',
  'no-cache, no-transform',
  'x-accel-buffering',
  'no',
];

export interface ReplyChannelOptions {
  /** Responses that this POST will get: more than one in a batch. */
  readonly expected: number;
  readonly batch: boolean;
  readonly acceptsStream: boolean;
  /** Further headers of every answer on this channel, flat. */
  readonly headers: readonly string[];
  /** Where the resumable stream behind this response is opened, in the era that knows one. */
  readonly session: { openStream(): Outbox } | undefined;
  /** An empty event with an id comes first, so that a client can resume before anything was said (2025-11-25). */
  readonly prime: boolean;
  /** How long a broken stream waits for its client. */
  readonly resumeMs: number;
  /** The client went away and will not come back. Called at most once, and not after the end. */
  readonly onGone: () => void;
}

export class ReplyChannel implements EventWriter, Listed {
  place: number = UNLISTED;
  readonly #response: ServerResponse;
  readonly #options: ReplyChannelOptions;
  readonly #roster: Roster<ReplyChannel>;
  #left: number;
  /** Answers whose bytes are still arriving. */
  #gathering = 0;
  #arriving: Set<AnswerRest> | undefined;
  #streaming = false;
  /** All that was to be said is said, or nobody is there to hear it. */
  #finished = false;
  #closed = false;
  #swept = false;
  #outbox: Outbox | undefined;
  #outlet: Outlet | undefined;
  /** Answers of a batch, until all are there. */
  #batch: Buffer[] | undefined;
  #batchBytes = 0;
  /** Since when nobody is connected to a stream that could be resumed. */
  #brokenSinceMs: number | undefined;

  /** Stands in `roster` until nothing will happen here any more. */
  constructor(response: ServerResponse, options: ReplyChannelOptions, roster: Roster<ReplyChannel>) {
    this.#response = response;
    this.#options = options;
    this.#roster = roster;
    roster.add(this);
    this.#left = options.expected;
    response.once('close', () => this.#onClose());
  }

  /** False when nothing can be said before the answer. */
  get canSpeak(): boolean {
    return this.#left > 0 && !this.#finished && this.#options.acceptsStream;
  }

  /** Says something before the answer. Lost when the client accepts no stream. */
  notify(message: string): void {
    if (!this.canSpeak) return;
    this.startStream();
    this.#sendEvent(message);
  }

  /** Turns the response into a stream now, so that it stays alive while the answer takes its time. */
  startStream(): void {
    if (this.#streaming || !this.canSpeak) return;
    this.#streaming = true;
    this.#response.writeHead(200, [...this.#options.headers, ...STREAM_HEAD]);
    this.#response.flushHeaders();
    this.#outbox = this.#options.session?.openStream();
    if (this.#outbox !== undefined) {
      if (this.#options.prime) this.#outbox.send('');
      this.#outbox.connect(this, undefined);
    }
    for (const answer of this.#batch ?? []) this.#sendEvent(answer.toString('utf8'));
    this.#batch = undefined;
  }

  /**
   * Cuts a client that has stopped reading, keeps the connection of a long call alive, and gives up a stream that
   * nobody came back for.
   */
  sweep(nowMs: number): void {
    if (this.#closed) return this.#sweepBroken(nowMs);
    this.#brokenSinceMs = undefined;
    if (this.#streaming || this.#finished) {
      if (this.#out.stalled()) this.#response.destroy();
      else if (!this.#finished && this.#gathering === 0 && this.#out.idle) this.#out.write(HEARTBEAT);
    } else if (this.#swept) this.startStream();
    this.#swept = true;
  }

  /** Answers one of the requests. The last answer ends the response. */
  answer(id: RequestId, answer: Answer): void {
    if (this.#finished) return releaseAnswer(answer);
    this.#left--;
    if (this.#streaming) return this.#answerInStream(id, answer);
    if (this.#options.batch) return this.#answerInBatch(id, answer);
    this.#finished = true;
    if (answer.kind === 'error') return this.#writeError(id, answer);
    if (answer.kind === 'value') return this.#writeJson(Buffer.from(responseText(id, answer)));
    if (answer.rest !== undefined) this.#writeLarge(responseStart(id, answer), answer.rest);
    else this.#writeWhole(id, answer, responseLength(id, answer));
  }

  /** A request that was cancelled gets no response (2025-11-25, "Cancellation"); what carries it still ends. */
  drop(): void {
    if (this.#finished) return;
    this.#left--;
    this.#endIfLast();
  }

  write(event: string | Buffer): void {
    this.#out.write(typeof event === 'string' ? Buffer.from(event) : event);
  }

  end(): void {
    this.#out.end();
  }

  get #out(): Outlet {
    this.#outlet ??= new Outlet(this.#response);
    return this.#outlet;
  }

  #writeError(id: RequestId, answer: Answer & { kind: 'error' }): void {
    const body = Buffer.from(responseText(id, answer));
    this.#head(answer.status, body.length, Object.entries(answer.headers ?? {}).flat());
    this.#response.end(body);
  }

  #writeJson(body: Buffer): void {
    this.#head(200, body.length);
    if (body.length <= ONE_WRITE_BYTES) this.#response.end(body);
    else {
      this.#out.write(body);
      this.#out.end();
    }
  }

  #writeWhole(id: RequestId, answer: Answer & { kind: 'result' }, bytes: number): void {
    if (bytes <= ONE_STRING_BYTES) return this.#writeSmall(responseLatin1(id, answer));
    if (bytes <= ONE_WRITE_BYTES) return this.#writeJson(responseStart(id, answer));
    this.#head(200, bytes);
    this.#out.write(responseStart(id, { ...answer, after: NOTHING }));
    this.#out.write(answer.after);
    this.#out.end();
  }

  /** `body` has one character for each byte. */
  #writeSmall(body: string): void {
    this.#head(200, body.length);
    this.#response.end(body, 'latin1');
  }

  #writeLarge(start: Buffer, rest: AnswerRest): void {
    this.#head(200, start.length + rest.bytes);
    this.#out.write(start);
    this.#pipe(
      rest,
      (chunk) => chunk,
      () => this.#out.end(),
    );
  }

  #head(status: number, bytes: number, more: readonly string[] = []): void {
    const { headers } = this.#options;
    const head = ['content-type', 'application/json', 'content-length', String(bytes)];
    this.#response.writeHead(status, headers.length + more.length === 0 ? head : [...headers, ...more, ...head]);
  }

  #pipe(rest: AnswerRest, frame: (chunk: Buffer) => Buffer, done: () => void): void {
    const out = this.#out;
    let ended = false;
    out.onDrain = () => rest.resume();
    this.#response.once('close', () => {
      if (!ended) rest.cancel();
    });
    rest.pipe({
      write: (chunk) => out.write(frame(chunk)),
      end: () => {
        ended = true;
        out.onDrain = undefined;
        done();
      },
      fail: () => {
        ended = true;
        this.#response.destroy();
      },
    });
  }

  #answerInStream(id: RequestId, answer: Answer): void {
    if (answer.kind !== 'result') this.#sendEvent(responseText(id, answer));
    else if (answer.rest === undefined || this.#outbox !== undefined) return this.#gather(id, answer);
    else return this.#streamEvent(id, answer.before, answer.after, answer.rest);
    this.#endIfLast();
  }

  /** A large answer as one event, as it arrives. */
  #streamEvent(id: RequestId, before: Buffer, after: Buffer, rest: AnswerRest): void {
    this.#gathering++;
    this.write(Buffer.concat([DATA, singleLine(before), Buffer.from(JSON.stringify(id)), singleLine(after)]));
    this.#pipe(rest, singleLine, () => {
      this.write(EVENT_END);
      this.#gathering--;
      this.#endIfLast();
    });
  }

  #answerInBatch(id: RequestId, answer: Answer): void {
    if (answer.kind === 'result') return this.#gather(id, answer);
    (this.#batch ??= []).push(Buffer.from(responseText(id, answer)));
    this.#endIfLast();
  }

  /** An answer that can only be sent whole: in a batch, or as an event that is kept for who comes back. */
  #gather(id: RequestId, answer: Answer & { kind: 'result' }): void {
    const bytes = responseLength(id, answer);
    if (this.#options.batch && this.#batchBytes + bytes > MAX_BATCH_ANSWER_BYTES) {
      releaseAnswer(answer);
      return this.#deliver(this.#failed(id, 'The answers of this batch are too large together.'));
    }
    const { rest } = answer;
    this.#batchBytes += bytes;
    this.#gathering++;
    if (rest !== undefined) (this.#arriving ??= new Set()).add(rest);
    const done = (response: Buffer): void => {
      this.#gathering--;
      if (rest !== undefined) this.#arriving?.delete(rest);
      this.#deliver(response);
    };
    gather(id, answer, done, () => done(this.#failed(id, 'The answer broke off.')));
  }

  #failed(id: RequestId, message: string): Buffer {
    return Buffer.from(
      responseText(id, { kind: 'error', error: wireError('unavailable', message).error, status: 200 }),
    );
  }

  #deliver(response: Buffer): void {
    if (this.#finished) return;
    if (this.#streaming) this.#sendEvent(singleLine(response).toString('utf8'));
    else (this.#batch ??= []).push(response);
    this.#endIfLast();
  }

  #sendEvent(message: string): void {
    if (this.#outbox === undefined) this.write(sseEvent(message));
    else this.#outbox.send(message);
  }

  #endIfLast(): void {
    if (this.#left > 0 || this.#gathering > 0 || this.#finished) return;
    this.#finished = true;
    if (this.#outbox !== undefined) {
      this.#outbox.end();
      if (this.#closed) this.#roster.delete(this);
    } else if (this.#streaming) this.#out.end();
    else if (this.#batch !== undefined) this.#writeJson(listOf(this.#batch));
    else this.#response.writeHead(202, [...this.#options.headers, 'content-length', '0']).end();
  }

  #onClose(): void {
    this.#closed = true;
    if (!this.#finished && this.#outbox?.resumable === true) return this.#outbox.disconnect(this);
    this.#gone();
  }

  #sweepBroken(nowMs: number): void {
    if (this.#outbox?.connected === true) this.#brokenSinceMs = undefined;
    else if (nowMs - (this.#brokenSinceMs ??= nowMs) >= this.#options.resumeMs) this.#gone();
  }

  #gone(): void {
    if (!this.#finished) {
      this.#finished = true;
      this.#outbox?.end();
      for (const rest of this.#arriving ?? []) rest.cancel();
      this.#options.onGone();
    }
    this.#roster.delete(this);
  }
}

function listOf(entries: readonly Buffer[]): Buffer {
  const parts = entries.flatMap((entry, index) => (index === 0 ? [entry] : [COMMA, entry]));
  return Buffer.concat([OPEN_LIST, ...parts, CLOSE_LIST]);
}
