/**
 * What the schema is built of besides scalars: objects that know all their keys, maps with keys of the user's own, and keys
 * that may be left out. Valibot takes a list for an object and leaves out some keys of a map without a word; these do not.
 */
import * as v from 'valibot';
import type { Path } from './source.ts';

/** What is wrong at a path. */
export type Finding = { readonly path: Path; readonly message: string };

/** An object of which every key is known. `expected` is said of a value that is none. */
export function object<E extends v.ObjectEntries>(
  entries: E,
  expected?: string,
): v.StrictObjectSchema<E, v.ErrorMessage<v.StrictObjectIssue> | undefined> {
  return refusingLists(v.strictObject(entries, expected === undefined ? undefined : `expected ${expected}`));
}

type Entries<T> = Readonly<Record<string, T>>;

/** What no key may be called: JavaScript gives these a meaning on every object. */
const reserved = ['constructor', 'prototype'];

/** An object with keys of the user's own. */
export function map<Out>(
  key: v.GenericSchema<string, string>,
  value: v.GenericSchema<unknown, Out>,
  expected?: string,
): v.GenericSchema<Entries<unknown>, Entries<Out>> {
  const schema = v.record(key, value, expected === undefined ? undefined : `expected ${expected}`);
  const refusal = v.never('this name is never allowed');
  return refusingLists({
    ...schema,
    '~run': (dataset, config) => {
      const input = dataset.value;
      const result = schema['~run'](dataset, config);
      const own = typeof input === 'object' && input !== null ? input : {};
      const refused = reserved
        .filter((name) => Object.hasOwn(own, name))
        .flatMap((name) =>
          (v.safeParse(refusal, name).issues ?? []).map((issue) => ({ ...issue, path: [pathItem(own, name)] })),
        );
      if (refused.length === 0) return result;
      return { typed: false, value: input, issues: [...(result.issues ?? []), ...refused] as never };
    },
  });
}

function pathItem(input: unknown, key: string | number): v.UnknownPathItem {
  return { type: 'unknown', origin: 'value', input, key, value: undefined };
}

function refusingLists<S extends v.GenericSchema>(schema: S): S {
  return {
    ...schema,
    '~run': (dataset, config) =>
      schema['~run'](Array.isArray(dataset.value) ? { typed: false, value: null } : dataset, config),
  };
}

/** A key that may be left out. */
export function maybe<In, Out>(
  schema: v.GenericSchema<In, Out>,
  about?: string,
): v.OptionalSchema<v.GenericSchema<In, Out>, undefined> {
  const optional = v.optional(schema);
  return about === undefined ? optional : v.pipe(optional, v.description(about));
}

/** A key with a value when it is left out; that value is checked like a written one. */
export function preset<In extends string | number | boolean | object, Out>(
  schema: v.GenericSchema<In, Out>,
  fallback: NoInfer<In>,
  about?: string,
): v.OptionalSchema<v.GenericSchema<In, Out>, In> {
  const optional = v.optional(schema, fallback as never);
  return about === undefined ? optional : v.pipe(optional, v.description(about));
}

/** A check of a whole value that may find several things, each at a path inside it. */
export function findings<T>(find: (value: T) => readonly Finding[]): v.RawCheckAction<T> {
  return v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed) return;
    for (const { path, message } of find(dataset.value)) {
      const [first, ...rest] = path.map((key) => pathItem(dataset.value, key));
      addIssue({ message, ...(first !== undefined && { path: [first, ...rest] }) });
    }
  });
}

/** The same without the keys that have no value. */
export function present<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined)) as never;
}
