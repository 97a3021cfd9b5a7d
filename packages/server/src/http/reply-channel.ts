/**
 * The HTTP response to one POST. It begins as nothing, and becomes a JSON body when the answer comes first, or an event
 * stream as soon as something has to be said before it (2025-11-25 and 2026-07-28, transports, "Sending messages").
 * It knows messages as text and answers as bytes; which request they belong to is the endpoint's matter.
 */

import type { ServerResponse } from 'node:http';
import { isSingleLine, sseEvent, SSE_HEARTBEAT, type RequestId } from '@sallyport/wire';
import type { Answer, AnswerRest } from '../exchange.ts';
import type { EventWriter, Outbox } from '../outbox.ts';

/** Up to this size head and body leave in one write. */
const ONE_WRITE_BYTES = 32 * 1024;
const DATA = Buffer.from('data: ');
const COMMA = Buffer.from(',');
const EVENT_END = Buffer.from('\n\n');
const LINE_BREAKS = /[\r\n]/g;

export interface ReplyChannelOptions {
  /** Responses that this POST will get: more than one in a batch. */
  readonly expected: number;
  readonly batch: boolean;
  readonly acceptsStream: boolean;
  /** Further headers of every answer on this channel, flat. */
  readonly headers: readonly string[];
  /** Opens the resumable stream behind this response, where the revision knows one. */
  readonly openOutbox: (() => Outbox) | undefined;
  /** An empty event with an id comes first, so that a client can resume before anything was said (2025-11-25). */
  readonly prime: boolean;
  /** The client went away and will not come back. Called at most once, and not after the end. */
  readonly onGone: () => void;
  /** How long a broken stream waits for its client. */
  readonly resumeMs: number;
}

export class ReplyChannel implements EventWriter {
  readonly #response: ServerResponse;
  readonly #options: ReplyChannelOptions;
  #left: number;
  #streaming = false;
  #finished = false;
  #outbox: Outbox | undefined;
  readonly #batch: Buffer[] = [];
  /** Entries whose bytes are still arriving. */
  #gathering = 0;
  /** Since when nobody is connected to a stream that could be resumed. */
  #brokenSinceMs: number | undefined;

  constructor(response: ServerResponse, options: ReplyChannelOptions) {
    this.#response = response;
    this.#options = options;
    this.#left = options.expected;
    response.once('close', () => this.#closed());
  }

  get finished(): boolean {
    return this.#finished;
  }

  /** Says something before the answer. Lost when the client accepts no stream. */
  notify(message: string): void {
    if (this.#finished || !this.#options.acceptsStream) return;
    this.startStream();
    if (this.#outbox === undefined) this.write(sseEvent(message));
    else this.#outbox.send(message);
  }

  /** Turns the response into a stream now, so that it stays alive while the answer takes its time. */
  startStream(): void {
    if (this.#streaming || this.#finished || !this.#options.acceptsStream) return;
    this.#streaming = true;
    this.#response.writeHead(200, [
      ...this.#options.headers,
      'content-type',
      'text/event-stream',
      'cache-control',
      'no-cache, no-transform',
      'x-accel-buffering',
      'no',
    ]);
    this.#outbox = this.#options.openOutbox?.();
    if (this.#outbox === undefined) return this.#response.flushHeaders();
    if (this.#options.prime) this.#outbox.send('');
    this.#outbox.connect(this, undefined);
    this.#response.flushHeaders();
  }

  /** Keeps the connection alive, and gives up a stream that nobody came back for. */
  sweep(nowMs: number): void {
    if (this.#finished) return;
    if (this.#streaming && !this.#response.destroyed) this.#response.write(SSE_HEARTBEAT);
    if (this.#outbox === undefined || this.#outbox.connected) this.#brokenSinceMs = undefined;
    else if (nowMs - (this.#brokenSinceMs ??= nowMs) >= this.#options.resumeMs) this.#gone();
  }

  /** Answers one of the requests. The last answer ends the response. */
  answer(id: RequestId, answer: Answer): void {
    if (this.#finished) return releaseAnswer(answer);
    const last = --this.#left === 0;
    if (this.#streaming) return this.#answerInStream(id, answer, last);
    if (this.#options.batch) return this.#answerInBatch(id, answer);
    this.#finished = true;
    if (answer.kind === 'error') return this.#writeError(id, answer);
    if (answer.kind === 'value') {
      return this.#writeJson(
        Buffer.from(`{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":${JSON.stringify(answer.result)}}`),
      );
    }
    const idText = Buffer.from(JSON.stringify(id));
    if (answer.rest === undefined) return this.#writeJson(answer.before, idText, answer.after);
    this.#writeLarge(answer.before, idText, answer.after, answer.rest);
  }

  /** A request that was cancelled gets no response (2025-11-25, "Cancellation"); what carries it still ends. */
  drop(): void {
    if (this.#finished) return;
    this.#left--;
    if (this.#options.batch && !this.#streaming) this.#endBatch();
    else if (this.#left === 0) {
      this.#finished = true;
      if (!this.#streaming) this.#response.writeHead(202, [...this.#options.headers, 'content-length', '0']);
      if (this.#outbox === undefined) this.#response.end();
      else this.#outbox.end();
    }
  }

  write(event: string | Buffer): void {
    this.#response.write(event);
  }

  end(): void {
    this.#response.end();
  }

  /** True when the client takes nothing although something waits for it. */
  get stalledBytes(): number {
    return this.#response.writableLength;
  }

  destroy(): void {
    this.#response.destroy();
  }

  #writeError(id: RequestId, answer: Answer & { kind: 'error' }): void {
    const body = Buffer.from(JSON.stringify({ jsonrpc: '2.0', id, error: answer.error }));
    this.#response.writeHead(answer.status, [
      ...this.#options.headers,
      ...Object.entries(answer.headers ?? {}).flat(),
      'content-type',
      'application/json',
      'content-length',
      String(body.length),
    ]);
    this.#response.end(body);
  }

  #writeJson(...parts: readonly Buffer[]): void {
    const bytes = parts.reduce((sum, part) => sum + part.length, 0);
    this.#head(bytes);
    if (bytes <= ONE_WRITE_BYTES) {
      this.#response.end(parts.length === 1 ? parts[0] : Buffer.concat(parts, bytes));
      return;
    }
    for (const part of parts) this.#response.write(part);
    this.#response.end();
  }

  #writeLarge(before: Buffer, id: Buffer, after: Buffer, rest: AnswerRest): void {
    this.#head(before.length + id.length + after.length + rest.bytes);
    this.#response.write(before);
    this.#response.write(id);
    this.#response.write(after);
    this.#pipe(
      rest,
      (chunk) => chunk,
      () => this.#response.end(),
    );
  }

  #head(bytes: number): void {
    this.#response.writeHead(200, [
      ...this.#options.headers,
      'content-type',
      'application/json',
      'content-length',
      String(bytes),
    ]);
  }

  #pipe(rest: AnswerRest, frame: (chunk: Buffer) => Buffer, done: () => void): void {
    const response = this.#response;
    const onDrain = (): void => rest.resume();
    response.on('drain', onDrain);
    response.once('close', () => {
      if (!response.writableFinished) rest.cancel();
    });
    rest.pipe({
      write: (chunk) => response.write(frame(chunk)),
      end: () => {
        response.off('drain', onDrain);
        done();
      },
      fail: () => response.destroy(),
    });
  }

  #answerInStream(id: RequestId, answer: Answer, last: boolean): void {
    if (answer.kind !== 'result') {
      const body = answer.kind === 'error' ? { error: answer.error } : { result: answer.result };
      this.#sendEvent(JSON.stringify({ jsonrpc: '2.0', id, ...body }), last);
    } else if (answer.rest !== undefined && this.#outbox === undefined) {
      this.#streamEvent(id, answer.before, answer.after, answer.rest, last);
    } else {
      gather(
        id,
        answer,
        (bytes) => this.#sendEvent(singleLine(bytes).toString('utf8'), last),
        () => this.destroy(),
      );
    }
  }

  #sendEvent(message: string, last: boolean): void {
    if (this.#outbox === undefined) {
      this.write(sseEvent(message));
      if (last) this.#finish();
      return;
    }
    this.#outbox.send(message);
    if (last) {
      this.#finished = true;
      this.#outbox.end();
    }
  }

  /** A large answer as one event, as it arrives. */
  #streamEvent(id: RequestId, before: Buffer, after: Buffer, rest: AnswerRest, last: boolean): void {
    this.write(Buffer.concat([DATA, singleLine(before), Buffer.from(JSON.stringify(id)), singleLine(after)]));
    this.#pipe(rest, singleLine, () => {
      this.write(EVENT_END);
      if (last) this.#finish();
    });
  }

