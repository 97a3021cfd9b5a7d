/**
 * Structured results against what their tools announced (2025-11-25 and 2026-07-28, tools, "Output Schema": clients should check).
 * Knows the tools that were listed, and asks for no list itself. What cannot be checked passes, and is told: schema and result
 * are of the same server, so refusing it would protect nobody.
 */

import {
  compileSchema,
  SchemaError,
  TooCostly,
  type JsonObject,
  type JsonValue,
  type SchemaCheck,
} from '@sallyport/wire';
import { ClientError } from './error.ts';
import { linearPattern } from './patterns.ts';
import type { Tool } from './types.ts';

export interface Outputs {
  /** The whole list: what was known before is forgotten. */
  learn(tools: readonly Tool[]): void;
  /** Definitions may be others by now. */
  forget(): void;
  /** Throws a `ClientError` (`protocol`) that names the tool and the places. */
  check(tool: string, result: JsonObject): void;
}

type Known = { readonly schema: JsonObject; check?: SchemaCheck };

/** `warn`: something cannot be checked. */
export function createOutputs(warn: (text: string) => void): Outputs {
  const known = new Map<string, Known>();

  /** Compiled when it is first needed; undefined: nothing can be checked by it. */
  function checkOf(tool: string, entry: Known): SchemaCheck | undefined {
    try {
      return (entry.check ??= compileSchema(entry.schema, linearPattern));
    } catch (error) {
      if (!(error instanceof SchemaError)) throw error;
      known.delete(tool);
      warn(`The results of ${quoted(tool)} are not checked: of its outputSchema, ${error.message}.`);
      return undefined;
    }
  }

  return {
    learn: (tools) => {
      known.clear();
      for (const { name, outputSchema } of tools)
        if (outputSchema !== undefined) known.set(name, { schema: outputSchema });
    },
    forget: () => known.clear(),
    check: (tool, { isError, structuredContent }) => {
      const entry = isError === true ? undefined : known.get(tool);
      const check = entry && checkOf(tool, entry);
      if (check === undefined) return;
      if (structuredContent === undefined) {
        throw new ClientError(
          'protocol',
          `The tool ${quoted(tool)} has an outputSchema, and gave no structuredContent.`,
        );
      }
      const problems = problemsOf(check, structuredContent);
      if (problems === undefined) return warn(`A result of ${quoted(tool)} is not checked: it would cost too much.`);
      if (problems === '') return;
      throw new ClientError(
        'protocol',
        `The tool ${quoted(tool)} gave structuredContent that is not what its outputSchema says: ${problems}.`,
      );
    },
  };
}

/** Undefined: checking costs more than may be spent on it. */
function problemsOf(check: SchemaCheck, value: JsonValue): string | undefined {
  try {
    return check(value)
      .map(({ at, message }) => (at === '' ? message : `${at}: ${message}`))
      .join('; ');
  } catch (error) {
    if (error instanceof TooCostly) return undefined;
    throw error;
  }
}

function quoted(name: string): string {
  return JSON.stringify(name.slice(0, 200));
}
