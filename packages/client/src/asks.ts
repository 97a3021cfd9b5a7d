/**
 * Requests of the server under way (sampling, elicitation, roots; session era): each is asked of the call that caused it,
 * whose clock stands still meanwhile, and answered once. It does not decide which call that is.
 */

import { wireError, type JsonRpcNotification, type JsonRpcRequest, type RequestId } from '@sallyport/wire';
import type { Cause, LegEvents, ServerRequestAnswer } from './leg.ts';
import type { Call } from './calls.ts';

/** Requests that wait for an answer at the same time. */
const MAX_ASKS = 64;

export interface AsksOptions {
  readonly answer: (id: RequestId, answer: ServerRequestAnswer) => void;
  /** Answers where no call can be named. */
  readonly onUnattributed: LegEvents['onUnattributed'];
  /** Has all clocks stand still, until what is returned is called. */
  readonly hold: () => () => void;
}

interface OpenAsk {
  /** Undefined: no call can be named. */
  readonly cause: Cause | undefined;
  /** Has the clocks go on. */
  readonly resume: () => void;
}

export class Asks {
  readonly #options: AsksOptions;
  readonly #open = new Map<RequestId, OpenAsk>();

  constructor(options: AsksOptions) {
    this.#options = options;
  }

  ask(message: JsonRpcRequest, call: Call | undefined): void {
    const { answer, hold, onUnattributed } = this.#options;
    if (message.method === 'ping') return answer(message.id, { result: {} });
    if (this.#open.size >= MAX_ASKS || this.#open.has(message.id)) {
      const { error } = wireError('rate_limited', `No more than ${MAX_ASKS} requests, each with an id of its own.`);
      return answer(message.id, { error });
    }
    const { cause } = call ?? {};
    if (call !== undefined && cause !== undefined) {
      call.clock.pause();
      const asked = { cause, resume: () => call.clock.resume() };
      return this.#await(message.id, asked, () => cause.ask(message));
    }
    const given = settled(() => onUnattributed(message));
    if (given instanceof Promise) this.#await(message.id, { cause: undefined, resume: hold() }, () => given);
    else answer(message.id, given);
  }

  /** The server takes a request back: nobody answers it, and whoever was asked is told. False when it is no call's. */
  takeBack(id: unknown, message: JsonRpcNotification): boolean {
    const asked = this.#open.get(id as RequestId);
    if (asked === undefined) return false;
    this.#close(id as RequestId, asked);
    asked.cause?.notify(message);
    return asked.cause !== undefined;
  }

  destroy(): void {
    this.#open.clear();
  }

  #await(id: RequestId, asked: OpenAsk, ask: () => Promise<ServerRequestAnswer>): void {
    this.#open.set(id, asked);
    void safely(ask).then((answer) => {
      if (this.#close(id, asked)) this.#options.answer(id, answer);
    });
  }

  #close(id: RequestId, asked: OpenAsk): boolean {
    if (this.#open.get(id) !== asked) return false;
    this.#open.delete(id);
    asked.resume();
    return true;
  }
}

async function safely(ask: () => Promise<ServerRequestAnswer>): Promise<ServerRequestAnswer> {
  try {
    return await ask();
  } catch {
    return { error: wireError('internal').error };
  }
}

function settled(answer: () => ReturnType<LegEvents['onUnattributed']>): ReturnType<LegEvents['onUnattributed']> {
  try {
    return answer();
  } catch {
    return { error: wireError('internal').error };
  }
}
