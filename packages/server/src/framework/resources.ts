/**
 * Resources and templates of them: from their definitions to entries of the registry, and `resources/read` (MCP, "Resources").
 * An added resource comes before a template that fits, and templates in the order in which they were added.
 */

import type { JsonObject } from '@sallyport/wire';
import { errorAnswer, type Answer, type Exchange } from '../exchange.ts';
import { completed, describeError, failureAnswer } from './answers.ts';
import type { Call } from './call.ts';
import { contentsOf } from './contents.ts';
import type { Context, Viewer } from './context.ts';
import type {
  ListedResource,
  ResourceDefinition,
  ResourceHandler,
  TemplateDefinition,
  TemplateHandler,
  Variables,
} from './definitions.ts';
import type { Log } from '../serving/log.ts';
import { ResourceNotFoundError } from './errors.ts';
import { isSeen, isUsable, type Entry, type Registry } from './registry.ts';
import { createUriTemplate, type UriTemplate } from './uri-template.ts';
import { restrictionOf, shownOf } from './visibility.ts';

export interface Resource extends Entry {
  readonly definition: ResourceDefinition;
  readonly handler: ResourceHandler;
}

export interface Template extends Entry {
  readonly definition: TemplateDefinition;
  readonly handler: TemplateHandler;
  readonly template: UriTemplate;
}

/** What there is to read. */
export interface Readables {
  readonly resources: Registry<Resource>;
  readonly templates: Registry<Template>;
}

/** Characters of a URI that is looked up. */
const MAX_URI = 8192;

/** Throws a `TypeError` for a definition that cannot be served. */
export function createResource(definition: ResourceDefinition, handler: ResourceHandler): Resource {
  if (!URL.canParse(definition.uri)) {
    throw new TypeError(`The URI of a resource must be absolute: ${JSON.stringify(definition.uri)} is not.`);
  }
  requireName('resource', definition.name);
  requireHandler(handler, definition.uri);
  return {
    key: definition.uri,
    shown: shownOf(definition),
    see: restrictionOf(definition),
    definition,
    handler,
  };
}

/** The same. */
export function createTemplate(definition: TemplateDefinition, handler: TemplateHandler): Template {
  const { complete, uriTemplate } = definition;
  requireName('resource template', definition.name);
  requireHandler(handler, uriTemplate);
  const template = createUriTemplate(uriTemplate);
  for (const variable of Object.keys(complete ?? {})) {
    if (!template.names.includes(variable)) {
      throw new TypeError(`There is no variable ${JSON.stringify(variable)} to complete in ${uriTemplate}.`);
    }
  }
  const see = restrictionOf(definition);
  return { key: uriTemplate, shown: shownOf(definition), see, definition, handler, template };
}

function requireName(noun: string, name: unknown): void {
  if (typeof name !== 'string' || name === '') throw new TypeError(`A ${noun} must have a name that is not empty.`);
}

function requireHandler(handler: unknown, name: string): void {
  if (typeof handler !== 'function') throw new TypeError(`${name} needs a function that reads it.`);
}

/** Who reads a URI. */
export type Reader = { readonly resource: Resource } | { readonly template: Template; readonly variables: Variables };

export function entryOf(reader: Reader): Resource | Template {
  return 'resource' in reader ? reader.resource : reader.template;
}

/** Undefined: nobody that the viewer may know of. */
export function readerOf(kinds: Readables, uri: unknown, viewer: () => Viewer): Reader | undefined {
  if (typeof uri !== 'string' || uri.length > MAX_URI) return undefined;
  const resource = kinds.resources.get(uri);
  if (resource !== undefined && (resource.see === undefined || isSeen(resource, viewer()))) return { resource };
  for (const template of kinds.templates.entries()) {
    const variables = template.template.match(uri);
    if (variables !== undefined && (template.see === undefined || isSeen(template, viewer())))
      return { template, variables };
  }
  return undefined;
}

/** -32002 in the session era, -32602 in the stateless one. */
export function unknownResource({ era, message }: Exchange): Answer {
  const uri = message.params?.['uri'];
  if (typeof uri !== 'string') return errorAnswer('invalid_params', era, 'The uri is missing.');
  const key = era === 'session' ? 'resource_not_found' : 'invalid_params';
  return errorAnswer(key, era, 'Resource not found.', { uri: uri.slice(0, MAX_URI) });
}

export interface ReadParts {
  readonly info: JsonObject;
  readonly log: Log;
}

/** Does not reject. */
export async function readResource(reader: Reader, call: Call, exchange: Exchange, parts: ReadParts): Promise<Answer> {
  const uri = exchange.message.params?.['uri'] as string;
  const isResource = 'resource' in reader;
  const { definition } = isResource ? reader.resource : reader.template;
  try {
    const result = isResource
      ? await reader.resource.handler(call)
      : await reader.template.handler(reader.variables, call, uri);
    const contents = contentsOf(result, uri, definition.mimeType);
    // What is read hangs on who reads it, and may be another at any time.
    const caching = exchange.era === 'session' ? {} : { ttlMs: 0, cacheScope: 'private' };
    return completed({ contents, ...caching }, exchange, parts.info);
  } catch (error) {
    if (error instanceof ResourceNotFoundError) return unknownResource(exchange);
    const name = isResource ? reader.resource.key : reader.template.key;
    return failureAnswer({ exchange, noun: 'resource', name, error, log: parts.log });
  }
}

/** The resources of templates that exist now. One that cannot tell is left out, and said so in the log. */
export async function listedByTemplates(kinds: Readables, context: Context, log: Log): Promise<readonly JsonObject[]> {
  const found: JsonObject[] = [];
  for (const template of kinds.templates.entries()) {
    const { list, mimeType } = template.definition;
    // What there is of it is for who may read it.
    if (list === undefined || !isUsable(template, context)) continue;
    try {
      const listed: readonly ListedResource[] = await list(context);
      const shown = listed.map((each) => ({ ...(mimeType !== undefined && { mimeType }), ...each }));
      // As it is sent: what no JSON can say fails here, with its template.
      found.push(...(JSON.parse(JSON.stringify(shown)) as JsonObject[]));
    } catch (error) {
      log('error', 'a list of resources failed', { template: template.key, error: describeError(error) });
    }
  }
  return found;
}
