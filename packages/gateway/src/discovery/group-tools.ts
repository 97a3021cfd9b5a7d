/**
 * Mode `groups`: one group for each server, its schemas fetched when they are wanted. The two tools are those that users of
 * dynamic-mcp know, with their names, their parameters and the beginnings of their errors.
 */

import type { Answer } from '@sallyport/server';
import { isObject, type JsonObject } from '@sallyport/wire';
import type { Call } from '../call.ts';
import { Refused } from '../errors.ts';
import type { AnsweringTool, StandInTool } from '../meta.ts';
import { oneLine } from '../one-line.ts';
import { withTarget } from '../restated.ts';
import { textAnswer } from './answers.ts';
import { textCost } from '../tool-cost.ts';
import { namesCost, serverLines, serverNames } from './listing.ts';
import { mayBeTask } from './search-tools.ts';
import type { SeenServer, SeenTool, Sight } from './types.ts';

/** Tokens of both definitions together, whatever the groups are called. */
const BUDGET = 2900;
/** Of the prose and the schemas without any group. */
const FIXED = 260;
/** For groups that are not there. */
const REASONS_BUDGET = 800;
/** Characters of why one is not. */
const REASON_LENGTH = 120;

const INTRODUCTION =
  'Gives the tools of one group with their input schemas. A group is a server whose tools are not listed here: look into the group that fits before you call one of its tools with call_dynamic_tool.';

export function createGetDynamicTools(): AnsweringTool {
  return {
    kind: 'answers',
    name: 'get_dynamic_tools',
    definition: ({ servers }) => {
      const { schemas, text } = groupsText(servers);
      return {
        name: 'get_dynamic_tools',
        title: 'Tools of a group',
        description: `${INTRODUCTION}\n\n${text}`,
        inputSchema: {
          type: 'object',
          properties: { group: groupSchema(schemas > 0 ? servers : [], 'Name of the group') },
          required: ['group'],
        },
        annotations: { readOnlyHint: true, openWorldHint: false },
      };
    },
    answer: (call, { group }, sight) => {
      if (typeof group !== 'string') throw new Refused('invalid_params', 'Missing required parameter: group');
      const server = sight.servers.find(({ name }) => name === group);
      if (server === undefined || server.missing !== undefined) {
        const why = server?.missing ?? `Group not found: ${oneLine(group, REASON_LENGTH)}`;
        throw new Refused('internal', `Failed to list tools: ${why}`);
      }
      return toolsOf(call, group, sight);
    },
  };
}

function toolsOf(call: Call, group: string, { tools }: Sight): Answer {
  const list = [...tools.values()]
    .filter(({ server }) => server === group)
    .map((tool) => {
      const { description, inputSchema } = tool.shown;
      const name = nameInGroup(tool);
      return { name, ...(description !== undefined && { description }), inputSchema: withoutDialect(inputSchema) };
    });
  return textAnswer(call, JSON.stringify(list, null, 2));
}

export function createCallDynamicTool(): StandInTool {
  return {
    kind: 'stands',
    name: 'call_dynamic_tool',
    serverIn: 'group',
    definition: (sight) => ({
      name: 'call_dynamic_tool',
      title: 'Call a tool of a group',
      description:
        'Calls a tool of a group. Get the schema of its arguments with get_dynamic_tools first. Example: {"group": "browser", "name": "navigate", "args": {"url": "https://example.com"}}',
      inputSchema: {
        type: 'object',
        properties: {
          group: groupSchema(
            groupsText(sight.servers).schemas > 1 ? sight.servers : [],
            'Name of the group that the tool belongs to',
          ),
          name: { type: 'string', description: 'Name of the tool' },
          args: { type: 'object', description: 'Arguments of the tool', additionalProperties: true },
        },
        required: ['group', 'name'],
      },
      annotations: { readOnlyHint: false, destructiveHint: true },
      ...(mayBeTask(sight) && { execution: { taskSupport: 'optional' } }),
    }),
    meant: (exchange, { args, group, name }, { tools }) => {
      if (typeof group !== 'string') throw new Refused('invalid_params', 'Missing required parameter: group');
      if (typeof name !== 'string') throw new Refused('invalid_params', 'Missing required parameter: name');
      if (args !== undefined && !isObject(args)) throw new Refused('invalid_params', 'args must be an object');
      const tool = toolNamed(tools, group, name);
      // One that is not seen yet may turn out to be there; else it is refused as unknown, as one that may not be seen.
      return withTarget(exchange, tool?.name ?? `${group}__${name}`, 'args');
    },
    told,
  };
}

