/**
 * The forms that servers ask a person to fill in (elicitation, `requestedSchema`; 2025-11-25, elicitation): what fields there
 * are, and whether what was filled in fits them. It shows nothing. Only the flat schemas that the specification has are read.
 */

import { isObject, type JsonObject, type JsonValue } from '@sallyport/wire';

export type FormValue = string | number | boolean | readonly string[];
export type FormContent = Readonly<Record<string, FormValue>>;

/** The formats that are checked. */
export type FormFormat = 'email' | 'uri' | 'date' | 'date-time';

export interface FormOption {
  readonly value: string;
  /** To be shown. */
  readonly title: string;
}

interface FieldBase {
  readonly name: string;
  readonly title: string;
  readonly description: string | undefined;
  readonly required: boolean;
  /** Filled in when nothing is. */
  readonly default: FormValue | undefined;
}

/** Lengths in characters (code points). */
export interface TextField extends FieldBase {
  readonly kind: 'text';
  readonly minLength: number | undefined;
  readonly maxLength: number | undefined;
  readonly format: FormFormat | undefined;
}

export interface NumberField extends FieldBase {
  readonly kind: 'number' | 'integer';
  readonly minimum: number | undefined;
  readonly maximum: number | undefined;
}

export interface BooleanField extends FieldBase {
  readonly kind: 'boolean';
}

/** One of several. */
export interface ChoiceField extends FieldBase {
  readonly kind: 'choice';
  readonly options: readonly FormOption[];
}

/** Some of several. */
export interface ChoicesField extends FieldBase {
  readonly kind: 'choices';
  readonly options: readonly FormOption[];
  readonly minItems: number | undefined;
  readonly maxItems: number | undefined;
}

export type FormField = TextField | NumberField | BooleanField | ChoiceField | ChoicesField;

export type FormProblemCode =
  | 'required'
  | 'type'
  | 'too_short'
  | 'too_long'
  | 'format'
  | 'too_small'
  | 'too_large'
  | 'option'
  | 'too_few'
  | 'too_many'
  | 'unknown_field';

export interface FormProblem {
  /** The name of the field. */
  readonly field: string;
  readonly code: FormProblemCode;
  /** For whoever fills the form in. */
  readonly message: string;
}

export type CheckedForm =
  | { readonly ok: true; readonly content: FormContent }
  | { readonly ok: false; readonly problems: readonly FormProblem[] };

const MAX_FIELDS = 100;
const MAX_OPTIONS = 1000;
const FORMATS: ReadonlySet<string> = new Set<FormFormat>(['email', 'uri', 'date', 'date-time']);

/** The fields in their order. Throws an Error that says what of the schema is none that a form can have. */
export function readForm(requestedSchema: JsonValue | undefined): readonly FormField[] {
  if (!isObject(requestedSchema) || requestedSchema['type'] !== 'object') throw new Error('The schema is no object.');
  const { properties, required } = requestedSchema;
  if (!isObject(properties)) throw new Error('The schema has no properties.');
  const names = Object.keys(properties);
  if (names.length > MAX_FIELDS) throw new Error(`The form has more than ${MAX_FIELDS} fields.`);
  const needed = new Set(Array.isArray(required) ? required : []);
  return names.map((name) => {
    const schema = properties[name];
    const field = isObject(schema) ? readField(name, schema, needed.has(name)) : undefined;
    if (field === undefined)
      throw new Error(`The field ${JSON.stringify(name.slice(0, 100))} is none that a form has.`);
    return field.default === undefined || problemOf(field, field.default) === undefined
      ? field
      : { ...field, default: undefined };
  });
}

function readField(name: string, schema: JsonObject, required: boolean): FormField | undefined {
  const { title, description, type } = schema;
  const base: FieldBase = {
    name,
    title: typeof title === 'string' ? title : name,
    description: typeof description === 'string' ? description : undefined,
    required,
    default: formValue(schema['default']),
  };
  switch (type) {
    case 'boolean':
      return { kind: 'boolean', ...base };
    case 'number':
    case 'integer':
      return { kind: type, ...base, ...between(schema, 'minimum', 'maximum') };
    case 'array': {
      const options = readOptions(schema['items']);
      return options && { kind: 'choices', ...base, options, ...between(schema, 'minItems', 'maxItems') };
    }
    case 'string':
      return readText(base, schema);
    default:
      return undefined;
  }
}

function readText(base: FieldBase, schema: JsonObject): FormField {
  const options = readOptions(schema);
  if (options !== undefined) return { kind: 'choice', ...base, options };
  const { format } = schema;
  const known = typeof format === 'string' && FORMATS.has(format) ? (format as FormFormat) : undefined;
  return { kind: 'text', ...base, ...between(schema, 'minLength', 'maxLength'), format: known };
}

function between<Low extends string, High extends string>(
  schema: JsonObject,
  low: Low,
  high: High,
): Record<Low | High, number | undefined> {
  const numberOf = (value: JsonValue | undefined): number | undefined =>
    typeof value === 'number' ? value : undefined;
  return { [low]: numberOf(schema[low]), [high]: numberOf(schema[high]) } as Record<Low | High, number | undefined>;
}

