/** What a server asks in the middle of a call, in the shape of its revision, and what a client answers. */
import { knowsModes } from './revisions.ts';
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
    return { messages: [{ role: 'user', content: { type: 'text', text: tag } }], maxTokens: 10 };
  }
  const requestedSchema = { type: 'object', properties: { name: { type: 'string' } }, required: ['name'] };
  return { ...(knowsModes(revision) && { mode: 'form' }), message: tag, requestedSchema };
}

export function answerTo(method: string, tag: string): Json {
  if (method === METHODS.elicit) return { action: 'accept', content: { name: `Ada ${tag}` } };
  if (method === METHODS.where) return { roots: [{ uri: `file:///${encodeURIComponent(tag)}`, name: tag }] };
  return { role: 'assistant', content: { type: 'text', text: `sampled ${tag}` }, model: 'm', stopReason: 'endTurn' };
}

/** What a client of a revision declares. */
export function clientCapabilities(revision: Revision): Json {
  const elicitation = revision < '2025-06-18' ? {} : { elicitation: knowsModes(revision) ? { form: {} } : {} };
  return { sampling: {}, roots: {}, ...elicitation };
}
