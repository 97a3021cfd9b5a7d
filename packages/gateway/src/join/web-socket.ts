/** A link over WebSocket, with stdio framing: one message a text frame. It neither reconnects nor looks into messages. */
import { Agent } from 'node:http';
import { Agent as TlsAgent } from 'node:https';
import { isSingleLine } from '@sallyport/wire';
import type { Link, LinkEvents } from './link.ts';

export interface SocketOptions {
  /** ws or wss. */
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** Whether its certificate must hold for the URL. */
  readonly tls: { readonly rejectUnauthorized: boolean };
  /** Until the connection is open. */
  readonly timeoutMs: number;
  /** Of one message. */
  readonly maxBytes: number;
}

/** With so much waiting to be sent, no more should come. */
const FULL_BYTES = 1024 * 1024;
const LINE_BREAKS = /[\r\n]/g;

/** The gateway did not take the connection. */
export class JoinError extends Error {
  override readonly name = 'JoinError';
  /** HTTP status of the refusal; undefined when there was no answer. */
  readonly status: number | undefined;

  constructor(message: string, status?: number) {
    super(message);
    this.status = status;
  }
}

/** Rejects with a JoinError. */
export async function openSocketLink(options: SocketOptions, events: LinkEvents): Promise<Link> {
  const { WebSocket } = await import('ws');
  const socket = new WebSocket(options.url, {
    headers: options.headers,
    // An agent of its own: the shared one may be told by the environment to use a proxy.
    agent: options.url.protocol === 'wss:' ? new TlsAgent(options.tls) : new Agent(),
    handshakeTimeout: options.timeoutMs,
    maxPayload: options.maxBytes,
    perMessageDeflate: false,
  });
  let opened = false;
  let full = false;
  // Listened to from the first: what comes right behind the answer to the upgrade must find its listener.
  socket.on('message', (data: Buffer, isBinary: boolean) => {
    if (!isBinary) events.onMessage(singleLine(data));
  });
  socket.once('close', () => {
    if (opened) events.onClosed();
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('open', resolve);
    socket.on('error', (error) => reject(new JoinError(error.message)));
    socket.once('unexpected-response', (request, { statusCode = 0 }) => {
      request.destroy();
      reject(new JoinError(`it answered ${statusCode}`, statusCode));
    });
  });
  opened = true;
  const sent = (): void => {
    if (!full || socket.bufferedAmount > FULL_BYTES / 2) return;
    full = false;
    events.onDrain();
  };
  return {
    send: (message) => {
      // Bytes that came as text go out as text: they are not decoded in between.
      socket.send(message, { binary: false }, sent);
      full ||= socket.bufferedAmount > FULL_BYTES;
      return !full;
    },
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    close: () => socket.close(1000),
  };
}

/** Line breaks between the tokens of JSON become spaces; in its strings there are none. */
function singleLine(message: Buffer): Buffer {
  if (isSingleLine(message)) return message;
  return Buffer.from(message.toString('latin1').replace(LINE_BREAKS, ' '), 'latin1');
}
