/**
 * Tools as TypeScript, for a model that writes a program: what it may call, with what, and what comes back, from the JSON Schemas
 * of their definitions. It is to be read, and type-checks; what a schema says beyond types stands in comments at most. Texts of
 * servers are one line each and cannot end a comment.
 */

import { isObject, type JsonObject, type JsonValue } from '@sallyport/wire';
import { oneLine } from '../one-line.ts';

/** A tool under the names that a program writes. */
export interface StubTool {
  readonly server: string;
  readonly tool: string;
  readonly definition: JsonObject;
}

/** How much of a schema is written. */
interface Detail {
  readonly depth: number;
  readonly comments: boolean;
}

/** A stub that would be longer is written with less. */
const MAX_STUB = 6000;
const DETAILS: readonly Detail[] = [
  { depth: 8, comments: true },
  { depth: 8, comments: false },
  { depth: 2, comments: false },
];
const MAX_MEMBERS = 60;
const MAX_VALUES = 40;
const MAX_ALTERNATIVES = 20;
const MAX_DESCRIPTION = 600;
const MAX_COMMENT = 200;
const MAX_NAME = 200;
const UNKNOWN = 'unknown';

/** A declaration of `tools` with these in it. */
export function stubsOf(tools: readonly StubTool[]): string {
  const servers = Map.groupBy(tools, ({ server }) => server);
  const members = [...servers].map(([server, own]) => {
    return `  ${memberName(server)}: {\n${own.map((tool) => `${indented(stubOf(tool), '    ')}\n`).join('')}  };\n`;
  });
  return `declare const tools: {\n${members.join('')}};`;
}

function stubOf(tool: StubTool): string {
  const written = DETAILS.map((detail) => method(tool, detail));
  return written.find((text) => text.length <= MAX_STUB) ?? withoutTypes(tool);
}

function method({ definition, tool }: StubTool, detail: Detail): string {
  const { inputSchema, outputSchema } = definition;
  const [args, result] = [inputSchema, outputSchema].map((schema) => new Types(schema, detail).written());
  const mark =
    isObject(inputSchema) && (!Array.isArray(inputSchema['required']) || inputSchema['required'].length === 0)
      ? '?'
      : '';
  return `${describing(definition)}${memberName(tool)}(args${mark}: ${args}): Promise<${outputSchema === undefined ? UNKNOWN : result}>;`;
}

function withoutTypes({ definition, tool }: StubTool): string {
  return `${describing(definition)}${memberName(tool)}(args?: Record<string, unknown>): Promise<unknown>;`;
}

function describing({ description, title }: JsonObject): string {
  const text = [description, title].find((each) => typeof each === 'string' && each.trim() !== '');
  return typeof text === 'string' ? `${comment(text, MAX_DESCRIPTION)}\n` : '';
}

function comment(text: string, maxLength: number): string {
  return `/** ${oneLine(text, maxLength).replaceAll('*/', '*\\/')} */`;
}

/** `tools.server.tool`, as it is written in a program. */
export function pathOf({ server, tool }: Pick<StubTool, 'server' | 'tool'>): string {
  return `tools${[server, tool].map((name) => (isIdentifier(name) ? `.${name}` : `[${JSON.stringify(name)}]`)).join('')}`;
}

function memberName(name: string): string {
  return isIdentifier(name) ? name : JSON.stringify(name);
}

function isIdentifier(name: string): boolean {
  return /^[A-Za-z_$][\w$]*$/.test(name);
}

function indented(text: string, by: string): string {
  return text.replaceAll(/^(?=.)/gm, by);
}

/** The types of one schema. */
class Types {
  readonly #root: JsonValue | undefined;
  readonly #detail: Detail;
  /** References that are being followed: a type that is in itself is not written out. */
  readonly #following: Set<string> = new Set();

  constructor(root: JsonValue | undefined, detail: Detail) {
    this.#root = root;
    this.#detail = detail;
  }

  written(): string {
    return this.#type(this.#root, 0);
  }

  #type(schema: JsonValue | undefined, depth: number): string {
    if (schema === false) return 'never';
    if (!isObject(schema) || depth > this.#detail.depth) return UNKNOWN;
    const parts = [
      this.#referred(schema['$ref'], depth),
      this.#own(schema, depth),
      this.#either(schema['anyOf'], depth),
      this.#either(schema['oneOf'], depth),
      ...(Array.isArray(schema['allOf'])
        ? schema['allOf'].slice(0, MAX_ALTERNATIVES).map((each) => this.#type(each, depth + 1))
        : []),
    ].filter((part) => part !== undefined && part !== UNKNOWN);
    const type =
      parts.length === 0
        ? UNKNOWN
        : parts.length === 1
          ? (parts[0] as string)
          : parts.map((part) => `(${part})`).join(' & ');
    return schema['nullable'] === true && type !== UNKNOWN ? `(${type}) | null` : type;
  }

  #referred(ref: JsonValue | undefined, depth: number): string | undefined {
    if (typeof ref !== 'string') return undefined;
    if (this.#following.has(ref)) return UNKNOWN;
    this.#following.add(ref);
    const type = this.#type(resolved(this.#root, ref), depth + 1);
    this.#following.delete(ref);
    return type;
  }

  #own(schema: JsonObject, depth: number): string | undefined {
    const { const: only, enum: values, type } = schema;
    if (only !== undefined) return literal(only);
    if (Array.isArray(values)) return union(values.slice(0, MAX_VALUES).map(literal), values.length > MAX_VALUES);
    if (Array.isArray(type))
      return union(
        type.map((each) => this.#named(each, schema, depth)),
        false,
      );
    return this.#named(type, schema, depth);
  }

  #named(type: JsonValue | undefined, schema: JsonObject, depth: number): string | undefined {
    switch (type) {
      case 'string':
      case 'boolean':
      case 'null':
        return type;
      case 'number':
      case 'integer':
        return 'number';
      case 'array':
        return this.#list(schema, depth);
      case 'object':
        return this.#object(schema, depth);
      default:
        return isObject(schema['properties']) ? this.#object(schema, depth) : undefined;
    }
  }

