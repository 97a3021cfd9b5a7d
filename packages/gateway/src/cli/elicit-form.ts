/**
 * The fields of a form elicitation: which question each property of the requested schema makes, and whether an answer fits it
 * (2025-11-25, client/elicitation, "Requested Schema"). Pure: nothing is asked or shown here.
 */
import { isObject, type JsonObject, type JsonValue } from '@sallyport/wire';
import type { Choice } from './context.ts';
import { oneLine, textOf } from './text.ts';

interface FieldFacts {
  readonly name: string;
  /** For people; foreign text made safe. */
  readonly label: string;
  readonly required: boolean;
}

export type Field = FieldFacts &
  (
    | { readonly kind: 'text'; readonly initial: string | undefined; readonly read: (answer: string) => Reading }
    | { readonly kind: 'one'; readonly choices: readonly Choice[]; readonly initial: string | undefined }
    | {
        readonly kind: 'many';
        readonly choices: readonly Choice[];
        readonly initial: readonly string[];
        readonly min: number;
        readonly max: number;
      }
    | { readonly kind: 'boolean'; readonly initial: boolean | undefined }
  );

/** An answer as it will be sent, or what is wrong with it. */
export type Reading = { readonly value: JsonValue } | { readonly problem: string };

/** The fields in the order of the schema; undefined when it asks for what no form can give. */
export function fieldsOf(schema: JsonValue | undefined): readonly Field[] | undefined {
  const properties = isObject(schema) ? schema['properties'] : undefined;
  if (!isObject(schema) || !isObject(properties)) return undefined;
  const required = Array.isArray(schema['required']) ? schema['required'] : [];
  const fields = Object.entries(properties).map(([name, property]) =>
    isObject(property) ? fieldOf(name, property, required.includes(name)) : undefined,
  );
  return fields.every((field) => field !== undefined) ? fields : undefined;
}

function fieldOf(name: string, property: JsonObject, required: boolean): Field | undefined {
  const facts = { name, required, label: labelOf(name, property, required) };
  const initial = property['default'];
  switch (property['type']) {
    case 'boolean':
      return { ...facts, kind: 'boolean', initial: typeof initial === 'boolean' ? initial : undefined };
    case 'number':
    case 'integer':
      return {
        ...facts,
        kind: 'text',
        initial: typeof initial === 'number' ? String(initial) : undefined,
        read: (answer) => readNumber(answer, property),
      };
    case 'array':
      return manyOf(facts, property);
    case 'string': {
      const text = typeof initial === 'string' ? initial : undefined;
      const choices = choicesOf(property, 'oneOf');
      if (choices !== undefined) return { ...facts, kind: 'one', choices, initial: text };
      return { ...facts, kind: 'text', initial: text, read: (answer) => readText(answer, property) };
    }
    default:
      return undefined;
  }
}

function manyOf(facts: FieldFacts, { items, minItems, maxItems, default: initial }: JsonObject): Field | undefined {
  const choices = isObject(items) ? (choicesOf(items, 'anyOf') ?? choicesOf(items, 'oneOf')) : undefined;
  if (choices === undefined) return undefined;
  return {
    ...facts,
    kind: 'many',
    choices,
    initial: Array.isArray(initial) ? initial.filter((value) => typeof value === 'string') : [],
    min: typeof minItems === 'number' ? minItems : 0,
    max: typeof maxItems === 'number' ? maxItems : choices.length,
  };
}

/** `enum` with the `enumNames` of older servers, or constants with titles. */
function choicesOf(schema: JsonObject, titled: 'oneOf' | 'anyOf'): readonly Choice[] | undefined {
  const { enum: values, enumNames } = schema;
  if (Array.isArray(values)) {
    const names = Array.isArray(enumNames) ? enumNames : [];
    return values.map((value, index) => choice(value, names[index]));
  }
  const options = schema[titled];
  if (!Array.isArray(options)) return undefined;
  return options.filter(isObject).map(({ const: value, title }) => choice(value, title));
}

function choice(value: JsonValue | undefined, title: JsonValue | undefined): Choice {
  return { value: textOf(value), label: oneLine(textOf(title ?? value)) };
}

function labelOf(name: string, { title, description }: JsonObject, required: boolean): string {
  const said = typeof title === 'string' && title !== '' ? title : name;
  const more = typeof description === 'string' && description !== '' ? `: ${description}` : '';
  return oneLine(`${said}${more}${required ? '' : ' (optional)'}`);
}

/** What is wrong with so many choices, or undefined. */
export function selectionProblem(
  count: number,
  { min, max }: { readonly min: number; readonly max: number },
): string | undefined {
  if (count < min) return `choose at least ${min}`;
  return count > max ? `choose at most ${max}` : undefined;
}

function readNumber(answer: string, { type, minimum, maximum }: JsonObject): Reading {
  const text = answer.trim();
  const value = Number(text);
  if (text === '' || !Number.isFinite(value)) return { problem: 'a number, please' };
  if (type === 'integer' && !Number.isInteger(value)) return { problem: 'a whole number, please' };
  if (typeof minimum === 'number' && value < minimum) return { problem: `at least ${minimum}` };
  if (typeof maximum === 'number' && value > maximum) return { problem: `at most ${maximum}` };
  return { value };
}

function readText(answer: string, { minLength, maxLength, format }: JsonObject): Reading {
  // JSON Schema counts code points.
  const { length } = Array.from(answer);
  if (typeof minLength === 'number' && length < minLength) return { problem: `at least ${minLength} characters` };
  if (typeof maxLength === 'number' && length > maxLength) return { problem: `at most ${maxLength} characters` };
  // A `pattern` is for the server to check: a foreign one can be made to run for ever.
  const check = typeof format === 'string' ? FORMATS.get(format) : undefined;
  return check === undefined || check.fits(answer) ? { value: answer } : { problem: check.expected };
}

const FORMATS: ReadonlyMap<string, { readonly fits: (text: string) => boolean; readonly expected: string }> = new Map([
  ['email', { fits: (text) => /^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(text), expected: 'an address such as me@example.com' }],
  [
    'uri',
    {
      fits: (text) => /^[A-Za-z][A-Za-z0-9+.-]*:\S+$/.test(text) && URL.canParse(text),
      expected: 'an address such as https://example.com',
    },
  ],
  ['date', { fits: isDate, expected: 'a date such as 2026-01-31' }],
  [
    'date-time',
    {
      fits: (text) =>
        /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/.test(text) &&
        isDate(text.slice(0, 10)) &&
        !Number.isNaN(Date.parse(text)),
      expected: 'a time such as 2026-01-31T08:30:00Z',
    },
  ],
]);

/** A day that the calendar has. */
function isDate(text: string): boolean {
  if (!/^\d{4}-\d\d-\d\d$/.test(text)) return false;
  const time = Date.parse(`${text}T00:00:00Z`);
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(text);
}
