/**
 * From a request to what answers it: the methods of both eras, in one table. What the transports do themselves, `initialize`,
 * `ping` and `server/discover`, does not come here.
 */

import { isLogLevel, type Era, type JsonObject } from '@sallyport/wire';
import { errorAnswer, type Answer, type Exchange, type Served, type ServerDescription } from '../exchange.ts';
import { failureAnswer, refusalOf } from './answers.ts';
import { Call, unknownState } from './call.ts';
import { complete } from './completion.ts';
import type { Viewer } from './context.ts';
import { createCursors } from './cursors.ts';
import { createKinds, type ChangedKind, type Kinds } from './kinds.ts';
import { Lists, type ListKind } from './lists.ts';
import type { Log } from '../serving/log.ts';
import { getPrompt, unknownPrompt } from './prompts.ts';
import { isUsable, type Entry, type Registry } from './registry.ts';
import { entryOf, listedByTemplates, readerOf, readResource, unknownResource } from './resources.ts';
import { ROUNDS, Rounds, type RoundsOptions } from './rounds.ts';
import { Subscriptions } from './subscriptions.ts';
import { callTool, unknownTool } from './tools.ts';
import { viewerOf } from './viewer.ts';

export interface DispatchOptions {
  readonly info: JsonObject;
  readonly instructions: string | undefined;
  readonly pageSize: number;
  readonly cursorKey: Uint8Array | undefined;
  readonly log: Log;
  readonly setTimer: RoundsOptions['setTimer'];
}

type Method = (dispatch: Dispatch, exchange: Exchange) => Answer | Promise<Answer>;

const SHARED: readonly (readonly [string, Method])[] = [
  ['tools/call', (dispatch, exchange) => dispatch.callTool(exchange)],
  ['tools/list', (dispatch, exchange) => dispatch.list('tools', dispatch.kinds.tools, exchange)],
  ['resources/read', (dispatch, exchange) => dispatch.readResource(exchange)],
  ['resources/list', (dispatch, exchange) => dispatch.listResources(exchange)],
  [
    'resources/templates/list',
    (dispatch, exchange) => dispatch.list('resourceTemplates', dispatch.kinds.templates, exchange),
  ],
  ['prompts/get', (dispatch, exchange) => dispatch.getPrompt(exchange)],
  ['prompts/list', (dispatch, exchange) => dispatch.list('prompts', dispatch.kinds.prompts, exchange)],
  ['completion/complete', (dispatch, exchange) => dispatch.complete(exchange)],
];

const METHODS: Readonly<Record<Era, ReadonlyMap<string, Method>>> = {
  session: new Map([
    ...SHARED,
    ['logging/setLevel', (_dispatch, exchange) => setLevel(exchange)],
    ['resources/subscribe', (dispatch, exchange) => dispatch.subscribe(exchange)],
    ['resources/unsubscribe', (dispatch, exchange) => dispatch.subscriptions.subscribe(exchange, false)],
  ]),
  stateless: new Map([
    ...SHARED,
    ['subscriptions/listen', (dispatch, exchange) => dispatch.subscriptions.listen(exchange)],
  ]),
};

export class Dispatch {
  readonly kinds: Kinds;
  readonly subscriptions: Subscriptions;
  readonly #options: DispatchOptions;
  readonly #lists: Lists;
  readonly #rounds: Rounds<Call>;
  readonly #callParts: ConstructorParameters<typeof Call>[1];
  #closed = false;

  constructor(options: DispatchOptions) {
    const { cursorKey, info, pageSize, setTimer } = options;
    this.#options = options;
    this.#lists = new Lists({ pageSize, info, cursors: createCursors(cursorKey) });
    this.#rounds = new Rounds({ ...ROUNDS, setTimer });
    this.#callParts = { rounds: this.#rounds, forms: new WeakMap(), info };
    this.subscriptions = new Subscriptions({
      info,
      isReadable: (uri, viewer) => {
        const reader = readerOf(this.kinds, uri, () => viewer);
        return reader !== undefined && isUsable(entryOf(reader), viewer);
      },
    });
    this.kinds = createKinds((kind, before, after) => this.subscriptions.listChanged(kind, before, after));
  }