  #list({ items, prefixItems }: JsonObject, depth: number): string {
    const places = Array.isArray(prefixItems) ? prefixItems : Array.isArray(items) ? items : undefined;
    if (places === undefined) return `Array<${this.#type(items, depth + 1)}>`;
    const rest = places === items || items === false ? [] : [`...Array<${this.#type(items, depth + 1)}>`];
    return `[${[...places.slice(0, MAX_ALTERNATIVES).map((each) => this.#type(each, depth + 1)), ...rest].join(', ')}]`;
  }

  #object({ additionalProperties: others, properties, required }: JsonObject, depth: number): string {
    const all = isObject(properties) ? Object.entries(properties) : [];
    if (all.length === 0) return others === false ? '{}' : `Record<string, ${this.#type(others, depth + 1)}>`;
    if (depth >= this.#detail.depth) return UNKNOWN;
    const needed = new Set(Array.isArray(required) ? required : []);
    const members = all
      .slice(0, MAX_MEMBERS)
      .map(([name, schema]) => this.#member(name, schema, { isNeeded: needed.has(name), depth }));
    if (all.length > MAX_MEMBERS) members.push(`// and ${all.length - MAX_MEMBERS} more`);
    if (others === true || isObject(others) || all.length > MAX_MEMBERS) members.push('[other: string]: unknown;');
    return `{\n${indented(members.join('\n'), '  ')}\n}`;
  }

  #member(
    name: string,
    schema: JsonValue | undefined,
    { depth, isNeeded }: { readonly depth: number; readonly isNeeded: boolean },
  ): string {
    const text = isObject(schema) ? schema['description'] : undefined;
    const said =
      this.#detail.comments && typeof text === 'string' && text.trim() !== '' ? `${comment(text, MAX_COMMENT)}\n` : '';
    const type = this.#type(schema, depth + 1);
    return `${said}${name.length > MAX_NAME ? '// a name that is too long' : `${memberName(name)}${isNeeded ? '' : '?'}: ${type};`}`;
  }

  #either(schemas: JsonValue | undefined, depth: number): string | undefined {
    if (!Array.isArray(schemas) || schemas.length === 0) return undefined;
    const some = schemas.slice(0, MAX_ALTERNATIVES).map((each) => this.#type(each, depth + 1));
    return union(some, schemas.length > MAX_ALTERNATIVES);
  }
}

/** One of them; `unknown` when it may be anything. */
function union(types: readonly (string | undefined)[], isOpen: boolean): string {
  if (isOpen || types.length === 0 || types.includes(undefined) || types.includes(UNKNOWN)) return UNKNOWN;
  const different = [...new Set(types as readonly string[])];
  return different.length === 1
    ? (different[0] as string)
    : different
        .map((type) => `(${type})`)
        .join(' | ')
        .replaceAll(SIMPLE, '$1');
}

/** Parentheses that nobody needs. */
const SIMPLE = /\(("(?:[^"\\]|\\.)*"|[\w.-]+)\)/g;

function literal(value: JsonValue): string {
  return typeof value === 'object' && value !== null ? UNKNOWN : JSON.stringify(value);
}

/** What a local JSON Pointer leads to (RFC 6901, as a fragment); undefined for every other reference. */
function resolved(root: JsonValue | undefined, ref: string): JsonValue | undefined {
  if (ref === '#') return root;
  if (!ref.startsWith('#/') || !isWellFormed(ref)) return undefined;
  let at: JsonValue | undefined = root;
  for (const part of decodeURIComponent(ref.slice(2)).split('/')) {
    const name = part.replaceAll('~1', '/').replaceAll('~0', '~');
    at =
      isObject(at) && Object.hasOwn(at, name)
        ? at[name]
        : Array.isArray(at) && /^\d{1,6}$/.test(name)
          ? at[Number(name)]
          : undefined;
  }
  return at;
}

function isWellFormed(fragment: string): boolean {
  return !/%(?![0-7][\dA-Fa-f])/.test(fragment);
}
