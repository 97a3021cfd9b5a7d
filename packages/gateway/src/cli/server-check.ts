/**
 * What is amiss with a server, seen from its clients: names that some of them refuse, definitions that a model cannot use well,
 * what it all costs in a context. Looks at definitions alone; calls nothing.
 */
import type { Prompt, Resource, ResourceTemplate, ServerDescription, Tool } from '@sallyport/client';
import { compileSchema, linearPattern } from '@sallyport/server/schema';
import { isObject, type JsonObject, type JsonValue } from '@sallyport/wire';
import type { Tokens } from './cost.ts';

/** What a server says of itself and offers. */
export interface Seen {
  /** In each era that it speaks. */
  readonly servers: readonly ServerDescription[];
  readonly tools: readonly Tool[];
  readonly prompts: readonly Prompt[];
  readonly resources: readonly Resource[];
  readonly templates: readonly ResourceTemplate[];
}

export interface Finding {
  readonly level: 'error' | 'warning';
  /** `tool add`, `server`. */
  readonly where: string;
  readonly message: string;
}

export interface ServerReport {
  readonly findings: readonly Finding[];
  /** Of the definition of each, the dearest first. */
  readonly tools: readonly { readonly name: string; readonly tokens: number }[];
  /** Of the list of tools. */
  readonly tokens: number;
}

/** What clients take at most, and what is left of it once a gateway has put the server's name before it. */
const MAX_NAME = 64;
const GOOD_NAME = 48;
/** Of one definition. Twenty such tools are a tenth of a small context. */
const DEAR_TOKENS = 1000;
const HINTS = ['readOnlyHint', 'destructiveHint', 'idempotentHint', 'openWorldHint'];

export function checkServer(seen: Seen, tokens: Tokens): ServerReport {
  const costs = seen.tools.map((tool) => ({ name: tool.name, tokens: tokens(JSON.stringify(tool)) }));
  const findings = [
    ...serverFindings(seen),
    ...repeated('tool', seen.tools),
    ...repeated('prompt', seen.prompts),
    ...seen.tools.flatMap(toolFindings),
    ...costs.filter((cost) => cost.tokens > DEAR_TOKENS).map(dear),
    ...seen.prompts.flatMap(promptFindings),
    ...[...seen.resources, ...seen.templates].flatMap(resourceFindings),
  ];
  return {
    findings: findings.toSorted((one, other) => one.level.localeCompare(other.level)),
    tools: costs.toSorted((one, other) => other.tokens - one.tokens),
    tokens: tokens(JSON.stringify(seen.tools)),
  };
}

function error(where: string, message: string): Finding {
  return { level: 'error', where, message };
}

function warning(where: string, message: string): Finding {
  return { level: 'warning', where, message };
}

function isBlank(text: string | undefined): boolean {
  return text === undefined || text.trim() === '';
}

function serverFindings({ servers, tools, prompts, resources, templates }: Seen): Finding[] {
  const eras = new Set(servers.map(({ era }) => era));
  const offers = tools.length + prompts.length + resources.length + templates.length;
  return [
    ...(servers.some(({ name, version }) => isBlank(name) || isBlank(version))
      ? [error('server', 'says no name or no version')]
      : []),
    ...(offers === 0 ? [error('server', 'offers nothing: no tool, prompt or resource')] : []),
    ...(servers.every(({ instructions }) => isBlank(instructions))
      ? [warning('server', 'has no instructions: a model is not told what it is for')]
      : []),
    ...(eras.has('session') ? [] : [warning('server', 'does not speak 2025-11-25 and before, as most clients do')]),
    ...(eras.has('stateless') ? [] : [warning('server', 'does not speak 2026-07-28')]),
  ];
}

function repeated(kind: string, items: readonly { readonly name: string }[]): Finding[] {
  const names = items.map(({ name }) => name);
  const twice = new Set(names.filter((name, at) => names.indexOf(name) !== at));
  return [...twice].map((name) => error(`${kind} ${name}`, 'is listed more than once'));
}

function toolFindings(tool: Tool): Finding[] {
  const where = `tool ${tool.name}`;
  const { annotations = {}, description, inputSchema, name, outputSchema } = tool;
  return [
    ...nameFindings(where, name),
    ...(isBlank(description) ? [error(where, 'has no description: a model cannot know when to use it')] : []),
    ...(HINTS.some((hint) => typeof annotations[hint] === 'boolean')
      ? []
      : [warning(where, 'has no annotations: clients must take it for one that changes and destroys')]),
    ...schemaFindings(where, 'input', inputSchema),
    ...(outputSchema === undefined ? [] : schemaFindings(where, 'output', outputSchema)),
    ...undescribed(inputSchema).map((path) => warning(where, `argument ${path} has no description`)),
  ];
}

function nameFindings(where: string, name: string): Finding[] {
  if (!/^[A-Za-z0-9_-]+$/.test(name)) {
    const isOfSpecification = /^[A-Za-z0-9_./-]+$/.test(name);
    const message = 'has a name with other characters than A-Z, a-z, 0-9, _ and -, which some clients refuse';
    return [isOfSpecification ? warning(where, message) : error(where, message)];
  }
  if (name.length > MAX_NAME) {
    return [error(where, `has a name of ${name.length} characters: many clients refuse more than ${MAX_NAME}`)];
  }
  if (name.length <= GOOD_NAME) return [];
  return [warning(where, `has a name of ${name.length} characters: above ${GOOD_NAME} gateways must shorten it`)];
}

function schemaFindings(where: string, what: 'input' | 'output', schema: JsonObject): Finding[] {
  try {
    compileSchema(schema, linearPattern);
  } catch (thrown) {
    return [error(where, `has an ${what} schema that is none: ${thrown instanceof Error ? thrown.message : ''}`)];
  }
  return schema['type'] === 'object' ? [] : [error(where, `has an ${what} schema whose type is not "object"`)];
}

const MAX_DEPTH = 8;

/** Paths of arguments that say nothing of themselves, through objects and lists. */
function undescribed(schema: JsonValue | undefined, path = '', depth = 0): string[] {
  if (!isObject(schema) || depth > MAX_DEPTH) return [];
  const { properties, items } = schema;
  const own = isObject(properties) ? Object.entries(properties) : [];
  return [
    ...own.flatMap(([name, property]) => {
      const at = path === '' ? name : `${path}.${name}`;
      const says = isObject(property) && ['description', 'title', 'const', '$ref'].some((key) => key in property);
      return [...(says ? [] : [at]), ...undescribed(property, at, depth + 1)];
    }),
    ...undescribed(items, `${path}[]`, depth + 1),
  ];
}

function dear({ name, tokens }: { readonly name: string; readonly tokens: number }): Finding {
  return warning(`tool ${name}`, `costs ${tokens} tokens in every context: shorten its description or its schema`);
}

function promptFindings({ arguments: args = [], description, name }: Prompt): Finding[] {
  const where = `prompt ${name}`;
  const silent = args.filter((arg) => isBlank(arg.description));
  return [
    ...(isBlank(description) ? [warning(where, 'has no description')] : []),
    ...silent.map((arg) => warning(where, `argument ${arg.name} has no description`)),
  ];
}

function resourceFindings(resource: Resource | ResourceTemplate): Finding[] {
  const where = `resource ${String(resource['uri'] ?? resource['uriTemplate'])}`;
  return [
    ...(isBlank(resource.description) ? [warning(where, 'has no description')] : []),
    ...(isBlank(resource.mimeType) ? [warning(where, 'has no mimeType')] : []),
  ];
}
