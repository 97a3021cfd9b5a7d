/**
 * The transport of 2024-11-05 (transports, "HTTP with SSE"): GET opens a stream that carries all that the server says and
 * begins with where to post to; POST carries a message of the client, and its answer goes over the stream. A POST is
 * checked as one to the MCP endpoint is. The id of a stream is no credential: it counts for its own principal alone.
 * Requests of the stateless era are refused: their answers belong into the response to their POST.
 */

import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { sseEvent, wireError, type MessageLimits } from '@sallyport/wire';
import { MAX_WAITING_BYTES, type Connection } from '../connection/connection.ts';
import type { ConnectionTable, RemoteChannel } from '../connection/table.ts';
import { principalKey } from '../exchange.ts';
import { readAccept } from './accept.ts';
import type { Arrival, Endpoint } from './arrival.ts';
import { openEventStream, type EventStream } from './event-stream.ts';
import { accept, readPost, type Posted } from './post.ts';
import { refuseArrival } from './refuse.ts';

export interface SseDoorOptions {
  readonly connections: ConnectionTable;
  /** The path of `messages`. */
  readonly messagesPath: string;
  readonly maxBodyBytes: number;
  readonly messageLimits: MessageLimits;
}

export interface SseDoor {
  /** What stands at the path that clients are given. */
  readonly stream: Endpoint;
  /** What stands at `messagesPath`. */
  readonly messages: Endpoint;
}

interface OpenStream {
  readonly connection: Connection;
  readonly channel: SseChannel;
  readonly owner: string;
}

export function createSseDoor(options: SseDoorOptions): SseDoor {
  const streams = new Map<string, OpenStream>();
  return {
    stream: { handle: (arrival) => open(arrival, options, streams) },
    messages: { handle: (arrival) => post(arrival, options, streams) },
  };
}

function open(arrival: Arrival, { connections, messagesPath }: SseDoorOptions, streams: Map<string, OpenStream>): void {
  const { address, endpoint, headers, principal, request, response } = arrival;
  if (request.method !== 'GET') {
    return refuseArrival(arrival, wireError('method_not_allowed'), { headers: { allow: 'GET' } });
  }
  if (!readAccept(request.headers.accept).stream) {
    return refuseArrival(arrival, wireError('not_acceptable', 'Accept must allow text/event-stream.'));
  }
  const refusal = connections.refusal(principal);
  if (refusal !== undefined) return refuseArrival(arrival, refusal, { headers: { 'retry-after': '60' } });
  const id = randomUUID();
  const channel = new SseChannel(response, headers);
  const transport = 'sse';
  const stateless = false;
  const connection = connections.open({ transport, request, principal, address, endpoint, channel, stateless });
  streams.set(id, { connection, channel, owner: principalKey(principal) });
  response.once('close', () => {
    streams.delete(id);
    connection.destroy();
  });
  channel.begin(`${messagesPath}?sessionId=${id}`);
}

function post(arrival: Arrival, options: SseDoorOptions, streams: ReadonlyMap<string, OpenStream>): void {
  const { principal, request } = arrival;
  if (request.method !== 'POST') {
    return refuseArrival(arrival, wireError('method_not_allowed'), { headers: { allow: 'POST' } });
  }
  const stream = streams.get(/[?&]sessionId=([0-9a-f-]{36})(?:&|$)/.exec(request.url ?? '')?.[1] ?? '');
  if (stream === undefined || stream.owner !== principalKey(principal)) {
    return refuseArrival(arrival, wireError('no_session'));
  }
  const { channel, connection } = stream;
  if (!channel.hasRoom(Number(request.headers['content-length'] ?? 0))) return refuseForNow(arrival);
  readPost(arrival, options, (posted, text) => {
    if (posted.kind === 'batch') return refuseArrival(arrival, wireError('invalid_request', NO_BATCHES));
    if (!channel.hasRoom(text.length)) return refuseForNow(arrival);
    const callback = (): void => take(arrival, connection, posted, text);
    const forget = channel.whenTaken({ characters: text.length, callback });
    // Whoever did not wait for the answer has sent nothing.
    if (forget !== undefined) arrival.response.once('close', forget);
  });
}

/** The client does not read what it was told. A small body that nobody wants must not wait with its answer. */
function refuseForNow(arrival: Arrival): void {
  arrival.request.resume();
  refuseArrival(arrival, wireError('rate_limited', UNREAD), { headers: { 'retry-after': '1' } });
}

function take(arrival: Arrival, connection: Connection, posted: Posted, text: string): void {
  if (connection.destroyed) return refuseArrival(arrival, wireError('no_session'));
  accept(arrival);
  connection.take(posted, text);
}

const NO_BATCHES = 'This transport carries no batches.';
const UNREAD = 'Read the event stream: too many messages wait for it.';
/** What may wait of a client that does not read. One message may always, however large the configuration allows it to be. */
const MAX_HELD = 16;
const MAX_HELD_CHARACTERS = 8 * 1024 * 1024;
const MESSAGE_START = 'event: message\ndata: ';
const MESSAGE_END = '\n\n';

/** A message that was read. */
interface Message {
  readonly characters: number;
  readonly callback: () => void;
}

class SseChannel implements RemoteChannel {
  readonly #stream: EventStream;
  /** What waits until the client has taken what was said before, in order. */
  readonly #held: Set<Message> = new Set();
  #heldCharacters = 0;
  #paused = false;

  constructor(response: ServerResponse, headers: Readonly<Record<string, string>>) {
    const maxWaitingBytes = MAX_WAITING_BYTES;
    this.#stream = openEventStream(response, headers, { maxWaitingBytes, onDrain: () => this.#release() });
  }

  get waitingBytes(): number {
    return this.#stream.waitingBytes;
  }

  begin(target: string): void {
    this.#stream.write(sseEvent(target, { event: 'endpoint' }));
  }

  send(message: string | Buffer): void {
    if (typeof message === 'string') return this.#stream.write(MESSAGE_START + message + MESSAGE_END);
    this.#stream.write(Buffer.concat([Buffer.from(MESSAGE_START), message, Buffer.from(MESSAGE_END)]));
  }

  pause(): void {
    this.#paused = true;
  }

  /** False: messages are not taken now, and one of this size may not wait either. */
  hasRoom(characters: number): boolean {
    if (!this.#paused || this.#held.size === 0) return true;
    return this.#held.size < MAX_HELD && this.#heldCharacters + characters <= MAX_HELD_CHARACTERS;
  }

  /** Calls back as soon as messages of the client are taken: mostly at once. If not, gives what makes it forget this one. */
  whenTaken(message: Message): (() => void) | undefined {
    if (!this.#paused) {
      message.callback();
      return undefined;
    }
    this.#held.add(message);
    this.#heldCharacters += message.characters;
    return () => this.#forget(message);
  }

  end(): void {
    this.#stream.end();
  }

  destroy(): void {
    this.#stream.destroy();
    this.#release();
  }

  sweep(): void {
    this.#stream.sweep();
  }

  #forget(message: Message): void {
    if (this.#held.delete(message)) this.#heldCharacters -= message.characters;
  }

  #release(): void {
    this.#paused = false;
    for (const message of this.#held) {
      if (this.#paused) return;
      this.#forget(message);
      message.callback();
    }
  }
}
