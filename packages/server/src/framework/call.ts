/**
 * One call of a handler, from its first request to its answer: the context that the handler has, and the rounds that it takes
 * with a client that cannot be asked on the stream. Everything in it belongs to this call alone.
 */

import { randomUUID } from 'node:crypto';
import {
  atLeast,
  isObject,
  LOG_LEVELS,
  META_SERVER_INFO,
  type JsonObject,
  type JsonValue,
  type LogLevel,
} from '@sallyport/wire';
import { errorAnswer, preparedResult, type Answer, type Exchange } from '../exchange.ts';
import type {
  Context,
  Elicit,
  Elicited,
  FormQuestion,
  Root,
  Sampled,
  SampleQuestion,
  Trace,
  UrlQuestion,
  User,
} from './context.ts';
import { NotAnsweredError, ToolError } from './errors.ts';
import {
  formQuestion,
  formSchema,
  isAnswer,
  readElicited,
  readRoots,
  readSampled,
  requireCapability,
  rootsQuestion,
  sampleQuestion,
  urlQuestion,
  type FormSchemas,
  type Question,
} from './questions.ts';
import type { Rounds, Waiting } from './rounds.ts';
import { metaOf, traceOf } from './trace.ts';
import { userOf } from './viewer.ts';

/** What calls share. */
export interface CallParts {
  readonly rounds: Rounds<Call>;
  readonly forms: FormSchemas;
  /** Name and version of the server. */
  readonly info: JsonObject;
}

/** Headers that prove who calls. A handler knows its principal; what it does not have it cannot hand on or let slip. */
const CREDENTIALS: ReadonlySet<string> = new Set(['authorization', 'cookie', 'proxy-authorization', 'mcp-session-id']);
/** Rounds that one call may take. */
const MAX_ROUNDS = 10;
/** Questions that one call may have open at a time. */
const MAX_QUESTIONS = 64;

interface Open {
  readonly question: Question;
  readonly resolve: (answer: JsonObject) => void;
  readonly reject: (error: Error) => void;
}

export class Call implements Context, Waiting {
  readonly #parts: CallParts;
  /** Of the present round. */
  #exchange: Exchange;
  /** Answers the present round; undefined between two rounds. */
  #answer: ((answer: Answer) => void) | undefined;
  /** What the handler came to while nobody was there to hear it. */
  #outcome: Answer | undefined;
  #abort: AbortController | undefined;
  #open: Map<string, Open> | undefined;
  #rounds = 0;
  /** Whether its request can take rounds: it runs a handler of a tool, a resource or a prompt. */
  #takesRounds = false;
  #asked = 0;
  #trace: Trace | undefined;
  #user: User | undefined;

  constructor(exchange: Exchange, parts: CallParts) {
    this.#exchange = exchange;
    this.#parts = parts;
  }

  get principal(): Context['principal'] {
    return this.#exchange.principal;
  }

  get user(): User {
    this.#user ??= userOf(this.#exchange.principal);
    return this.#user;
  }

  get transport(): Context['transport'] {
    return this.#exchange.transport;
  }

  get endpoint(): string {
    return this.#exchange.endpoint;
  }

  get client(): Context['client'] {
    return this.#exchange.client;
  }

  get session(): Context['session'] {
    return this.#exchange.session;
  }

  get requestId(): Context['requestId'] {
    return this.#exchange.message.id;
  }

  get era(): Context['era'] {
    return this.#exchange.era;
  }

  get revision(): Context['revision'] {
    return this.#exchange.revision;
  }

  get headers(): Context['headers'] {
    const { headers } = this.#exchange;
    return headers && Object.fromEntries(Object.entries(headers).filter(([name]) => !CREDENTIALS.has(name)));
  }

  get address(): string | undefined {
    return this.#exchange.address;
  }