  served(): Served {
    return {
      describe: () => this.#describe(),
      handle: (exchange) => this.#handle(exchange),
      // Roots are asked for when they are needed, and progress of questions is nobody's here.
      notified: () => {},
      drain: (concerns) => this.subscriptions.drain(concerns),
      sessionOpened: (session) => this.subscriptions.sessionOpened(session),
      sessionChanged: (session, before) =>
        this.subscriptions.principalChanged(session, before, (kind, was, is) => this.#seesOther(kind, was, is)),
      sessionClosed: (session) => this.subscriptions.sessionClosed(session),
    };
  }

  close(): void {
    this.#closed = true;
    this.#rounds.close();
    this.subscriptions.close();
  }

  list(kind: ListKind, registry: Registry<Entry>, exchange: Exchange): Answer {
    return this.#lists.page(kind, registry, {
      era: exchange.era,
      cursor: exchange.message.params?.['cursor'],
      viewer: viewerOf(exchange, exchange.session),
    });
  }

  async listResources(exchange: Exchange): Promise<Answer> {
    const { resources, templates } = this.kinds;
    const isTold = [...templates.entries()].some(({ definition }) => definition.list !== undefined);
    if (!isTold) return this.list('resources', resources, exchange);
    const call = new Call(exchange, this.#callParts);
    const more = await listedByTemplates(this.kinds, call, this.#options.log);
    const { cursor } = exchange.message.params ?? {};
    return this.#lists.page('resources', resources, { era: exchange.era, cursor, viewer: call, more });
  }

  callTool(exchange: Exchange): Answer | Promise<Answer> {
    const tool = this.#named(this.kinds.tools, exchange);
    if (tool === undefined) return unknownTool(exchange);
    const refusal = refusalOf(tool, exchange, unknownTool);
    if (refusal !== undefined) return refusal;
    return this.#run(exchange, (call) => callTool(tool, call, exchange, this.#options));
  }

  readResource(exchange: Exchange): Answer | Promise<Answer> {
    const reader = readerOf(this.kinds, exchange.message.params?.['uri'], () => viewerOf(exchange, exchange.session));
    if (reader === undefined) return unknownResource(exchange);
    const refusal = refusalOf(entryOf(reader), exchange, unknownResource);
    if (refusal !== undefined) return refusal;
    return this.#run(exchange, (call) => readResource(reader, call, exchange, this.#options));
  }

  subscribe(exchange: Exchange): Answer {
    const reader = readerOf(this.kinds, exchange.message.params?.['uri'], () => viewerOf(exchange, exchange.session));
    const refusal = reader && refusalOf(entryOf(reader), exchange, unknownResource);
    return refusal ?? this.subscriptions.subscribe(exchange, true);
  }

  getPrompt(exchange: Exchange): Answer | Promise<Answer> {
    const prompt = this.#named(this.kinds.prompts, exchange);
    if (prompt === undefined) return unknownPrompt(exchange);
    const refusal = refusalOf(prompt, exchange, unknownPrompt);
    if (refusal !== undefined) return refusal;
    return this.#run(exchange, (call) => getPrompt(prompt, call, exchange, this.#options));
  }

  complete(exchange: Exchange): Promise<Answer> {
    const { info, log } = this.#options;
    return complete(new Call(exchange, this.#callParts), exchange, { kinds: this.kinds, info, log });
  }

  async #handle(exchange: Exchange): Promise<Answer> {
    if (this.#closed) return errorAnswer('shutting_down', exchange.era, 'The server is shutting down.');
    const method = METHODS[exchange.era].get(exchange.message.method);
    if (method === undefined) return errorAnswer('method_not_found', exchange.era);
    try {
      return await method(this, exchange);
    } catch (error) {
      const { log } = this.#options;
      return failureAnswer({ exchange, noun: 'request', name: exchange.message.method, error, log });
    }
  }

  /** A new call, or the next round of one. */
  #run(exchange: Exchange, handler: (call: Call) => Promise<Answer>): Answer | Promise<Answer> {
    const state = exchange.era === 'stateless' ? exchange.message.params?.['requestState'] : undefined;
    if (state === undefined) return new Call(exchange, this.#callParts).run(handler);
    return this.#rounds.take(state, exchange)?.resume(exchange) ?? unknownState(exchange);
  }

  #named<E extends Entry>(registry: Registry<E>, { message }: Exchange): E | undefined {
    const name = message.params?.['name'];
    return typeof name === 'string' ? registry.get(name) : undefined;
  }

  #describe(): ServerDescription {
    const { prompts, resources, templates, tools } = this.kinds;
    const completes = (entry: { readonly definition: { readonly complete?: object } }): boolean =>
      entry.definition.complete !== undefined;
    return {
      info: this.#options.info,
      instructions: this.#options.instructions,
      capabilities: {
        logging: {},
        ...(tools.used && { tools: { listChanged: true } }),
        ...((resources.used || templates.used) && { resources: { subscribe: true, listChanged: true } }),
        ...(prompts.used && { prompts: { listChanged: true } }),
        ...([...prompts.entries(), ...templates.entries()].some(completes) && { completions: {} }),
      },
    };
  }

  #seesOther(kind: ChangedKind, before: Viewer, after: Viewer): boolean {
    const registries: readonly Registry<Entry>[] =
      kind === 'resources' ? [this.kinds.resources, this.kinds.templates] : [this.kinds[kind]];
    return registries.some((registry) => registry.audienceOf(before) !== registry.audienceOf(after));
  }
}

function setLevel({ era, message, session }: Exchange): Answer {
  const level = message.params?.['level'];
  if (!isLogLevel(level)) return errorAnswer('invalid_params', era, 'The level is none of the known ones.');
  if (session !== undefined) session.logLevel = level;
  return { kind: 'value', result: {} };
}
