/**
 * The JSON-RPC traffic with one server over a channel (MCP, transports, stdio): requests out, answers back, and each
 * message of the server handed to the call that caused it. It does not negotiate an era and does not begin again.
 */

import { ERRORS, failure } from '@sallyport/wire';
import type { Era, JsonObject, JsonRpcNotification, JsonRpcRequest, RequestId } from '@sallyport/wire';
import { Asks } from '../asks.ts';
import { Calls, type Call } from '../calls.ts';
import { CHANGES } from '../changes.ts';
import type { SetTimer } from '../clock.ts';
import { decodeLine, oversizeOf } from '../decode.ts';
import { UpstreamError, type LegEvents, type Outgoing, type Pending } from '../leg.ts';
import type { Channel, ChannelHooks, Oversize } from './channel.ts';

export interface ConnectionOptions {
  /** The server's name in the configuration, for messages. */
  readonly name: string;
  readonly open: (hooks: ChannelHooks) => Promise<Channel>;
  readonly maxMessageBytes: number;
  readonly events: LegEvents;
  readonly now: () => number;
  readonly setTimer?: SetTimer;
}

/** What `Connection.request` takes beyond a leg's requests. */
export interface RequestOptions {
  /** Nothing tells the server that the request was given up. */
  readonly silent?: boolean;
}

const ignore = (): void => undefined;

/** Opens the channel. Rejects with `UpstreamError` when that fails. */
export async function openConnection(options: ConnectionOptions): Promise<Connection> {
  const connection = new Connection(options);
  await connection.start();
  return connection;
}