function toolNamed(tools: Sight['tools'], group: string, name: string): SeenTool | undefined {
  const own = [...tools.values()].filter(({ server }) => server === group);
  return (
    own.find((tool) => nameInGroup(tool) === name) ?? own.find((tool) => tool.name === name || tool.original === name)
  );
}

/** The shown name without the prefix that the group already says. What had to be shortened has its own name again. */
function nameInGroup({ name, original, server }: SeenTool): string {
  const label = name.startsWith(`${server}__`) ? name.slice(server.length + 2) : name;
  const kept = label.replace(/_[0-9a-f]{6}(?:[0-9a-f]{6})?$/, '');
  const isShortened = kept !== label && original.replace(/[^A-Za-z0-9_-]/g, '_').startsWith(kept);
  return isShortened ? original : label;
}

/** Codes that a client or a person must see as they are: refused, over a limit, needs a login. */
const OWN_CODES: ReadonlySet<number> = new Set([-31003, -31004, -31005, -32042]);

/** What fails at the server is a result that says so, on the result itself. */
function told(answer: Answer, call: Call): Answer {
  if (answer.kind !== 'error' || OWN_CODES.has(answer.error.code) || answer.headers !== undefined) return answer;
  const text = `Tool execution failed: ${answer.error.message}`;
  const result: JsonObject = { content: [{ type: 'text', text }], isError: true };
  return { kind: 'value', result: call.exchange.era === 'stateless' ? { ...result, resultType: 'complete' } : result };
}

function groupSchema(servers: readonly SeenServer[], description: string): JsonObject {
  const names = available(servers).map(({ name }) => name);
  return { type: 'string', description, ...(names.length > 0 && { enum: names }) };
}

function available(servers: readonly SeenServer[]): readonly SeenServer[] {
  return servers.filter(({ missing }) => missing === undefined);
}

/** In how many of the two schemas names stand, and how much is said of each server at least for that; from the most. */
const LAYOUTS = [
  { schemas: 2, least: 50 },
  { schemas: 1, least: 35 },
  { schemas: 0, least: 35 },
] as const;

/** What is said of the groups, and in how many schemas their names stand besides: as many as the budget has room for. */
function groupsText(servers: readonly SeenServer[]): { readonly text: string; readonly schemas: number } {
  const there = available(servers);
  const missing = servers.filter((server) => server.missing !== undefined);
  const reasons = reasonLines(missing);
  const tokens = BUDGET - FIXED - textCost(reasons);
  const names = namesCost(there);
  const laid = LAYOUTS.map(({ least, schemas }) => ({
    schemas,
    lines: serverLines(there, { tokens: tokens - names * schemas }, least),
  })).find(({ lines }) => lines !== undefined);
  const lines = there.length === 0 ? '(none)' : (laid?.lines ?? serverNames(there, { tokens }));
  const parts = [`Available groups:\n${lines}`];
  if (missing.length > 0) parts.push(`Unavailable groups (connection failed):\n${reasons}`);
  return { text: parts.join('\n\n'), schemas: laid?.schemas ?? 0 };
}

/** As many as fit. */
function reasonLines(missing: readonly SeenServer[]): string {
  const lines: string[] = [];
  let left = REASONS_BUDGET;
  for (const server of missing) {
    const reason = oneLine(server.missing ?? '', REASON_LENGTH);
    left -= namesCost([server]) + textCost(reason);
    if (left < 0) break;
    lines.push(`- ${server.name}: ${reason}`);
  }
  const more = missing.length - lines.length;
  return [...lines, ...(more > 0 ? [`and ${more} more`] : [])].join('\n');
}

function withoutDialect(schema: JsonObject[string] | undefined): JsonObject {
  if (!isObject(schema)) return { type: 'object' };
  const { $schema: _dialect, ...rest } = schema;
  return rest;
}
