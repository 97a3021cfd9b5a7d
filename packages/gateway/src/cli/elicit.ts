/**
 * Answers what a server asks in the middle of a call (2025-11-25, client/elicitation): on a terminal the person is asked,
 * elsewhere it is declined. Nothing is sent that the person has not seen, and no address is opened.
 */
import type { ServerRequestAnswer } from '@sallyport/client';
import type { JsonObject, JsonValue } from '@sallyport/wire';
import type { CliContext } from './context.ts';
import { fieldsOf, selectionProblem, type Field } from './elicit-form.ts';
import { note } from './output.ts';
import { oneLine, plain, textOf } from './text.ts';

const LEAVE_OUT = '\u0000';

export async function answerElicitation(context: CliContext, params: JsonObject): Promise<ServerRequestAnswer> {
  const message = oneLine(textOf(params['message'] ?? ''));
  if (!context.isTerminal) {
    note(context, `note: the server asks: ${message}\n  declined, since nobody sits at a terminal`);
    return { result: { action: 'decline' } };
  }
  return {
    result: await (params['mode'] === 'url'
      ? answerUrl(context, params, message)
      : answerForm(context, params, message)),
  };
}

/** The address is shown whole, so that the person can judge whose it is; opening it is up to them. */
async function answerUrl(context: CliContext, params: JsonObject, message: string): Promise<JsonObject> {
  const url = textOf(params['url'] ?? '');
  if (!/^https?:\/\//i.test(url) || !URL.canParse(url)) {
    note(context, `note: the server wants ${oneLine(url)} to be opened, which is no web address: declined`);
    return { action: 'decline' };
  }
  const { host, href } = new URL(url);
  note(context, `The server asks: ${message}\nIt wants you to open this address, on ${host}:\n  ${href}`);
  const answer = await context.prompts.choose({
    message: 'Go on?',
    choices: [
      { value: 'accept', label: 'I open it myself, or have done so' },
      { value: 'decline', label: 'No' },
    ],
    initial: 'decline',
  });
  return { action: answer ?? 'cancel' };
}

async function answerForm(context: CliContext, params: JsonObject, message: string): Promise<JsonObject> {
  const fields = fieldsOf(params['requestedSchema']);
  if (fields === undefined) {
    note(context, `note: the server asks: ${message}\n  declined: it asks in a form that is not known here`);
    return { action: 'decline' };
  }
  note(context, `The server asks: ${message}`);
  const first = await confirmation(context, 'Do you want to answer?');
  if (first !== 'accept') return { action: first };
  const content: Record<string, JsonValue> = {};
  for (const field of fields) {
    const answer = await askField(context, field);
    if (answer === undefined) return { action: 'cancel' };
    if (answer.value !== undefined) content[field.name] = answer.value;
  }
  note(context, plain(`This is sent to the server:\n${JSON.stringify(content, null, 2)}`));
  const last = await confirmation(context, 'Send it?');
  return last === 'accept' ? { action: 'accept', content } : { action: last };
}

async function confirmation({ prompts }: CliContext, message: string): Promise<'accept' | 'decline' | 'cancel'> {
  const answer = await prompts.choose({
    message,
    choices: [
      { value: 'accept', label: 'Yes' },
      { value: 'decline', label: 'No' },
    ],
    initial: 'accept',
  });
  if (answer === undefined) return 'cancel';
  return answer === 'accept' ? 'accept' : 'decline';
}

/** What the person answered; `value` is undefined for what they leave out, the whole when they turn away. */
type FieldAnswer = { readonly value: JsonValue | undefined } | undefined;

async function askField(context: CliContext, field: Field): Promise<FieldAnswer> {
  switch (field.kind) {
    case 'text':
      return await askText(context, field);
    case 'one':
      return await askOne(context, field, field.choices, field.initial, (value) => value);
    case 'boolean': {
      const choices = [
        { value: 'true', label: 'Yes' },
        { value: 'false', label: 'No' },
      ];
      const initial = field.initial === undefined ? undefined : String(field.initial);
      return await askOne(context, field, choices, initial, (value) => value === 'true');
    }
    case 'many':
      return await askMany(context, field);
    default:
      return field satisfies never;
  }
}

async function askText({ prompts }: CliContext, field: Extract<Field, { kind: 'text' }>): Promise<FieldAnswer> {
  const isLeftOut = (answer: string): boolean => answer === '' && !field.required;
  const answer = await prompts.text({
    message: field.label,
    ...(field.initial !== undefined && { initial: plain(field.initial) }),
    problem: (text) => {
      if (isLeftOut(text)) return undefined;
      if (text === '') return 'this is needed';
      const reading = field.read(text);
      return 'problem' in reading ? reading.problem : undefined;
    },
  });
  if (answer === undefined) return undefined;
  if (isLeftOut(answer)) return { value: undefined };
  const reading = field.read(answer);
  return 'problem' in reading ? undefined : { value: reading.value };
}

async function askOne(
  { prompts }: CliContext,
  { label, required }: Field,
  choices: Extract<Field, { kind: 'one' }>['choices'],
  initial: string | undefined,
  valueOf: (chosen: string) => JsonValue,
): Promise<FieldAnswer> {
  const answer = await prompts.choose({
    message: label,
    choices: required ? choices : [...choices, { value: LEAVE_OUT, label: '(leave out)' }],
    ...(initial !== undefined ? { initial } : !required && { initial: LEAVE_OUT }),
  });
  if (answer === undefined) return undefined;
  return { value: answer === LEAVE_OUT ? undefined : valueOf(answer) };
}

/** Asked again until the number of choices fits; none at all leaves an optional field out. */
async function askMany(context: CliContext, field: Extract<Field, { kind: 'many' }>): Promise<FieldAnswer> {
  let { initial } = field;
  for (;;) {
    const { label, choices, required } = field;
    const answer = await context.prompts.chooseMany({ message: label, choices, initial });
    if (answer === undefined) return undefined;
    if (answer.length === 0 && !required) return { value: undefined };
    const problem = selectionProblem(answer.length, field);
    if (problem === undefined) return { value: [...answer] };
    note(context, problem);
    initial = answer;
  }
}
