/**
 * How a supervised upstream gets its legs, whatever the transport. Types only.
 */

import type { Era } from '@sallyport/wire';
import type { Leg, LegEvents } from './leg.ts';

export interface ConnectRequest {
  readonly preferred: Era;
  readonly events: LegEvents;
}

export interface Connected {
  readonly leg: Leg;
  /** What the server speaks. */
  readonly eras: readonly Era[];
  /** Which callers the leg is for. */
  readonly serves: readonly Era[];
  readonly pid: number | undefined;
  /** What came and was no message, so far. */
  readonly noiseLines: () => number;
}

export interface Connector {
  /** One leg serves callers of both eras, so that starting it for one is starting it for the other. */
  readonly isShared: boolean;
  /** Rejects with `UpstreamError` and leaves nothing running then. */
  connect(request: ConnectRequest): Promise<Connected>;
  /** Breaks off what is being started and frees what legs share. Legs are ended before. */
  close(): Promise<void>;
  destroy(): void;
}
