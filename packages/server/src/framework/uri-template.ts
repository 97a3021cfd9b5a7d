/**
 * URI templates (RFC 6570): expansion of all four levels, and the way back, from a URI to the variables. The way back is not in
 * the RFC and not always one: a variable takes as much as fits, and what expands to nothing is not found again, but for queries.
 * Text of a template is text, whatever a regular expression would make of it, and matching takes time linear to the URI.
 */

import type { RE2JS } from 're2js';
import { loadEngine } from '../schema/patterns.ts';
import type { Variables } from './definitions.ts';

/** What a variable may be given: a text, a list, or names with texts. */
export type TemplateValue = string | number | boolean | readonly string[] | Readonly<Record<string, string>>;

export interface UriTemplate {
  /** Of its variables, in order, each once. */
  readonly names: readonly string[];
  /** Variables that are absent expand to nothing. Throws a `TypeError` for a list or an object with a prefix. */
  expand(values: Readonly<Record<string, TemplateValue | undefined>>): string;
  /** Undefined when the URI is none that the template expands to. Values are decoded. */
  match(uri: string): Variables | undefined;
}

interface Variable {
  readonly name: string;
  readonly explode: boolean;
  /** Characters of the value, where it is cut. */
  readonly prefix: number | undefined;
}

interface Expression {
  readonly operator: Operator;
  readonly variables: readonly Variable[];
}

type Part = string | Expression;

/** RFC 6570, appendix A. */
interface Operator {
  readonly first: string;
  readonly separator: string;
  readonly named: boolean;
  readonly ifEmpty: string;
  /** Whether reserved characters and what is encoded already stay as they are. */
  readonly reserved: boolean;
}

const operator = (
  first: string,
  separator: string,
  isNamed: boolean,
  ifEmpty: string,
  reserved: boolean,
): Operator => ({
  first,
  separator,
  named: isNamed,
  ifEmpty,
  reserved,
});

const SIMPLE = operator('', ',', false, '', false);
const OPERATORS: ReadonlyMap<string, Operator> = new Map([
  ['+', operator('', ',', false, '', true)],
  ['#', operator('#', ',', false, '', true)],
  ['.', operator('.', '.', false, '', false)],
  ['/', operator('/', '/', false, '', false)],
  [';', operator(';', ';', true, '', false)],
  ['?', operator('?', '&', true, '=', false)],
  ['&', operator('&', '&', true, '=', false)],
]);

const MAX_TEMPLATE = 2048;
const MAX_VARIABLES = 64;
const VARIABLE = /^((?:\w|%[\da-f]{2})+(?:\.(?:\w|%[\da-f]{2})+)*)(\*|:([1-9]\d{0,3}))?$/i;

/** Throws a `TypeError` for a text that is no template. */
export function createUriTemplate(text: string): UriTemplate {
  const parts = parse(text);
  const names = [
    ...new Set(parts.flatMap((part) => (typeof part === 'string' ? [] : part.variables.map(({ name }) => name)))),
  ];
  let matcher: ((uri: string) => Variables | undefined) | undefined;
  return {
    names,
    expand: (values) => parts.map((part) => (typeof part === 'string' ? literal(part) : expand(part, values))).join(''),
    match: (uri) => {
      matcher ??= createMatcher(parts);
      return matcher(uri);
    },
  };
}

function parse(text: string): Part[] {
  if (text.length > MAX_TEMPLATE) throw new TypeError(`A URI template may have ${MAX_TEMPLATE} characters at most.`);
  const parts: Part[] = [];
  let count = 0;
  let at = 0;
  while (at < text.length) {
    const open = text.indexOf('{', at);
    const end = open === -1 ? text.length : open;
    if (text.slice(at, end).includes('}')) throw wrong(text, 'it closes a brace that is not open');
    if (end > at) parts.push(text.slice(at, end));
    if (open === -1) break;
    const close = text.indexOf('}', open);
    if (close === -1) throw wrong(text, 'it opens a brace that is not closed');
    const part = expression(text.slice(open + 1, close), text);
    parts.push(part);
    count += part.variables.length;
    at = close + 1;
  }
  if (count > MAX_VARIABLES) throw wrong(text, 'it has too many variables');
  return parts;
}

function expression(body: string, text: string): Expression {
  const found = OPERATORS.get(body.charAt(0));
  const variables = (found === undefined ? body : body.slice(1)).split(',').map((written) => {
    const [, name, modifier, prefix] = VARIABLE.exec(written) ?? [];
    if (name === undefined) throw wrong(text, `${JSON.stringify(written)} is no variable`);
    return { name, explode: modifier === '*', prefix: prefix === undefined ? undefined : Number(prefix) };
  });
  return { operator: found ?? SIMPLE, variables };
}

function wrong(text: string, why: string): TypeError {
  return new TypeError(`${JSON.stringify(text)} is no URI template (RFC 6570): ${why}.`);
}

// Expansion: RFC 6570, section 3.

function expand(
  { operator: { first, separator, ...how }, variables }: Expression,
  values: Readonly<Record<string, TemplateValue | undefined>>,
): string {
  const expanded = variables.flatMap((variable) => {
    const value = Object.hasOwn(values, variable.name) ? values[variable.name] : undefined;
    const text = value === undefined ? undefined : expandVariable(variable, value, { first, separator, ...how });
    return text === undefined ? [] : [text];
  });
  return expanded.length === 0 ? '' : first + expanded.join(separator);
}

