/**
 * Programs that are tools themselves: the configuration has the text, a call brings the arguments. To the route of a call they are
 * tools of a server, and this is what answers in its place. A program sees the tools that its caller sees at its endpoint, but no
 * program of this kind: none calls itself, and none waits for another.
 */

import type { Answer, Exchange } from '@sallyport/server';
import { isObject, type JsonObject, type JsonValue } from '@sallyport/wire';
import type { Call } from '../call.ts';
import { Refused } from '../errors.ts';
import type { SeenTool } from '../meta.ts';
import { checkFor, type CheckValue } from './check-value.ts';
import type { Ended } from './messages.ts';
import { tableOf, told, type Programs } from './programs.ts';

export interface SavedTool {
  readonly code: string;
  /** Milliseconds in which no person is waited for. */
  readonly timeoutMs: number;
  /** Of an object. */
  readonly outputSchema?: JsonObject;
}

export interface SavedOptions {
  readonly programs: Programs;
  /** By its name in the configuration that is in force. */
  readonly toolNamed: (name: string) => SavedTool | undefined;
  /** What the caller sees, when it is there. */
  readonly see: (exchange: Exchange) => Promise<Iterable<SeenTool>>;
}

const CHANGED = 'This tool is not the one that was called any more: send the call again.';

/** Answers a call whose target is such a tool. Rejects with a `Refused`. */
export function createSaved({ programs, see, toolNamed }: SavedOptions): (call: Call) => Promise<Answer> {
  const checks = new WeakMap<JsonObject, CheckValue>();
  const checkOf = (schema: JsonObject): CheckValue => {
    let check = checks.get(schema);
    if (check === undefined) checks.set(schema, (check = checkFor(schema)));
    return check;
  };
  return async (call) => {
    const { exchange, target } = call;
    if (target?.kind !== 'tool') throw new Refused('method_not_found');
    const seen = [...(await see(exchange))];
    const tool = toolNamed(target.original ?? '');
    // The configuration may have changed since the call was let through: what runs is what may be seen now, in this very moment.
    if (tool === undefined || !seen.some(({ id }) => id === target.canonicalId)) throw new Refused('refused', CHANGED);
    const { code, outputSchema, timeoutMs } = tool;
    const check = outputSchema && checkOf(outputSchema);
    const others = seen.filter(({ server }) => server !== target.server);
    const args = exchange.message.params?.['arguments'];
    return await programs.run({
      outer: call,
      code,
      args: isObject(args) ? args : {},
      tools: tableOf(others),
      timeoutMs,
      told: check === undefined ? told : (ended) => toldChecked(ended, check),
    });
  };
}

/** What does not fit is not given: its clients rely on the schema (MCP 2025-11-25, "Output Schema"). */
function toldChecked(ended: Omit<Ended, 'kind'>, check: CheckValue): JsonObject {
  if (ended.failure !== undefined) return told(ended);
  const value = ended.result === undefined ? undefined : (JSON.parse(ended.result) as JsonValue);
  const wrong = isObject(value) ? check(value) : 'it is no object';
  if (wrong === undefined) return { ...told(ended), structuredContent: value };
  const message = `What the program returned does not fit the output schema of the tool: ${wrong}.`;
  return told({ log: ended.log, failure: { name: 'Error', message } });
}
