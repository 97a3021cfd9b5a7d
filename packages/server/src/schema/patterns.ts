/**
 * Patterns on an engine that is linear in the text. It is loaded when the first pattern is compiled, and at once: who adds a tool
 * hears what is wrong with its schema then and there.
 */

import { createRequire } from 'node:module';
import type { CompilePattern } from '@sallyport/wire';
import type { RE2JS } from 're2js';

/** An ECMAScript pattern. Throws for one that needs more than linear time. */
export const linearPattern: CompilePattern = (source) => {
  const engine = loadEngine();
  return engine.compile(engine.translateRegExp(source));
};

/** The engine itself: its patterns can capture. */
export function loadEngine(): typeof RE2JS {
  const loaded = createRequire(import.meta.url)('re2js') as { readonly RE2JS: typeof RE2JS };
  return loaded.RE2JS;
}
