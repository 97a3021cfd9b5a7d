/**
 * One call of a stateless client at a session-era server, held open over several HTTP requests of its client: what the
 * server asks meanwhile is collected into rounds, and each round's request brings the answers to the one before
 * (2026-07-28, "Multi round-trip requests"). How a round is named to the client, and for how long the call is kept in
 * between, is decided elsewhere.
 */

import {
  UpstreamError,
  type Cause,
  type Outgoing,
  type Pending,
  type ServerRequestAnswer,
  type UpstreamAnswer,
} from '@sallyport/client';
import {
  ERRORS,
  mergeObjects,
  wireError,
  type JsonObject,
  type JsonRpcErrorObject,
  type JsonRpcNotification,
  type RequestId,
} from '@sallyport/wire';
import type { Call } from '../call.ts';
import { Refused } from '../errors.ts';
import { withEars } from './ears.ts';
import {
  inputRequest,
  isAnswer,
  isInputMethod,
  MAX_QUESTIONS,
  MAX_ROUNDS,
  mayNeedInput,
  requiredCapability,
  requiredUrls,
  sessionAnswer,
} from './input.ts';
import type { Carrier, Unasked } from './options.ts';

/** Characters of a server's own words that are passed on. */
const MAX_SAID = 500;

export interface HeldCallOptions {
  readonly unasked: Unasked;
  /** A place among the calls that ask their clients, and what gives it back; undefined when all are taken. */
  readonly seat: () => (() => void) | undefined;
}

/** One request of the client. */
export interface Round {
  readonly call: Call;
  readonly leg: Carrier;
  /** The call as it would be sent now. Its cause is who hears of the server in this round. */
  readonly outgoing: Outgoing;
}

/** How a round ends, when it does not fail. */
export type Turn =
  | { readonly kind: 'input'; readonly requests: JsonObject }
  | {
      readonly kind: 'over';
      readonly answer: UpstreamAnswer;
      /** Capabilities that the server asked for and the client did not declare; undefined: none. */
      readonly lacking: JsonObject | undefined;
    };

type Outcome = { readonly answer: UpstreamAnswer } | { readonly failure: Error };

interface Question {
  /** The server's id; undefined for what its error asks for. */
  readonly id: RequestId | undefined;
  readonly method: string;
  readonly params: JsonObject | undefined;
  readonly answer: (answer: ServerRequestAnswer) => void;
  /** The client has seen it. Answers to what was not asked are not taken. */
  isShown: boolean;
}

export class HeldCall {
  readonly #options: HeldCallOptions;
  /** Unanswered ones, by the key that the client knows. */
  readonly #questions: Map<string, Question> = new Map();
  /** The last one. */
  #round: Round;
  /** False between rounds. */
  #isPresent = false;
  #sent: { readonly leg: Carrier; readonly pending: Pending } | undefined;
  #outcome: Outcome | undefined;
  #turn: PromiseWithResolvers<Turn> | undefined;
  #isCollecting = false;
  #rounds = 0;
  #keys = 0;
  #giveSeatBack: (() => void) | undefined;
  #lacking: JsonObject | undefined;

  /** Sends nothing yet. */
  constructor(options: HeldCallOptions, first: Round) {
    this.#options = options;
    this.#round = first;
  }

