/**
 * Parameters of operations (OpenAPI 3.1 §4.8.12): which there are, and how their values are written into a path, a query,
 * headers and cookies (styles, `explode`; RFC 6570). A value never leads elsewhere than its place: in a path it is one segment
 * or a part of one.
 */

import { isObject, type JsonObject, type JsonValue } from '@sallyport/wire';
import { DocumentError, type ApiDocument } from './document.ts';
import { membersOf } from './members.ts';
import { schemaIn } from './schema.ts';

export type Place = 'path' | 'query' | 'header' | 'cookie';

export type Style = 'form' | 'simple' | 'label' | 'matrix' | 'spaceDelimited' | 'pipeDelimited' | 'deepObject' | 'json';

export interface Parameter {
  readonly name: string;
  readonly in: Place;
  readonly required: boolean;
  readonly style: Style;
  readonly explode: boolean;
  readonly allowReserved: boolean;
  readonly description: JsonValue | undefined;
  readonly schema: JsonValue;
}

/** What a caller gave cannot be sent. The message is for him. */
export class BadArgument extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'BadArgument';
  }
}

const STYLES: Readonly<Record<Place, readonly Style[]>> = {
  path: ['simple', 'label', 'matrix'],
  query: ['form', 'spaceDelimited', 'pipeDelimited', 'deepObject'],
  header: ['simple'],
  cookie: ['form'],
};
const MAX_PARAMETERS = 100;

/** Those of an operation with those of its path. Throws `DocumentError`. */
export function parametersOf(item: JsonObject, operation: JsonObject, document: ApiDocument): readonly Parameter[] {
  const found = new Map<string, Parameter>();
  for (const list of [item['parameters'], operation['parameters']]) {
    for (const written of Array.isArray(list) ? list : []) {
      const parameter = parameterOf(document.resolve(written), document);
      found.set(`${parameter.in} ${parameter.name}`, parameter);
    }
  }
  if (found.size > MAX_PARAMETERS) throw new DocumentError(`it has more than ${MAX_PARAMETERS} parameters`);
  return [...found.values()];
}

function parameterOf(written: JsonObject, document: ApiDocument): Parameter {
  const { content, description, in: place, name, required } = written;
  if (typeof name !== 'string' || name === '' || !isPlace(place)) {
    throw new DocumentError('it has a parameter without a name, or in no place that there is');
  }
  const about = { name, in: place, required: required === true || place === 'path', description };
  if (isObject(content)) return { ...about, ...contentOf(name, content, document) };
  const allowed = STYLES[place];
  const style = written['style'] ?? allowed[0];
  if (!allowed.includes(style as Style)) {
    throw new DocumentError(
      `its parameter ${JSON.stringify(name)} has the style ${JSON.stringify(style)}, which a ${place} does not`,
    );
  }
  return {
    ...about,
    style: style as Style,
    explode: typeof written['explode'] === 'boolean' ? written['explode'] : style === 'form',
    allowReserved: written['allowReserved'] === true,
    schema: schemaIn(written),
  };
}

function isPlace(place: unknown): place is Place {
  return typeof place === 'string' && Object.hasOwn(STYLES, place);
}

/** `content` instead of `schema`: the one media type says how it is written. */
function contentOf(
  name: string,
  content: JsonObject,
  document: ApiDocument,
): Pick<Parameter, 'style' | 'explode' | 'allowReserved' | 'schema'> {
  const [[type, media] = [], ...more] = membersOf(content);
  if (type === undefined || more.length > 0 || !isJsonType(type)) {
    throw new DocumentError(`its parameter ${JSON.stringify(name)} is written as something other than JSON`);
  }
  return { style: 'json', explode: false, allowReserved: false, schema: schemaIn(document.resolve(media)) };
}

export function isJsonType(type: string): boolean {
  return /^application\/(?:[\w.+-]+\+)?json$/.test(type.split(';', 1)[0]?.trim().toLowerCase() ?? '');
}

