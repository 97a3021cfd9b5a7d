/**
 * A server by hand that speaks one revision and nothing else, and keeps what it heard and said. Transports are beside it
 * (server-http.ts, server-stdio.ts). It is strict: log messages only when a level was set, updates only to who is attached.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { createInbox } from '../support/inbox.ts';
import type { Inbox } from '../support/inbox.ts';
import { isQuestionTool, METHODS, questionParams } from './questions.ts';
import type { QuestionTool } from './questions.ts';
import { isStateless } from './revisions.ts';
import type { Revision } from './revisions.ts';
import { createTape, metaOf, objectOf, textFor } from './wire.ts';
import type { Id, Json, Message, Tape } from './wire.ts';

/** Where messages about one request go, or those about none. */
export interface Channel {
  send(text: string, message: Message): void;
  /** Nothing more is said there. */
  end?(): void;
}

/** How the gateway took a request back. */
export interface Ended {
  readonly id: Id;
  readonly how: 'notification' | 'closed';
}

/** A call under way. */
export interface Work {
  readonly id: Id;
  readonly tool: string;
  readonly tag: string;
  /** As the gateway gave it. */
  readonly token: unknown;
  readonly params: Json;
  /** Says something about it, on its own stream where there is one. */
  say(message: Message): void;
  finish(text: string, more?: Json): void;
}

interface Listening {
  readonly id?: Id;
  readonly uris?: readonly unknown[];
}

export const WATCHED = 'matrix://watched';
export const UNWATCHED = 'matrix://unwatched';
const LEVELS = ['debug', 'info', 'error'];
const LOG_LEVEL = 'io.modelcontextprotocol/logLevel';
const SUBSCRIPTION_ID = 'io.modelcontextprotocol/subscriptionId';

const TOOLS = ['echo', 'steps', 'note', 'sample', 'elicit', 'where', 'ponder', 'hold'];

/** The lists of a server, by method: the member that holds them, and what is in it. */
export const LISTS: Readonly<Record<string, readonly [string, readonly Json[]]>> = {
  'tools/list': [
    'tools',
    TOOLS.map((name) => ({
      name,
      description: `The tool ${name}.`,
      inputSchema: { type: 'object', properties: { tag: { type: 'string' } } },
      annotations: { readOnlyHint: name === 'echo' },
    })),
  ],
  'prompts/list': ['prompts', [{ name: 'greet', arguments: [{ name: 'who', required: true }] }]],
  'resources/list': [
    'resources',
    [
      { uri: WATCHED, name: 'watched', mimeType: 'text/plain' },
      { uri: UNWATCHED, name: 'unwatched' },
    ],
  ],
  'resources/templates/list': ['resourceTemplates', [{ uriTemplate: 'matrix://t/{x}', name: 't' }]],
};

const CAPABILITIES = { tools: {}, prompts: {}, resources: { subscribe: true }, logging: {} };
const INFO = { name: 'matrix', version: '1' };

export class RevisionServer {
  readonly revision: Revision;
  readonly tape: Tape = createTape();
  /** Calls that were begun. */
  readonly works: Inbox<Work> = createInbox();
  readonly ended: Inbox<Ended> = createInbox();
  /** Calls of `ponder` that have their answer; a test finishes them. */
  readonly answered: Inbox<Work> = createInbox();
  /** Something happened that `wanted` and `unwanted` may wait for. */
  readonly #turns: Inbox<true> = createInbox();
  /** Session era: streams of no request. Stateless era: open listens. */
  readonly #listening: Map<Channel, Listening> = new Map();
  /** Session era: subscribed URIs. */
  readonly #subscribed: Set<unknown> = new Set();
  readonly #calls: Map<Id, Channel> = new Map();
  readonly #waiting: Map<Id, (answer: Message) => void> = new Map();
  #level: string | undefined;
  #ids = 0;

  constructor(revision: Revision) {
    this.revision = revision;
    this.#turns.push(true);
  }

