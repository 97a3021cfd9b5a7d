/** What a server asks in the middle of a call, in the shape of its revision, and what a client answers. */
import { knowsModesAndLists } from './revisions.ts';
import type { Revision } from './revisions.ts';
import type { Json } from './wire.ts';

/** `ponder` asks what `sample` does, and goes on afterwards. */
export type QuestionTool = 'sample' | 'elicit' | 'where' | 'ponder';

export const METHODS: Readonly<Record<QuestionTool, string>> = {
  sample: 'sampling/createMessage',
  elicit: 'elicitation/create',
  where: 'roots/list',
  ponder: 'sampling/createMessage',
};

export function isQuestionTool(name: string): name is QuestionTool {
  return name in METHODS;
}

/** Undefined: the question has no parameters. `tag` tells one call's question from another's. */
export function questionParams(tool: QuestionTool, revision: Revision, tag: string): Json | undefined {
  if (tool === 'where') return undefined;
  if (tool !== 'elicit') {
    return { messages: [{ role: 'user', content: contentOf(tag, revision) }], maxTokens: 10 };
  }
  const requestedSchema = { type: 'object', properties: { name: { type: 'string' } }, required: ['name'] };
  return { ...(knowsModesAndLists(revision) && { mode: 'form' }), message: tag, requestedSchema };
}

function contentOf(text: string, revision: Revision): Json | Json[] {
  const block = { type: 'text', text };
  return knowsModesAndLists(revision) ? [block] : block;
}

/** In the shape of the client's revision. */
export function answerTo(method: string, tag: string, revision: Revision): Json {
  if (method === METHODS.elicit) return { action: 'accept', content: { name: `Ada ${tag}` } };
  if (method === METHODS.where) return { roots: [{ uri: `file:///${encodeURIComponent(tag)}`, name: tag }] };
  return { role: 'assistant', content: contentOf(`sampled ${tag}`, revision), model: 'm', stopReason: 'endTurn' };
}

/** What a client of a revision declares. */
export function clientCapabilities(revision: Revision): Json {
  const elicitation = revision < '2025-06-18' ? {} : { elicitation: knowsModesAndLists(revision) ? { form: {} } : {} };
  return { sampling: {}, roots: {}, ...elicitation };
}
