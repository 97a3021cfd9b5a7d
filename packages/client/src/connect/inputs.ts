/**
 * Answers to what servers ask in the middle of a call (elicitation, sampling, roots), by the handlers of the application: as
 * requests of the server in the session era, as `inputRequests` of a result in the stateless one. Which of the two it was is
 * the caller's matter.
 */

import {
  ERRORS,
  isObject,
  mergeObjects,
  type JsonObject,
  type JsonRpcErrorObject,
  type JsonRpcRequest,
  type JsonValue,
  type RequestId,
} from '@sallyport/wire';
import type { SetTimer } from '../clock.ts';
import type { ServerRequestAnswer } from '../leg.ts';
import { unlessAborted } from './abort.ts';
import { checkForm, readForm, type FormField, type FormProblem } from './form.ts';
import type { ElicitationHandlers, FormRequest, Handlers, SamplingRequest } from './handlers.ts';

/** How often a form may be filled in. */
const MAX_FILLINGS = 5;
const PAGE_SCHEMES: ReadonlySet<string> = new Set(['https:', 'http:']);
const ACTIONS: ReadonlySet<unknown> = new Set(['accept', 'decline', 'cancel']);

/** There is no answer. `error` is what a server is told, `cause` what a handler threw. */
export class NoInput extends Error {
  readonly error: JsonRpcErrorObject;

  constructor(key: 'method_not_found' | 'invalid_params' | 'internal', message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'NoInput';
    // What a handler threw is no server's business.
    this.error = { code: ERRORS[key].code, message: key === 'internal' ? ERRORS[key].message : message };
  }
}

export interface InputsOptions {
  /** For the handlers: who asks. */
  readonly server: string;
  readonly handlers: Handlers;
  /** Further capabilities of the client. */
  readonly capabilities: JsonObject;
  /** Milliseconds that a handler may take. */
  readonly inputMs: number;
  readonly setTimer: SetTimer;
  /** A handler failed, or gave something that cannot be sent. */
  readonly onFailure: (text: string, error: unknown) => void;
}

export interface Inputs {
  /** What the handlers allow to declare. */
  readonly capabilities: JsonObject;
  /** Rejects with {@link NoInput}, or with the reason of the signal. */
  answer(method: string, params: JsonValue | undefined, signal?: AbortSignal): Promise<JsonObject>;
  /** The same for a request of the server. Never rejects. `signal`: of the call that caused it. */
  ask(message: JsonRpcRequest, signal?: AbortSignal): Promise<ServerRequestAnswer>;
  /** The server takes a request back. */
  takeBack(id: unknown): void;
  /** Whoever is asked now need not answer. */
  destroy(): void;
}

export function createInputs(options: InputsOptions): Inputs {
  const { inputMs, setTimer, onFailure } = options;
  const open = new Map<RequestId, AbortController>();
  const ended = new AbortController();
  const answer = async (method: string, params: JsonValue | undefined, signal?: AbortSignal): Promise<JsonObject> => {
    const time = new AbortController();
    const takeBack = setTimer(() => time.abort(new NoInput('internal', 'Nobody answered in time.')), inputMs);
    const any = AbortSignal.any([time.signal, ended.signal, ...(signal === undefined ? [] : [signal])]);
    try {
      return await unlessAborted(any, () => answerOf(options, method, isObject(params) ? params : {}, any));
    } catch (error) {
      // Who does not answer a form has said nothing.
      if (time.signal.aborted && method === 'elicitation/create') return { action: 'cancel' };
      if (error instanceof NoInput || any.aborted) throw error;
      throw new NoInput('internal', `The handler of ${method} failed: ${String(error)}`, error);
    } finally {
      takeBack();
    }
  };
  return {
    capabilities: mergeObjects(capabilitiesOf(options.handlers), options.capabilities),
    answer,
    ask: async ({ id, method, params }, signal) => {
      const asked = new AbortController();
      const either = signal === undefined ? asked.signal : AbortSignal.any([asked.signal, signal]);
      open.set(id, asked);
      try {
        return { result: await answer(method, params, either) };
      } catch (error) {
        if (!either.aborted) onFailure(`The server got no answer to ${method}: ${String(error)}`, error);
        return { error: error instanceof NoInput ? error.error : new NoInput('internal', '').error };
      } finally {
        open.delete(id);
      }
    },
    takeBack: (id) =>
      open.get(id as RequestId)?.abort(new NoInput('internal', 'The server does not want it any more.')),
    destroy: () => ended.abort(new NoInput('internal', 'The client was closed.')),
  };
}

