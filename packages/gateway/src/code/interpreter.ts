/** QuickJS in this thread: with a memory of its own that ends somewhere, and text written into it by Node, which is fast at that. */

import variant from '@jitl/quickjs-wasmfile-release-sync';
import {
  newQuickJSWASMModuleFromVariant,
  newVariant,
  type QuickJSSyncVariant,
  type QuickJSWASMModule,
} from 'quickjs-emscripten-core';
import type { ThreadData } from './messages.ts';

const PAGE_BYTES = 64 * 1024;
/** What the build of QuickJS asks for. */
const INITIAL_PAGES = 256;
/** No library of TypeScript's that a program for Node has says so. */
declare const WebAssembly: {
  readonly Memory: new (pages: { readonly initial: number; readonly maximum: number }) => {
    readonly buffer: ArrayBuffer;
  };
};

type Memory = InstanceType<(typeof WebAssembly)['Memory']>;

export async function openInterpreter({ memoryBytes, wasmModule }: ThreadData): Promise<QuickJSWASMModule> {
  // QuickJS counts too little on WebAssembly (it does not learn how large its blocks are), so the memory itself ends there.
  const wasmMemory = new WebAssembly.Memory({ initial: INITIAL_PAGES, maximum: Math.floor(memoryBytes / PAGE_BYTES) });
  // Its types are those of a CommonJS module, which it is not here.
  const own = variant as unknown as QuickJSSyncVariant;
  return await newQuickJSWASMModuleFromVariant(newVariant(withFastText(own, wasmMemory), { wasmMemory, wasmModule }));
}

/** The build writes text byte by byte in JavaScript: that was a third of the time that a result of a megabyte took. */
function withFastText(own: QuickJSSyncVariant, memory: Memory): QuickJSSyncVariant {
  return {
    ...own,
    importModuleLoader: async () => {
      let load = await own.importModuleLoader();
      while ('default' in load) load = load.default;
      const loader = load;
      return async (options) => {
        const module = await loader(options);
        module.lengthBytesUTF8 = (text) => Buffer.byteLength(text);
        module.stringToUTF8 = (text, at, maxBytes = Buffer.byteLength(text) + 1) => {
          // Another buffer, when the memory has grown. The last byte ends the text.
          const room = Buffer.from(memory.buffer, at, maxBytes);
          room[room.write(text, 0, maxBytes - 1)] = 0;
        };
        return module;
      };
    },
  };
}