  receive(text: string, channel: Channel, headers: IncomingHttpHeaders = {}): void {
    const message = this.tape.heard(text, headers);
    const { id, method, params } = message;
    if (method === undefined) return void (id !== undefined && this.#waiting.get(id)?.(message));
    if (id !== undefined) return this.#request({ ...message, id, method }, channel);
    const requestId = params?.['requestId'];
    if (method === 'notifications/cancelled') this.takenBack(requestId as Id, 'notification');
  }

  /** The gateway does not want a request any more: it said so, or closed the request's stream. */
  takenBack(id: Id, how: Ended['how']): void {
    this.#calls.get(id)?.end?.();
    for (const [channel, listening] of this.#listening) if (listening.id === id) this.#listening.delete(channel);
    this.ended.push({ id, how });
    this.#turns.push(true);
  }

  attach(channel: Channel): () => void {
    this.#listening.set(channel, {});
    this.#turns.push(true);
    return () => this.#listening.delete(channel);
  }

  /** Resolves when somebody wants to hear of a resource, and can be told. */
  async wanted(uri: string): Promise<void> {
    await this.#turns.until(() => this.#audience(uri).length > 0, `that ${uri} is wanted`);
  }

  async unwanted(uri: string): Promise<void> {
    await this.#turns.until(() => this.#audience(uri).length === 0, `that ${uri} is not wanted any more`);
  }

  /** Says that a resource has changed to those who want to hear of `wanted`. */
  announce(uri: string, wanted: string = uri): void {
    for (const [channel, { id }] of this.#audience(wanted)) {
      const meta = id === undefined ? {} : { _meta: { [SUBSCRIPTION_ID]: id } };
      this.#say(channel, { method: 'notifications/resources/updated', params: { uri, ...meta } });
    }
  }

  #audience(uri: string): [Channel, Listening][] {
    const hears = ({ uris }: Listening): boolean =>
      isStateless(this.revision) ? uris?.includes(uri) === true : this.#subscribed.has(uri);
    return [...this.#listening].filter(([, listening]) => hears(listening));
  }

  #say(channel: Channel, message: Message): void {
    channel.send(this.tape.said(message), message);
  }

  #request({ id, method, params = {} }: Message & { id: Id; method: string }, channel: Channel): void {
    if (method === 'tools/call') return this.#call(id, params, channel);
    if (method === 'resources/read') return this.#read(id, params, channel);
    if (method === 'subscriptions/listen' && isStateless(this.revision)) return this.#listen(id, params, channel);
    const result = this.#result(method, params);
    if (result !== undefined) return this.#say(channel, { id, result });
    this.#say(channel, { id, error: { code: -32601, message: 'Method not found' } });
  }

