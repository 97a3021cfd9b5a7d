/**
 * `@sallyport/server/schema`: checks of values by JSON Schema, within bounds of time and depth. Apart from the root entry: who
 * serves tools needs none of it by name.
 */

export {
  compileSchema,
  SchemaError,
  TooCostly,
  type CompilePattern,
  type Pattern,
  type Problem,
  type Schema,
  type SchemaCheck,
} from '@sallyport/wire';
export { linearPattern } from './schema/patterns.ts';