  /**
   * A request of the client: the first one sends the call, each later one brings answers by key, and what it does not
   * answer is asked again. Resolves with questions or the server's answer; rejects as the upstream does, or with
   * `Refused`.
   */
  turn(round: Round, responses: JsonObject): Promise<Turn> {
    this.#enter(round);
    const turn = Promise.withResolvers<Turn>();
    this.#turn = turn;
    for (const [key, question] of this.#questions) {
      const response = responses[key];
      if (!question.isShown || !isAnswer(question.method, response)) continue;
      const { revision } = (this.#sent ?? round).leg;
      this.#settle(key, question, { result: sessionAnswer(question.method, response, revision) });
    }
    if (this.#sent === undefined && this.#outcome === undefined) this.#send();
    this.#look();
    return turn.promise;
  }

  /** The round has been answered: what the server says until the next one is heard by nobody. */
  leave(): void {
    this.#isPresent = false;
  }

  /** Gives the call up: its server is told, and gets an error for every question. */
  end(reason: string): void {
    this.#finish({ failure: new UpstreamError('cancelled', reason) });
    // Also when it has answered: that frees what is still to come of a large answer.
    this.#sent?.pending.cancel(reason);
    this.#giveSeatBack?.();
  }

  #enter(round: Round): void {
    this.#round = round;
    this.#isPresent = true;
    round.call.exchange.onCancel(() => {
      if (this.#isPresent && this.#round === round) this.end('The client gave up.');
    });
  }

  #send(): void {
    const { leg, outgoing } = this.#round;
    const pending = leg.request({ ...outgoing, cause: withEars(outgoing.cause, this.#ears) });
    this.#sent = { leg, pending };
    pending.answer.then(
      (answer) => this.#answered(answer),
      (failure: Error) => this.#finish({ failure }),
    );
  }

  #answered(answer: UpstreamAnswer): void {
    const urls = answer.kind === 'error' ? requiredUrls(answer.error) : undefined;
    if (urls === undefined || !mayNeedInput(this.#method)) return this.#finish({ answer });
    this.#openUrls(urls).then(
      () => this.#send(),
      (failure: Error) => this.#finish({ failure }),
    );
  }

  /** Resolves when the client has opened them all: the server can be asked once more (2025-11-25, -32042). */
  async #openUrls(urls: readonly JsonObject[]): Promise<void> {
    const method = 'elicitation/create';
    if (urls.some((params) => this.#options.unasked(this.#round.call, method, params) !== undefined)) {
      throw missingCapability(requiredCapability(method, { mode: 'url' }));
    }
    const replies = await Promise.all(urls.map((params) => this.#ask(undefined, method, params)));
    for (const reply of replies) {
      if ('error' in reply) throw new Refused('refused', reply.error.message);
      if (reply.result['action'] === 'accept') continue;
      throw new Refused('refused', 'The server wants a URL opened first, and that was declined.');
    }
  }

  get #method(): string {
    return this.#round.call.exchange.message.method;
  }

  readonly #ears: Pick<Cause, 'notify' | 'ask' | 'deferred' | 'isAway'> = {
    isAway: () => !this.#isPresent,
    notify: (message) => this.#notify(message),
    deferred: () => {
      if (this.#isPresent) this.#round.outgoing.cause?.deferred?.();
    },
    ask: ({ id, method, params }) => this.#ask(id, method, params),
  };

  #notify(message: JsonRpcNotification): void {
    if (message.method === 'notifications/cancelled') this.#takeBack(message.params?.['requestId']);
    // It tells of an elicitation by an id that a stateless client does not get.
    else if (message.method === 'notifications/elicitation/complete') return;
    else if (this.#isPresent) this.#round.outgoing.cause?.notify(message);
  }

  /** The server does not want to know any more. */
  #takeBack(id: unknown): void {
    for (const [key, question] of this.#questions) {
      if (question.id !== undefined && question.id === id) this.#settle(key, question, noAnswer('It was taken back.'));
    }
  }

  async #ask(id: RequestId | undefined, method: string, params: JsonObject | undefined): Promise<ServerRequestAnswer> {
    if (this.#outcome !== undefined) return noAnswer('The call is over.');
    if (!isInputMethod(method) || !mayNeedInput(this.#method)) {
      const message = `A stateless client cannot be asked for ${method} in the middle of ${this.#method}.`;
      return { error: { code: ERRORS.method_not_found.code, message } };
    }
    if (this.#questions.size >= MAX_QUESTIONS) {
      return { error: wireError('rate_limited', `No more than ${MAX_QUESTIONS} questions at a time.`).error };
    }
    const { promise, resolve } = Promise.withResolvers<ServerRequestAnswer>();
    this.#questions.set(`input_${++this.#keys}`, { id, method, params, answer: resolve, isShown: false });
    this.#look();
    return await promise;
  }

  #settle(key: string, question: Question, answer: ServerRequestAnswer): void {
    this.#questions.delete(key);
    question.answer(answer);
  }

  #finish(outcome: Outcome): void {
    if (this.#outcome !== undefined) return;
    this.#outcome = outcome;
    for (const [key, question] of this.#questions) this.#settle(key, question, noAnswer('The call is over.'));
    this.#look();
  }

  /** Ends the round if it can be ended. */
  #look(): void {
    const turn = this.#turn;
    const outcome = this.#outcome;
    if (turn === undefined) return;
    if (outcome !== undefined) {
      this.#turn = undefined;
      this.#giveSeatBack?.();
      if ('answer' in outcome) turn.resolve({ kind: 'over', answer: outcome.answer, lacking: this.#lacking });
      else turn.reject(outcome.failure);
    } else if (this.#questions.size > 0 && !this.#isCollecting) {
      // What a server sends together arrives within one turn of the event loop.
      this.#isCollecting = true;
      setImmediate(() => {
        this.#isCollecting = false;
        this.#askClient();
      });
    }
  }

  /** Ends the round with the open questions, as far as they may be asked. */
  #askClient(): void {
    const turn = this.#turn;
    if (turn === undefined) return;
    this.#answer((question) => this.#unasked(question));
    const none = this.#questions.size === 0 ? undefined : this.#noRound();
    if (none !== undefined) this.#answer(() => ({ error: none }));
    if (this.#questions.size === 0) return;
    const requests: JsonObject = {};
    for (const [key, question] of this.#questions) {
      question.isShown = true;
      requests[key] = inputRequest(question.method, question.params);
    }
    this.#rounds++;
    this.#turn = undefined;
    turn.resolve({ kind: 'input', requests });
  }

  #unasked({ method, params }: Question): ServerRequestAnswer | undefined {
    const answer = this.#options.unasked(this.#round.call, method, params);
    if (answer !== undefined && 'error' in answer) {
      this.#lacking = mergeObjects(requiredCapability(method, params), this.#lacking ?? {});
    }
    return answer;
  }

  #answer(answerOf: (question: Question) => ServerRequestAnswer | undefined): void {
    for (const [key, question] of this.#questions) {
      const answer = answerOf(question);
      if (answer !== undefined) this.#settle(key, question, answer);
    }
  }

  /** Why no question at all can be asked now. The server may go on without an answer. */
  #noRound(): JsonRpcErrorObject | undefined {
    if (this.#rounds >= MAX_ROUNDS) return wireError('refused', `The client was asked ${MAX_ROUNDS} times.`).error;
    this.#giveSeatBack ??= this.#options.seat();
    if (this.#giveSeatBack !== undefined) return undefined;
    return wireError('rate_limited', 'Too many calls wait for input of their clients.').error;
  }
}

/** The refusal of a call that cannot be done for a client that declares so little (2026-07-28, -32021). */
export function missingCapability(requiredCapabilities: JsonObject, said?: string): Refused {
  const names = Object.keys(requiredCapabilities).join(', ');
  const words = said === undefined || said === '' ? '' : ` It said: ${said.slice(0, MAX_SAID)}`;
  const message = `The server needs what the client did not declare: ${names}.${words}`;
  return new Refused('missing_capability', message, { data: { requiredCapabilities } });
}

function noAnswer(message: string): ServerRequestAnswer {
  return { error: wireError('refused', message).error };
}
