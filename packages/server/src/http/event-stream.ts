/**
 * An event stream as the response to a GET: a session's own stream, the rest of a broken one (2025-11-25, transports,
 * "Listening"), or the one stream of HTTP+SSE.
 */

import type { ServerResponse } from 'node:http';
import { SSE_HEARTBEAT } from '@sallyport/wire';
import type { EventWriter } from '../outbox.ts';
import { flat } from './flat-headers.ts';
import { Outlet } from './outlet.ts';
import { STREAM_HEAD } from './reply-channel.ts';

const HEARTBEAT = Buffer.from(SSE_HEARTBEAT);

export interface EventStream extends EventWriter {
  /** Bytes that the client has not taken yet. */
  readonly waitingBytes: number;
  /** Keeps the connection alive, or cuts a client that has stopped reading. */
  sweep(): void;
  destroy(): void;
}

export interface EventStreamOptions {
  /** A client that lets more wait is cut. */
  readonly maxWaitingBytes?: number;
  /** Called when the client has taken what was waiting, after it had let much wait. */
  readonly onDrain?: () => void;
}

/** Begins a stream. `headers` are those of every answer. */
export function openEventStream(
  response: ServerResponse,
  headers: Readonly<Record<string, string>>,
  { maxWaitingBytes, onDrain }: EventStreamOptions = {},
): EventStream {
  response.writeHead(200, [...flat(headers), ...STREAM_HEAD]);
  response.flushHeaders();
  const outlet = new Outlet(response, maxWaitingBytes);
  outlet.onDrain = onDrain;
  return {
    get waitingBytes() {
      return outlet.waitingBytes;
    },
    write: (event) => void outlet.write(typeof event === 'string' ? Buffer.from(event) : event),
    end: () => outlet.end(),
    sweep: () => {
      if (outlet.stalled()) response.destroy();
      else if (outlet.idle) outlet.write(HEARTBEAT);
    },
    destroy: () => void response.destroy(),
  };
}
