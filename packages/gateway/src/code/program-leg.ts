/**
 * A program as the gateway's other rooms know servers: something that carries one call, says things meanwhile, asks its client, and
 * gives a result. So the bridge parks a program that waits for input as it parks a server's call.
 */

import {
  UpstreamError,
  type Cause,
  type Leg,
  type Outgoing,
  type Pending,
  type UpstreamAnswer,
} from '@sallyport/client';
import type { Answer, Exchange } from '@sallyport/server';
import { wireError, type JsonObject, type JsonRpcNotification } from '@sallyport/wire';
import type { Call } from '../call.ts';
import { InnerExchange, INNER_PROGRESS } from '../inner-exchange.ts';
import type { InnerCall } from '../meta.ts';
import type { Engine, Running } from './engine.ts';
import type { Ended, ProgramLimits, ReplyMessage, ToolTable } from './messages.ts';

export interface Order {
  /** The call that brought the program. */
  readonly outer: Call;
  readonly code: string;
  /** What the program was called with; absent: nothing. */
  readonly args?: JsonObject;
  readonly tools: ToolTable;
  /** Milliseconds in which no person is waited for. */
  readonly timeoutMs: number;
  /** The result of the outer call for what came of the program. */
  readonly told: (ended: Omit<Ended, 'kind'>) => JsonObject;
}

export interface ProgramLegOptions {
  readonly engine: Engine;
  readonly inner: InnerCall;
  readonly limits: ProgramLimits;
  /** Calls that one client may have under way. */
  readonly concurrency: () => number;
  /** Bytes of a result that a program may read. */
  readonly readBytes: number;
  readonly setTimer: (fire: () => void, ms: number) => () => void;
  /** Milliseconds, monotonic. */
  readonly monotonic: () => number;
  readonly textOf: (answer: Extract<Answer, { kind: 'result' }>, exchange: Exchange) => Promise<string>;
}

/** What carries programs; `info` says who it is. */
export type ProgramLeg = Pick<Leg, 'era' | 'revision' | 'server' | 'request'>;

export function createProgramLeg(options: ProgramLegOptions, order: Order, info: JsonObject): ProgramLeg {
  return {
    era: 'session',
    revision: '2025-11-25',
    server: { info, capabilities: {}, instructions: undefined, revisions: [] },
    request: ({ cause }: Outgoing) => new ProgramRun(options, order, cause),
  };
}

class ProgramRun implements Pending {
  readonly answer: Promise<UpstreamAnswer>;
  readonly #options: ProgramLegOptions;
  readonly #order: Order;
  readonly #cause: Cause | undefined;
  readonly #running: Running;
  readonly #inner: Set<InnerExchange> = new Set();
  readonly #clock: Clock;
  readonly #failure = Promise.withResolvers<never>();
  #done = 0;
  #steps = 0;
  #questions = 0;

