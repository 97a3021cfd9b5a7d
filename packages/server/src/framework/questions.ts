/**
 * What a handler asks its client, as the wire has it in both eras, and what the answers mean: elicitation, sampling, roots
 * (MCP, "Client features"). Pure; how a question reaches the client is in call.ts.
 */

import { atLeast, isObject, type JsonObject, type JsonValue, type Revision } from '@sallyport/wire';
import type { Elicited, FormQuestion, Root, Sampled, SampleQuestion, UrlQuestion } from './context.ts';
import { MissingCapabilityError, NotAnsweredError } from './errors.ts';
import { compile, type CompiledSchema } from './schemas.ts';

/** A request to the client. */
export interface Question {
  readonly method: 'elicitation/create' | 'sampling/createMessage' | 'roots/list';
  readonly params: JsonObject | undefined;
  /** What the client must have declared. */
  readonly needs: JsonObject;
  readonly key: string | undefined;
}

/** From here on an elicitation says its mode and may be of a page, and a message to a model may have several blocks. */
const WITH_MODES: Revision = '2025-11-25';
/** From here on there is elicitation. */
const WITH_ELICITATION: Revision = '2025-06-18';

export function formQuestion(question: FormQuestion, revision: Revision, schema: CompiledSchema): Question {
  const { message, key } = question;
  const mode = atLeast(revision, WITH_MODES) ? { mode: 'form' } : {};
  return {
    method: 'elicitation/create',
    params: { ...mode, message, requestedSchema: schema.json },
    needs: { elicitation: { form: {} } },
    key,
  };
}

/** `id`: what a session-era client knows the elicitation by. */
export function urlQuestion({ message, url, key }: UrlQuestion, revision: Revision, id: string): Question {
  const named = revision === WITH_MODES ? { elicitationId: id } : {};
  return {
    method: 'elicitation/create',
    params: { mode: 'url', message, url, ...named },
    needs: { elicitation: { url: {} } },
    key,
  };
}

export function sampleQuestion({ key, messages, ...rest }: SampleQuestion, revision: Revision): Question {
  const list = typeof messages === 'string' ? [{ role: 'user', content: { type: 'text', text: messages } }] : messages;
  const needs = rest.tools === undefined && rest.toolChoice === undefined ? {} : { tools: {} };
  return {
    method: 'sampling/createMessage',
    params: {
      messages: atLeast(revision, WITH_MODES) ? [...list] : list.flatMap(singleBlocks),
      ...rest,
    } as unknown as JsonObject,
    needs: { sampling: needs },
    key,
  };
}

/** Before, a message is one block: a message of several is as many of the same role. */
function singleBlocks(message: JsonObject): JsonObject[] {
  const { content } = message;
  return Array.isArray(content) ? content.map((block) => ({ ...message, content: block })) : [message];
}

export function rootsQuestion(key: string | undefined): Question {
  return { method: 'roots/list', params: undefined, needs: { roots: {} }, key };
}

/** Throws unless the client has declared what a question needs. */
export function requireCapability({ needs }: Question, capabilities: JsonObject, revision: Revision): void {
  for (const [name, parts] of Object.entries(needs)) {
    const declared = capabilities[name];
    const isKnown = name !== 'elicitation' || atLeast(revision, WITH_ELICITATION);
    if (!isObject(declared) || !isKnown || !declares(declared, parts)) throw new MissingCapabilityError(needs);
  }
}

/** An empty declaration of elicitation is one of forms. */
function declares(declared: JsonObject, parts: JsonValue | undefined): boolean {
  const names = isObject(parts) ? Object.keys(parts) : [];
  return names.every((name) => declared[name] !== undefined || (name === 'form' && declared['url'] === undefined));
}

const ACTIONS: ReadonlySet<unknown> = new Set(['accept', 'decline', 'cancel']);

/** Whether something can be an answer at all; a stateless client is asked again for anything else. */
export function isAnswer({ method }: Question, value: JsonValue | undefined): value is JsonObject {
  if (!isObject(value)) return false;
  const { action, content, model, role, roots } = value;
  if (method === 'elicitation/create') return ACTIONS.has(action);
  if (method === 'sampling/createMessage') {
    return typeof model === 'string' && typeof role === 'string' && content !== undefined;
  }
  return Array.isArray(roots) && roots.every((root) => isObject(root) && typeof root['uri'] === 'string');
}

/** What was filled in is checked: the client may have checked nothing. */
export async function readElicited(answer: JsonObject, schema: CompiledSchema | undefined): Promise<Elicited<unknown>> {
  const { action, content = {} } = answer;
  if (action === 'decline' || action === 'cancel') return { action };
  if (schema === undefined) return { action: 'accept', content: undefined };
  const checked = await schema.check(content);
  if ('problems' in checked) throw new NotAnsweredError(`The form was not filled in as asked: ${checked.problems}.`);
  return { action: 'accept', content: checked.value };
}

export function readSampled(answer: JsonObject): Sampled {
  const { role, model, content, stopReason } = answer;
  return {
    role: role as string,
    model: model as string,
    content: content as JsonValue,
    ...(typeof stopReason === 'string' && { stopReason }),
  };
}

export function readRoots(answer: JsonObject): readonly Root[] {
  return (answer['roots'] as JsonObject[]).map(({ uri, name }) => ({
    uri: uri as string,
    ...(typeof name === 'string' && { name }),
  }));
}

/** Schemas of forms, compiled once: a handler asks by the same one again and again. */
export type FormSchemas = WeakMap<object, CompiledSchema>;

export function formSchema(question: FormQuestion, known: FormSchemas): CompiledSchema {
  const { requestedSchema } = question;
  const found = known.get(requestedSchema);
  if (found !== undefined) return found;
  const made = compile(requestedSchema, 'input', 'The requestedSchema of an elicitation');
  const { $schema: _dialect, ...json } = made.json;
  const compiled = { ...made, json };
  known.set(requestedSchema, compiled);
  return compiled;
}
