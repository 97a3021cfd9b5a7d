/**
 * Mode `search`: find, describe, call. What is found and described is what the caller may call, and nothing of the rest is told; a
 * call through `call_tool` goes the whole route as that call.
 */

import type { Answer, Exchange } from '@sallyport/server';
import { isObject, type JsonObject, type JsonValue } from '@sallyport/wire';
import type { Call } from '../call.ts';
import type { AnsweringTool, StandInTool } from '../meta.ts';
import { oneLine } from '../one-line.ts';
import { withTarget } from '../restated.ts';
import { textAnswer, toolError } from './answers.ts';
import type { Find } from './finder.ts';
import { serverLines, serverNames, type ListingBudget } from './listing.ts';
import { describedAs, signatureOf } from './signature.ts';
import type { SeenServer, SeenTool, Sight } from './types.ts';

/** Tokens for the servers in the description of `find_tools`. */
const SERVERS_BUDGET: ListingBudget = { tokens: 490, names: 'words' };
const DEFAULT_LIMIT = 8;
const MAX_LIMIT = 50;
const MAX_NAMES = 20;
/** Characters of a description among the tools that were found. */
const FOUND_LENGTH = 200;
/** Characters of what a caller wrote that are said back. */
const SAID_BACK = 100;

/** How tools are written for a model that is to call them. */
export interface Writing {
  /** In one line. */
  readonly signature: (tool: SeenTool) => string;
  readonly definitions: (tools: readonly SeenTool[]) => string;
  /** The same as data; undefined where the text is all that is needed. */
  readonly data: (tools: readonly SeenTool[]) => JsonObject | undefined;
  /** By the name that its signature begins with, where that is not the one it is called by. */
  readonly named: (name: string, tools: Sight['tools']) => SeenTool | undefined;
}

/** For `call_tool`. */
export const AS_CALLED: Writing = {
  signature: signatureOf,
  definitions: (tools) => tools.map(({ shown }) => JSON.stringify(shown)).join('\n\n'),
  data: (tools) => ({ tools: tools.map(({ shown }) => shown) }),
  named: () => undefined,
};

export function createFindTools(search: Find, { signature }: Writing): AnsweringTool {
  return {
    kind: 'answers',
    name: 'find_tools',
    definition: ({ servers }) => ({
      name: 'find_tools',
      title: 'Find tools',
      description: `Finds tools by what they do. The tools of these servers are not listed here; find one before you say that something cannot be done:\n${serverLines(servers, SERVERS_BUDGET, 1) ?? serverNames(servers, SERVERS_BUDGET)}`,
      inputSchema: {
        type: 'object',
        properties: {
          query: { type: 'string', description: 'What the tool should do, in plain words' },
          limit: { type: 'integer', minimum: 1, maximum: MAX_LIMIT, default: DEFAULT_LIMIT },
          server: { type: 'string', description: 'Only tools of this server' },
        },
        required: ['query'],
      },
      annotations: { readOnlyHint: true, openWorldHint: false },
    }),
    answer: (call, args, sight) => find(call, args, sight, { search, signature }),
  };
}

interface Finding {
  readonly search: Find;
  readonly signature: Writing['signature'];
}

async function find(call: Call, args: JsonObject, sight: Sight, { search, signature }: Finding): Promise<Answer> {
  const asked = askedIn(args);
  if (typeof asked === 'string') return toolError(call, asked);
  const { limit, query, server } = asked;
  if (server !== undefined && !sight.servers.some(({ name }) => name === server)) {
    return unknownServer(call, server, sight);
  }
  const ofServer = server === undefined ? undefined : (tool: SeenTool): boolean => tool.server === server;
  const found = await search(sight, query, limit, ofServer);
  const best = found[0]?.score ?? 1;
  const tools = found.map(({ score, tool }) => foundTool(tool, score / best));
  const lines = found.map(({ tool }) => {
    const description = describedAs(tool, FOUND_LENGTH);
    return description === '' ? signature(tool) : `${signature(tool)} - ${description}`;
  });
  const text = lines.length === 0 ? 'No tool matches. Try other words.' : lines.join('\n');
  return textAnswer(call, [text, ...missingNote(sight.servers)].join('\n'), { tools });
}

interface Asked {
  readonly query: string;
  readonly limit: number;
  readonly server: JsonValue | undefined;
}

/** What is looked for, or what is wrong with it. */
function askedIn({ limit = DEFAULT_LIMIT, query, server }: JsonObject): Asked | string {
  if (typeof query !== 'string' || query.trim() === '') return 'find_tools needs a query: what the tool should do.';
  if (typeof limit !== 'number' || !Number.isInteger(limit) || limit < 1) {
    return `limit must be a whole number from 1 to ${MAX_LIMIT}.`;
  }
  return { query, limit: Math.min(limit, MAX_LIMIT), server };
}

