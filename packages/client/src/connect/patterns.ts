/** Patterns of schemas on an engine that is linear in the text: they come from servers. Loaded when the first one is compiled. */

import { createRequire } from 'node:module';
import type { CompilePattern } from '@sallyport/wire';
import type { RE2JS } from 're2js';

/** An ECMAScript pattern. Throws for one that needs more than linear time. */
export const linearPattern: CompilePattern = (source) => {
  const { RE2JS: engine } = createRequire(import.meta.url)('re2js') as { readonly RE2JS: typeof RE2JS };
  return engine.compile(engine.translateRegExp(source));
};
