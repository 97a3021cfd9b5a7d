/** Clarification as tools: the scan, a question put to the user by the client where it can, and an answer that is worked in. */
import { MissingCapabilityError } from '@sallyport/server';
import { SpecError } from '../errors.ts';
import {
  ANSWER_SECTIONS,
  answerClarification,
  type Answer,
  checkClarification,
  scanClarity,
} from '../workflow/clarify.ts';
import { SPEC_WRITTEN } from './results.ts';
import { choice, closed, list, many, num, object, oneOf, optional, type Shape, str, text } from './shape.ts';
import { FEATURE, type Tool, tool } from './tool.ts';

const REPLACE = optional(
  closed({
    find: text('A passage that stands in spec.md exactly once, such as the [NEEDS CLARIFICATION: …] mark.', {
      minLength: 1,
    }),
    with: text('What stands there now. {answer} becomes the answer.'),
  }),
);
const ADD = optional(
  closed({
    section: choice('Where the bullet goes; requirements and criteria get the next id.', ANSWER_SECTIONS),
    text: text('The bullet. {answer} becomes the answer.', { minLength: 1 }),
  }),
);

const scan = tool({
  name: 'clarify_scan',
  title: 'What is unclear',
  description:
    'Says how much the specification tells under each heading of a fixed list, which questions are marked open, and how many answers are left today.',
  reads: true,
  input: { feature: FEATURE },
  output: object({
    feature: str,
    categories: many(object({ category: str, status: oneOf('clear', 'partial', 'missing') })),
    open: many(object({ question: str, line: num })),
    left: num,
  }),
  run: async (project, { feature }) => scanClarity(project, feature),
});

const filled = (
  answer: string,
  { replace, add }: Pick<Answer, 'replace' | 'add'>,
): Pick<Answer, 'replace' | 'add'> => ({
  ...(replace === undefined
    ? {}
    : { replace: { find: replace.find, with: replace.with.split('{answer}').join(answer) } }),
  ...(add === undefined ? {} : { add: { section: add.section, text: add.text.split('{answer}').join(answer) } }),
});

const answer = tool({
  name: 'clarify_answer',
  title: 'Note an answer',
  description:
    'Notes a question and its answer under Clarifications and works the answer into the specification, in one write.',
  input: {
    question: text('The question as it was asked.', { minLength: 1, maxLength: 1000 }),
    answer: text('The answer.', { minLength: 1, maxLength: 1000 }),
    replace: REPLACE,
    add: ADD,
    feature: FEATURE,
  },
  output: SPEC_WRITTEN,
  run: async (project, params) =>
    answerClarification(
      project,
      { question: params.question, answer: params.answer, ...filled(params.answer, params) },
      params.feature,
    ),
});

interface Option {
  readonly label: string;
  readonly description?: string;
}

function table(question: string, options: readonly Option[], recommended: string | undefined): string {
  const rows = options.map(
    ({ label, description }, index) =>
      `| ${'ABCDE'[index]} | ${label}${description === undefined ? '' : `: ${description}`} |`,
  );
  return [
    ...(recommended === undefined ? [] : [`**Recommended:** ${recommended}`, '']),
    question,
    '',
    ...(rows.length === 0
      ? ['Answer in five words at most.']
      : ['| Option | Description |', '|--------|-------------|', ...rows]),
  ].join('\n');
}

const OUTCOME: Shape<{
  readonly outcome: 'answered' | 'declined' | 'ask';
  readonly answer: string;
  readonly ask: string;
}> = object({
  outcome: oneOf('answered', 'declined', 'ask'),
  answer: str,
  ask: str,
});

const ask = tool({
  name: 'clarify_ask',
  title: 'Ask the user one question',
  description:
    'Puts one question to the user through the client and works the answer in. When the client cannot ask, the outcome is "ask": ' +
    'show the text in "ask" yourself, wait, and call clarify_answer. One question at a time.',
  input: {
    question: text('One question.', { minLength: 1, maxLength: 1000 }),
    options: optional(
      list(
        closed({
          label: text('Short.', { minLength: 1, maxLength: 120 }),
          description: optional(text('What it means.', { maxLength: 500 })),
        }),
        'Two to five, which exclude each other.',
      ),
    ),
    recommended: optional(text('The option you recommend, and why, in a sentence.', { maxLength: 500 })),
    replace: REPLACE,
    add: ADD,
    feature: FEATURE,
  },
  output: OUTCOME,
  async run(project, params, context) {
    const options = params.options ?? [];
    if (options.length === 1 || options.length > 5)
      throw new SpecError('invalid_input', 'Give two to five options, or none.');
    const asked: Answer = { question: params.question, answer: '', ...filled('', params) };
    await checkClarification(project, asked, params.feature);
    const shown = table(params.question, options, params.recommended);
    const labels = options.map(({ label }) => label);
    try {
      const field = {
        type: 'string',
        title: 'Answer',
        ...(labels.length === 0 ? { maxLength: 120 } : { enum: labels }),
      };
      const reply = await context.elicit({
        message: shown,
        requestedSchema: { type: 'object', properties: { answer: field }, required: ['answer'] },
      });
      const said = reply.action === 'accept' ? reply.content['answer'] : undefined;
      if (typeof said !== 'string' || said.trim() === '') return { outcome: 'declined', answer: '', ask: '' };
      await answerClarification(
        project,
        { question: params.question, answer: said, ...filled(said, params) },
        params.feature,
      );
      return { outcome: 'answered', answer: said, ask: '' };
    } catch (error) {
      if (!(error instanceof MissingCapabilityError)) throw error;
      return { outcome: 'ask', answer: '', ask: shown };
    }
  },
});

export const CLARIFY_TOOLS: readonly Tool[] = [scan, ask, answer];
