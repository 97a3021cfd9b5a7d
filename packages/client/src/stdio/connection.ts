/**
 * One child process and the JSON-RPC traffic with it (MCP, transports, stdio): requests out, answers back, and each
 * message of the server handed to the call that caused it. It does not negotiate an era and does not restart the child.
 */

import type { Child, ChildExit, ChildOptions } from '@sallyport/host';
import { ERRORS, failure, wireError } from '@sallyport/wire';
import type { Era, JsonObject, JsonRpcNotification, JsonRpcRequest, RequestId } from '@sallyport/wire';
import type { SetTimer } from '../clock.ts';
import { UpstreamError, type LegEvents, type Outgoing, type Pending, type ServerRequestAnswer } from '../leg.ts';
import { Calls, type Call } from './calls.ts';
import { decodeLine } from './decode.ts';

/** Requests of the server that wait for an answer at the same time. */
const MAX_ASKS = 64;

/** What the connection wants from the child. */
export type ChildHooks = Pick<ChildOptions, 'maxLineBytes' | 'onLine' | 'onOversize' | 'onStderr' | 'onExit'>;

export interface ConnectionOptions {
  /** The server's name in the configuration, for messages. */
  readonly name: string;
  readonly start: (hooks: ChildHooks) => Promise<Child>;
  readonly maxMessageBytes: number;
  readonly events: LegEvents;
  readonly now: () => number;
  readonly setTimer?: SetTimer;
}

/** What `Connection.request` takes beyond a leg's requests. */
export interface RequestOptions {
  /** Nothing tells the server that the request was given up: `initialize` must not be cancelled, a probe need not be. */
  readonly silent?: boolean;
}

