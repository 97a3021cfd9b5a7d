/**
 * MCP over this process's own stdio (2025-11-25 and 2026-07-28, transports, "stdio"): one message a line, nothing else on
 * the output. Lines and streams are here; what the messages mean is in connection.ts.
 */

import { isUtf8 } from 'node:buffer';
import type { Readable, Writable } from 'node:stream';
import { wireError, type MessageLimits } from '@sallyport/wire';
import { Connection, type Channel } from '../connection/connection.ts';
import type { Principal, Served } from '../exchange.ts';
import { LineReader } from './lines.ts';

export interface StdioDoorOptions {
  readonly input: Readable;
  readonly output: Writable;
  readonly served: Served;
  readonly principal: Principal;
  /** The folder that the client works in. */
  readonly folder?: string;
  readonly maxLineBytes: number;
  readonly messageLimits: MessageLimits;
}

export interface StdioDoor {
  /** Resolves when the client has closed its side and every answer is written. */
  readonly done: Promise<void>;
  /** Takes no more requests; `done` resolves when those under way are answered and written. Idempotent. */
  drain(): void;
  /** Cancels what is under way and ends the session. Idempotent. */
  close(): void;
}

/** The name of the place and of its one session. */
const STDIO = 'stdio';
const LF = '\n';

export function openStdioDoor(options: StdioDoorOptions): StdioDoor {
  const { input, maxLineBytes, messageLimits, output, principal, folder, served } = options;
  const { promise: done, resolve: onClosed } = Promise.withResolvers<void>();
  const connection: Connection = new Connection({
    channel: channelOver(options, () => connection.destroy()),
    peer: { transport: STDIO, endpoint: STDIO, principal, local: () => ({ folder }) },
    served,
    messageLimits,
    sessionId: STDIO,
    stateless: true,
    onClosed: () => {
      input.off('data', onData);
      onClosed();
    },
  });
  const lines = new LineReader({
    maxBytes: maxLineBytes,
    onLine: (line) => takeLine(connection, line),
    onOversize: () => connection.refuse(wireError('too_large', `A message may be ${maxLineBytes} bytes at most.`)),
  });
  const onData = (chunk: Buffer): void => lines.push(chunk);
  /** The client has said all; what it asked is still answered. A last line without its end counts when it is whole. */
  const onEnd = (): void => {
    lines.end();
    connection.drain();
  };
  input.on('data', onData).once('end', onEnd).once('close', onEnd).on('error', onEnd);
  output.on('error', () => connection.destroy()).once('close', () => connection.destroy());
  output.on('drain', () => {
    if (!connection.destroyed) input.resume();
  });
  return { done, drain: () => connection.drain(), close: () => connection.destroy() };
}

function takeLine(connection: Connection, line: Buffer): void {
  if (!isUtf8(line)) return connection.refuse(wireError('parse', 'The line is not valid UTF-8.'));
  const text = line.toString('utf8').trim();
  if (text !== '') connection.receive(text);
}

function channelOver({ input, output }: StdioDoorOptions, ended: () => void): Channel {
  return {
    send: (message) => {
      if (output.destroyed) return;
      if (typeof message === 'string') output.write(message + LF);
      else {
        output.write(message);
        output.write(LF);
      }
    },
    get waitingBytes() {
      return output.writableLength;
    },
    pause: () => void input.pause(),
    end: () => void output.write('', ended),
    // Paused, or the process of a door on standard input could not end.
    destroy: () => void input.pause(),
  };
}
