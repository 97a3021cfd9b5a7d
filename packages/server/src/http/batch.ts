/** Arrays of messages, which exist in one revision only (2025-03-26, transports, "Sending messages"). */

import {
  BATCH_REVISION,
  classify,
  type Incoming,
  type JsonRpcRequest,
  type JsonValue,
  type MessageLimits,
} from '@sallyport/wire';
import type { HttpSession } from '../sessions.ts';

type Told = Incoming & { readonly kind: 'notification' | 'response' };

export interface Batch {
  readonly told: readonly Told[];
  readonly requests: readonly { readonly message: JsonRpcRequest; readonly text: string }[];
}

/** The messages of a batch; undefined when one of them may not stand in a batch. */
export function readBatch(entries: readonly JsonValue[], text: string, limits: MessageLimits): Batch | undefined {
  const texts = elements(text);
  const told: Told[] = [];
  const requests: { message: JsonRpcRequest; text: string }[] = [];
  for (const [index, entry] of entries.entries()) {
    const incoming = classify(entry, limits);
    if (incoming.kind === 'notification' || incoming.kind === 'response') told.push(incoming);
    else if (incoming.kind === 'request' && incoming.message.method !== 'initialize') {
      requests.push({ message: incoming.message, text: texts[index] as string });
    } else return undefined;
  }
  return { told, requests };
}

/** Why a session may not be sent a batch at all. */
export function batchProblem(version: string, session: HttpSession): string | undefined {
  if (version !== BATCH_REVISION) return 'This revision knows no batches.';
  return session.revision === BATCH_REVISION ? undefined : 'This session speaks a revision without batches.';
}

/** The elements of an array as they were written. The text is valid JSON, and its outermost value an array. */
function elements(text: string): string[] {
  const found: string[] = [];
  let depth = 0;
  let from = text.indexOf('[') + 1;
  for (let at = from; depth >= 0; at++) {
    const char = text[at];
    if (char === '"') at = endOfString(text, at);
    else if (char === '[' || char === '{') depth++;
    else if (char === ']' || char === '}') depth--;
    if (depth < 0 || (char === ',' && depth === 0)) {
      found.push(text.slice(from, at).trim());
      from = at + 1;
    }
  }
  return found;
}

/** Where the quote stands that closes the string opened at `start`. */
function endOfString(text: string, start: number): number {
  let at = start + 1;
  while (text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
  return at;
}
