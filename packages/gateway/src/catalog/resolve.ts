/**
 * Resolving: from what a message names to the server that owns it. A pure look-up in the catalogue; whether the caller
 * may is decided after it. What is not found is refused as unknown.
 */

import type { Answer, Exchange } from '@sallyport/server';
import { isObject, type Era, type JsonObject } from '@sallyport/wire';
import type { Call, MadeBy, Next, Step, Target } from '../call.ts';
import { canonicalId } from './naming.ts';
import type { ToolEntry } from './offer.ts';
import { LIST_KINDS, type ListKind } from './snapshot.ts';
import { readyView, type CatalogView } from './view.ts';
import { Refused } from '../errors.ts';

/** What there is at the endpoint of a call. */
export type Place = Pick<CatalogView, 'catalog' | 'ownerOf' | 'ready' | 'can' | 'servers'>;

export interface ResolveOptions {
  /** What the caller sees. */
  readonly view: (exchange: Exchange) => Place;
  /** The server and its own id of a task, from the id that the client was given; undefined for a foreign one. */
  readonly openTaskId: (
    taskId: string,
    call: Call,
  ) => { readonly server: string; readonly original: string; readonly madeBy?: MadeBy } | undefined;
  /** Answers for what is unknown, or rejects with the error. `again` looks once more. */
  readonly unknown: (call: Call, error: Refused, again: () => Promise<Answer>) => Promise<Answer>;
}

type OpenTaskId = ResolveOptions['openTaskId'];
type Resolver = (view: Place, params: JsonObject) => Target | undefined;

const RESOLVERS: Readonly<Record<string, Resolver>> = {
  'tools/call': ({ catalog }, params) => {
    const tool = catalog.tools.get(text(params, 'name', 'tools/call'));
    return tool && toolTarget(tool);
  },
  'prompts/get': ({ catalog }, params) => {
    const prompt = catalog.prompts.get(text(params, 'name', 'prompts/get'));
    return prompt && named('prompt', prompt);
  },
  'resources/read': (view, params) => byUri(view, text(params, 'uri', 'resources/read')),
  'completion/complete': (view, params) => byReference(view, params['ref']),
};

/** Characters of an unknown name that are said back. */
const MAX_SHOWN = 200;

/** Methods that name a task by its id. */
const TASK_METHODS: ReadonlySet<string> = new Set(['tasks/get', 'tasks/result', 'tasks/update', 'tasks/cancel']);

/** Lists in which what a method names may turn up; all of them for the others. */
const SOUGHT_IN: Readonly<Record<string, readonly ListKind[]>> = {
  'tools/call': ['tools'],
  'prompts/get': ['prompts'],
  'resources/read': ['resources', 'templates'],
};

export function createResolve(options: ResolveOptions): Step {
  const targets = new WeakMap<ToolEntry, Target>();
  /** Sets the target, or gives what is answered without one. */
  const find = async (call: Call): Promise<Answer | undefined> => {
    const { method } = call.exchange.message;
    let view = options.view(call.exchange);
    let target = resolve(view, call, options.openTaskId);
    if (target === undefined && !TASK_METHODS.has(method)) {
      const kinds = Object.hasOwn(SOUGHT_IN, method) ? SOUGHT_IN[method] : LIST_KINDS;
      view = await readyView(() => options.view(call.exchange), kinds);
      target = resolve(view, call, options.openTaskId);
    }
    if (method === 'completion/complete' && (target === undefined || !view.can(target.server, 'completions'))) {
      return { kind: 'value', result: noCompletion(call.exchange.era) };
    }
    const quarantine = target === undefined ? quarantineOf(view, call) : undefined;
    if (quarantine !== undefined) throw quarantine;
    call.target = target ?? refuseUnknown(call);
    return undefined;
  };
  const seek: Step = async (call, next) => (await find(call)) ?? (await next(call));
  const seekOrAsk = async (call: Call, next: Next): Promise<Answer> => {
    let answer: Answer | undefined;
    try {
      answer = await find(call);
    } catch (error) {
      // What has a target is known, and refused for another reason.
      if (!(error instanceof Refused) || call.target !== undefined) throw error;
      return await options.unknown(call, error, () => seek(call, next));
    }
    return answer ?? (await next(call));
  };
  return (call, next) => {
    // What most calls are: a tool that is known.
    const { message } = call.exchange;
    const name = message.method === 'tools/call' ? message.params?.['name'] : undefined;
    const tool = typeof name === 'string' ? options.view(call.exchange).catalog.tools.get(name) : undefined;
    if (tool === undefined || !isMeant(call, tool)) return seekOrAsk(call, next);
    let target = targets.get(tool);
    if (target === undefined) targets.set(tool, (target = toolTarget(tool)));
    call.target = target;
    return next(call);
  };
}

const QUARANTINED =
  'This tool is not the one that was approved: it has changed or is new, and is kept back until the operator approves it (`sallyport pins`).';

/** Who would see a tool is told why it is not there; for others it is unknown. Undefined: nothing keeps it back. */
export function quarantineOf({ catalog }: Pick<Place, 'catalog'>, call: Call): Refused | undefined {
  // As in most catalogues.
  if (catalog.quarantined.size === 0) return undefined;
  const { method, params } = call.exchange.message;
  const name = method === 'tools/call' ? params?.['name'] : undefined;
  const tool = typeof name === 'string' ? catalog.quarantined.get(name) : undefined;
  if (tool === undefined) return undefined;
  call.target = toolTarget(tool);
  return new Refused('refused', QUARANTINED, { data: { reason: 'quarantined' } });
}