function expandVariable(variable: Variable, value: TemplateValue, how: Operator): string | undefined {
  const { explode, name, prefix } = variable;
  if (typeof value !== 'object') {
    const text = String(value);
    const cut = prefix === undefined ? text : Array.from(text).slice(0, prefix).join('');
    return named(name, encode(cut, how), how);
  }
  if (prefix !== undefined) throw new TypeError(`The variable ${name} has a prefix, so it takes a text.`);
  if (isList(value)) {
    if (value.length === 0) return undefined;
    const items = value.map((item) => encode(item, how));
    return explode
      ? items.map((item) => named(name, item, how)).join(how.separator)
      : named(name, items.join(','), how);
  }
  const pairs = Object.entries(value).map(([key, item]) => [encode(key, how), encode(item, how)] as const);
  if (pairs.length === 0) return undefined;
  if (!explode) return named(name, pairs.flat().join(','), how);
  return pairs
    .map(([key, item]) => (how.named && item === '' ? key + how.ifEmpty : `${key}=${item}`))
    .join(how.separator);
}

function isList(value: TemplateValue): value is readonly string[] {
  return Array.isArray(value);
}

function named(name: string, text: string, { ifEmpty, named: isNamed }: Operator): string {
  if (!isNamed) return text;
  return text === '' ? name + ifEmpty : `${name}=${text}`;
}

function encode(text: string, { reserved }: Operator): string {
  return reserved ? literal(text) : percentEncoded(text);
}

function percentEncoded(text: string): string {
  return encodeURIComponent(text.toWellFormed()).replaceAll(/[!'()*]/g, hex);
}

/** Reserved characters and what is encoded already stay. */
function literal(text: string): string {
  return text.replaceAll(/%[\da-f]{2}|[\w\-.~:/?#[\]@!$&'()*+,;=]|[\s\S]/giu, (piece) =>
    /^(?:%..|[\w\-.~:/?#[\]@!$&'()*+,;=])$/.test(piece) ? piece : percentEncoded(piece),
  );
}

function hex(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
}

// Matching.

/** A group of the pattern, and how it becomes the value of a variable. */
interface Group {
  readonly variable: Variable;
  readonly separator: string;
}

function createMatcher(parts: readonly Part[]): (uri: string) => Variables | undefined {
  const groups: Group[] = [];
  const queries = new Map<string, Variable>();
  let source = '';
  for (const part of parts) {
    if (typeof part === 'string') source += escaped(literal(part));
    else if (part.operator.first === '?' || part.operator.first === '&') {
      for (const variable of part.variables) queries.set(variable.name, variable);
    } else
      source += part.variables.map((variable, index) => groupOf(part.operator, variable, index === 0, groups)).join('');
  }
  const pattern: RE2JS = loadEngine().compile(`(?s)^${source}$`);
  return (uri) => {
    const [path, query] = queries.size === 0 ? [uri, undefined] : cutQuery(uri, parts);
    const matcher = pattern.matcher(path);
    if (!matcher.matches()) return undefined;
    const values: Record<string, string | readonly string[]> = Object.create(null) as Record<string, string>;
    const texts = groups.map((_group, index) => matcher.group(index + 1));
    const isRead = groups.every((group, index) => read(group, texts[index] ?? '', values));
    return isRead && (query === undefined || readQuery(query, queries, values)) ? values : undefined;
  };
}

function groupOf(
  { first, named: isNamed, reserved, separator }: Operator,
  variable: Variable,
  isFirst: boolean,
  groups: Group[],
): string {
  groups.push({ variable, separator: variable.explode ? separator : ',' });
  const lead = escaped(isFirst ? first : separator);
  if (isNamed) return `${lead}${escaped(variable.name)}(?:=([^;/?#]*))?`;
  if (reserved) return `${lead}(.+)`;
  const value = `[^/?#${separator === '.' ? '.' : ''}]`;
  // The whole of an exploded list is one group, its separators included.
  return variable.explode && separator !== ','
    ? `${lead}(${value}+(?:${escaped(separator)}${value}+)*)`
    : `${lead}(${value}+)`;
}

function escaped(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, (character) => `\\${character}`);
}

/** False when it is not decoded, or not as long as it may be. A variable that stands twice must have one value. */
function read(
  { separator, variable }: Group,
  text: string,
  values: Record<string, string | readonly string[]>,
): boolean {
  const { explode, name, prefix } = variable;
  const value = explode ? text.split(separator).map(decoded) : decoded(text);
  if (value === undefined || (Array.isArray(value) && value.includes(undefined))) return false;
  if (prefix !== undefined && Array.from(value as string).length > prefix) return false;
  const before = values[name];
  values[name] = value as string | string[];
  return before === undefined || JSON.stringify(before) === JSON.stringify(value);
}

function cutQuery(uri: string, parts: readonly Part[]): [string, string | undefined] {
  // Where the template has a `?` of its own, only what it does not say is the expression's.
  const own = parts.findLast((part) => typeof part === 'string' && part.includes('?'));
  const at = own === undefined ? uri.indexOf('?') : uri.indexOf('&', uri.indexOf('?'));
  return at === -1 ? [uri, undefined] : [uri.slice(0, at), uri.slice(at + 1)];
}

/** In any order; every parameter must be one of the template's. */
function readQuery(
  query: string,
  known: ReadonlyMap<string, Variable>,
  values: Record<string, string | readonly string[]>,
): boolean {
  for (const parameter of query.split('&')) {
    const cut = parameter.indexOf('=');
    const name = cut === -1 ? parameter : parameter.slice(0, cut);
    const variable = known.get(name);
    const value = decoded(cut === -1 ? '' : parameter.slice(cut + 1));
    if (variable === undefined || value === undefined) return false;
    const before = values[name];
    if (!variable.explode && before !== undefined) return false;
    values[name] = variable.explode ? [...((before as readonly string[] | undefined) ?? []), value] : value;
  }
  return true;
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