/** The text of a value that is no list and no object. Nested ones are JSON. */
export function scalarText(value: JsonValue): string {
  if (typeof value === 'string') return value;
  if (value === null) return '';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** Escapes all but what is unreserved (RFC 3986 §2.3). */
export function escaped(text: string): string {
  return encodeURIComponent(text.toWellFormed()).replaceAll(
    /[!'()*]/g,
    (each) => `%${each.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** The same but for reserved characters that do not end a value or begin another. */
function escapedReserved(text: string): string {
  return escaped(text).replaceAll(/%(?:3A|2F|3F|5B|5D|40|21|24|27|28|29|2A|2C|3B)/g, decodeURIComponent);
}

/** A value in a path. Throws `BadArgument` for one that would lead elsewhere. */
export function inPath(parameter: Parameter, value: JsonValue): string {
  const { name, style } = parameter;
  const text = (each: JsonValue): string => segmentText(name, scalarText(each));
  if (style === 'json') return text(JSON.stringify(value));
  const isEmpty = typeof value === 'object' && value !== null && Object.keys(value).length === 0;
  if (isEmpty) throw new BadArgument(`\`${name}\` must not be empty.`);
  const before = style === 'label' ? '.' : style === 'matrix' ? ';' : '';
  if (Array.isArray(value)) return listInPath(parameter, value.map(text), before);
  if (isObject(value)) {
    const pairs = membersOf(value).map(([key, each]) => [text(key), text(each)] as const);
    return objectInPath(parameter, pairs, before);
  }
  return style === 'matrix' ? `;${escaped(name)}=${text(value)}` : before + text(value);
}

function listInPath({ explode, name, style }: Parameter, items: readonly string[], before: string): string {
  if (style !== 'matrix') return before + items.join(explode && style === 'label' ? '.' : ',');
  return explode ? items.map((item) => `;${escaped(name)}=${item}`).join('') : `;${escaped(name)}=${items.join(',')}`;
}

function objectInPath(
  { explode, name, style }: Parameter,
  pairs: readonly (readonly [string, string])[],
  before: string,
): string {
  if (explode) return before + pairs.map((pair) => pair.join('=')).join(style === 'simple' ? ',' : before);
  return (style === 'matrix' ? `;${escaped(name)}=` : before) + pairs.flat().join(',');
}

/** How often an escape may hide another one. */
const MAX_ESCAPES = 4;

/** A part of one segment: servers that decode it, even twice, find no other path in it. */
function segmentText(name: string, text: string): string {
  let seen = text;
  for (let times = 0; times < MAX_ESCAPES && seen.includes('%'); times++) {
    seen = seen.replaceAll(/%([0-9A-Fa-f]{2})/g, (_all, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  }
  if (seen === '') throw new BadArgument(`\`${name}\` must not be empty.`);
  if (/^\.{1,2}$/.test(seen)) throw new BadArgument(`\`${name}\` must not be ${JSON.stringify(text)}.`);
  if (/[/\\]|\p{Cc}/u.test(seen)) {
    throw new BadArgument(
      `\`${name}\` stands in the path and must not hold slashes, backslashes or control characters.`,
    );
  }
  return escaped(text);
}

/** How a value of a query or a form is written. */
export type QueryForm = Pick<Parameter, 'allowReserved' | 'explode' | 'name' | 'style'>;

const BETWEEN: Readonly<Partial<Record<Style, string>>> = { spaceDelimited: '%20', pipeDelimited: '%7C' };

/** A value in a query or a form: names and values, escaped. */
export function inQuery(form: QueryForm, value: JsonValue): readonly (readonly [name: string, value: string])[] {
  const { allowReserved, explode, name, style } = form;
  const text = (each: JsonValue): string => (allowReserved ? escapedReserved : escaped)(scalarText(each));
  const own = escaped(name);
  if (style === 'json') return [[own, text(JSON.stringify(value))]];
  if (isObject(value)) return objectInQuery(form, value, text);
  if (!Array.isArray(value)) return [[own, text(value)]];
  if (explode || style === 'deepObject') return value.map((each) => [own, text(each)] as const);
  return value.length === 0 ? [] : [[own, value.map(text).join(BETWEEN[style] ?? ',')]];
}

function objectInQuery(
  { explode, name, style }: QueryForm,
  value: JsonObject,
  text: (value: JsonValue) => string,
): readonly (readonly [string, string])[] {
  if (style === 'deepObject') return deep(escaped(name), value, text);
  const pairs = membersOf(value).map(([key, each]) => [escaped(key), text(each)] as const);
  if (explode && style === 'form') return pairs;
  return pairs.length === 0 ? [] : [[escaped(name), pairs.flat().join(BETWEEN[style] ?? ',')]];
}

/** `name[key]=value`, and deeper; a list is the same name again. */
function deep(name: string, value: JsonObject, text: (value: JsonValue) => string): (readonly [string, string])[] {
  return membersOf(value).flatMap(([key, each]): (readonly [string, string])[] => {
    const inner = `${name}%5B${escaped(key)}%5D`;
    if (isObject(each)) return deep(inner, each, text);
    return (Array.isArray(each) ? each : [each]).map((item) => [inner, text(item)] as const);
  });
}

/** A value in a header; printable ASCII alone. Throws `BadArgument`. */
export function inHeader({ explode, name, style }: Parameter, value: JsonValue): string {
  const text = style === 'json' ? JSON.stringify(value) : simple(value, explode);
  if (!/^[\t\x20-\x7E]*$/.test(text)) throw new BadArgument(`\`${name}\` is a header: it must be printable ASCII.`);
  return text;
}

function simple(value: JsonValue, explode: boolean): string {
  if (Array.isArray(value)) return value.map(scalarText).join(',');
  if (!isObject(value)) return scalarText(value);
  return membersOf(value)
    .map(([key, each]) => `${key}${explode ? '=' : ','}${scalarText(each)}`)
    .join(',');
}

/** Pairs of a Cookie header (RFC 6265 §4.2), escaped. */
export function inCookie(parameter: Parameter, value: JsonValue): readonly (readonly [string, string])[] {
  return inQuery({ ...parameter, allowReserved: false }, value);
}