  get trace(): Trace {
    this.#trace ??= traceOf(this.#exchange);
    return this.#trace;
  }

  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      this.#watch();
    }
    return this.#abort.signal;
  }

  // The functions are made when they are asked for: most calls need none, and those that do may take them out of the context.

  get progress(): Context['progress'] {
    return (done, total, message) => {
      const token = metaOf(this.#exchange)['progressToken'];
      if (typeof token !== 'string' && typeof token !== 'number') return;
      const said = atLeast(this.revision, '2025-03-26') && message !== undefined ? { message } : {};
      this.notify('notifications/progress', {
        progressToken: token,
        progress: done,
        ...(total !== undefined && { total }),
        ...said,
      });
    };
  }

  get log(): Context['log'] {
    return (level, data, logger) => {
      if (!wantsLevel(this.#exchange, level)) return;
      this.notify('notifications/message', { level, ...(logger !== undefined && { logger }), data });
    };
  }

  get notify(): Context['notify'] {
    return (method, params) => {
      if (this.#answer === undefined) return;
      this.#exchange.notify({ jsonrpc: '2.0', method, ...(params && { params }) });
    };
  }

  get hold(): () => void {
    return () => this.#exchange.hold();
  }

  get elicit(): Elicit {
    // Its two forms are told apart by `mode`, which the type of the implementation cannot say.
    return ((question: FormQuestion | UrlQuestion) => dropped(this.#elicit(question))) as Elicit;
  }

  get sample(): (question: SampleQuestion) => Promise<Sampled> {
    return (question) => dropped(this.#ask(sampleQuestion(question, this.revision)).then(readSampled));
  }

  get roots(): (question?: { readonly key?: string }) => Promise<readonly Root[]> {
    return (question) => dropped(this.#ask(rootsQuestion(question?.key)).then(readRoots));
  }

  /** Runs a handler. The answer is that of this round: the handler's, or what it asks. */
  run(handler: (call: Call) => Answer | Promise<Answer>): Promise<Answer> | Answer {
    this.#takesRounds = true;
    // Between here and a return without a promise nothing else can answer.
    this.#answer = ignore;
    const answer = handler(this);
    if (!(answer instanceof Promise)) {
      this.#answer = undefined;
      return answer;
    }
    return new Promise((resolve) => {
      this.#answer = resolve;
      answer.then(
        (outcome) => this.#finish(outcome),
        () => this.#finish(errorAnswer('internal', this.era)),
      );
    });
  }

  /** The next round: with what the client brings. */
  resume(exchange: Exchange): Promise<Answer> | Answer {
    this.#exchange = exchange;
    // The same principal; its credential may say something else of it by now.
    this.#user = undefined;
    if (this.#outcome !== undefined) return this.#outcome;
    return new Promise((resolve) => {
      this.#answer = resolve;
      this.#watch();
      this.#deliver(exchange.message.params?.['inputResponses']);
      if (this.#open !== undefined && this.#open.size > 0) this.#flushSoon();
    });
  }

  expire(reason: string): void {
    this.#abort?.abort(new NotAnsweredError(reason));
    this.#rejectOpen(new NotAnsweredError(reason));
  }

  #finish(outcome: Answer): void {
    const answer = this.#answer;
    this.#answer = undefined;
    if (answer === undefined) this.#outcome = outcome;
    else answer(outcome);
  }

  /** Cancellation of the present round is that of the call. */
  #watch(): void {
    const exchange = this.#exchange;
    if (this.#abort === undefined && this.#open === undefined) return;
    exchange.onCancel(() => {
      if (exchange !== this.#exchange || this.#answer === undefined) return;
      this.expire('The client has cancelled the call.');
    });
  }

  async #elicit(question: FormQuestion | UrlQuestion): Promise<Elicited<unknown>> {
    if ('mode' in question)
      return readElicited(await this.#ask(urlQuestion(question, this.revision, randomUUID())), undefined);
    const schema = formSchema(question, this.#parts.forms);
    return await readElicited(await this.#ask(formQuestion(question, this.revision, schema)), schema);
  }

  async #ask(question: Question): Promise<JsonObject> {
    requireCapability(question, this.client.capabilities, this.revision);
    // What no JSON can say is the fault of who asks, here and not where it is sent.
    JSON.stringify(question.params);
    if (this.#exchange.era === 'stateless') return await this.#askInRound(question);
    const reply = await this.#exchange.ask(question.method, question.params);
    if ('error' in reply) throw new NotAnsweredError(`The client answered with an error: ${reply.error.message}`);
    if (!isAnswer(question, reply.result)) throw new NotAnsweredError('The client answered with what is no answer.');
    return reply.result;
  }

  #askInRound(question: Question): Promise<JsonObject> {
    if (!this.#takesRounds) throw new ToolError('The client cannot be asked in the midst of this request.');
    const key = question.key ?? `input-${++this.#asked}`;
    const brought = this.#brought(key);
    if (isAnswer(question, brought)) return Promise.resolve(brought);
    const open = this.#open ?? new Map<string, Open>();
    if (open.has(key)) throw new TypeError(`The question ${JSON.stringify(key)} is open already.`);
    if (open.size >= MAX_QUESTIONS) throw new ToolError('Too many questions are open in this call.');
    const isFirst = this.#open === undefined;
    this.#open = open;
    if (isFirst && this.#abort === undefined) this.#watch();
    const { promise, reject, resolve } = Promise.withResolvers<JsonObject>();
    open.set(key, { question, reject, resolve });
    if (this.#answer !== undefined && open.size === 1) this.#flushSoon();
    return promise;
  }

  /** A client that knows the questions may bring the answers with its first request. */
  #brought(key: string): JsonValue | undefined {
    const { inputResponses, requestState } = this.#exchange.message.params ?? {};
    const isFirst = requestState === undefined && isObject(inputResponses);
    return isFirst && Object.hasOwn(inputResponses, key) ? inputResponses[key] : undefined;
  }

  /** What is asked together goes out together. */
  #flushSoon(): void {
    queueMicrotask(() => this.#flush());
  }

  #flush(): void {
    const answer = this.#answer;
    const open = this.#open;
    if (answer === undefined || open === undefined || open.size === 0) return;
    const state = ++this.#rounds > MAX_ROUNDS ? undefined : this.#parts.rounds.park(this, this.#exchange);
    if (state === undefined) {
      this.#rejectOpen(new NotAnsweredError('The client cannot be asked now: too many calls wait for an answer.'));
      return;
    }
    this.#answer = undefined;
    answer(preparedResult(inputRequired(open, state, this.#parts.info)));
  }

  #deliver(responses: JsonValue | undefined): void {
    if (!isObject(responses) || this.#open === undefined) return;
    for (const [key, open] of this.#open) {
      const response = Object.hasOwn(responses, key) ? responses[key] : undefined;
      if (!isAnswer(open.question, response)) continue;
      this.#open.delete(key);
      open.resolve(response);
    }
  }

  #rejectOpen(error: Error): void {
    for (const { reject } of this.#open?.values() ?? []) reject(error);
    this.#open?.clear();
  }
}

/** For a request that brings a state which was not given out for it. */
export function unknownState({ era }: Exchange): Answer {
  return errorAnswer(
    'invalid_params',
    era,
    'The requestState was not given out for this request, or is used up. Send the request again without requestState.',
  );
}

function inputRequired(open: ReadonlyMap<string, Open>, requestState: string, info: JsonObject): string {
  const requests = [...open].map(([key, { question }]) => [
    key,
    { method: question.method, ...(question.params && { params: question.params }) },
  ]);
  return JSON.stringify({
    resultType: 'input_required',
    inputRequests: Object.fromEntries(requests) as JsonObject,
    requestState,
    _meta: { [META_SERVER_INFO]: info },
  });
}

/** A session-era client that set no level gets all of them. */
function wantsLevel({ era, logLevel, session }: Exchange, level: LogLevel): boolean {
  const wanted = session === undefined ? logLevel : session.logLevel;
  if (wanted === undefined) return era === 'session';
  return LOG_LEVELS.indexOf(level) >= LOG_LEVELS.indexOf(wanted);
}

/** A handler may go on without waiting for its answer; that nobody came back with one must not end the process then. */
function dropped<T>(answer: Promise<T>): Promise<T> {
  answer.catch(ignore);
  return answer;
}

function ignore(): void {}