  constructor(options: ProgramLegOptions, order: Order, cause: Cause | undefined) {
    const { concurrency, engine, monotonic, setTimer } = options;
    // What its client may not have at once, the calls of a program wait for.
    const limits = { ...options.limits, parallel: Math.min(options.limits.parallel, concurrency()) };
    this.#options = options;
    this.#order = order;
    this.#cause = cause;
    this.#running = engine.start({ ...order, limits, call: (name, args) => this.#call(name, args) });
    const seconds = order.timeoutMs / 1000;
    this.#clock = new Clock({ setTimer, monotonic }, order.timeoutMs, () => {
      this.#end(`The program took longer than ${seconds} s. Let it do less, or give it more time by \`timeout\`.`);
    });
    this.answer = Promise.race([
      this.#failure.promise,
      this.#running.ended.then((ended): UpstreamAnswer => {
        this.#clock.stop();
        this.#cancelInner();
        return resultAnswer(order.told(ended));
      }),
    ]);
  }

  cancel(reason?: string): void {
    this.#failure.reject(new UpstreamError('cancelled', reason ?? 'The program was given up.'));
    this.#end('The program was given up.');
  }

  #end(why: string): void {
    this.#clock.stop();
    this.#cancelInner();
    this.#running.stop(why);
  }

  #cancelInner(): void {
    for (const exchange of this.#inner) exchange.cancel();
  }

  async #call(name: string, args: string): Promise<Pick<ReplyMessage, 'result' | 'error'>> {
    const { inner } = this.#options;
    const { outer } = this.#order;
    const request = { name, arguments: JSON.parse(args) as JsonObject };
    const exchange = new InnerExchange(outer.exchange, request, {
      notify: (message) => this.#heard(message, name),
      ask: (method, params) => this.#ask(method, params),
      hold: () => outer.exchange.hold(),
    });
    this.#inner.add(exchange);
    try {
      return await this.#read(await inner(outer, exchange), exchange);
    } catch (error) {
      return { error: error instanceof UpstreamError ? error.message : 'The answer of the server broke off.' };
    } finally {
      this.#inner.delete(exchange);
      this.#progress(`${++this.#done} calls made`);
    }
  }

  async #read(answer: Answer, exchange: Exchange): Promise<Pick<ReplyMessage, 'result' | 'error'>> {
    if (answer.kind === 'error') return { error: answer.error.message };
    if (answer.kind === 'value') return { result: JSON.stringify(answer.result) };
    const { readBytes, textOf } = this.#options;
    const bytes = answer.before.length + answer.after.length + (answer.rest?.bytes ?? 0);
    if (bytes > readBytes) {
      answer.rest?.cancel();
      return { error: `The result has ${bytes} bytes; a program reads ${readBytes} at most. Ask the tool for less.` };
    }
    // Parsed where it costs nobody but the program.
    const text = await textOf(answer, exchange);
    return { result: text.slice(text.indexOf(RESULT) + RESULT.length, -1) };
  }

  /** Nobody but the client knows when a person answers. */
  async #ask(method: string, params: JsonObject | undefined): ReturnType<Cause['ask']> {
    if (this.#cause === undefined) return { error: wireError('refused', 'Nobody can be asked.').error };
    this.#clock.pause();
    try {
      const id = `ask-${++this.#questions}`;
      return await this.#cause.ask({ jsonrpc: '2.0', id, method, ...(params && { params }) });
    } finally {
      this.#clock.resume();
    }
  }

  #heard(message: JsonRpcNotification, name: string): void {
    if (message.params?.['progressToken'] !== INNER_PROGRESS) return this.#cause?.notify(message);
    const said = message.params['message'];
    this.#progress(typeof said === 'string' ? `${name}: ${said}` : name);
  }

  /** Nobody knows how much of it there will be: each step is one, and its client knows that it is alive. */
  #progress(message: string): void {
    const params = { progressToken: INNER_PROGRESS, progress: ++this.#steps, message };
    this.#cause?.notify({ jsonrpc: '2.0', method: 'notifications/progress', params });
  }
}

const RESULT = ',"result":';

function resultAnswer(result: JsonObject): UpstreamAnswer {
  return {
    kind: 'result',
    before: Buffer.from('{"jsonrpc":"2.0","id":'),
    after: Buffer.from(`${RESULT}${JSON.stringify(result)}}`),
  };
}

/** Fires once after so much time in which it was not paused. */
class Clock {
  readonly #parts: Pick<ProgramLegOptions, 'setTimer' | 'monotonic'>;
  readonly #fire: () => void;
  #leftMs: number;
  #pauses = 0;
  #sinceMs = 0;
  #takeBack: (() => void) | undefined;

  constructor(parts: Pick<ProgramLegOptions, 'setTimer' | 'monotonic'>, ms: number, fire: () => void) {
    this.#parts = parts;
    this.#leftMs = ms;
    this.#fire = fire;
    this.#run();
  }

  pause(): void {
    if (this.#pauses++ > 0) return;
    this.#takeBack?.();
    this.#leftMs -= this.#parts.monotonic() - this.#sinceMs;
  }

  resume(): void {
    if (--this.#pauses === 0) this.#run();
  }

  stop(): void {
    this.#pauses = Infinity;
    this.#takeBack?.();
  }

  #run(): void {
    this.#sinceMs = this.#parts.monotonic();
    this.#takeBack = this.#parts.setTimer(this.#fire, Math.max(0, this.#leftMs));
  }
}
