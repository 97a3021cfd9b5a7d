/**
 * Arguments of a tool or prompt as they stand on the command line: one JSON object, `-` for JSON on stdin, or `name=value`
 * pairs that are read after the schema. It does not check the object against the schema: the server does.
 */
import { isObject, type JsonObject, type JsonValue } from '@sallyport/wire';
import { didYouMean } from '../config/problems.ts';
import type { CliContext } from './context.ts';
import { CliError, exitCodes } from './exit.ts';
import { oneLine } from './text.ts';

export type Words =
  | { readonly kind: 'object'; readonly value: JsonObject }
  | { readonly kind: 'pairs'; readonly pairs: readonly (readonly [name: string, value: string])[] };

/** What the gateway takes in one message. */
const MAX_BYTES = 4 * 1024 * 1024;

/** What the words say by themselves. No words are an empty object. */
export async function readWords(words: readonly string[], stdin: CliContext['stdin']): Promise<Words> {
  const [first, ...rest] = words;
  if (first === undefined) return { kind: 'object', value: {} };
  if (first === '-' && rest.length === 0) return { kind: 'object', value: parseObject(await readAll(stdin), 'stdin') };
  if (rest.length === 0 && /^\s*[[{]/.test(first)) return { kind: 'object', value: parseObject(first, 'the argument') };
  const pairs = words.map((word) => {
    const at = word.indexOf('=');
    if (at < 1)
      throw new CliError(
        `\`${oneLine(word)}\`: expected one JSON object, - for JSON on stdin, or name=value`,
        exitCodes.usage,
      );
    return [word.slice(0, at), word.slice(at + 1)] as const;
  });
  return { kind: 'pairs', pairs };
}

async function readAll(stdin: CliContext['stdin']): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stdin) {
    const part = Buffer.from(chunk);
    bytes += part.length;
    if (bytes > MAX_BYTES)
      throw new CliError(`stdin: more than ${MAX_BYTES} bytes are more than the gateway takes`, exitCodes.usage);
    chunks.push(part);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parseObject(text: string, where: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new CliError(`${where} is not valid JSON: ${oneLine((error as Error).message)}`, exitCodes.usage);
  }
  if (!isObject(value))
    throw new CliError(`${where}: expected a JSON object, such as {"name": "value"}`, exitCodes.usage);
  return value;
}

/** The pairs as arguments. A value is text unless the schema wants something else; a list is one name given again and again. */
export function readPairs(
  pairs: readonly (readonly [name: string, value: string])[],
  schema: JsonValue | undefined,
): JsonObject {
  const properties = isObject(schema) && isObject(schema['properties']) ? schema['properties'] : {};
  const result: JsonObject = {};
  for (const [name, text] of pairs) {
    const property = own(properties, name);
    if (property === undefined) refuseUnknown(name, properties, schema);
    const before = own(result, name);
    if (!isElement(property, text)) {
      if (before !== undefined) throw new CliError(`\`${oneLine(name)}\` is given twice`, exitCodes.usage);
      define(result, name, readValue(name, text, typesOf(property)));
      continue;
    }
    const element = readValue(name, text, typesOf(isObject(property) ? property['items'] : undefined));
    define(result, name, [...(Array.isArray(before) ? before : []), element]);
  }
  return result;
}

function own(object: JsonObject, name: string): JsonValue | undefined {
  return Object.hasOwn(object, name) ? object[name] : undefined;
}

/** Whether the value is one of a list, not the list itself. */
function isElement(property: JsonValue | undefined, text: string): boolean {
  return typesOf(property).has('array') && !text.trimStart().startsWith('[');
}

/** Also for a name such as `__proto__`. */
function define(target: JsonObject, name: string, value: JsonValue): void {
  Object.defineProperty(target, name, { value, enumerable: true, writable: true, configurable: true });
}

/** A name that is nearly a known one is a slip; another one is the server's to judge, unless it says that it takes none. */
function refuseUnknown(name: string, properties: JsonObject, schema: JsonValue | undefined): void {
  const hint = didYouMean(name, Object.keys(properties));
  const isClosed = isObject(schema) && schema['additionalProperties'] === false;
  if (isClosed || hint !== '') {
    throw new CliError(
      `there is no argument \`${oneLine(name)}\`${hint} (to send it all the same, write JSON)`,
      exitCodes.usage,
    );
  }
}

function typesOf(schema: JsonValue | undefined): ReadonlySet<string> {
  if (!isObject(schema)) return new Set();
  const { type, anyOf, oneOf } = schema;
  const self = typeof type === 'string' ? [type] : Array.isArray(type) ? type.map(String) : [];
  const inner = [anyOf, oneOf].flatMap((list) => (Array.isArray(list) ? list : [])).flatMap((one) => [...typesOf(one)]);
  return new Set([...self, ...inner]);
}

function readValue(name: string, text: string, types: ReadonlySet<string>): JsonValue {
  if (types.size === 0 || types.has('string')) return text;
  const value = parsed(text);
  if (value !== undefined && types.has(typeOf(value))) return value;
  if (typeof value === 'number' && types.has('integer') && Number.isInteger(value)) return value;
  throw new CliError(
    `\`${oneLine(name)}\`: expected ${[...types].map(oneLine).join(' or ')}, not \`${oneLine(text)}\``,
    exitCodes.usage,
  );
}

function parsed(text: string): JsonValue | undefined {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return undefined;
  }
}

function typeOf(value: JsonValue): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'array' : typeof value;
}

/** Names of required arguments that are missing. */
export function missingArguments(given: JsonObject, schema: JsonValue | undefined): readonly string[] {
  const required = isObject(schema) && Array.isArray(schema['required']) ? schema['required'].map(String) : [];
  return required.filter((name) => !Object.hasOwn(given, name));
}

/** What a tool takes, a line for each argument: `message (string, required): Message to echo`. */
export function shapeText(schema: JsonValue | undefined): string {
  const properties = isObject(schema) && isObject(schema['properties']) ? schema['properties'] : {};
  const required = new Set(missingArguments({}, schema));
  const lines = Object.entries(properties).map(([name, property]) => {
    const facts = [typeText(property), ...(required.has(name) ? ['required'] : [])].filter((fact) => fact !== '');
    const description =
      isObject(property) && typeof property['description'] === 'string' ? `: ${property['description']}` : '';
    return `  ${oneLine(`${name}${facts.length > 0 ? ` (${facts.join(', ')})` : ''}${description}`)}`;
  });
  return lines.length === 0 ? '  no arguments' : lines.join('\n');
}

const MAX_VALUES = 8;

function typeText(property: JsonValue | undefined): string {
  const values = isObject(property) ? property['enum'] : undefined;
  if (!Array.isArray(values)) return [...typesOf(property)].join(' or ');
  const shown = values.slice(0, MAX_VALUES).map((value) => JSON.stringify(value));
  return `${shown.join(' | ')}${values.length > MAX_VALUES ? ' | …' : ''}`;
}
