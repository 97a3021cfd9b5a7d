/** Patterns of schemas on an engine that is linear in the text. Importing this file loads it. */

import { RE2JS } from 're2js';
import type { CompilePattern } from './schema/making.ts';

export const compilePattern: CompilePattern = (source) => RE2JS.compile(RE2JS.translateRegExp(source));
