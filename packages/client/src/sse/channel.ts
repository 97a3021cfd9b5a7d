/**
 * The legacy transport HTTP+SSE (2024-11-05, transports) as a channel: the server speaks on one event stream, whose first
 * event names where each message of this side is posted. That place must be of the stream's origin: the credentials go
 * there too. Nothing is resumed: a stream that ends is the end.
 */

import { createSseReader, type SseEvent } from '@sallyport/wire';
import { unrefTimer, type SetTimer } from '../clock.ts';
import type { Channel, ChannelHooks, Opening } from '../duplex/channel.ts';
import type { HttpDispatcher } from '../http/dispatcher.ts';
import { createEndpoint, type Endpoint, type Sent } from '../http/endpoint.ts';
import { DISCARD, Exchange, isEventStream, transportError, type BodyReader } from '../http/exchange.ts';
import { statusError, type ResponseHeaders } from '../http-status.ts';
import { UpstreamError } from '../leg.ts';
import type { Environment } from '../proxy.ts';

/** A POST is answered when the message was taken; some servers answer when it was worked on. */
const POST_MS = 60_000;
const MAX_ADDRESS_BYTES = 8 * 1024;

export interface SseChannelOptions {
  readonly url: URL;
  /** Sent to this origin alone; lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly env: Environment;
  readonly dispatcher: HttpDispatcher;
  /** Milliseconds until the stream must have named the address for messages. */
  readonly connectTimeoutMs: number;
  readonly setTimer?: SetTimer;
}

/** Rejects with `UpstreamError`. */
export async function openStream(options: SseChannelOptions, hooks: ChannelHooks, opening: Opening): Promise<Channel> {
  const channel = new StreamChannel(options, hooks, opening);
  await channel.opened;
  return channel;
}

class StreamChannel implements Channel {
  readonly pid = undefined;
  readonly noiseLines = 0;
  backlogBytes = 0;
  readonly #options: SseChannelOptions;
  readonly #hooks: ChannelHooks;
  readonly #opening: Opening;
  readonly #exchange: Exchange;
  readonly #where: string;
  readonly #posts = new Set<Promise<void>>();
  readonly #opened = Promise.withResolvers<void>();
  readonly #giveUp: () => void;
  readonly #takeBack: () => void;
  /** Where messages go, once the stream has said it. */
  #messages: Endpoint | undefined;
  #isOver = false;

  constructor(options: SseChannelOptions, hooks: ChannelHooks, opening: Opening) {
    const { setTimer = unrefTimer, connectTimeoutMs } = options;
    this.#options = options;
    this.#hooks = hooks;
    this.#opening = opening;
    const stream = this.#endpointAt(options.url);
    this.#where = stream.where;
    this.#exchange = new Exchange({
      head: (status, headers) => this.#onHead(status, headers),
      fail: (error) => this.#end(transportError(error, this.#where)),
    });
    this.#giveUp = () => this.#end(new UpstreamError('down', `The stream of ${this.#where} is not wanted any more.`));
    this.#takeBack = setTimer(() => {
      const text = `${this.#where} named no address for messages within ${connectTimeoutMs} ms.`;
      this.#end(new UpstreamError('timeout', text));
    }, connectTimeoutMs);
    opening.signal.addEventListener('abort', this.#giveUp);
    stream.get(this.#exchange, stream.streamHeaders);
    if (opening.signal.aborted) this.#giveUp();
  }

  /** The address for messages is known. */
  get opened(): Promise<void> {
    return this.#opened.promise;
  }

  send(text: string, requestId?: number): void {
    if (this.#isOver || this.#messages === undefined) return;
    const { where, postHeaders } = this.#messages;
    const bytes = Buffer.byteLength(text);
    this.backlogBytes += bytes;
    const post = this.#messages.tell('POST', postHeaders, text, POST_MS).then((sent) => {
      this.backlogBytes -= bytes;
      this.#posts.delete(post);
      this.#onPosted(sent, requestId, where);
    });
    this.#posts.add(post);
  }

  /** Each message has a connection of its own, so only what was taken cannot be overtaken. */
  async whenOrdered(): Promise<void> {
    await Promise.all(this.#posts);
  }

  close(): Promise<void> {
    this.destroy();
    return Promise.resolve();
  }

  destroy(): void {
    this.#end(new UpstreamError('down', `The stream of ${this.#where} was closed.`), true);
  }

  #endpointAt(url: URL): Endpoint {
    const { headers, env, dispatcher, connectTimeoutMs, setTimer } = this.#options;
    const { events } = this.#opening;
    const timer = setTimer !== undefined && { setTimer };
    return createEndpoint({ url, headers, env, dispatcher, connectTimeoutMs, events, ...timer });
  }

  #onHead(status: number, headers: ResponseHeaders): BodyReader {
    if (!isEventStream(status, headers)) {
      this.#end(statusError({ status, headers }, this.#where));
      return DISCARD;
    }
    const { maxMessageBytes } = this.#hooks;
    const reader = createSseReader({
      maxEventBytes: maxMessageBytes,
      onEvent: (event) => this.#onEvent(event),
      onOversize: () => {
        const text = `${this.#where} sent an event of more than ${maxMessageBytes} bytes, and was cut off.`;
        this.#end(new UpstreamError('too_large', text));
      },
    });
    return {
      data: (chunk) => reader.push(chunk),
      end: () => this.#end(new UpstreamError('down', `${this.#where} ended its stream.`)),
      fail: (error) => this.#end(transportError(error, this.#where)),
    };
  }

  #onEvent({ event, data }: SseEvent): void {
    if (this.#isOver) return;
    if (event === 'endpoint') this.#onAddress(data);
    else if (event === 'message' && this.#messages !== undefined) this.#hooks.onMessage(data);
  }

  /** Said once; another one is not obeyed. */
  #onAddress(data: Buffer): void {
    if (this.#messages !== undefined) return;
    const address = addressOf(data, this.#options.url);
    if (address === undefined) {
      const { origin } = this.#options.url;
      const text = `${this.#where} wants messages sent elsewhere than to ${origin}; they and their credentials are not.`;
      return this.#end(new UpstreamError('protocol', text));
    }
    this.#messages = this.#endpointAt(address);
    this.#settle();
    this.#opened.resolve();
  }

  #onPosted(sent: Sent, requestId: number | undefined, where: string): void {
    const error = 'error' in sent ? sent.error : sent.status >= 300 ? refusal(sent.status, where) : undefined;
    if (error === undefined || this.#isOver) return;
    // The answer comes on the stream, and may come yet.
    if (requestId !== undefined && error.reason !== 'timeout') return this.#hooks.onUnsent(requestId, error);
    this.#opening.events.log('warn', `${where} did not take a message.`, { error: error.message });
  }

  #settle(): void {
    this.#takeBack();
    this.#opening.signal.removeEventListener('abort', this.#giveUp);
  }

  #end(error: UpstreamError, requested = false): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#settle();
    this.#exchange.abort();
    if (this.#messages === undefined) this.#opened.reject(error);
    else this.#hooks.onDown(error, requested);
  }
}

/** The address for messages that an `endpoint` event names; undefined when it is none of the stream's origin. */
function addressOf(data: Buffer, stream: URL): URL | undefined {
  if (data.length > MAX_ADDRESS_BYTES) return undefined;
  const address = URL.parse(data.toString('utf8').trim(), stream.href);
  return address?.origin === stream.origin ? address : undefined;
}

function refusal(status: number, where: string): UpstreamError {
  return statusError({ status, headers: {} }, where);
}
