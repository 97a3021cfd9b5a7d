/**
 * The two steps of a call: its arguments are shown before it is made, its result before its caller reads it, to one interceptor
 * after the other, each seeing what the one before has made of it. What they see of a result has passed the guard, and what they
 * put in its place is held against the credentials of the gateway once more.
 */

import { UpstreamError } from '@sallyport/client';
import type { Answer, Exchange, Principal } from '@sallyport/server';
import { isObject, type JsonObject, type JsonValue } from '@sallyport/wire';
import { restate, type Call, type Next, type Step, type Target } from '../call.ts';
import { Refused } from '../errors.ts';
import { NoVerdict, tooLarge, type Interceptor } from './asking.ts';
import type { Intervention, Kind } from './types.ts';

type ResultAnswer = Extract<Answer, { readonly kind: 'result' }>;

export interface CallStepsOptions {
  /** Of the policy in force. */
  readonly rolesOf: (principal: Principal) => ReadonlySet<string>;
  /** The id of a call in the log and in its error. */
  readonly logIdOf: (call: Call) => string;
  /** The exchange with other parameters. */
  readonly withParams: (exchange: Exchange, changes: Readonly<Record<string, JsonValue>>) => Exchange;
  /** Whether the guard will refuse such arguments. */
  readonly isRefused: (exchange: Exchange) => boolean;
  /** Whether there is a credential of the gateway in what an interceptor says. */
  readonly holdsOwn: (text: string) => boolean;
  /** The response from behind its id on: `,"result":{…}}`. */
  readonly bytesOf: (answer: ResultAnswer, exchange: Exchange) => Promise<Buffer>;
  readonly parsed: (bytes: Buffer) => JsonObject;
  readonly report: (intervention: Intervention, call: Call) => void;
}

/** Who is asked about one target. */
export interface Chain {
  readonly before: readonly Interceptor[];
  readonly after: readonly Interceptor[];
}

const HEAD: Buffer = Buffer.from('{"jsonrpc":"2.0","id":');
const DATA: JsonObject = { reason: 'interceptor' };
const UNCHECKED = 'The call could not be checked, so it is not made.';
const UNCHECKED_RESULT = 'The result of the call could not be checked, so it is withheld.';
const NO_OBJECT = 'The arguments of a call are an object.';
const GONE = 'The client went while an interceptor was asked.';
const DENIED = 'The call was refused.';
const DENIED_RESULT = 'The result of the call was withheld.';
const OWN_CREDENTIAL = 'What was put in the place of the result holds a credential of the gateway, so it is withheld.';

/** `again`: decides a call once more whose arguments are others. */
export function createBefore(chainOf: (target: Target) => Chain, again: Step, options: CallStepsOptions): Step {
  const asked = async (call: Call, chain: Chain, next: Next): Promise<Answer> => {
    // Nobody is shown what the guard will refuse, and it says why.
    if (options.isRefused(call.exchange)) return await next(call);
    const given = call.exchange.message.params?.['arguments'];
    // Nobody is shown other arguments than those that are sent.
    if (given !== undefined && !isObject(given)) throw new Refused('invalid_params', NO_OBJECT);
    const before = given ?? {};
    const value = await throughAll('before-call', before, call, chain.before, options);
    if (value === before) return await next(call);
    restate(call, options.withParams(call.exchange, { arguments: value }));
    return await again(call, next);
  };
  return (call, next) => {
    const target = call.target as Target;
    if (kindOf(call) === undefined || target.kind === 'task') return next(call);
    const chain = chainOf(target);
    return chain.before.length === 0 ? next(call) : asked(call, chain, next);
  };
}

export function createAfter(chainOf: (target: Target) => Chain, options: CallStepsOptions): Step {
  const asked = async (call: Call, chain: Chain, next: Next): Promise<Answer> => {
    const answer = await next(call);
    if (answer.kind === 'error') return answer;
    try {
      return await checked(answer, call, chain.after, options);
    } catch (error) {
      if (answer.kind === 'result') answer.rest?.cancel();
      throw error;
    }
  };
  return (call, next) => {
    const target = call.target as Target;
    if (kindOf(call) === undefined) return next(call);
    const chain = chainOf(target);
    return chain.after.length === 0 ? next(call) : asked(call, chain, next);
  };
}

/** What interceptors are asked about it as; undefined: it is nothing for them. A task is what its tool has begun. */
function kindOf({ exchange, target }: Call): Kind | undefined {
  const { method } = exchange.message;
  const kind = target?.kind;
  if (kind === 'tool' || kind === 'task') return 'tool';
  // What completes their names and arguments has the same targets.
  if (kind === 'prompt') return method === 'prompts/get' ? kind : undefined;
  return kind === 'resource' && method === 'resources/read' ? kind : undefined;
}

async function checked(
  answer: Exclude<Answer, { readonly kind: 'error' }>,
  call: Call,
  chain: readonly Interceptor[],
  options: CallStepsOptions,
): Promise<Answer> {
  const bytes = sizeOf(answer);
  const able = chain.filter((each) => {
    const { maxBytes } = each.settings;
    if (bytes <= maxBytes) return true;
    refusing('after-call', () => each.failed('after-call', tooLarge(maxBytes), (news) => options.report(news, call)));
    return false;
  });
  if (able.length === 0) return answer;
  const whole = answer.kind === 'result' ? await options.bytesOf(answer, call.exchange) : undefined;
  const result = answer.kind === 'value' ? answer.result : options.parsed(whole as Buffer);
  const shown = resultIn(result, call);
  const value = shown && (await throughAll('after-call', shown.value, call, able, options));
  if (shown === undefined || value === undefined || value === shown.value) {
    return whole === undefined || (answer.kind === 'result' && answer.rest === undefined)
      ? answer
      : { kind: 'result', before: HEAD, after: whole };
  }
  if (options.holdsOwn(JSON.stringify(value))) throw new Refused('refused', OWN_CREDENTIAL, { data: DATA });
  // As bytes, like what came from a server: whoever looks at ids of tasks in it looks at those.
  return { kind: 'result', before: HEAD, after: Buffer.from(`,"result":${JSON.stringify(shown.with(value))}}`) };
}

