/** The text of a program as QuickJS takes it: a script in which `await` may stand, or, with `return`, the body of a function. */

import type { QuickJSContext, QuickJSHandle } from 'quickjs-emscripten-core';
import type { Failure } from './messages.ts';

export interface Source {
  readonly text: string;
  readonly flags: number;
  /** Lines of the text before the first of the program. */
  readonly lines: number;
}

/** By which a program is known in what QuickJS says of it. */
export const FILE = 'program.js';
/** Bits of QuickJS: the text is a script in which `await` may stand, whose value is that of its last expression. */
const ASYNC_SCRIPT = 1 << 7;
const COMPILE_ONLY = 1 << 5;
/** A program with `return`: the body of a function, one line further down. */
const asBody = (code: string): string => `(async () => {\n${code}\n})()`;
const BODY_LINES = 1;
/** Characters of the name of an error. */
const MAX_NAME = 100;

/** A script, or the body of a function if only that can be read; what is wrong with it otherwise. `maxLength`: of a message. */
export function readable(context: QuickJSContext, code: string, maxLength: number): Source | Failure {
  const wrongWith = ({ flags, lines, text }: Source): Failure | undefined => {
    const compiled = context.evalCode(text, FILE, flags | COMPILE_ONLY);
    if (compiled.error !== undefined) return failureOf(context, compiled.error, lines, maxLength);
    compiled.value.dispose();
    return undefined;
  };
  const script: Source = { text: code, flags: ASYNC_SCRIPT, lines: 0 };
  const wrong = wrongWith(script);
  if (wrong === undefined) return script;
  const body: Source = { text: asBody(code), flags: 0, lines: BODY_LINES };
  const wrongAsBody = wrongWith(body);
  if (wrongAsBody === undefined) return body;
  return /\breturn\b/.test(wrong.message) ? wrongAsBody : wrong;
}

/** What was thrown, with its place in the program: `lines` stand before it. */
export function failureOf(context: QuickJSContext, error: QuickJSHandle, lines: number, maxLength: number): Failure {
  const given: unknown = context.dump(error);
  // As much of it as of a result: a program throws what it likes.
  const bounded = (text: string): string => text.slice(0, maxLength);
  if (typeof given !== 'object' || given === null) return { name: 'Error', message: bounded(String(given)) };
  const { message, name, stack } = given as Readonly<Record<string, unknown>>;
  const place = typeof stack === 'string' ? /program\.js:(\d{1,9})(?::(\d{1,9}))?/.exec(stack) : null;
  const line = place === null ? 0 : Number(place[1]) - lines;
  return {
    name: typeof name === 'string' ? name.slice(0, MAX_NAME) : 'Error',
    message: bounded(typeof message === 'string' ? message : JSON.stringify(given)),
    ...(line > 0 && { line }),
    ...(line > 0 && place?.[2] !== undefined && { column: Number(place[2]) }),
  };
}