/** What cannot be completed has no values; a client asks while somebody types and can do nothing with an error. */
function noCompletion(era: Era): JsonObject {
  const result = { completion: { values: [], total: 0, hasMore: false } };
  return era === 'session' ? result : { ...result, resultType: 'complete' };
}

/** Who names the server too means no other one's tool. */
function isMeant({ via }: Call, { server }: Pick<Target, 'server'>): boolean {
  return via?.server === undefined || via.server === server;
}

function resolve(view: Place, call: Call, openTaskId: OpenTaskId): Target | undefined {
  const { method, params = {} } = call.exchange.message;
  const resolver = Object.hasOwn(RESOLVERS, method) ? RESOLVERS[method] : undefined;
  if (resolver !== undefined) {
    const target = resolver(view, params);
    return target !== undefined && isMeant(call, target) ? target : undefined;
  }
  if (TASK_METHODS.has(method)) return byTask(openTaskId(text(params, 'taskId', method), call));
  return byCertainty(view, call, params, openTaskId);
}

function toolTarget(tool: ToolEntry): Target {
  const { inputSchema } = tool.shown;
  return {
    ...named('tool', tool),
    ...(tool.annotations && { annotations: tool.annotations }),
    paramHeaders: tool.paramHeaders,
    ...(tool.argumentRules && { argumentRules: tool.argumentRules }),
    ...(isObject(inputSchema) && { inputSchema }),
  };
}

function named(kind: 'tool' | 'prompt', entry: { server: string; id: string; original: string }): Target {
  return { server: entry.server, kind, canonicalId: entry.id, original: entry.original };
}

function byUri(view: Place, uri: string): Target | undefined {
  const server = view.ownerOf(uri);
  return server === undefined ? undefined : { server, kind: 'resource', canonicalId: uri, original: uri };
}

function byReference(view: Place, ref: unknown): Target | undefined {
  if (!isObject(ref)) throw new Refused('invalid_params', 'completion/complete needs a ref.');
  if (ref['type'] === 'ref/prompt' && typeof ref['name'] === 'string') {
    const prompt = view.catalog.prompts.get(ref['name']);
    return prompt && named('prompt', prompt);
  }
  const uri = ref['uri'];
  if (ref['type'] !== 'ref/resource' || typeof uri !== 'string') {
    throw new Refused('invalid_params', 'The ref must be a ref/prompt with a name or a ref/resource with a uri.');
  }
  const server = view.catalog.templates.get(uri)?.server ?? view.ownerOf(uri);
  return server === undefined ? undefined : { server, kind: 'template', canonicalId: uri, original: uri };
}

function byTask(opened: ReturnType<OpenTaskId>): Target | undefined {
  if (opened === undefined) return undefined;
  const { madeBy, original, server } = opened;
  return { server, kind: 'task', canonicalId: original, original, ...(madeBy && { madeBy }) };
}

/**
 * A method that nobody here knows passes where only one server can be meant, and is decided as what it is: something that the
 * whole server does. What its parameters name says which server, and no more; what is withheld stays so by any method.
 */
function byCertainty(view: Place, call: Call, params: JsonObject, openTaskId: OpenTaskId): Target | undefined {
  const { catalog, servers } = view;
  const { name, uri, taskId } = params;
  const as = (server: string, original?: string): Target => {
    return { server, kind: 'server', canonicalId: call.exchange.message.method, original };
  };
  if (typeof name === 'string') {
    const known = catalog.tools.get(name) ?? catalog.prompts.get(name);
    if (known !== undefined) return mayNameUri(view, uri, known.server) ? as(known.server, known.original) : undefined;
  }
  if (typeof uri === 'string') return serverOf(view.ownerOf(uri), as);
  if (typeof taskId === 'string') return byTask(openTaskId(taskId, call));
  const [only] = servers;
  if (servers.length !== 1 || only === undefined) return undefined;
  if (typeof name === 'string' && catalog.withholds(canonicalId(only, name), only)) return undefined;
  return as(only);
}

function serverOf(server: string | undefined, as: (server: string) => Target): Target | undefined {
  return server === undefined ? undefined : as(server);
}

/** What is named beside must be the same server's, and be seen. */
function mayNameUri(view: Place, uri: unknown, server: string): boolean {
  return typeof uri !== 'string' || view.ownerOf(uri) === server;
}

function text(params: JsonObject, name: string, method: string): string {
  const value = params[name];
  if (typeof value !== 'string' || value === '') throw new Refused('invalid_params', `${method} needs ${name}.`);
  return value;
}

function shortName(params: JsonObject | undefined): string {
  const name = params?.['name'];
  return typeof name === 'string' ? name.slice(0, MAX_SHOWN) : '';
}

/** Unknown and not visible are refused alike, in the words of each method and era. */
export function refuseUnknown(call: Call): never {
  const { era, message } = call.exchange;
  const { method, params } = message;
  const uri = params?.['uri'];
  switch (method) {
    case 'tools/call':
      throw new Refused('invalid_params', `Unknown tool: ${shortName(params)}`);
    case 'prompts/get':
      throw new Refused('invalid_params', `Unknown prompt: ${shortName(params)}`);
    case 'resources/read':
      throw new Refused(era === 'session' ? 'resource_not_found' : 'invalid_params', 'Resource not found.', {
        data: { uri },
      });
    default:
      throw new Refused(TASK_METHODS.has(method) ? 'invalid_params' : 'method_not_found');
  }
}