function foundTool(tool: SeenTool, score: number): JsonObject {
  const { title } = tool.shown;
  return {
    name: tool.name,
    server: tool.server,
    ...(typeof title === 'string' && { title: oneLine(title, FOUND_LENGTH) }),
    description: describedAs(tool, FOUND_LENGTH),
    score: Math.round(score * 100) / 100,
  };
}

function unknownServer(call: Call, server: JsonValue, { servers }: Sight): Answer {
  const said = typeof server === 'string' ? JSON.stringify(oneLine(server, SAID_BACK)) : 'of that kind';
  return toolError(call, `There is no server ${said}. There are: ${servers.map(({ name }) => name).join(', ')}`);
}

function missingNote(servers: readonly SeenServer[]): string[] {
  const missing = servers.filter((server) => server.missing !== undefined);
  if (missing.length === 0) return [];
  return [`Not searched: ${missing.map(({ missing: reason, name }) => `${name} (${reason})`).join('; ')}`];
}

export function createDescribeTools({ data, definitions, named }: Writing): AnsweringTool {
  return {
    kind: 'answers',
    name: 'describe_tools',
    definition: () => ({
      name: 'describe_tools',
      title: 'Describe tools',
      description: 'Gives the full definitions of tools that find_tools has found: read them before you call.',
      inputSchema: {
        type: 'object',
        properties: {
          names: { type: 'array', items: { type: 'string' }, minItems: 1, maxItems: MAX_NAMES },
        },
        required: ['names'],
      },
      annotations: { readOnlyHint: true, openWorldHint: false },
    }),
    answer: (call, { names }, { tools }) => {
      const asked = typeof names === 'string' ? [names] : names;
      if (!Array.isArray(asked) || asked.length === 0 || !asked.every((name) => typeof name === 'string')) {
        return toolError(call, 'describe_tools needs names: a list of names of tools.');
      }
      if (asked.length > MAX_NAMES) return toolError(call, `At most ${MAX_NAMES} tools at a time.`);
      const meantBy = asked.map((name) => tools.get(name) ?? named(name, tools));
      const found = meantBy.filter((tool) => tool !== undefined);
      const unknown = asked.filter((_name, at) => meantBy[at] === undefined).map((name) => oneLine(name, SAID_BACK));
      const note = unknown.length === 0 ? [] : [`Unknown tools: ${unknown.join(', ')}. find_tools tells the names.`];
      if (found.length === 0) return toolError(call, note.join(''));
      return textAnswer(call, [definitions(found), ...note].join('\n\n'), data(found));
    },
  };
}

const TARGET_SCHEMA: JsonObject = {
  type: 'object',
  properties: {
    name: { type: 'string', description: 'As find_tools gives it' },
    arguments: { type: 'object', additionalProperties: true },
  },
  required: ['name'],
};

/** Anything that the caller may call. */
export function createCallTool(): StandInTool {
  return {
    kind: 'stands',
    name: 'call_tool',
    definition: (sight) => ({
      name: 'call_tool',
      title: 'Call a tool',
      description: 'Calls a tool with arguments as its definition has them.',
      inputSchema: TARGET_SCHEMA,
      annotations: { readOnlyHint: false, destructiveHint: true },
      ...(mayBeTask(sight) && { execution: { taskSupport: 'optional' } }),
    }),
    meant,
  };
}

/** What is known to change nothing. */
export function createCallReadTool(): StandInTool {
  return {
    kind: 'stands',
    name: 'call_read_tool',
    reads: true,
    definition: () => ({
      name: 'call_read_tool',
      title: 'Call a tool that only reads',
      description: 'The same for tools that are known to change nothing; refuses all others.',
      inputSchema: TARGET_SCHEMA,
      annotations: { readOnlyHint: true },
    }),
    meant,
  };
}

function meant(exchange: Exchange, { name, arguments: args }: JsonObject): Exchange | { readonly wrong: string } {
  if (typeof name !== 'string' || name === '') return { wrong: 'The name of a tool is needed: find_tools tells it.' };
  if (args !== undefined && !isObject(args)) return { wrong: 'The arguments must be an object.' };
  return withTarget(exchange, name, 'arguments');
}

/** Whether any of the tools can be a task (2025-11-25, "Tasks"). */
export function mayBeTask({ tools }: Sight): boolean {
  for (const { shown } of tools.values()) {
    const support = isObject(shown['execution']) ? shown['execution']['taskSupport'] : undefined;
    if (support === 'optional' || support === 'required') return true;
  }
  return false;
}
