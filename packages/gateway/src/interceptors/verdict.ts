/**
 * From the text of an answer to a verdict (docs/INTERCEPTORS.md, "Answers"). It is checked like a stranger's: it nests no deeper
 * than a message may, and has the form that its phase and what was asked about ask for.
 */

import { exceedsShape, isObject, MAX_JSON_DEPTH, MAX_JSON_MEMBERS, type JsonObject } from '@sallyport/wire';
import { oneLine } from '../one-line.ts';
import type { Kind, ListedTool, Phase, Verdict } from './types.ts';

/** Characters of a message for a caller. */
const MAX_MESSAGE = 500;

/** Throws an Error for the log. */
export function verdictOf(phase: Phase, kind: Kind, text: string): Verdict {
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
  if (action === 'replace') return replacementOf(phase, kind, answer);
  throw new Error('its answer has no `action` of pass, replace and deny');
}

function replacementOf(phase: Phase, kind: Kind, answer: JsonObject): Verdict {
  if (phase === 'list') return { action: 'keep', tools: listedIn(answer['tools']) };
  if (phase === 'before-call' && kind === 'resource')
    throw new Error('its answer replaces, and a read has no arguments');
  const member = phase === 'before-call' ? 'arguments' : 'result';
  const value = answer[member];
  if (!isObject(value)) throw new Error(`its answer replaces, and has no \`${member}\``);
  if (member === 'result') CHECKS[kind](value);
  else if (kind === 'prompt') checkPromptArguments(value);
  return { action: 'replace', value };
}

/** The form of a result of a tool (2025-11-25, tools). */
function checkTool({ content, isError, structuredContent }: JsonObject): void {
  const isContent =
    Array.isArray(content) && content.every((block) => isObject(block) && typeof block['type'] === 'string');
  if (!isContent) throw new Error('the result in its answer has no `content`');
  if (isError !== undefined && typeof isError !== 'boolean')
    throw new Error('the `isError` in its answer is no boolean');
  if (structuredContent !== undefined && !isObject(structuredContent))
    throw new Error('the `structuredContent` in its answer is no object');
}

/** The same (prompts). */
function checkPrompt({ messages }: JsonObject): void {
  const areMessages =
    Array.isArray(messages) &&
    messages.every((each) => isObject(each) && typeof each['role'] === 'string' && isObject(each['content']));
  if (!areMessages) throw new Error('the result in its answer has no `messages`');
}

/** The same (resources). */
function checkResource({ contents }: JsonObject): void {
  const areContents =
    Array.isArray(contents) &&
    contents.every(
      (each) =>
        isObject(each) &&
        typeof each['uri'] === 'string' &&
        (typeof each['text'] === 'string' || typeof each['blob'] === 'string'),
    );
  if (!areContents) throw new Error('the result in its answer has no `contents`');
}

const CHECKS: Readonly<Record<Kind, (result: JsonObject) => void>> = {
  tool: checkTool,
  prompt: checkPrompt,
  resource: checkResource,
};

function checkPromptArguments(given: JsonObject): void {
  if (!Object.values(given).every((value) => typeof value === 'string'))
    throw new Error('the arguments of a prompt are texts, and those in its answer are not');
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