/** Starts the child. Rejects with `UpstreamError` (`down`) when it cannot be started. */
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
  /** Requests of the server under way, by its ids. */
  readonly #asks = new Map<RequestId, Call>();
  #child: Child | undefined;
  #closing: UpstreamError | undefined;
  #down: UpstreamError | undefined;
  #noiseLines = 0;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#calls = new Calls({
      now: options.now,
      ...(options.setTimer !== undefined && { setTimer: options.setTimer }),
      onTimeout: (call) => this.#tellCancelled(call, 'timeout'),
    });
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  get inFlight(): number {
    return this.#calls.inFlight;
  }

  /** Lines of stdout that were no message, or one that concerns nobody. */
  get noiseLines(): number {
    return this.#noiseLines + (this.#child?.noise.lines ?? 0);
  }

  /** Why it is over, once it is. */
  get down(): UpstreamError | undefined {
    return this.#down;
  }

  async start(): Promise<void> {
    const { name, start, maxMessageBytes, events } = this.#options;
    try {
      this.#child = await start({
        maxLineBytes: maxMessageBytes,
        onLine: (line) => this.#receive(line),
        onOversize: () => this.#onOversize(),
        onStderr: (text) => events.log('info', text, { server: name, stream: 'stderr' }),
        onExit: (exit) => this.#onExit(exit),
      });
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new UpstreamError('down', `The server "${name}" could not be started. ${reason}`, { cause: error });
    }
  }

  request(outgoing: Outgoing, options?: RequestOptions): Pending {
    const call = this.#calls.open(outgoing, options?.silent === true);
    const problem = this.#down ?? this.#closing ?? this.#backlogProblem();
    if (problem === undefined) this.#child?.send(outgoing.text(call.id));
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

  /** Takes no more requests, waits for the calls that are under way, then ends the child. */
  async close(): Promise<void> {
    this.#closing ??= new UpstreamError('down', `The server "${this.#options.name}" is being stopped.`);
    await this.#calls.whenIdle();
    this.#fail(this.#closing);
    await this.#child?.close();
  }

  destroy(): void {
    this.#fail(new UpstreamError('down', `The server "${this.#options.name}" was stopped at once.`));
    this.#child?.destroy();
  }

  #send(message: object): void {
    if (this.#down === undefined) this.#child?.send(JSON.stringify(message));
  }

  /** A child that reads nothing must not fill memory. */
  #backlogProblem(): UpstreamError | undefined {
    const backlogBytes = this.#child?.backlogBytes ?? 0;
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
    this.#asks.clear();
    this.#calls.failAll(error);
  }

  #onExit(exit: ChildExit): void {
    const { name, events } = this.#options;
    const how = exit.signal === null ? `with code ${exit.code}` : `by ${exit.signal}`;
    const tail = exit.stderrTail === '' ? '' : ` It said last: ${exit.stderrTail}`;
    const error = new UpstreamError('down', `The server "${name}" ended ${how}.${tail}`);
    const wasUp = this.#down === undefined;
    this.#fail(error);
    if (wasUp && !exit.requested) events.onDown(error);
  }

  /** Which call the line was for is not known, so none may go on waiting for it. */
  #onOversize(): void {
    const { name, maxMessageBytes, events } = this.#options;
    const text = `A message of the server "${name}" was larger than ${maxMessageBytes} bytes.`;
    events.log('warn', text, { server: name });
    this.#calls.abandonAll(new UpstreamError('too_large', text));
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

  /** Said once: a server that talks on stdout does so all the time. */
  #onNoise(reason: string): void {
    if (this.#noiseLines++ > 0) return;
    const { name, events } = this.#options;
    events.log('warn', `The server "${name}" wrote a line that is no message; such lines are skipped. ${reason}`, {
      server: name,
    });
  }

  #onNotification(message: JsonRpcNotification): void {
    switch (message.method) {
      case 'notifications/progress':
        return this.#onProgress(message);
      case 'notifications/cancelled':
        return this.#onCancelled(message);
      case 'notifications/message':
        return this.#onLogMessage(message);
      case 'notifications/subscriptions/acknowledged':
        return this.onAcknowledged?.(message);
      default:
        this.#options.events.onNotification(message);
    }
  }

  /** Progress of a call that is over is nobody's. */
  #onProgress(message: JsonRpcNotification): void {
    const call = this.#calls.find(message.params?.['progressToken'] as RequestId | undefined);
    call?.clock.renew();
    call?.cause?.notify(message);
  }

  #onLogMessage(message: JsonRpcNotification): void {
    const call = this.#calls.onlyCause();
    if (call === undefined) this.#options.events.onNotification(message);
    else call.cause.notify(message);
  }

  /** The server takes a request of its own back: nobody answers it, and its call's clock goes on. */
  #onCancelled(message: JsonRpcNotification): void {
    const id = message.params?.['requestId'] as RequestId;
    const call = this.#asks.get(id);
    if (call === undefined) return this.#options.events.onNotification(message);
    this.#asks.delete(id);
    call.clock.resume();
    call.cause?.notify(message);
  }

  #onRequest(message: JsonRpcRequest): void {
    if (this.era !== 'stateless' && message.method === 'ping') return this.#answer(message.id, { result: {} });
    if (this.era !== 'session') return this.#onForbiddenRequest(message);
    const call = this.#calls.onlyCause();
    if (call === undefined) return this.#answer(message.id, this.#options.events.onUnattributed(message));
    if (this.#asks.size >= MAX_ASKS || this.#asks.has(message.id)) {
      const { error } = wireError('rate_limited', `No more than ${MAX_ASKS} requests, each with an id of its own.`);
      return this.#answer(message.id, { error });
    }
    this.#asks.set(message.id, call);
    call.clock.pause();
    void call.cause.ask(message).then((answer) => this.#onAsked(message.id, call, answer));
  }

  #onAsked(id: RequestId, call: Call, answer: ServerRequestAnswer): void {
    if (this.#asks.get(id) !== call) return;
    this.#asks.delete(id);
    call.clock.resume();
    this.#answer(id, answer);
  }

  #answer(id: RequestId, answer: ServerRequestAnswer): void {
    this.#send({ jsonrpc: '2.0', id, ...answer });
  }

  /** 2026-07-28, transports, stdio: a server must not send requests. */
  #onForbiddenRequest(message: JsonRpcRequest): void {
    const { name, events } = this.#options;
    const text = `The server "${name}" sent a request (${message.method}), which it may not; it was refused.`;
    events.log('warn', text, { server: name });
    this.#send(failure({ code: ERRORS.method_not_found.code, message: ERRORS.method_not_found.message }, message.id));
  }
}