/** Of `enum`, with the older `enumNames` or without, of `oneOf` and of `anyOf`; undefined: there are none. */
function readOptions(schema: JsonValue | undefined): readonly FormOption[] | undefined {
  if (!isObject(schema)) return undefined;
  const { enum: values, enumNames: names, oneOf, anyOf } = schema;
  const titled = oneOf ?? anyOf;
  const given = Array.isArray(values) ? values : titled;
  if (!Array.isArray(given) || given.length === 0 || given.length > MAX_OPTIONS) return undefined;
  const options = given.map((each, index) => {
    const value = isObject(each) ? each['const'] : each;
    const title = isObject(each) ? each['title'] : Array.isArray(names) ? names[index] : undefined;
    return typeof value === 'string' ? { value, title: typeof title === 'string' ? title : value } : undefined;
  });
  return options.every((option) => option !== undefined) ? options : undefined;
}

function formValue(value: unknown): FormValue | undefined {
  if (typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'number') return Number.isFinite(value) ? value : undefined;
  return Array.isArray(value) && value.every((each) => typeof each === 'string') ? value : undefined;
}

/** What may be sent: with the defaults of fields that were left out. An empty text counts as filled in. */
export function checkForm(fields: readonly FormField[], filled: Readonly<Record<string, unknown>>): CheckedForm {
  const problems: FormProblem[] = [];
  const content: [string, FormValue][] = [];
  for (const field of fields) {
    const given = Object.hasOwn(filled, field.name) ? filled[field.name] : undefined;
    const value = given === undefined || given === null ? field.default : given;
    if (value === undefined) {
      if (field.required) problems.push({ field: field.name, code: 'required', message: 'This must be filled in.' });
      continue;
    }
    const problem = problemOf(field, value);
    if (problem === undefined) content.push([field.name, value as FormValue]);
    else problems.push({ field: field.name, ...problem });
  }
  const known = new Set(fields.map(({ name }) => name));
  for (const name of Object.keys(filled)) {
    if (!known.has(name)) problems.push({ field: name, code: 'unknown_field', message: 'The form has no such field.' });
  }
  // Not assigned one by one: a field may be named `__proto__`.
  return problems.length === 0 ? { ok: true, content: Object.fromEntries(content) } : { ok: false, problems };
}

type Problem = Omit<FormProblem, 'field'>;

function problemOf(field: FormField, value: unknown): Problem | undefined {
  switch (field.kind) {
    case 'text':
      return typeof value === 'string' ? textProblem(field, value) : { code: 'type', message: 'This must be text.' };
    case 'boolean':
      return typeof value === 'boolean' ? undefined : { code: 'type', message: 'This must be yes or no.' };
    case 'choice':
      return isOption(field.options, value) ? undefined : optionProblem(field.options);
    case 'choices':
      return choicesProblem(field, value);
    default:
      return numberProblem(field, value);
  }
}

function textProblem({ minLength = 0, maxLength = Infinity, format }: TextField, value: string): Problem | undefined {
  const length = Array.from(value).length;
  if (length < minLength) return { code: 'too_short', message: `At least ${minLength} characters are needed.` };
  if (length > maxLength) return { code: 'too_long', message: `No more than ${maxLength} characters fit.` };
  if (format === undefined || FITS[format](value)) return undefined;
  return { code: 'format', message: `This is no ${format}.` };
}

function numberProblem(
  { kind, minimum = -Infinity, maximum = Infinity }: NumberField,
  value: unknown,
): Problem | undefined {
  if (typeof value !== 'number' || !Number.isFinite(value)) return { code: 'type', message: 'This must be a number.' };
  if (kind === 'integer' && !Number.isInteger(value)) return { code: 'type', message: 'This must be a whole number.' };
  if (value < minimum) return { code: 'too_small', message: `The least is ${minimum}.` };
  return value > maximum ? { code: 'too_large', message: `The most is ${maximum}.` } : undefined;
}

function choicesProblem(
  { options, minItems = 0, maxItems = Infinity }: ChoicesField,
  value: unknown,
): Problem | undefined {
  if (!Array.isArray(value)) return { code: 'type', message: 'This must be a list.' };
  if (!value.every((each) => isOption(options, each)) || new Set(value).size < value.length)
    return optionProblem(options);
  if (value.length < minItems) return { code: 'too_few', message: `At least ${minItems} must be chosen.` };
  return value.length > maxItems ? { code: 'too_many', message: `No more than ${maxItems} can be chosen.` } : undefined;
}

function isOption(options: readonly FormOption[], value: unknown): boolean {
  return options.some((option) => option.value === value);
}

function optionProblem(options: readonly FormOption[]): Problem {
  const some = options.slice(0, 10).map(({ value }) => JSON.stringify(value));
  const more = options.length > some.length ? ', …' : '';
  return { code: 'option', message: `Choose, each once, of ${some.join(', ')}${more}.` };
}

const DATE = /^(\d{4})-(\d\d)-(\d\d)$/;
const DATE_TIME =
  /^(\d{4}-\d\d-\d\d)[Tt](?:[01]\d|2[0-3]):[0-5]\d:(?:[0-5]\d|60)(?:\.\d{1,9})?(?:[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/;
/** RFC 5321 §4.5.3.1: what a path may have. */
const MAX_EMAIL_LENGTH = 254;

const FITS: Readonly<Record<FormFormat, (value: string) => boolean>> = {
  email: (value) => value.length <= MAX_EMAIL_LENGTH && /^[^\s@]+@[^\s@]+$/.test(value),
  uri: (value) => URL.canParse(value),
  date: isDate,
  'date-time': (value) => isDate(DATE_TIME.exec(value)?.[1] ?? ''),
};

/** RFC 3339 §5.7: the day is one that its month has. */
function isDate(value: string): boolean {
  const [, year, month, day] = DATE.exec(value)?.map(Number) ?? [];
  if (year === undefined || month === undefined || day === undefined) return false;
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  return date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
}