function capabilitiesOf({ elicitation, sampling, roots }: Handlers): JsonObject {
  const { form, url } = elicitation ?? {};
  const modes = { ...(form !== undefined && { form: {} }), ...(url !== undefined && { url: {} }) };
  return {
    ...(Object.keys(modes).length > 0 && { elicitation: modes }),
    ...(sampling !== undefined && { sampling: {} }),
    ...(roots !== undefined && { roots: { listChanged: true } }),
  };
}

async function answerOf(
  { handlers: { elicitation = {}, sampling, roots }, server }: InputsOptions,
  method: string,
  params: JsonObject,
  signal: AbortSignal,
): Promise<JsonObject> {
  if (method === 'roots/list' && roots !== undefined) {
    return asJson({ roots: typeof roots === 'function' ? await roots() : roots });
  }
  if (method === 'sampling/createMessage' && sampling !== undefined) {
    return asJson(await sampling(params as unknown as SamplingRequest, { server, signal }));
  }
  if (method === 'elicitation/create') return asJson(await elicit(elicitation, params, { server, signal }));
  throw new NoInput('method_not_found', `The client does not answer ${method.slice(0, 100)}.`);
}

/** What it gives goes onto the wire, so it must be what JSON can say. */
function asJson(value: object): JsonObject {
  const json: unknown = JSON.parse(JSON.stringify(value) ?? 'null');
  if (isObject(json)) return json;
  throw new NoInput('internal', 'The handler gave no object.');
}

/** Who asks, and until when. */
type Asking = Pick<FormRequest, 'server' | 'signal'>;

async function elicit({ form, url }: ElicitationHandlers, params: JsonObject, asking: Asking): Promise<object> {
  const { mode = 'form', message, elicitationId } = params;
  if (typeof message !== 'string') throw new NoInput('invalid_params', 'The message of the elicitation is no text.');
  if (mode === 'url' && url !== undefined) {
    const id = typeof elicitationId === 'string' ? elicitationId : undefined;
    const { action } = await url({ message, url: pageOf(params['url']), elicitationId: id, ...asking });
    return { action: checkedAction(action) };
  }
  if (mode === 'form' && form !== undefined) return await fillIn(form, message, params['requestedSchema'], asking);
  throw new NoInput('invalid_params', 'The client has no such elicitation.');
}

function pageOf(url: JsonValue | undefined): string {
  if (typeof url === 'string' && PAGE_SCHEMES.has(URL.parse(url)?.protocol ?? '')) return url;
  throw new NoInput('invalid_params', 'The URL of the elicitation is no https: or http: URL.');
}

function fieldsOf(schema: JsonValue | undefined): readonly FormField[] {
  try {
    return readForm(schema);
  } catch (error) {
    throw new NoInput('invalid_params', (error as Error).message);
  }
}

async function fillIn(
  form: NonNullable<ElicitationHandlers['form']>,
  message: string,
  schema: JsonValue | undefined,
  asking: Asking,
): Promise<object> {
  const fields = fieldsOf(schema);
  let problems: readonly FormProblem[] = [];
  for (let filling = 0; filling < MAX_FILLINGS; filling++) {
    const request: FormRequest = { message, fields, requestedSchema: schema as JsonObject, problems, ...asking };
    const answer = await form(request);
    if (answer.action !== 'accept') return { action: checkedAction(answer.action) };
    const checked = checkForm(fields, answer.content);
    if (checked.ok) return { action: 'accept', content: checked.content };
    problems = checked.problems;
  }
  return { action: 'cancel' };
}

function checkedAction(action: string): string {
  if (ACTIONS.has(action)) return action;
  throw new NoInput('internal', 'The handler gave no action: accept, decline or cancel.');
}
