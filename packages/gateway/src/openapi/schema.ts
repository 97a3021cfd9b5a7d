/**
 * From the schemas of a document (Schema Object of OpenAPI 3.0; JSON Schema 2020-12 as 3.1 has it) to the JSON Schema of one
 * tool. What a schema refers to comes along under `$defs`, each part once, so circles stay circles. It knows a budget: where
 * that is used up, the rest of a schema says nothing. Schemas of answers are loosened: APIs keep to their shape, but seldom
 * to every limit.
 */

import { linearPattern } from '@sallyport/server/schema';
import { isObject, type JsonObject, type JsonValue } from '@sallyport/wire';
import { DocumentError, type ApiDocument } from './document.ts';
import { inheritedProperty } from './inherited.ts';
import { membersOf } from './members.ts';
import { plainText } from './texts.ts';

/** For whom: what is sent has no `readOnly` properties, what comes no `writeOnly` ones. */
export type Direction = 'in' | 'out';

export interface SchemaOptions {
  readonly document: ApiDocument;
  readonly direction: Direction;
  /** Bytes come in base64 (multipart). */
  readonly hasFiles: boolean;
  /** Subschemas, where those may be fewer than usual. */
  readonly maxParts?: number;
}

/** Subschemas of one tool. What is asked for is cut there; what is promised is promised whole or not at all. */
const MAX_PARTS: Readonly<Record<Direction, number>> = { in: 1000, out: 300 };
/** Of one object; of more the rest may be anything. */
const MAX_PROPERTIES = 500;
const MAX_ENUM = 200;
const MAX_TEXT = 300;

/** Kept as they are where they have this shape. */
const LIMITS: Readonly<Record<string, (value: JsonValue) => boolean>> = {
  multipleOf: (value) => isNumber(value) && value > 0,
  maximum: isNumber,
  minimum: isNumber,
  maxLength: isCount,
  minLength: isCount,
  maxItems: isCount,
  minItems: isCount,
  maxContains: isCount,
  minContains: isCount,
  maxProperties: isCount,
  minProperties: isCount,
  uniqueItems: (value) => typeof value === 'boolean',
  format: isWord,
};
const ANNOTATIONS: Readonly<Record<string, (value: JsonValue) => boolean>> = {
  default: () => true,
  deprecated: (value) => value === true,
  contentEncoding: isWord,
  contentMediaType: isWord,
};
const ONE = ['items', 'contains', 'propertyNames', 'not', 'if', 'then', 'else'];
const LISTS = ['allOf', 'anyOf', 'oneOf', 'prefixItems'];
const MAPS = ['properties', 'patternProperties', 'dependentSchemas'];
const CLOSERS = ['additionalProperties', 'unevaluatedProperties', 'unevaluatedItems'];
/** What null may break where no type is said. */
const BINDING = ['allOf', 'anyOf', 'oneOf', 'not', 'enum', 'const'];
const TYPES: ReadonlySet<unknown> = new Set(['null', 'boolean', 'object', 'array', 'number', 'string', 'integer']);
/** What asks more of an answer than its shape. */
const STRICT: ReadonlySet<string> = new Set([
  'not',
  'if',
  'then',
  'else',
  'contains',
  'propertyNames',
  'dependentSchemas',
]);

/** The schemas of one tool in one direction, which share their `$defs`. */
export class Schemas {
  readonly #options: SchemaOptions;
  /** By what is referred to. */
  readonly #names: Map<string, string> = new Map();
  readonly #taken: Set<string> = new Set();
  readonly #definitions: Map<string, JsonValue> = new Map();
  readonly #open: string[] = [];
  #parts = 0;

  constructor(options: SchemaOptions) {
    this.#options = options;
  }

