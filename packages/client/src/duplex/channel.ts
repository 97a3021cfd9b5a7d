/**
 * What carries whole messages both ways between this side and one server: the pipes of a child, a WebSocket, or an event
 * stream with its POSTs. Types only. A channel knows neither eras nor calls.
 */

import type { LegEvents, UpstreamError } from '../leg.ts';

export interface Channel {
  readonly pid: number | undefined;
  /** What came and was no message, as far as the channel itself can tell. */
  readonly noiseLines: number;
  /** Bytes sent that the other side has not taken. Not limited here. */
  readonly backlogBytes: number;
  /** Without effect once it is over. `requestId` is given for what awaits an answer: see `onUnsent`. */
  send(text: string, requestId?: number): void;
  /** Resolves when what was sent so far cannot be overtaken by what is sent later. */
  whenOrdered(): Promise<void>;
  /** Ends it in order. Resolves when it is over. */
  close(): Promise<void>;
  /** Ends it now. */
  destroy(): void;
}

/** The edges of a message that was too large: as much of them as can hold its id. The end may not have come. */
export interface Oversize {
  readonly head: Buffer;
  readonly tail: Buffer | undefined;
}

/** Who listens to a channel. */
export interface ChannelHooks {
  readonly maxMessageBytes: number;
  /** The Buffer is the callee's. */
  readonly onMessage: (bytes: Buffer) => void;
  /** A message was larger than the limit, and the channel goes on without it. One that cannot go on is over. */
  readonly onOversize: (edges: Oversize) => void;
  /** A request was not taken: there will be no answer. */
  readonly onUnsent: (requestId: number, error: UpstreamError) => void;
  /** The id in the log of the one call that is under way: what is said meanwhile is most likely about it. */
  readonly logId: () => string | undefined;
  /** Once, last, however it ended; `requested`: by `close` or `destroy`. */
  readonly onDown: (error: UpstreamError, requested: boolean) => void;
}

export interface Opening {
  readonly events: LegEvents;
  /** Nobody waits for the channel any more. */
  readonly signal: AbortSignal;
}

/** Opens a channel. Rejects with `UpstreamError` and leaves nothing open then. */
export type OpenChannel = (hooks: ChannelHooks, opening: Opening) => Promise<Channel>;
