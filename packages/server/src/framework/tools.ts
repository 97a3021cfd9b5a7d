/**
 * Tools: from their definition to an entry of the registry, and `tools/call` (MCP, "Tools"). Arguments that do not fit are told
 * as a result, so that a model can call again; -32602 is for a call that is no call.
 */

import {
  checkParamHeaders,
  isObject,
  paramHeaders,
  statusOf,
  type JsonObject,
  type JsonValue,
  type ParamHeader,
} from '@sallyport/wire';
import { errorAnswer, type Answer, type Exchange } from '../exchange.ts';
import { completed, jsonText, toldOf } from './answers.ts';
import type { Call } from './call.ts';
import type { Context } from './context.ts';
import type { Content, ToolDefinition } from './definitions.ts';
import type { Log } from '../serving/log.ts';
import type { Entry } from './registry.ts';
import { compile, type Checked, type CompiledSchema } from './schemas.ts';
import { isThenable } from './thenable.ts';
import { restrictionOf, shownOf } from './visibility.ts';

/** As it is kept: the types of its parameters are forgotten. */
export type AnyToolHandler = (params: never, context: Context) => unknown;

export interface Tool extends Entry {
  readonly definition: ToolDefinition;
  readonly handler: AnyToolHandler;
  readonly input: CompiledSchema | undefined;
  readonly output: CompiledSchema | undefined;
  /** Arguments that clients of the stateless era send as headers too (2026-07-28, tools, `x-mcp-header`). */
  readonly mirrored: readonly ParamHeader[];
}

const NAME = /^[\w./-]{1,128}$/;

/** Throws a `TypeError` for a definition that cannot be served. */
export function createTool(definition: ToolDefinition, handler: AnyToolHandler): Tool {
  const { name, inputSchema, outputSchema } = definition;
  if (!NAME.test(name)) {
    throw new TypeError(`The name of a tool is 1 to 128 letters, digits and _ - . /: not ${JSON.stringify(name)}.`);
  }
  if (typeof handler !== 'function') throw new TypeError(`The tool ${name} needs a function that answers its calls.`);
  const input = inputSchema && compile(inputSchema, 'input', `The inputSchema of the tool ${name}`);
  const output = outputSchema && compile(outputSchema, 'output', `The outputSchema of the tool ${name}`);
  const mirrored = paramHeaders(input?.json);
  if (!mirrored.valid) throw new TypeError(`The inputSchema of the tool ${name}: ${mirrored.reason}.`);
  const shown = shownOf(definition, {
    inputSchema: input?.json ?? { type: 'object' },
    outputSchema: output?.json,
  });
  return {
    key: name,
    shown,
    see: restrictionOf(definition),
    definition,
    handler,
    input,
    output,
    mirrored: mirrored.declarations,
  };
}

export interface ToolParts {
  readonly info: JsonObject;
  readonly log: Log;
}

/** For a name that is none, and for one that the caller may not know of. */
export function unknownTool({ era, message }: Exchange): Answer {
  const name = message.params?.['name'];
  const shown = typeof name === 'string' ? name.slice(0, 128) : '';
  return errorAnswer('invalid_params', era, `Unknown tool: ${shown}`);
}

/** The handler's answer to a call. Does not reject. */
export async function callTool(tool: Tool, call: Call, exchange: Exchange, parts: ToolParts): Promise<Answer> {
  const { arguments: args = {} } = exchange.message.params ?? {};
  if (!isObject(args)) return errorAnswer('invalid_params', exchange.era, 'arguments must be an object.');
  const contradiction = headerProblem(tool, args, exchange);
  if (contradiction !== undefined) return contradiction;
  try {
    const given = tool.input === undefined ? { value: args } : checkArguments(tool.input, args);
    const checked = given instanceof Promise ? await given : given;
    const result =
      'problems' in checked ? misfit(tool, checked.problems) : await resultOf(tool, checked.value, call, parts);
    return completed(result, exchange, parts.info);
  } catch (error) {
    const told = toldOf({ exchange, noun: 'tool', name: tool.key, error, log: parts.log });
    if ('answer' in told) return told.answer;
    const text = 'message' in told ? told.message : `The tool failed (id ${told.id}).`;
    return completed(failure(text), exchange, parts.info);
  }
}

async function resultOf(tool: Tool, params: unknown, call: Call, parts: ToolParts): Promise<JsonObject> {
  const returned = tool.handler(params as never, call);
  const value = isThenable(returned) ? await returned : returned;
  return tool.output === undefined ? freeResult(value) : await checkedResult(tool, tool.output, value, parts);
}

function misfit({ key }: Tool, problems: string): JsonObject {
  return failure(`The arguments do not fit the input schema of ${key}, so the tool was not called: ${problems}.`);
}

/** A header that contradicts its argument, which a proxy may have decided by. */
function headerProblem({ mirrored }: Tool, args: JsonObject, { era, headers }: Exchange): Answer | undefined {
  if (era === 'session' || headers === undefined || mirrored.length === 0) return undefined;
  const problem = checkParamHeaders(mirrored, args, headers);
  return problem && { kind: 'error', error: problem.error, status: statusOf(problem.key, era) };
}

/** Many clients send null for what they leave out: it counts as absent where it does not fit. */
function checkArguments(input: CompiledSchema, args: JsonObject): Checked | Promise<Checked> {
  const again = (checked: Checked): Checked | Promise<Checked> => {
    if (!('problems' in checked) || !Object.values(args).includes(null)) return checked;
    const required = input.json['required'];
    const isNeeded = (name: string): boolean => Array.isArray(required) && required.includes(name);
    const entries = Object.entries(args).filter(([name, value]) => value !== null || isNeeded(name));
    return input.check(Object.fromEntries(entries));
  };
  const checked = input.check(args);
  return checked instanceof Promise ? checked.then(again) : again(checked);
}

function failure(text: string): JsonObject {
  return { content: [{ type: 'text', text }], isError: true };
}

function isContent(value: unknown): value is readonly Content[] {
  return Array.isArray(value) && value.every((each) => isObject(each) && typeof each['type'] === 'string');
}

function freeResult(value: unknown): JsonObject {
  if (typeof value === 'string') return { content: [{ type: 'text', text: value }] };
  if (value === undefined) return { content: [] };
  if (isObject(value) && isContent(value['content'])) return value;
  return { content: [{ type: 'text', text: jsonText(value) }] };
}

/** A value that breaks the tool's own schema does not leave. */
async function checkedResult(
  tool: Tool,
  output: CompiledSchema,
  value: unknown,
  { log }: ToolParts,
): Promise<JsonObject> {
  const whole = isWhole(value, output) ? value : undefined;
  if (whole?.['isError'] === true) return whole;
  const checked = await output.check(whole === undefined ? value : whole['structuredContent']);
  if ('problems' in checked) {
    log('error', 'a tool returned what does not fit its output schema', { tool: tool.key, problems: checked.problems });
    return failure(`The result of ${tool.key} does not fit its output schema: ${checked.problems}.`);
  }
  const structuredContent = checked.value as JsonValue;
  if (whole !== undefined) return { ...whole, structuredContent };
  return { content: [{ type: 'text', text: jsonText(structuredContent) }], structuredContent };
}

/** A whole result: unless the schema itself has a member `content`, and nothing else says that it is one. */
function isWhole(value: unknown, { json }: CompiledSchema): value is JsonObject {
  if (!isObject(value) || !isContent(value['content'])) return false;
  const properties = json['properties'];
  const isOwn = isObject(properties) && Object.hasOwn(properties, 'content');
  return !isOwn || 'structuredContent' in value || value['isError'] === true;
}