  /** A schema that may refer to `definitions`. Throws `DocumentError` for one that cannot be read. */
  convert(schema: JsonValue | undefined): JsonValue {
    const converted = this.#convert(schema);
    // Not from within: a chain of references may be longer than the stack.
    for (let reference = this.#open.shift(); reference !== undefined; reference = this.#open.shift()) {
      const made = this.#convert(this.#options.document.find(reference));
      this.#definitions.set(this.#names.get(reference) as string, made);
    }
    this.#refuseEndless();
    return converted;
  }

  /** A schema whose own keywords stand at its top: what it refers to is put in its place. */
  convertWhole(schema: JsonValue | undefined): JsonValue {
    const { document } = this.#options;
    return this.convert(isObject(schema) && typeof schema['$ref'] === 'string' ? document.resolve(schema) : schema);
  }

  /** What goes beside the schemas that were converted. */
  get definitions(): { readonly $defs?: JsonObject } {
    return this.#definitions.size === 0 ? {} : { $defs: Object.fromEntries(this.#definitions) };
  }

  /** A schema that leads to itself for one and the same value is never done. */
  #refuseEndless(): void {
    const done = new Set<string>();
    const visit = (name: string, above: ReadonlySet<string>): void => {
      if (above.has(name)) throw new DocumentError('a schema of it refers to itself without end');
      if (done.has(name)) return;
      const within = new Set([...above, name]);
      for (const next of besides(this.#definitions.get(name))) visit(next, within);
      done.add(name);
    };
    for (const name of this.#definitions.keys()) visit(name, new Set());
  }

  /** `above`: the schemas that are made of this one. */
  #convert(schema: JsonValue | undefined, above: readonly JsonObject[] = []): JsonValue {
    if (typeof schema === 'boolean') return schema;
    if (!isObject(schema) || this.#isUsedUp()) return {};
    const isOld = this.#options.document.version === '3.0';
    const { $ref } = schema;
    if (typeof $ref !== 'string') return this.#own(schema, above);
    const reference = { $ref: `#/$defs/${this.#nameOf($ref)}` };
    if (!isOld) return { ...this.#own(schema, above), ...reference };
    // It should not count beside a reference, but is meant so.
    return schema['nullable'] === true ? { anyOf: [reference, { type: 'null' }] } : reference;
  }

  #isUsedUp(): boolean {
    const { direction, maxParts = MAX_PARTS[direction] } = this.#options;
    if (++this.#parts <= maxParts) return false;
    if (direction === 'out') throw new DocumentError('its schema is too large');
    return true;
  }

  #nameOf(reference: string): string {
    const known = this.#names.get(reference);
    if (known !== undefined) return known;
    // It is there.
    this.#options.document.find(reference);
    const last =
      reference
        .slice(reference.lastIndexOf('/') + 1)
        .replaceAll(/[^A-Za-z0-9_.-]+/g, '_')
        .slice(0, 60) || 'schema';
    let name = last;
    for (let number = 2; this.#taken.has(name); number++) name = `${last}_${number}`;
    this.#taken.add(name);
    this.#names.set(reference, name);
    this.#open.push(reference);
    return name;
  }

  #own(schema: JsonObject, above: readonly JsonObject[]): JsonObject {
    const hidden = this.#hidden(schema['properties']);
    const makers = Array.isArray(schema['allOf']) ? [schema, ...above] : above;
    const isStrict = this.#options.direction === 'in';
    const made: [string, JsonValue][] = [
      ...typed(schema, isStrict),
      ...spoken(schema),
      ...picked(schema, isStrict ? { ...LIMITS, ...ANNOTATIONS } : ANNOTATIONS),
      ...(isStrict ? this.#pattern(schema) : []),
      ...(isStrict ? exclusives(schema) : []),
      ...this.#required(schema, hidden, makers),
      ...this.#inner(schema, { hidden, makers }, isStrict),
    ];
    const whole = nullable(Object.fromEntries(made), schema, this.#options.document.version);
    return this.#options.hasFiles ? asBase64(whole, schema) : whole;
  }

  #inner(
    schema: JsonObject,
    { hidden, makers }: { readonly hidden: ReadonlySet<string>; readonly makers: readonly JsonObject[] },
    isStrict: boolean,
  ): [string, JsonValue][] {
    const of = (keys: readonly string[]): [string, JsonValue][] =>
      keys.flatMap((key): [string, JsonValue][] =>
        schema[key] === undefined || (!isStrict && STRICT.has(key)) ? [] : [[key, schema[key]]],
      );
    return [
      ...of(ONE).map(([key, value]): [string, JsonValue] => [key, this.#convert(value)]),
      ...of(LISTS).flatMap(([key, value]): [string, JsonValue][] =>
        Array.isArray(value) && value.length > 0
          ? [
              [
                isStrict || key !== 'oneOf' ? key : 'anyOf',
                value.map((each) => this.#convert(each, key === 'allOf' ? makers : [])),
              ],
            ]
          : [],
      ),
      ...of(MAPS).flatMap(([key, value]): [string, JsonValue][] => {
        if (!isObject(value)) return [];
        const entries = membersOf(value).filter(([name]) =>
          key === 'properties' ? !hidden.has(name) : key !== 'patternProperties' || canMatch(name),
        );
        const kept = entries.slice(0, MAX_PROPERTIES).map(([name, each]) => [name, this.#convert(each)]);
        return [[key, Object.fromEntries(kept)]];
      }),
      ...of(isWide(schema) ? [] : CLOSERS).flatMap(([key, value]): [string, JsonValue][] => {
        if (value === false) return isStrict ? [[key, false]] : [];
        return isObject(value) ? [[key, this.#convert(value)]] : [];
      }),
    ];
  }

  /** Properties that do not go in this direction. */
  #hidden(properties: JsonValue | undefined): ReadonlySet<string> {
    const entries = membersOf(properties);
    return new Set(entries.filter(([, value]) => this.#isMarked(value)).map(([name]) => name));
  }

  #isMarked(property: JsonValue | undefined): boolean {
    const mark = this.#options.direction === 'in' ? 'readOnly' : 'writeOnly';
    if (!isObject(property)) return false;
    if (property[mark] === true) return true;
    const target = typeof property['$ref'] === 'string' ? this.#options.document.find(property['$ref']) : undefined;
    return isObject(target) && target[mark] === true;
  }

  /** Without those that do not go in this direction, whichever part of the whole says it. */
  #required(
    { required: names }: JsonObject,
    hidden: ReadonlySet<string>,
    makers: readonly JsonObject[],
  ): [string, JsonValue][] {
    const { document } = this.#options;
    const isUnsent = (name: string): boolean =>
      hidden.has(name) || makers.some((maker) => this.#isMarked(inheritedProperty(maker, name, document)));
    const texts = (Array.isArray(names) ? names : []).filter((name) => typeof name === 'string' && !isUnsent(name));
    return texts.length === 0 ? [] : [['required', [...new Set(texts)]]];
  }

  #pattern({ pattern }: JsonObject): [string, JsonValue][] {
    return typeof pattern === 'string' && canMatch(pattern) ? [['pattern', pattern]] : [];
  }
}

function typed({ const: only, enum: values, type }: JsonObject, isStrict: boolean): [string, JsonValue][] {
  const types = (Array.isArray(type) ? type : [type]).filter((each) => TYPES.has(each));
  const kept =
    types.length === 0
      ? []
      : [['type', (types.length === 1 ? types[0] : [...new Set(types)]) as JsonValue] as [string, JsonValue]];
  if (!isStrict) return kept;
  return [
    ...kept,
    ...(Array.isArray(values) && values.length > 0 && values.length <= MAX_ENUM
      ? [['enum', values] as [string, JsonValue]]
      : []),
    ...(only === undefined ? [] : [['const', only] as [string, JsonValue]]),
  ];
}

function spoken({ description, title }: JsonObject): [string, JsonValue][] {
  const [said, named] = [plainText(description, MAX_TEXT), plainText(title, 100)];
  return [
    ...(named === undefined ? [] : [['title', named] as [string, JsonValue]]),
    ...(said === undefined ? [] : [['description', said] as [string, JsonValue]]),
  ];
}

function picked(schema: JsonObject, keys: typeof LIMITS): [string, JsonValue][] {
  return Object.entries(keys).flatMap(([key, isFit]): [string, JsonValue][] => {
    const value = schema[key];
    return value !== undefined && isFit(value) ? [[key, value]] : [];
  });
}

/** The definitions that look at the same value as a schema does. */
function besides(schema: JsonValue | undefined): readonly string[] {
  if (!isObject(schema)) return [];
  const { $ref, allOf, anyOf, oneOf, not, if: condition, then, else: otherwise, dependentSchemas } = schema;
  const inner = [allOf, anyOf, oneOf].flatMap((each) => (Array.isArray(each) ? each : []));
  const dependent = membersOf(dependentSchemas).map(([, each]) => each);
  return [
    ...(typeof $ref === 'string' ? [$ref.slice('#/$defs/'.length)] : []),
    ...[...inner, ...dependent, not, condition, then, otherwise].flatMap(besides),
  ];
}

function isWide({ properties }: JsonObject): boolean {
  return isObject(properties) && Object.keys(properties).length > MAX_PROPERTIES;
}

/** In 3.0 they say of `minimum` and `maximum` that they are not reached. */
function exclusives(schema: JsonObject): [string, JsonValue][] {
  return (
    [
      ['exclusiveMinimum', 'minimum'],
      ['exclusiveMaximum', 'maximum'],
    ] as const
  ).flatMap(([key, bound]): [string, JsonValue][] => {
    const value = schema[key] === true ? schema[bound] : schema[key];
    return value !== undefined && isNumber(value) ? [[key, value]] : [];
  });
}

/** Bytes, as both versions say them. */
function asBase64(made: JsonObject, { contentEncoding, contentMediaType, format, type }: JsonObject): JsonObject {
  const isBytes = format === 'binary' || (contentMediaType !== undefined && contentEncoding === undefined);
  if (!isBytes || type === 'array' || type === 'object') return made;
  const { format: _format, ...rest } = made;
  return { ...rest, type: 'string', contentEncoding: 'base64' };
}

/** `nullable` of 3.0; where no type stands beside it, what is said of the value is not said of null. */
function nullable(made: JsonObject, { nullable: isNullable }: JsonObject, version: ApiDocument['version']): JsonObject {
  if (version !== '3.0' || isNullable !== true) return made;
  const { enum: values, type } = made;
  if (type === undefined && BINDING.some((key) => made[key] !== undefined)) {
    const { description, title, ...rest } = made;
    const said = { ...(title !== undefined && { title }), ...(description !== undefined && { description }) };
    return { ...said, anyOf: [rest, { type: 'null' }] };
  }
  if (typeof type !== 'string') return made;
  return {
    ...made,
    type: [type, 'null'],
    ...(Array.isArray(values) && !values.includes(null) && { enum: [...values, null] }),
  };
}

/** By clients, and here. */
function canMatch(pattern: string): boolean {
  try {
    linearPattern(new RegExp(pattern, 'u').source);
    return true;
  } catch {
    return false;
  }
}

function isNumber(value: JsonValue): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}

function isCount(value: JsonValue): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isWord(value: JsonValue): boolean {
  return typeof value === 'string' && /^[\w./+-]{1,60}$/.test(value);
}

/** The first schema of a media type object or a parameter, as the document has it. Throws where it refers to nothing. */
export function schemaIn(holder: JsonObject): JsonValue {
  const { schema } = holder;
  if (schema === undefined) return {};
  if (!isObject(schema) && typeof schema !== 'boolean') throw new DocumentError('a schema is no schema');
  return schema;
}
