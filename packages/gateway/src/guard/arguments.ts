/**
 * Arguments of a tool against its input schema, before its server sees them. A schema is compiled when its tool is first called and
 * kept as long as the definition. What is wrong is told to the model as a result, so that it can call again (MCP 2025-11-25,
 * tools, "Error Handling").
 */

import type { Answer } from '@sallyport/server';
import {
  compileSchema,
  linearPattern,
  SchemaError,
  TooCostly,
  type Problem,
  type SchemaCheck,
} from '@sallyport/server/schema';
import { isObject, type Era, type JsonObject, type JsonValue } from '@sallyport/wire';
import { Refused } from '../errors.ts';

export interface ArgumentChecksOptions {
  /** A schema that nothing can be checked by refuses its tool. */
  readonly strict: () => boolean;
  readonly log: (level: 'warn', text: string, detail: Readonly<Record<string, unknown>>) => void;
}

/** `id`: canonical of the tool. `args`: those that are the caller's to give. */
export interface Checked {
  readonly id: string;
  readonly schema: JsonObject;
  readonly args: JsonValue | undefined;
  readonly era: Era;
}

/** Undefined: they are as they should be, or cannot be checked. Throws a `Refused`. */
export type CheckArguments = (checked: Checked) => Answer | undefined;

/** A text: why nothing can be checked by the schema. */
type Compiled = SchemaCheck | string;

export function createCheckArguments(options: ArgumentChecksOptions): CheckArguments {
  const known = new WeakMap<JsonObject, Compiled>();
  const compile = ({ id, schema }: Checked): Compiled => {
    const compiled = compiledSchema(schema);
    if (typeof compiled === 'string') {
      options.log('warn', 'arguments of a tool are not checked: its input schema cannot be used', {
        tool: id,
        why: compiled,
      });
    }
    known.set(schema, compiled);
    return compiled;
  };
  const check = (compiled: Compiled, { args = {}, era, id, schema }: Checked): Answer | undefined => {
    if (typeof compiled === 'string') {
      if (!options.strict()) return undefined;
      throw new Refused(
        'refused',
        `The input schema of ${id} cannot be used, so its arguments cannot be checked: ${compiled}.`,
      );
    }
    const wrong = problemsOf(compiled, args) && problemsOf(compiled, withoutNull(args, schema));
    return wrong === undefined ? undefined : badArguments(id, wrong, era);
  };
  return (checked) => {
    const { args, schema } = checked;
    if (args !== undefined && !isObject(args)) throw new Refused('invalid_params', 'arguments must be an object.');
    return check(known.get(schema) ?? compile(checked), checked);
  };
}

function compiledSchema(schema: JsonObject): Compiled {
  try {
    return compileSchema(schema, linearPattern);
  } catch (error) {
    if (error instanceof SchemaError) return error.message;
    throw error;
  }
}

function problemsOf(check: SchemaCheck, args: JsonValue): string | undefined {
  try {
    const problems = check(args);
    return problems.length === 0 ? undefined : problems.map(problemText).join('; ');
  } catch (error) {
    if (error instanceof TooCostly) return 'they cannot be checked within bounds';
    throw error;
  }
}

/** Many clients send null for what they leave out, and so does the specification's own test of `x-mcp-header`. */
function withoutNull(args: JsonValue, { required }: JsonObject): JsonValue {
  const isNeeded = (name: string): boolean => Array.isArray(required) && required.includes(name);
  if (!isObject(args)) return args;
  return Object.fromEntries(Object.entries(args).filter(([name, value]) => value !== null || isNeeded(name)));
}

function problemText({ at, message }: Problem): string {
  return at === '' ? message : `${at}: ${message}`;
}

function badArguments(id: string, wrong: string, era: Era): Answer {
  const text = `The arguments do not fit the input schema of ${id}, so the tool was not called: ${wrong}.`;
  const result = { content: [{ type: 'text', text }], isError: true };
  return { kind: 'value', result: era === 'session' ? result : { ...result, resultType: 'complete' } };
}
