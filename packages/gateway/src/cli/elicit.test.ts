import { describe, expect, it } from 'vitest';
import type { JsonObject } from '@sallyport/wire';
import type { CliContext, Prompts } from './context.ts';
import { answerElicitation } from './elicit.ts';

/** `undefined` turns away. */
type Answers = readonly (string | readonly string[] | undefined)[];

interface Asked {
  readonly questions: Record<string, unknown>[];
  readonly notes: string[];
  readonly answer: unknown;
}

/** Answers one prompt after another; a text is offered to the validation first, and what it says is kept as a note. */
async function elicit(params: JsonObject, answers: Answers, isTerminal = true): Promise<Asked> {
  const questions: Record<string, unknown>[] = [];
  const notes: string[] = [];
  const left = [...answers];
  const next = (question: Record<string, unknown>): never => {
    questions.push(question);
    if (left.length === 0) throw new Error(`nobody expected ${String(question['message'])}`);
    return left.shift() as never;
  };
  const prompts: Prompts = {
    text: async (question) => {
      for (;;) {
        const answer: string | undefined = next(question);
        const wrong = answer === undefined ? undefined : question.problem(answer);
        if (wrong === undefined) return answer;
        notes.push(wrong);
      }
    },
    choose: async (question) => next(question),
    hidden: async () => undefined,
    chooseMany: async (question) => next(question),
  };
  const context = { isTerminal, prompts, stderr: { write: (text: string) => notes.push(text) } };
  const answer = await answerElicitation(context as unknown as CliContext, params);
  expect(left).toEqual([]);
  return { questions, notes, answer };
}

const form = (properties: JsonObject, required: readonly string[] = []): JsonObject => ({
  message: 'Tell\u001b[2J me',
  requestedSchema: { type: 'object', properties, required: [...required] },
});

async function value(property: JsonObject, ...answers: Answers): Promise<unknown> {
  const { answer } = await elicit(form({ x: property }, ['x']), ['accept', ...answers, 'accept']);
  return (answer as { result: { content: { x: unknown } } }).result.content.x;
}

async function problem(property: JsonObject, bad: string, good: string): Promise<string | undefined> {
  const { notes } = await elicit(form({ x: property }, ['x']), ['accept', bad, good, 'accept']);
  return notes[1];
}

