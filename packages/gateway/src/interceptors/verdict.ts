/**
 * From the text of an answer to a verdict (docs/INTERCEPTORS.md, "Answers"). It is checked like a stranger's: it nests no deeper
 * than a message may, and has the form that its phase asks for.
 */

import { exceedsShape, isObject, MAX_JSON_DEPTH, MAX_JSON_MEMBERS, type JsonObject } from '@sallyport/wire';
import { oneLine } from '../one-line.ts';
import type { ListedTool, Phase, Verdict } from './types.ts';

/** Characters of a message for a caller. */
const MAX_MESSAGE = 500;

/** Throws an Error for the log. */
export function verdictOf(phase: Phase, text: string): Verdict {
  const excess = exceedsShape(text, MAX_JSON_DEPTH, MAX_JSON_MEMBERS);
  if (excess !== undefined) throw new Error(`its answer has too many ${excess}`);
  const answer: unknown = JSON.parse(text);
  if (!isObject(answer)) throw new Error('its answer is no object');
  const { action, message } = answer;
  if (action === 'pass') return { action };
  if (action === 'deny') {
    const said = typeof message === 'string' ? oneLine(message, MAX_MESSAGE) : '';
    return { action, message: said === '' ? undefined : said };
  }
  if (action === 'replace') return replacementOf(phase, answer);
  throw new Error('its answer has no `action` of pass, replace and deny');
}

function replacementOf(phase: Phase, answer: JsonObject): Verdict {
  if (phase === 'list') return { action: 'keep', tools: listedIn(answer['tools']) };
  const member = phase === 'before-call' ? 'arguments' : 'result';
  const value = answer[member];
  if (!isObject(value)) throw new Error(`its answer replaces, and has no \`${member}\``);
  if (member === 'result') checkResult(value);
  return { action: 'replace', value };
}

/** The form of a result of a tool (2025-11-25, tools). */
function checkResult({ content, isError, structuredContent }: JsonObject): void {
  const isContent =
    Array.isArray(content) && content.every((block) => isObject(block) && typeof block['type'] === 'string');
  if (!isContent) throw new Error('the result in its answer has no `content`');
  if (isError !== undefined && typeof isError !== 'boolean')
    throw new Error('the `isError` in its answer is no boolean');
  if (structuredContent !== undefined && !isObject(structuredContent))
    throw new Error('the `structuredContent` in its answer is no object');
}

function listedIn(tools: unknown): ListedTool[] {
  if (!Array.isArray(tools)) throw new Error('its answer replaces, and has no `tools`');
  return tools.map((tool: unknown) => {
    const { description, name } = isObject(tool) ? tool : {};
    if (typeof name !== 'string') throw new Error('a tool in its answer has no name');
    if (description !== undefined && typeof description !== 'string')
      throw new Error('a description in its answer is no text');
    return { name, ...(description !== undefined && { description }) };
  });
}
