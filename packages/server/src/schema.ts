/**
 * `@sallyport/server/schema`: checks of values by JSON Schema, within bounds of time and depth. Apart from the root entry: who
 * serves tools needs none of it by name.
 */

export { compileSchema, type SchemaCheck } from './schema/compile.ts';
export type { CompilePattern, Pattern } from './schema/making.ts';
export type { Schema } from './schema/names.ts';
export { linearPattern } from './schema/patterns.ts';
export { SchemaError, TooCostly, type Problem } from './schema/run.ts';
