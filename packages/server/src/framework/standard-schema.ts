/**
 * The part of Standard Schema (standardschema.dev, version 1, and its JSON Schema companion) by which zod, valibot, arktype and
 * others can be given as they are. Types only, written here so that none of those libraries is needed.
 */

import type { JsonObject } from '@sallyport/wire';

/** A schema of any library that implements Standard Schema. */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly '~standard': StandardProps<Input, Output>;
}

export interface StandardProps<Input = unknown, Output = Input> {
  readonly version: 1;
  readonly vendor: string;
  readonly validate: (value: unknown) => StandardResult<Output> | Promise<StandardResult<Output>>;
  readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  /** Newer libraries give their schemas as JSON Schema. */
  readonly jsonSchema?: {
    readonly input: (options: { readonly target: 'draft-2020-12' }) => Record<string, unknown>;
    readonly output: (options: { readonly target: 'draft-2020-12' }) => Record<string, unknown>;
  };
}

export type StandardResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly StandardIssue[] };

export interface StandardIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** A schema as it may be given: of a library, or plain JSON Schema. */
export type AnySchema = StandardSchema | JsonObject;

/** What a value is after it was checked; plain JSON Schema says nothing to the compiler. */
export type OutputOf<S> = S extends StandardSchema ? NonNullable<S['~standard']['types']>['output'] : JsonObject;

/** What may be given so that it fits. */
export type InputOf<S> = S extends StandardSchema ? NonNullable<S['~standard']['types']>['input'] : JsonObject;