function sizeOf(answer: Exclude<Answer, { readonly kind: 'error' }>): number {
  if (answer.kind === 'value') return Buffer.byteLength(JSON.stringify(answer.result));
  return answer.before.length + answer.after.length + (answer.rest?.bytes ?? 0);
}

interface Shown {
  readonly value: JsonObject;
  readonly with: (value: JsonObject) => JsonObject;
}

/**
 * What was answered: the result itself, or what stands in that of a task (2026-07-28, tasks). Undefined: what is no answer, but a
 * question to the client or news of a task.
 */
function resultIn(result: JsonObject, call: Call): Shown | undefined {
  const { result: inner, resultType } = result;
  const kind = kindOf(call) as Kind;
  if (PAYLOADS[kind].every((member) => result[member] === undefined)) {
    if (call.target?.kind === 'task' && isObject(inner)) {
      return { value: inner, with: (value) => ({ ...result, result: typed(value, inner) }) };
    }
    if (resultType === 'input_required' || (kind === 'tool' && isTask(result))) return undefined;
  }
  return { value: result, with: (value) => typed(value, result) };
}

/** Where answers have what was asked for. */
const PAYLOADS: Readonly<Record<Kind, readonly string[]>> = {
  tool: ['content', 'structuredContent'],
  prompt: ['messages'],
  resource: ['contents'],
};

/** In the result itself, or in `task` (2025-11-25, tasks). */
function isTask({ task, taskId, status }: JsonObject): boolean {
  return isObject(task) || (typeof taskId === 'string' && typeof status === 'string');
}

/** What kind of result it is stays a word between the server and the client. */
function typed(value: JsonObject, { resultType }: JsonObject): JsonObject {
  const { resultType: _said, ...rest } = value;
  return resultType === undefined ? rest : { ...rest, resultType };
}

/** What becomes of arguments or a result; the same object where nobody has put another in its place. Rejects with a `Refused`. */
async function throughAll(
  phase: 'before-call' | 'after-call',
  value: JsonObject,
  call: Call,
  chain: readonly Interceptor[],
  options: CallStepsOptions,
): Promise<JsonObject> {
  const about = aboutCall(call, options);
  const member = phase === 'before-call' ? 'arguments' : 'result';
  const isShown = phase === 'after-call' || call.target?.kind !== 'resource';
  const report = (news: Intervention): void => options.report(news, call);
  const gone = new AbortController();
  call.exchange.onCancel(() => gone.abort(new UpstreamError('cancelled', GONE)));
  const asking = { kind: kindOf(call) as Kind, report, signal: gone.signal };
  let current = value;
  for (const each of chain) {
    gone.signal.throwIfAborted();
    const question = isShown ? { ...about, [member]: current } : about;
    const verdict = await refusing(phase, () => each.ask(phase, question, asking));
    if (verdict?.action === 'deny') {
      throw new Refused('refused', saidIn(verdict, options) ?? (phase === 'before-call' ? DENIED : DENIED_RESULT), {
        data: DATA,
      });
    }
    if (verdict?.action === 'replace') current = verdict.value;
  }
  return current;
}

/** The words of an interceptor, unless a credential of the gateway is among them. */
function saidIn(
  { message }: { readonly message: string | undefined },
  { holdsOwn }: CallStepsOptions,
): string | undefined {
  return message === undefined || holdsOwn(message) ? undefined : message;
}

/** What nobody could check is refused, and the log knows why. */
function refusing<T>(phase: 'before-call' | 'after-call', work: () => T): T {
  const refuse = (error: unknown): never => {
    if (!(error instanceof NoVerdict)) throw error;
    const text = phase === 'before-call' ? UNCHECKED : UNCHECKED_RESULT;
    throw new Refused('refused', text, { data: DATA, detail: error.message });
  };
  try {
    const done = work();
    return done instanceof Promise ? (done.catch(refuse) as T) : done;
  } catch (error) {
    return refuse(error);
  }
}

function aboutCall(call: Call, { logIdOf, rolesOf }: CallStepsOptions): JsonObject {
  const { exchange, target } = call;
  const principal = exchange.session?.principal ?? exchange.principal;
  const { issuer, subject } = principal;
  const { _meta: meta, name } = exchange.message.params ?? {};
  const traceparent = (isObject(meta) ? meta['traceparent'] : undefined) ?? exchange.headers?.['traceparent'];
  return {
    server: target?.server ?? '',
    ...(target !== undefined && subjectOf(target)),
    ...(typeof name === 'string' && { name }),
    principal: { issuer, subject, roles: [...rolesOf(principal)] },
    requestId: logIdOf(call),
    ...(typeof traceparent === 'string' && { traceparent }),
  };
}

/** Which tool has made a task may not be known any more. */
function subjectOf({ annotations, canonicalId, kind, madeBy }: Target): JsonObject {
  if (kind === 'prompt' || kind === 'resource') return { [kind]: canonicalId };
  const tool = kind === 'task' ? madeBy?.canonicalId : canonicalId;
  const hints = kind === 'task' ? madeBy?.annotations : annotations;
  return { ...(tool !== undefined && { tool }), ...(hints !== undefined && { annotations: hints }) };
}