describe('a form', () => {
  it('gives each type as it is', async () => {
    expect(await value({ type: 'string' }, 'text')).toBe('text');
    expect(await value({ type: 'number' }, ' 1.5 ')).toBe(1.5);
    expect(await value({ type: 'integer' }, '7')).toBe(7);
    expect(await value({ type: 'boolean' }, 'false')).toBe(false);
    expect(await value({ type: 'string', enum: ['a', 'b'] }, 'b')).toBe('b');
    expect(await value({ type: 'string', oneOf: [{ const: 'a', title: 'A' }] }, 'a')).toBe('a');
    expect(await value({ type: 'array', items: { type: 'string', enum: ['a', 'b'] } }, ['a', 'b'])).toEqual(['a', 'b']);
    expect(await value({ type: 'array', items: { anyOf: [{ const: 'a', title: 'A' }] } }, [])).toEqual([]);
  });

  it.each([
    [{ type: 'string' }, '', 'x', /needed/],
    [{ type: 'string', minLength: 2 }, '👍', '👍👍', /at least 2 characters/],
    [{ type: 'string', maxLength: 2 }, 'abc', 'ab', /at most 2/],
    [{ type: 'string', format: 'email' }, 'me', 'me@example.com', /@example.com/],
    [{ type: 'string', format: 'uri' }, 'example.com', 'https://example.com', /https:/],
    [{ type: 'string', format: 'date' }, '2026-02-30', '2026-02-28', /a date/],
    [{ type: 'string', format: 'date-time' }, '2026-02-28 10:00', '2026-02-28T10:00:00+01:00', /a time/],
    [{ type: 'integer' }, '1.5', '1', /whole/],
    [{ type: 'number', minimum: 1 }, '0', '1', /at least 1/],
    [{ type: 'number', maximum: 1 }, '2', '1', /at most 1/],
    [{ type: 'number' }, 'Infinity', '1', /a number/],
  ])('of %j refuses %j', async (property, bad, good, message) => {
    expect(await problem(property, bad, good)).toMatch(message);
  });

  it('asks again until the number of choices fits', async () => {
    const items = { type: 'string', enum: ['a', 'b', 'c'] };
    expect(await value({ type: 'array', items, minItems: 1, maxItems: 2 }, [], ['a', 'b', 'c'], ['c'])).toEqual(['c']);
  });

  it('offers defaults and the names of choices, all of it safe to show', async () => {
    const properties = {
      a: { type: 'string', default: 'x', title: 'A\u001b[1m', description: 'the first' },
      b: { type: 'string', enum: ['1'], enumNames: ['One'], default: '1' },
      c: { type: 'boolean', default: true },
      d: { type: 'array', items: { anyOf: [{ const: '1', title: 'One' }] }, default: ['1'] },
      e: { type: 'number', default: 4 },
    };
    const { questions, notes } = await elicit(form(properties, ['b']), [
      'accept',
      'x',
      '1',
      'true',
      ['1'],
      '4',
      'accept',
    ]);
    expect(questions.slice(1, -1)).toMatchObject([
      { message: 'A\ufffd[1m: the first (optional)', initial: 'x' },
      { message: 'b', initial: '1', choices: [{ value: '1', label: 'One' }] },
      { initial: 'true' },
      { initial: ['1'], choices: [{ value: '1', label: 'One' }] },
      { initial: '4' },
    ]);
    expect(notes.join('')).toContain('Tell\ufffd[2J me');
    expect(notes.join('')).not.toContain('\u001b');
  });

  it('leaves out what is optional and not given', async () => {
    const properties = {
      a: { type: 'string' },
      b: { type: 'string', enum: ['1'] },
      c: { type: 'boolean' },
      d: { type: 'array', items: { enum: ['1'] }, minItems: 1 },
    };
    const { answer } = await elicit(form(properties), ['accept', '', '\u0000', '\u0000', [], 'accept']);
    expect(answer).toEqual({ result: { action: 'accept', content: {} } });
  });

  it.each([
    [['decline'], 'decline'],
    [[undefined], 'cancel'],
    [['accept', undefined], 'cancel'],
    [['accept', 'x', 'decline'], 'decline'],
    [['accept', 'x', undefined], 'cancel'],
  ])('answered with %j ends as %s, and gives nothing away', async (answers, action) => {
    const { answer } = await elicit(form({ a: { type: 'string' } }), answers);
    expect(answer).toEqual({ result: { action } });
  });

  it('that is none is declined', async () => {
    const nested = form({ a: { type: 'object', properties: {} } });
    expect((await elicit(nested, [])).answer).toEqual({ result: { action: 'decline' } });
    expect((await elicit({ message: 'x' }, [])).answer).toEqual({ result: { action: 'decline' } });
  });

  it('is declined where nobody sits', async () => {
    const { answer, notes } = await elicit(form({ a: { type: 'string' } }), [], false);
    expect(answer).toEqual({ result: { action: 'decline' } });
    expect(notes.join('')).toContain('declined');
  });
});

describe('an address', () => {
  it('is shown whole with its host, and the person decides', async () => {
    const params = { mode: 'url', message: 'Log in', url: 'https://example.com/a?b=c', elicitationId: '1' };
    const accepted = await elicit(params, ['accept']);
    expect(accepted.answer).toEqual({ result: { action: 'accept' } });
    expect(accepted.notes.join('')).toContain('on example.com:\n  https://example.com/a?b=c');
    expect(accepted.questions[0]).toMatchObject({ initial: 'decline' });
    expect((await elicit(params, ['decline'])).answer).toEqual({ result: { action: 'decline' } });
    expect((await elicit(params, [undefined])).answer).toEqual({ result: { action: 'cancel' } });
  });

  it.each(['javascript:alert(1)', 'file:///etc/passwd', 'x', ''])('such as %j is declined unseen', async (url) => {
    expect((await elicit({ mode: 'url', message: 'x', url }, [])).answer).toEqual({ result: { action: 'decline' } });
  });
});
