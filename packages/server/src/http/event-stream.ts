/** The response to a GET: a session's own stream, or the rest of a broken one (2025-11-25, transports, "Listening"). */

import type { ServerResponse } from 'node:http';
import { SSE_HEARTBEAT } from '@sallyport/wire';
import type { EventWriter } from '../outbox.ts';
import { Outlet } from './outlet.ts';
import { STREAM_HEAD } from './reply-channel.ts';

const HEARTBEAT = Buffer.from(SSE_HEARTBEAT);

export interface EventStream extends EventWriter {
  /** Keeps the connection alive, or cuts a client that has stopped reading. */
  sweep(): void;
}

/** Begins a stream. `headers` are those of every answer, flat. */
export function openEventStream(response: ServerResponse, headers: readonly string[]): EventStream {
  response.writeHead(200, [...headers, ...STREAM_HEAD]);
  response.flushHeaders();
  const outlet = new Outlet(response);
  return {
    write: (event) => void outlet.write(typeof event === 'string' ? Buffer.from(event) : event),
    end: () => outlet.end(),
    sweep: () => {
      if (outlet.stalled()) response.destroy();
      else if (outlet.idle) outlet.write(HEARTBEAT);
    },
  };
}
