/**
 * What is counted and logged of each request when it has ended. Not a step: it stands around the whole route, where a refusal
 * has become its answer, and where nothing but the outcome can still be told. It decides nothing and changes no answer.
 */

import type { Answer, Exchange } from '@sallyport/server';
import { members, type ErrorKey } from '@sallyport/wire';
import type { Target } from '../call.ts';
import type { Log } from './index.ts';
import type { ListRequestKind, MethodGroup, Metrics, Outcome } from './metrics.ts';
import { traceIdOf } from './trace.ts';

/** What is measured of a call. */
export interface MeasuredCall {
  readonly exchange: Pick<Exchange, 'message' | 'text' | 'headers' | 'cancelled'>;
  readonly target?: Pick<Target, 'server' | 'canonicalId'>;
  /** The row of the error table that it ended in; absent: the server answered, with whatever. */
  readonly failure?: ErrorKey;
  /** What was spent with the server; absent: it was not asked. */
  readonly upstreamMs?: number;
}

export interface Measure<Call> {
  /** Milliseconds, monotonic: when a request came. */
  begin(): number;
  /** A request has its answer. Never throws. */
  ended(call: Call, answer: Answer, beganMs: number): void;
}

export interface MeasureOptions<Call> {
  readonly metrics: Pick<Metrics, 'call' | 'listed'>;
  readonly log: Log;
  /** Milliseconds, monotonic, with fractions. */
  readonly monotonic: () => number;
  /** The id of a call in the log and in its error answer, made when it is first asked for. */
  readonly logId: (call: Call) => string;
}

/** What the log says of a call: never its arguments or its result. `id` is the one that its error answer carries. */
export function callFacts(call: Pick<MeasuredCall, 'exchange' | 'target'>, id: string): Record<string, unknown> {
  const { exchange, target } = call;
  const trace = traceIdOf(exchange);
  return {
    id,
    method: exchange.message.method,
    ...(target !== undefined && { target: target.canonicalId, server: target.server }),
    ...(trace !== undefined && { trace }),
  };
}

/** Requests for a server. What is not here is `other`, whatever a client calls it. */
const GROUPS: ReadonlyMap<string, MethodGroup> = new Map([
  ['tools/call', 'tools'],
  ['prompts/get', 'prompts'],
  ['resources/read', 'resources'],
  ['completion/complete', 'completion'],
  ['tasks/get', 'tasks'],
  ['tasks/result', 'tasks'],
  ['tasks/cancel', 'tasks'],
  ['tasks/update', 'tasks'],
  ['logging/setLevel', 'session'],
  ['resources/subscribe', 'session'],
  ['resources/unsubscribe', 'session'],
  ['subscriptions/listen', 'session'],
]);

const LISTS: ReadonlyMap<string, ListRequestKind> = new Map([
  ['tools/list', 'tools'],
  ['prompts/list', 'prompts'],
  ['resources/list', 'resources'],
  ['resources/templates/list', 'templates'],
  ['tasks/list', 'tasks'],
]);

export function createMeasure<Call extends MeasuredCall>(options: MeasureOptions<Call>): Measure<Call> {
  const { metrics, log, monotonic, logId } = options;
  return {
    begin: monotonic,
    ended: (call, answer, beganMs) => {
      const { message, text } = call.exchange;
      const durationMs = monotonic() - beganMs;
      const method = GROUPS.get(message.method);
      const list = method === undefined ? LISTS.get(message.method) : undefined;
      const outcome = outcomeOf(call, answer, method);
      if (list !== undefined) metrics.listed(list, outcome);
      else {
        metrics.call({
          server: call.target?.server,
          method: method ?? 'other',
          outcome,
          durationMs,
          upstreamMs: call.upstreamMs,
          requestBytes: Buffer.byteLength(text),
          responseBytes: answer.kind === 'result' ? sizeOf(answer) : undefined,
        });
      }
      if (log.isOn?.('debug') ?? true)
        log('debug', 'a call ended', { ...callFacts(call, logId(call)), durationMs, outcome });
    },
  };
}

function outcomeOf(call: MeasuredCall, answer: Answer, method: MethodGroup | undefined): Outcome {
  if (call.exchange.cancelled) return 'cancelled';
  if (answer.kind === 'error') return call.failure ?? 'server_error';
  return method === 'tools' && answer.kind === 'result' && isToolError(answer) ? 'tool_error' : 'ok';
}

type ResultAnswer = Answer & { readonly kind: 'result' };

/** Without the id, which is the client's. A body that still flows counts as long as it was announced. */
function sizeOf({ before, after, rest }: ResultAnswer): number {
  return before.length + after.length + (rest === undefined ? 0 : rest.bytes);
}

/** Of a longer result only so much at either end is searched; and one that says it there is believed. */
const MAX_SEARCHED_BYTES = 64 * 1024;
const EDGE_BYTES = 16 * 1024;
/** No shorter start of a response holds the flag. */
const LEAST_BYTES = 24;

/**
 * Whether a tool says of itself that it failed. Nearly every result is told by a search of its bytes for the name; the few
 * that have it as true anywhere are read, since a tool may speak of another `isError`. What still flows is not waited for.
 */
function isToolError({ before, after }: ResultAnswer): boolean {
  if (after.length + before.length > MAX_SEARCHED_BYTES) {
    return [before, after].some(
      (part) => saysError(part.subarray(0, EDGE_BYTES)) || saysError(part.subarray(-EDGE_BYTES)),
    );
  }
  if (!saysError(after) && (before.length < LEAST_BYTES || !saysError(before))) return false;
  const text = `${before.toString()}0${after.toString()}`;
  const result = members(text, 0)?.get('result');
  const flag = result && members(text, result.start)?.get('isError');
  return flag !== undefined && text.startsWith('true', flag.start);
}

const IS_ERROR: Buffer = Buffer.from('"isError"');
const SPACE = 0x20;
const COLON = 0x3a;
const LOWER_T = 0x74;

/** `"isError"`, and the value that follows begins like `true`. */
function saysError(bytes: Buffer): boolean {
  for (let at = bytes.indexOf(IS_ERROR); at !== -1; at = bytes.indexOf(IS_ERROR, at)) {
    at += IS_ERROR.length;
    while ((bytes[at] ?? COLON + 1) <= SPACE || bytes[at] === COLON) at++;
    if (bytes[at] === LOWER_T) return true;
  }
  return false;
}
