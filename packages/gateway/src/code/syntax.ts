/** Whether programs can be read, without running them: by the interpreter that would run them, which is loaded for that. */

import variant from '@jitl/quickjs-wasmfile-release-sync';
import { newQuickJSWASMModuleFromVariant, type QuickJSSyncVariant } from 'quickjs-emscripten-core';
import type { Failure } from './messages.ts';
import { readable } from './source.ts';

/** Characters of a message. */
const MAX_MESSAGE = 1000;

/** What is wrong with each of some programs; undefined: it can be read. */
export async function syntaxProblems(programs: readonly string[]): Promise<readonly (Failure | undefined)[]> {
  // Its types are those of a CommonJS module, which it is not here.
  const quickjs = await newQuickJSWASMModuleFromVariant(variant as unknown as QuickJSSyncVariant);
  // Nothing is taken apart: all of it goes with the memory of the module.
  return programs.map((code) => {
    const source = readable(quickjs.newContext(), code, MAX_MESSAGE);
    return 'name' in source ? source : undefined;
  });
}
