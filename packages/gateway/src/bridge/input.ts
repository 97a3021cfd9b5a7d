/**
 * Questions of servers in the middle of a call, and their answers, in the shapes of both eras: elicitation, sampling,
 * roots. What the other side's revision does not know is dropped or written in a way that it knows. Pure; who may be
 * asked what is decided elsewhere.
 */

import {
  atLeast,
  isObject,
  META_PREFIX,
  type JsonObject,
  type JsonRpcErrorObject,
  type JsonValue,
  type Revision,
} from '@sallyport/wire';

/** Questions that one call may have open at a time: what a server may make a client's screen show. */
export const MAX_QUESTIONS = 64;

/** Rounds of input that one call may take, on either side of the bridge. */
export const MAX_ROUNDS = 10;

/** What a server may ask for in 2026-07-28 (`InputRequest`). */
const INPUT_METHODS: ReadonlySet<string> = new Set(['elicitation/create', 'sampling/createMessage', 'roots/list']);

/** Requests whose result may ask for input (2026-07-28, "Multi round-trip requests"). */
const MAY_NEED_INPUT: ReadonlySet<string> = new Set(['tools/call', 'prompts/get', 'resources/read']);

/** From here on elicitation has modes, and sampling tools and lists of content. */
const WITH_MODES: Revision = '2025-11-25';

/** 2025-11-25, elicitation: the only revision that knows it. */
const URL_ELICITATION_REQUIRED = -32042;

export function isInputMethod(method: string): boolean {
  return INPUT_METHODS.has(method);
}

export function mayNeedInput(method: string): boolean {
  return MAY_NEED_INPUT.has(method);
}

/** A request of a session-era server as an input request of 2026-07-28. */
export function inputRequest(method: string, params: JsonObject | undefined): JsonObject {
  if (params === undefined) return { method };
  // Tasks do not cross, and no notification tells a stateless client of an elicitation by its id.
  const { task: _task, elicitationId: _id, _meta: meta, ...others } = params;
  const kept = ownMeta(meta);
  return { method, params: kept === undefined ? others : { ...others, _meta: kept } };
}

/** `_meta` without what speaks of the request that it came on. */
function ownMeta(meta: JsonValue | undefined): JsonObject | undefined {
  if (!isObject(meta)) return undefined;
  const kept = Object.entries(meta).filter(([name]) => name !== 'progressToken' && !name.startsWith(META_PREFIX));
  return kept.length === 0 ? undefined : Object.fromEntries(kept);
}

const ACTIONS: ReadonlySet<unknown> = new Set(['accept', 'decline', 'cancel']);

/** True for what can be an answer to such a question; a client is asked again for anything else. */
export function isAnswer(method: string, value: JsonValue | undefined): value is JsonObject {
  if (!isObject(value)) return false;
  const { action, content, model, role, roots } = value;
  switch (method) {
    case 'elicitation/create':
      return ACTIONS.has(action) && (content === undefined || isObject(content));
    case 'sampling/createMessage':
      return typeof model === 'string' && typeof role === 'string' && (isObject(content) || Array.isArray(content));
    default:
      return Array.isArray(roots) && roots.every((root) => isObject(root) && typeof root['uri'] === 'string');
  }
}

/** A stateless client's answer as a session-era server of `revision` knows it. */
export function sessionAnswer(method: string, answer: JsonObject, revision: Revision): JsonObject {
  const { resultType: _type, ...result } = answer;
  const { content } = result;
  if (method !== 'sampling/createMessage' || !Array.isArray(content) || atLeast(revision, WITH_MODES)) return result;
  return { ...result, content: singleBlock(content) };
}

/** Before 2025-11-25 an answer is one block: all of its text, or the first block when there is none. */
function singleBlock(blocks: readonly JsonValue[]): JsonValue {
  const [first] = blocks;
  if (blocks.length === 1 && first !== undefined) return first;
  const texts = blocks.flatMap((block) => {
    const text = isObject(block) && block['type'] === 'text' ? block['text'] : undefined;
    return typeof text === 'string' ? [text] : [];
  });
  return texts.length > 0 || first === undefined ? { type: 'text', text: texts.join('\n') } : first;
}

/** An input request's parameters as a session-era client of `revision` knows them. */
export function sessionQuestion(
  method: string,
  params: JsonObject | undefined,
  revision: Revision,
  randomId: () => string,
): JsonObject | undefined {
  if (params === undefined) return undefined;
  if (method === 'elicitation/create') return sessionElicitation(params, revision, randomId);
  const { messages } = params;
  if (method !== 'sampling/createMessage' || !Array.isArray(messages) || atLeast(revision, WITH_MODES)) return params;
  return { ...params, messages: messages.flatMap(singleBlocks) };
}

function sessionElicitation(params: JsonObject, revision: Revision, randomId: () => string): JsonObject {
  if (params['mode'] === 'url') return { elicitationId: randomId(), ...params };
  if (atLeast(revision, WITH_MODES)) return params;
  const { mode: _mode, ...form } = params;
  return form;
}

/** Before 2025-11-25 a message is one block: a message of several is as many of the same role. */
function singleBlocks(message: JsonValue): JsonValue[] {
  if (!isObject(message) || !Array.isArray(message['content'])) return [message];
  return message['content'].map((content) => ({ ...message, content }));
}

/** What a client must declare to be asked this (2026-07-28, `requiredCapabilities`). */
export function requiredCapability(method: string, params: JsonObject | undefined): JsonObject {
  switch (method) {
    case 'elicitation/create':
      return { elicitation: params?.['mode'] === 'url' ? { url: {} } : { form: {} } };
    case 'sampling/createMessage':
      return { sampling: params?.['tools'] === undefined && params?.['toolChoice'] === undefined ? {} : { tools: {} } };
    default:
      return { roots: {} };
  }
}

/** The URLs that a server of 2025-11-25 wants opened before it does the call; undefined for any other error. */
export function requiredUrls({ code, data }: JsonRpcErrorObject): readonly JsonObject[] | undefined {
  const urls = code === URL_ELICITATION_REQUIRED && isObject(data) ? data['elicitations'] : undefined;
  if (!Array.isArray(urls) || urls.length === 0 || urls.length > MAX_QUESTIONS || !urls.every(isUrl)) return undefined;
  return urls.map((url) => ({ ...url, mode: 'url' }));
}

function isUrl(value: JsonValue): value is JsonObject {
  return isObject(value) && typeof value['url'] === 'string' && typeof value['message'] === 'string';
}
