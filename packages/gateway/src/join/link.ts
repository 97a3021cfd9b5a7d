/** A way to a gateway that takes and gives single MCP messages: over WebSocket, or inside this process. Types alone. */

export interface LinkEvents {
  /** One message, without a line break at its end. */
  onMessage(message: Buffer): void;
  /** What was sent is on its way: there is room again. */
  onDrain(): void;
  /** It is over; called once, and nothing after it. */
  onClosed(): void;
}

export interface Link {
  /** False when enough waits to be sent: `onDrain` says when to go on. What is given meanwhile is sent all the same. */
  send(message: Buffer): boolean;
  /** No more messages for now; a few that are under way may still come. */
  pause(): void;
  resume(): void;
  /** Ends it in order. Idempotent. */
  close(): void;
}

/** Rejects when the gateway cannot be reached, with an error for a person. */
export type OpenLink = (events: LinkEvents) => Promise<Link>;