  #result(method: string, params: Json): Json | undefined {
    const list = LISTS[method];
    if (list !== undefined) return this.#complete({ [list[0]]: list[1] }, true);
    if (method === 'prompts/get') return this.#complete({ messages: messagesFor(params) });
    if (isStateless(this.revision)) {
      if (method !== 'server/discover') return undefined;
      return this.#complete({ supportedVersions: [this.revision], capabilities: CAPABILITIES }, true);
    }
    switch (method) {
      case 'initialize':
        return { protocolVersion: this.revision, capabilities: CAPABILITIES, serverInfo: INFO };
      case 'logging/setLevel':
        this.#level = String(params['level']);
        return {};
      case 'resources/subscribe':
        this.#subscribed.add(params['uri']);
        this.#turns.push(true);
        return {};
      case 'resources/unsubscribe':
        this.#subscribed.delete(params['uri']);
        this.#turns.push(true);
        return {};
      case 'ping':
        return {};
      default:
        return undefined;
    }
  }

  #read(id: Id, params: Json, channel: Channel): void {
    const uri = textFor(params['uri']);
    if (uri === WATCHED)
      return this.#say(channel, { id, result: this.#complete({ contents: [{ uri, text: uri }] }, true) });
    const code = isStateless(this.revision) ? -32602 : -32002;
    this.#say(channel, { id, error: { code, message: 'Resource not found', data: { uri } } });
  }

  #complete(result: Json, isCacheable = false): Json {
    if (!isStateless(this.revision)) return result;
    const caching = isCacheable ? { ttlMs: 0, cacheScope: 'private' } : {};
    return { resultType: 'complete', ...result, ...caching, _meta: { 'io.modelcontextprotocol/serverInfo': INFO } };
  }

  #listen(id: Id, params: Json, channel: Channel): void {
    const { resourceSubscriptions: uris } = objectOf(params['notifications']);
    this.#listening.set(channel, { id, uris: Array.isArray(uris) ? uris : [] });
    this.#turns.push(true);
    this.#say(channel, {
      method: 'notifications/subscriptions/acknowledged',
      params: { _meta: { [SUBSCRIPTION_ID]: id }, notifications: params['notifications'] },
    });
  }

  #call(id: Id, params: Json, channel: Channel): void {
    const tool = String(params['name']);
    const tag = String(objectOf(params['arguments'])['tag']);
    const work: Work = {
      id,
      tool,
      tag,
      token: objectOf(params['_meta'])['progressToken'],
      params,
      say: (message) => this.#say(channel, message),
      finish: (text, more = {}) =>
        this.#say(channel, { id, result: this.#complete({ content: [{ type: 'text', text }], ...more }) }),
    };
    if (!TOOLS.includes(tool)) return work.say({ id, error: { code: -32602, message: `Unknown tool: ${tool}` } });
    this.#calls.set(id, channel);
    this.works.push(work);
    if (isQuestionTool(tool)) return void this.#ask(tool, work);
    this.#tools[tool]?.(work);
  }

  readonly #tools: Readonly<Record<string, (work: Work) => void>> = {
    echo: (work) => work.finish(work.tag, this.revision < '2025-06-18' ? {} : { structuredContent: { tag: work.tag } }),
    steps: (work) => {
      for (const progress of [1, 2, 3]) advance(work, progress);
      work.finish('done');
    },
    note: (work) => {
      const level = isStateless(this.revision) ? metaOf({ params: work.params })[LOG_LEVEL] : this.#level;
      const wanted = level === undefined ? [] : LEVELS.slice(LEVELS.indexOf(textFor(level)));
      for (const each of wanted) {
        work.say({ method: 'notifications/message', params: { level: each, logger: 'matrix', data: work.tag } });
      }
      work.finish('noted');
    },
  };

  /** Answers with what it was answered, as JSON text. */
  async #ask(tool: QuestionTool, work: Work): Promise<void> {
    const params = questionParams(tool, this.revision, work.tag);
    // In each round anew, where there are rounds.
    if (tool === 'ponder') advance(work, 1);
    const question = { method: METHODS[tool], ...(params !== undefined && { params }) };
    if (!isStateless(this.revision)) {
      const id = `ask-${++this.#ids}`;
      const reply = new Promise<Message>((resolve) => this.#waiting.set(id, resolve));
      work.say({ id, ...question });
      const { result, error } = await reply;
      return this.#goOn(work, JSON.stringify(result ?? error), error === undefined ? {} : { isError: true });
    }
    const { inputResponses, requestState: state } = work.params;
    const requestState = `state of ${work.tag}`;
    if (inputResponses === undefined) {
      const result = { resultType: 'input_required', inputRequests: { q: question }, requestState };
      return work.say({ id: work.id, result });
    }
    const answer = JSON.stringify(objectOf(inputResponses)['q']);
    this.#goOn(work, state === requestState ? answer : `not my state: ${JSON.stringify(state)}`);
  }

  #goOn(work: Work, answer: string, more: Json = {}): void {
    if (work.tool === 'ponder') this.answered.push(work);
    else work.finish(answer, more);
  }
}

/** What the prompt `greet` says. */
export function messagesFor({ arguments: given }: Json): Json[] {
  const text = `Hello ${textFor(objectOf(given)['who'])}`;
  return [{ role: 'user', content: { type: 'text', text } }];
}

/** Reports progress of a call that wants it. */
export function advance(work: Work, progress: number): void {
  const { token: progressToken } = work;
  if (progressToken === undefined) return;
  work.say({ method: 'notifications/progress', params: { progressToken, progress, total: 3 } });
}
