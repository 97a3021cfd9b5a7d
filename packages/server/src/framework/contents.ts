/** What handlers of resources and prompts return, as the wire has it. */

import { isObject, type JsonObject } from '@sallyport/wire';
import { jsonText } from './answers.ts';
import type { PromptMessage, ResourceContents, ResourceResult } from './definitions.ts';

/** `contents` of a `resources/read`. Throws a `TypeError` for what no JSON can say. */
export function contentsOf(
  result: ResourceResult | undefined,
  uri: string,
  mimeType: string | undefined,
): JsonObject[] {
  const typed = { uri, ...(mimeType !== undefined && { mimeType }) };
  if (typeof result === 'string') return [{ ...typed, text: result }];
  if (result instanceof Uint8Array) {
    return [{ ...typed, blob: Buffer.from(result.buffer, result.byteOffset, result.byteLength).toString('base64') }];
  }
  if (isContents(result)) return result.map((each) => ({ ...each }));
  return [{ uri, mimeType: mimeType ?? 'application/json', text: jsonText(result) }];
}

function isContents(result: unknown): result is readonly ResourceContents[] {
  const isPart = (part: unknown): boolean =>
    isObject(part) &&
    typeof part['uri'] === 'string' &&
    (typeof part['text'] === 'string' || typeof part['blob'] === 'string');
  return Array.isArray(result) && result.length > 0 && result.every(isPart);
}

/** The result of a `prompts/get`. Throws a `TypeError` for what is none. */
export function promptResult(result: unknown, description: string | undefined): JsonObject {
  const whole = isObject(result) ? result : { messages: typeof result === 'string' ? [userText(result)] : result };
  const { messages } = whole;
  if (!isMessages(messages)) throw new TypeError('a handler of a prompt returned no messages');
  return { ...(description !== undefined && { description }), ...whole, messages } as unknown as JsonObject;
}

function userText(text: string): PromptMessage {
  return { role: 'user', content: { type: 'text', text } };
}

function isMessages(value: unknown): value is readonly PromptMessage[] {
  return (
    Array.isArray(value) &&
    value.every((each) => isObject(each) && typeof each['role'] === 'string' && typeof each['content'] === 'object')
  );
}
