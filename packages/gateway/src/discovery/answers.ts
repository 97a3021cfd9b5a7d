/** Answers of our own tools, as results of tools. */

import type { JsonObject } from '@sallyport/wire';
import type { Answer } from '@sallyport/server';
import type { Call } from '../call.ts';

/** A result with text, and the same for programs. */
export function textAnswer(call: Call, text: string, structuredContent?: JsonObject): Answer {
  return resultAnswer(call, {
    content: [{ type: 'text', text }],
    ...(structuredContent !== undefined && { structuredContent }),
  });
}

/** What the model did wrong, in words that help it. */
export function toolError(call: Call, text: string): Answer {
  return resultAnswer(call, { content: [{ type: 'text', text }], isError: true });
}

function resultAnswer({ exchange }: Call, result: JsonObject): Answer {
  return { kind: 'value', result: exchange.era === 'stateless' ? { ...result, resultType: 'complete' } : result };
}