  #answerInBatch(id: RequestId, answer: Answer): void {
    this.#gathering++;
    const add = (bytes: Buffer): void => {
      this.#gathering--;
      this.#batch.push(bytes);
      this.#endBatch();
    };
    if (answer.kind === 'result') return gather(id, answer, add, () => this.destroy());
    const body = answer.kind === 'error' ? { error: answer.error } : { result: answer.result };
    add(Buffer.from(JSON.stringify({ jsonrpc: '2.0', id, ...body })));
  }

  #endBatch(): void {
    if (this.#left > 0 || this.#gathering > 0) return;
    this.#finished = true;
    const list = this.#batch.flatMap((part, index) => (index === 0 ? [part] : [COMMA, part]));
    this.#writeJson(Buffer.from('['), ...list, Buffer.from(']'));
  }

  #finish(): void {
    this.#finished = true;
    this.#response.end();
  }

  #closed(): void {
    if (this.#finished) return;
    if (this.#outbox === undefined) this.#gone();
    else this.#outbox.disconnect(this);
  }

  #gone(): void {
    if (this.#finished) return;
    this.#finished = true;
    this.#outbox?.end();
    this.#options.onGone();
  }
}

/** Frees what an answer holds that nobody wants any more. */
function releaseAnswer(answer: Answer): void {
  if (answer.kind === 'result') answer.rest?.cancel();
}

/** JSON has line breaks only between its tokens: as spaces they cannot end an event. */
function singleLine(bytes: Buffer): Buffer {
  return isSingleLine(bytes) ? bytes : Buffer.from(bytes.toString('latin1').replace(LINE_BREAKS, ' '), 'latin1');
}

/** The whole response as one buffer. */
export function gather(
  id: RequestId,
  answer: Answer & { kind: 'result' },
  done: (bytes: Buffer) => void,
  fail: () => void,
): void {
  const parts = [answer.before, Buffer.from(JSON.stringify(id)), answer.after];
  if (answer.rest === undefined) return done(Buffer.concat(parts));
  answer.rest.pipe({
    write: (chunk) => {
      parts.push(chunk);
      return true;
    },
    end: () => done(Buffer.concat(parts)),
    fail,
  });
}
