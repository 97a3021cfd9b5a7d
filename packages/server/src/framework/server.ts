/**
 * A server as its author builds it: tools, resources, templates and prompts in one registry, served to any number of clients
 * on any number of transports at once. It opens nothing itself: `serve` does, a test, or the gateway, through `served`.
 */

import type { JsonObject, JsonValue, LogLevel } from '@sallyport/wire';
import type { Served } from '../exchange.ts';
import { guardLog } from './author.ts';
import type { Viewer } from './context.ts';
import type {
  PromptDefinition,
  PromptHandler,
  Registered,
  ResourceDefinition,
  ResourceHandler,
  TemplateDefinition,
  TemplateHandler,
  ToolDefinition,
  ToolHandler,
} from './definitions.ts';
import { Dispatch } from './dispatch.ts';
import { createLog, type Log } from '../serving/log.ts';
import { createPrompt, type AnyPromptHandler } from './prompts.ts';
import type { Entry, Registry } from './registry.ts';
import { createResource, createTemplate } from './resources.ts';
import type { AnySchema } from './standard-schema.ts';
import { createTool, type AnyToolHandler } from './tools.ts';

/** Time as it passes in the server. */
export interface Clock {
  /** Calls `fire` after `ms`, unless what it returns was called before. */
  setTimer(fire: () => void, ms: number): () => void;
}

export interface ServerOptions {
  readonly name: string;
  readonly version: string;
  readonly title?: string;
  readonly description?: string;
  readonly websiteUrl?: string;
  readonly icons?: readonly JsonObject[];
  /** For the model: what the server is for and how its tools go together. */
  readonly instructions?: string;
  /** Entries on one page of a list. 100 when absent. */
  readonly pageSize?: number;
  /** Signs the cursors of lists: replicas share it. At least 32 bytes; random when absent. */
  readonly cursorKey?: Uint8Array;
  /** For the operator. Lines of JSON on stderr when absent. */
  readonly log?: Log;
  /** For tests. */
  readonly clock?: Clock;
}

export interface McpServer {
  /** Throws a `TypeError` for a name that is taken or none, and for a schema that cannot be shown or checked. */
  addTool<Input extends AnySchema | undefined = undefined, Output extends AnySchema | undefined = undefined>(
    definition: ToolDefinition<Input, Output>,
    handler: ToolHandler<Input, Output>,
  ): Registered<Partial<Omit<ToolDefinition, 'name'>>>;
  /** Throws a `TypeError` for a URI that is taken or not absolute. */
  addResource(
    definition: ResourceDefinition,
    handler: ResourceHandler,
  ): Registered<Partial<Omit<ResourceDefinition, 'uri'>>>;
  /** Throws a `TypeError` for a template that is taken or none. */
  addResourceTemplate(
    definition: TemplateDefinition,
    handler: TemplateHandler,
  ): Registered<Partial<Omit<TemplateDefinition, 'uriTemplate'>>>;
  /** As `addTool`. */
  addPrompt<Args extends AnySchema | undefined = undefined>(
    definition: PromptDefinition<Args>,
    handler: PromptHandler<Args>,
  ): Registered<Partial<Omit<PromptDefinition, 'name'>>>;
  /** Tells all who wanted to hear of it, and may read it; with `concerns` only those for whom it is the same resource. */
  resourceUpdated(uri: string, concerns?: (viewer: Viewer) => boolean): void;
  /** A log message to every session. What is for one client alone goes through the context of its call. */
  log(level: LogLevel, data: JsonValue, logger?: string): void;
  /** For whoever carries it to clients. */
  readonly served: Served;
  /** Ends what waits for clients, and every listen. New calls are refused. Idempotent. */
  close(): void;
}

const PAGE_SIZE = 100;
const MIN_KEY_BYTES = 32;
/** A longer timer would fire at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export function createServer(options: ServerOptions): McpServer {
  const { clock = { setTimer: unrefTimer }, cursorKey, log = stderrLog(), pageSize = PAGE_SIZE } = options;
  checkOptions(options, pageSize);
  const dispatch = new Dispatch({
    info: infoOf(options),
    instructions: options.instructions,
    pageSize,
    cursorKey,
    log: guardLog(log),
    setTimer: (fire, ms) => clock.setTimer(fire, ms),
  });
  const { kinds } = dispatch;
  return {
    addTool: (definition, handler) =>
      register(kinds.tools, definition as ToolDefinition, (each) => createTool(each, handler as AnyToolHandler)),
    addResource: (definition, handler) =>
      register(kinds.resources, definition, (each) => createResource(each, handler)),
    addResourceTemplate: (definition, handler) =>
      register(kinds.templates, definition, (each) => createTemplate(each, handler)),
    addPrompt: (definition, handler) =>
      register(kinds.prompts, definition as PromptDefinition, (each) =>
        createPrompt(each, handler as AnyPromptHandler),
      ),
    resourceUpdated: (uri, concerns) => dispatch.subscriptions.resourceUpdated(uri, concerns),
    log: (level, data, logger) => dispatch.subscriptions.log(level, data, logger),
    served: dispatch.served(),
    close: () => dispatch.close(),
  };
}

/** Adds what `create` makes of a definition; it throws for one that cannot be served. */
function register<D extends object, E extends Entry>(
  registry: Registry<E>,
  definition: D,
  create: (definition: D) => E,
): Registered<Partial<D>> {
  let current = definition;
  let entry = create(current);
  registry.add(entry);
  return {
    remove: () => registry.remove(entry),
    update: (changes) => {
      const changed = { ...current, ...changes };
      const next = create(changed);
      if (next.key !== entry.key) throw new TypeError('What was added keeps its name: remove it, and add another.');
      registry.replace(entry, next);
      current = changed;
      entry = next;
    },
  };
}

function checkOptions({ cursorKey, name, version }: ServerOptions, pageSize: number): void {
  if (name === '' || version === '') throw new TypeError('A server needs a name and a version.');
  if (!Number.isSafeInteger(pageSize) || pageSize < 1) throw new TypeError('pageSize is a whole number from 1.');
  if (cursorKey !== undefined && cursorKey.length < MIN_KEY_BYTES) {
    throw new TypeError(`cursorKey must have ${MIN_KEY_BYTES} bytes at least.`);
  }
}

function infoOf({ description, icons, name, title, version, websiteUrl }: ServerOptions): JsonObject {
  return {
    name,
    version,
    ...(title !== undefined && { title }),
    ...(description !== undefined && { description }),
    ...(websiteUrl !== undefined && { websiteUrl }),
    ...(icons && { icons: [...icons] }),
  };
}

/** A timer that does not keep the process alive. */
function unrefTimer(fire: () => void, ms: number): () => void {
  const timer = setTimeout(fire, Math.min(ms, LONGEST_TIMER_MS)).unref();
  return () => clearTimeout(timer);
}

function stderrLog(): Log {
  return createLog({ now: Date.now, write: (line) => void process.stderr.write(line) });
}