export class Connection {
  /** Until it is known, requests of the server are refused. */
  era: Era | undefined;
  /** Where acknowledgements of `subscriptions/listen` go. */
  onAcknowledged: ((message: JsonRpcNotification) => void) | undefined;
  readonly #options: ConnectionOptions;
  readonly #calls: Calls;
  /** Requests of the server under way. */
  readonly #asks: Asks;
  #channel: Channel | undefined;
  #closing: UpstreamError | undefined;
  #down: UpstreamError | undefined;
  #noiseLines = 0;
  #isStuck = false;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#calls = new Calls({
      now: options.now,
      ...(options.setTimer !== undefined && { setTimer: options.setTimer }),
      onTimeout: (call) => this.#tellCancelled(call, 'timeout'),
    });
    this.#asks = new Asks({
      answer: (id, answer) => this.#send({ jsonrpc: '2.0', id, ...answer }),
      onUnattributed: (message) => options.events.onUnattributed(message),
      hold: () => this.#calls.hold(),
    });
  }

  get pid(): number | undefined {
    return this.#channel?.pid;
  }

  get inFlight(): number {
    return this.#calls.inFlight;
  }

  /** What came and was no message, or one that concerns nobody. */
  get noiseLines(): number {
    return this.#noiseLines + (this.#channel?.noiseLines ?? 0);
  }

  async start(): Promise<void> {
    this.#channel = await this.#options.open({
      maxMessageBytes: this.#options.maxMessageBytes,
      onMessage: (bytes) => this.#receive(bytes),
      onOversize: (edges) => this.#onOversize(edges),
      onUnsent: (id, error) => this.#onUnsent(id, error),
      onDown: (error) => this.#onDown(error),
      logId: () => this.#calls.onlyCause()?.cause.logId?.(),
    });
  }

  request(outgoing: Outgoing, options?: RequestOptions): Pending {
    const call = this.#calls.open(outgoing, options?.silent === true);
    // A caller that went away does not wait for the rejection.
    call.answer.catch(ignore);
    const problem = this.#down ?? this.#closing ?? this.#backlogProblem();
    if (problem === undefined) this.#channel?.send(outgoing.text(call.id), call.id);
    else this.#calls.fail(call, problem);
    return {
      answer: call.answer,
      cancel: (reason) => {
        const error = new UpstreamError('cancelled', `The call of ${call.method} was given up.`);
        if (this.#calls.abandon(call, error)) this.#tellCancelled(call, reason);
      },
    };
  }

  notify(method: string, params?: JsonObject): void {
    this.#send({ jsonrpc: '2.0', method, ...(params !== undefined && { params }) });
  }

  /** Resolves when what was sent so far cannot be overtaken by what is sent later. */
  async whenOrdered(): Promise<void> {
    await this.#channel?.whenOrdered();
  }

  /** Takes no more requests, waits for the calls that are under way, then ends the channel. */
  async close(): Promise<void> {
    this.#closing ??= new UpstreamError('down', `The server "${this.#options.name}" is being stopped.`);
    await this.#calls.whenIdle();
    this.#fail(this.#closing);
    await this.#channel?.close();
  }

  destroy(): void {
    this.#fail(new UpstreamError('down', `The server "${this.#options.name}" was stopped at once.`));
    this.#channel?.destroy();
  }

  /** What is said besides requests is dropped when the other side does not read: a server's pings must not fill memory. */
  #send(message: object): void {
    if (this.#down !== undefined) return;
    const problem = this.#backlogProblem();
    if (problem === undefined) this.#channel?.send(JSON.stringify(message));
    else if (!this.#isStuck) this.#options.events.log('warn', problem.message, { server: this.#options.name });
    this.#isStuck = problem !== undefined;
  }

  #backlogProblem(): UpstreamError | undefined {
    const backlogBytes = this.#channel?.backlogBytes ?? 0;
    if (backlogBytes <= this.#options.maxMessageBytes) return undefined;
    const { name } = this.#options;
    return new UpstreamError('down', `The server "${name}" does not read: ${backlogBytes} bytes wait for it.`);
  }

  #tellCancelled(call: Call, reason: string | undefined): void {
    if (call.silent) return;
    this.notify('notifications/cancelled', { requestId: call.id, ...(reason !== undefined && { reason }) });
  }

  #fail(error: UpstreamError): void {
    if (this.#down !== undefined) return;
    this.#down = error;
    this.#asks.destroy();
    this.#calls.failAll(error);
  }

  #onDown(error: UpstreamError): void {
    const wasUp = this.#down === undefined;
    this.#fail(error);
    if (wasUp) this.#options.events.onDown(error);
  }

  #onUnsent(id: number, error: UpstreamError): void {
    const call = this.#calls.find(id);
    if (call !== undefined) this.#calls.fail(call, error);
  }

  /** When it is not known which call the message was for, none may go on waiting for it. */
  #onOversize({ head, tail }: Oversize): void {
    const { name, maxMessageBytes, events } = this.#options;
    const text = `A message of the server "${name}" was larger than ${maxMessageBytes} bytes.`;
    const owner = oversizeOf(head, tail);
    events.log('warn', text, { server: name, message: owner.kind });
    const error = new UpstreamError('too_large', text);
    if (owner.kind === 'unknown') return this.#calls.abandonAll(error);
    if (owner.kind === 'response') this.#onUnsent(owner.id, error);
  }

  #receive(line: Buffer): void {
    if (this.#down !== undefined) return;
    const decoded = decodeLine(line);
    switch (decoded.kind) {
      case 'result':
        return this.#settled(this.#calls.settle(decoded.id, decoded), decoded.id);
      case 'error':
        return this.#settled(this.#calls.settle(decoded.id, { kind: 'error', error: decoded.error }), decoded.id);
      case 'notification':
        return this.#onNotification(decoded.message);
      case 'request':
        return this.#onRequest(decoded.message);
      case 'batch':
        for (const entry of decoded.lines) this.#receive(entry);
        return;
      case 'broken':
        return this.#onBroken(decoded.id, decoded.reason);
      case 'noise':
        return this.#onNoise(decoded.reason);
    }
  }

  #settled(wasAwaited: boolean, id: RequestId | undefined): void {
    if (wasAwaited) return;
    this.#options.events.log('debug', 'An answer came that nobody waits for; it was dropped.', {
      server: this.#options.name,
      id: id ?? null,
    });
  }

  #onBroken(id: number, reason: string): void {
    const call = this.#calls.find(id);
    if (call === undefined) return this.#onNoise(reason);
    this.#calls.fail(call, new UpstreamError('protocol', `The answer of "${this.#options.name}" is broken. ${reason}`));
  }

  /** Said once: a server that talks beside the protocol does so all the time. */
  #onNoise(reason: string): void {
    if (this.#noiseLines++ > 0) return;
    const { name, events } = this.#options;
    events.log('warn', `The server "${name}" sent something that is no message; such things are skipped. ${reason}`, {
      server: name,
    });
  }

  #onNotification(message: JsonRpcNotification): void {
    switch (message.method) {
      case 'notifications/progress':
        return this.#onProgress(message);
      case 'notifications/subscriptions/acknowledged':
        return this.onAcknowledged?.(message);
      case 'notifications/cancelled':
        return this.#onCancelled(message);
      default:
        return this.#onOther(message);
    }
  }

  /** The server takes a request of its own back. */
  #onCancelled(message: JsonRpcNotification): void {
    this.#guard(() => {
      const wasAsked = this.#asks.takeBack(message.params?.['requestId'], message);
      if (!wasAsked) this.#options.events.onNotification(message);
    });
  }

  /** Progress of a call that is over is nobody's. */
  #onProgress(message: JsonRpcNotification): void {
    const call = this.#calls.find(message.params?.['progressToken'] as RequestId | undefined);
    call?.clock.renew();
    this.#guard(() => call?.cause?.notify(message));
  }

  /** Logs, ends of an elicitation elsewhere, and what this side does not know: something that the one call has caused. */
  #onOther(message: JsonRpcNotification): void {
    const call = CHANGES.has(message.method) ? undefined : this.#calls.onlyCause();
    this.#guard(() => (call === undefined ? this.#options.events.onNotification(message) : call.cause.notify(message)));
  }

  /** Calls what belongs to others, which must not break the channel that it is called from. */
  #guard(callback: () => void): void {
    try {
      callback();
    } catch (error) {
      const { name, events } = this.#options;
      events.log('error', `What "${name}" said could not be taken.`, { server: name, error: String(error) });
    }
  }

  #onRequest(message: JsonRpcRequest): void {
    if (this.era === 'session') return this.#asks.ask(message, this.#calls.onlyCause());
    if (this.era === undefined && message.method === 'ping') return this.#asks.ask(message, undefined);
    const { name, events } = this.#options;
    const text = `The server "${name}" sent a request (${message.method}), which it may not; it was refused.`;
    events.log('warn', text, { server: name });
    this.#send(failure({ code: ERRORS.method_not_found.code, message: ERRORS.method_not_found.message }, message.id));
  }
}
