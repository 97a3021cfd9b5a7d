/**
 * Requests of the server under way (sampling, elicitation, roots; session era): each is asked of the call that caused it,
 * whose clock stands still meanwhile, and answered once. It does not decide which call that is.
 */

import { wireError, type JsonRpcNotification, type JsonRpcRequest, type RequestId } from '@sallyport/wire';
import type { ServerRequestAnswer } from './leg.ts';
import type { Call } from './calls.ts';

/** Requests that wait for an answer at the same time. */
const MAX_ASKS = 64;

export interface AsksOptions {
  readonly answer: (id: RequestId, answer: ServerRequestAnswer) => void;
  /** Answers where no call can be named. */
  readonly onUnattributed: (message: JsonRpcRequest) => ServerRequestAnswer;
}

export class Asks {
  readonly #options: AsksOptions;
  readonly #open = new Map<RequestId, Call>();

  constructor(options: AsksOptions) {
    this.#options = options;
  }

  ask(message: JsonRpcRequest, call: Call | undefined): void {
    const { answer, onUnattributed } = this.#options;
    if (message.method === 'ping') return answer(message.id, { result: {} });
    if (call?.cause === undefined)
      return answer(
        message.id,
        settled(() => onUnattributed(message)),
      );
    if (this.#open.size >= MAX_ASKS || this.#open.has(message.id)) {
      const { error } = wireError('rate_limited', `No more than ${MAX_ASKS} requests, each with an id of its own.`);
      return answer(message.id, { error });
    }
    this.#open.set(message.id, call);
    call.clock.pause();
    void askSafely(call.cause, message).then((given) => {
      if (this.#close(message.id, call)) answer(message.id, given);
    });
  }

  /** The server takes a request back: nobody answers it, and whoever was asked is told. False when there is none. */
  takeBack(id: unknown, message: JsonRpcNotification): boolean {
    const call = this.#open.get(id as RequestId);
    if (call === undefined) return false;
    this.#close(id as RequestId, call);
    call.cause?.notify(message);
    return true;
  }

  destroy(): void {
    this.#open.clear();
  }

  #close(id: RequestId, call: Call): boolean {
    if (this.#open.get(id) !== call) return false;
    this.#open.delete(id);
    call.clock.resume();
    return true;
  }
}

type Asked = NonNullable<Call['cause']>;

async function askSafely(cause: Asked, message: JsonRpcRequest): Promise<ServerRequestAnswer> {
  try {
    return await cause.ask(message);
  } catch {
    return { error: wireError('internal').error };
  }
}

function settled(answer: () => ServerRequestAnswer): ServerRequestAnswer {
  try {
    return answer();
  } catch {
    return { error: wireError('internal').error };
  }
}
