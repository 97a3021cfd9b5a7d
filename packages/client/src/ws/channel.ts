/**
 * A WebSocket as a channel: one message a text frame, as stdio frames it by lines. Binary frames are no messages. A frame
 * over the limit cuts the connection, since nothing can be skipped.
 */

import type { RawData, WebSocket } from 'ws';
import { unrefTimer, type SetTimer } from '../clock.ts';
import type { Channel, ChannelHooks, Opening } from '../duplex/channel.ts';
import { UpstreamError } from '../leg.ts';
import { tlsRules } from '../tls.ts';
import type { Authorization, WsTarget } from '../upstream.ts';
import type { Environment } from '../proxy.ts';
import { dialAuthorized } from './authorized.ts';
import { socketError, whereOf } from './dial.ts';
import { startHeartbeat, type Heartbeat } from './heartbeat.ts';

const NORMAL_CLOSURE = 1000;

export interface WsChannelOptions {
  readonly target: WsTarget;
  readonly authorization?: Authorization | undefined;
  readonly env: Environment;
  readonly connectTimeoutMs: number;
  readonly setTimer?: SetTimer;
}

/** Rejects with `UpstreamError`. */
export async function openSocket(options: WsChannelOptions, hooks: ChannelHooks, opening: Opening): Promise<Channel> {
  const { target, authorization, env, connectTimeoutMs, setTimer = unrefTimer } = options;
  const socket = await dialAuthorized(authorization, {
    url: target.url,
    headers: target.headers,
    ...(target.tls && { tls: tlsRules(target.tls) }),
    env,
    timeoutMs: connectTimeoutMs,
    maxMessageBytes: hooks.maxMessageBytes,
    setTimer,
    signal: opening.signal,
  });
  return new SocketChannel(socket, { where: whereOf(target.url), hooks, setTimer });
}

interface SocketChannelOptions {
  readonly where: string;
  readonly hooks: ChannelHooks;
  readonly setTimer: SetTimer;
}

class SocketChannel implements Channel {
  readonly pid = undefined;
  noiseLines = 0;
  readonly #socket: WebSocket;
  readonly #options: SocketChannelOptions;
  readonly #heartbeat: Heartbeat;
  readonly #over = Promise.withResolvers<void>();
  #error: UpstreamError | undefined;
  #requested = false;

  constructor(socket: WebSocket, options: SocketChannelOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#heartbeat = startHeartbeat({
      setTimer: options.setTimer,
      ping: () => socket.ping(),
      onDead: () => {
        this.#error = new UpstreamError('down', `${options.where} answers no pings any more; it was cut off.`);
        socket.terminate();
      },
    });
    this.#listen();
  }

  get backlogBytes(): number {
    return this.#socket.bufferedAmount;
  }

  send(text: string): void {
    if (this.#socket.readyState === this.#socket.OPEN) this.#socket.send(oneLine(text));
  }

  /** Frames stay in order. */
  whenOrdered(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.#requested = true;
    this.#socket.close(NORMAL_CLOSURE);
    return this.#over.promise;
  }

  destroy(): void {
    this.#requested = true;
    this.#socket.terminate();
  }

  #listen(): void {
    const socket = this.#socket;
    socket.on('message', (data, isBinary) => this.#onFrame(data, isBinary));
    socket.on('ping', () => this.#heartbeat.alive());
    socket.on('pong', () => this.#heartbeat.alive());
    socket.on('error', (error) => {
      this.#error ??= socketError(error, this.#options.where);
    });
    socket.once('close', (code, reason) => this.#onClose(code, reason.toString()));
    socket.resume();
  }

  #onFrame(data: RawData, isBinary: boolean): void {
    this.#heartbeat.alive();
    // The type of text is Buffer, since no other was asked for.
    if (isBinary || !Buffer.isBuffer(data)) this.noiseLines++;
    else this.#options.hooks.onMessage(data);
  }

  #onClose(code: number, reason: string): void {
    const { where, hooks } = this.#options;
    this.#heartbeat.stop();
    const said = reason === '' ? '' : ` and said ${JSON.stringify(reason)}`;
    this.#error ??= new UpstreamError('down', `${where} closed the connection (${code})${said}.`);
    hooks.onDown(this.#error, this.#requested);
    this.#over.resolve();
  }
}

/**
 * A line break in JSON can only be white space between tokens, so a space says the same. Left in, it could let a client's
 * body smuggle a message of its own through a bridge that writes frames to a child as lines.
 */
function oneLine(text: string): string {
  return text.includes('\n') || text.includes('\r') ? text.replace(/[\r\n]/g, ' ') : text;
}
