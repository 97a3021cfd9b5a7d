/**
 * Schemas of tools, written once for the wire (JSON Schema 2020-12) and for the compiler. The server of @sallyport/server
 * checks arguments and results by them.
 */

export type Json = string | number | boolean | null | Json[] | JsonSchema;
export interface JsonSchema {
  [name: string]: Json | undefined;
}

/** `of` is never there: it carries the type. */
export interface Shape<T> {
  readonly json: JsonSchema;
  readonly of?: T;
}

/** May be left out. */
export interface OptionalShape<T> extends Shape<T> {
  readonly optional: true;
}

export type TypeOf<S> = S extends Shape<infer T> ? T : never;

type OptionalKeys<P> = { [K in keyof P]: P[K] extends OptionalShape<unknown> ? K : never }[keyof P];

export type ObjectOf<P> = { readonly [K in Exclude<keyof P, OptionalKeys<P>>]: TypeOf<P[K]> } & {
  readonly [K in OptionalKeys<P>]?: TypeOf<P[K]>;
};

export type Shapes = Readonly<Record<string, Shape<unknown>>>;

/** Longest argument that is not the text of a file. */
const TEXT_LENGTH = 20_000;
/** Longest text of a file, in characters; bytes are counted where it is written. */
const FILE_LENGTH = 4 * 1024 * 1024;
const LIST_LENGTH = 5000;

const shape = <T>(json: JsonSchema): Shape<T> => ({ json });

export const text = (description: string, more: JsonSchema = {}): Shape<string> =>
  shape({ type: 'string', description, maxLength: TEXT_LENGTH, ...more });

/** The text of a whole file. */
export const fileText = (description: string): Shape<string> =>
  text(description, { maxLength: FILE_LENGTH, minLength: 1 });

export const flag = (description: string): Shape<boolean> => shape({ type: 'boolean', description });

export const whole = (description: string, minimum: number, maximum: number): Shape<number> =>
  shape({ type: 'integer', description, minimum, maximum });

export const choice = <const V extends readonly string[]>(description: string, values: V): Shape<V[number]> =>
  shape({ type: 'string', description, enum: [...values] });

export const list = <T>(items: Shape<T>, description?: string): Shape<readonly T[]> =>
  shape({
    type: 'array',
    items: items.json,
    maxItems: LIST_LENGTH,
    ...(description === undefined ? {} : { description }),
  });

export const optional = <T>(inner: Shape<T>): OptionalShape<T> => ({ json: inner.json, optional: true });

export const object = <P extends Shapes>(shapes: P): Shape<ObjectOf<P>> =>
  shape({
    type: 'object',
    properties: Object.fromEntries(Object.entries(shapes).map(([name, { json }]) => [name, json])),
    required: Object.entries(shapes)
      .filter(([, inner]) => !('optional' in inner))
      .map(([name]) => name),
  });

/** An object that may hold nothing else: what comes in. */
export const closed = <P extends Shapes>(shapes: P): Shape<ObjectOf<P>> =>
  shape({ ...object(shapes).json, additionalProperties: false });

/** Any names, each with a value of one shape. */
export const map = <T>(values: Shape<T>, description: string): Shape<Readonly<Record<string, T>>> =>
  shape({ type: 'object', description, additionalProperties: values.json, maxProperties: 1000 });

/** Or null. */
export const nullable = <T>(inner: Shape<T>): Shape<T | null> => shape({ anyOf: [inner.json, { type: 'null' }] });

// What results are made of: no limits, for they come from here.
export const str: Shape<string> = shape({ type: 'string' });
export const num: Shape<number> = shape({ type: 'number' });
export const bool: Shape<boolean> = shape({ type: 'boolean' });
export const many = <T>(items: Shape<T>): Shape<readonly T[]> => shape({ type: 'array', items: items.json });
export const oneOf = <const V extends readonly string[]>(...values: V): Shape<V[number]> =>
  shape({ type: 'string', enum: [...values] });
