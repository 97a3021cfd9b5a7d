/**
 * Schemas as they are given, turned into what the wire shows (JSON Schema 2020-12) and a check. What a library of schemas
 * cannot say as JSON Schema, or this package cannot check by, is an error where it is given, never later.
 */

import { createRequire } from 'node:module';
import {
  compileSchema,
  isObject,
  SchemaError,
  TooCostly,
  type JsonObject,
  type JsonValue,
  type SchemaCheck,
} from '@sallyport/wire';
import type { toJsonSchema } from '@valibot/to-json-schema';
import { linearPattern } from '../schema/patterns.ts';
import type { AnySchema, StandardIssue, StandardResult, StandardSchema } from './standard-schema.ts';

/** The value as the handler gets it, or what is wrong with it: `a.b[0]: what`, joined by semicolons. */
export type Checked = { readonly value: unknown } | { readonly problems: string };

export interface CompiledSchema {
  /** As it is shown to clients. */
  readonly json: JsonObject;
  readonly check: (value: unknown) => Checked | Promise<Checked>;
}

/** Problems that are told. */
const MAX_PROBLEMS = 5;

/**
 * `what` names the schema in errors. Throws a `TypeError` for what is no schema of an object, and for what cannot be shown or
 * checked.
 */
export function compile(schema: AnySchema, direction: 'input' | 'output', what: string): CompiledSchema {
  const standard = isStandard(schema) ? schema : undefined;
  const json = standard === undefined ? (schema as JsonObject) : jsonSchemaOf(standard, direction, what);
  if (!isObject(json) || json['type'] !== 'object') {
    throw new TypeError(`${what} must describe an object: a JSON Schema with "type": "object".`);
  }
  if (standard !== undefined) return { json, check: checkOfStandard(standard) };
  const check = checkOfJson(json, what);
  // What leaves is checked as it is sent: a date is a text then, and what is not defined is not there.
  return { json, check: direction === 'input' ? check : (value) => check(asSent(value)) };
}

function asSent(value: unknown): unknown {
  const text = JSON.stringify(value) as string | undefined;
  return text === undefined ? undefined : (JSON.parse(text) as unknown);
}

/** Some libraries make their schemas functions. */
function isStandard(schema: unknown): schema is StandardSchema {
  const holds = (typeof schema === 'object' && schema !== null) || typeof schema === 'function';
  return holds && typeof (schema as StandardSchema)['~standard']?.validate === 'function';
}

function jsonSchemaOf(schema: StandardSchema, direction: 'input' | 'output', what: string): JsonObject {
  try {
    const made = converters.reduce<unknown>((found, convert) => found ?? convert(schema, direction), undefined);
    if (made !== undefined) return made as JsonObject;
  } catch (cause) {
    throw new TypeError(`${what} cannot be written as JSON Schema: ${messageOf(cause)}`, { cause });
  }
  throw new TypeError(
    `${what}: this version of ${schema['~standard'].vendor} does not give its schemas as JSON Schema. ${REMEDY}`,
  );
}

const REMEDY =
  'Use a version that does (zod 4.2, arktype 2.1.28), install @valibot/to-json-schema for valibot, or give plain JSON Schema.';

type Convert = (schema: StandardSchema, direction: 'input' | 'output') => unknown;

/** Undefined where a library has no such way. */
const converters: readonly Convert[] = [
  (schema, direction) => schema['~standard'].jsonSchema?.[direction]({ target: 'draft-2020-12' }),
  (schema, io) => (schema as { toJSONSchema?: (options: { io: string }) => unknown }).toJSONSchema?.({ io }),
  (schema) => (schema as { toJsonSchema?: () => unknown }).toJsonSchema?.(),
  (schema, typeMode) => {
    if (schema['~standard'].vendor !== 'valibot') return undefined;
    return valibotConverter()?.(schema as Parameters<typeof toJsonSchema>[0], { typeMode, target: 'draft-2020-12' });
  },
];

function valibotConverter(): typeof toJsonSchema | undefined {
  try {
    const loaded = createRequire(import.meta.url)('@valibot/to-json-schema') as {
      readonly toJsonSchema: typeof toJsonSchema;
    };
    return loaded.toJsonSchema;
  } catch {
    return undefined;
  }
}

function checkOfStandard(schema: StandardSchema): CompiledSchema['check'] {
  const { validate } = schema['~standard'];
  return (value) => {
    const result = validate(value);
    return result instanceof Promise ? result.then(readResult) : readResult(result);
  };
}

function readResult(result: StandardResult<unknown>): Checked {
  if (result.issues === undefined) return { value: result.value };
  return { problems: result.issues.slice(0, MAX_PROBLEMS).map(issueText).join('; ') };
}

function issueText({ message, path = [] }: StandardIssue): string {
  const at = path.reduce<string>((text, part) => {
    const key = typeof part === 'object' ? part.key : part;
    if (typeof key === 'number') return `${text}[${key}]`;
    return text === '' ? String(key) : `${text}.${String(key)}`;
  }, '');
  return at === '' ? message : `${at}: ${message}`;
}

function checkOfJson(json: JsonObject, what: string): CompiledSchema['check'] {
  let check: SchemaCheck;
  try {
    check = compileSchema(json, linearPattern);
  } catch (error) {
    if (error instanceof SchemaError)
      throw new TypeError(`${what} cannot be used: ${error.message}.`, { cause: error });
    throw error;
  }
  return (value) => {
    try {
      const problems = check(value as JsonValue);
      if (problems.length === 0) return { value };
      return { problems: problems.map(({ at, message }) => (at === '' ? message : `${at}: ${message}`)).join('; ') };
    } catch (error) {
      if (error instanceof TooCostly) return { problems: 'it cannot be checked within bounds' };
      throw error;
    }
  };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
