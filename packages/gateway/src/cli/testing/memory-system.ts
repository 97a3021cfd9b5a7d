/** For tests: a machine of which a verb sees files in memory, what it writes, and nobody at the terminal. */

import type { CliFiles, CliSystem } from '../context.ts';
import { NO_PROCESSES } from './fakes.ts';

export interface MemorySystem {
  readonly system: CliSystem;
  /** Changed by what a verb writes. */
  readonly files: Record<string, string>;
  readonly out: string[];
  readonly err: string[];
}

/** `more` replaces parts of it. */
export function memorySystem(
  files: Record<string, string>,
  { files: ownFiles, ...more }: Partial<Omit<CliSystem, 'files'>> & { readonly files?: Partial<CliFiles> } = {},
): MemorySystem {
  const out: string[] = [];
  const err: string[] = [];
  const read = async (path: string): Promise<Uint8Array> => {
    const text = files[path];
    if (text === undefined) throw new Error(`ENOENT: ${path}`);
    return new TextEncoder().encode(text);
  };
  const system: CliSystem = {
    stdout: { write: (text) => out.push(text) },
    stderr: { write: (text) => err.push(text) },
    stdin: (async function* () {})(),
    env: {},
    cwd: '/work',
    home: '/home/me',
    version: '1.2.3',
    nodeVersion: '24.0.0',
    isTerminal: false,
    columns: () => undefined,
    errorColumns: () => undefined,
    now: () => 0,
    confirm: async () => false,
    prompts: {
      text: async () => undefined,
      hidden: async () => undefined,
      choose: async () => undefined,
      chooseMany: async () => undefined,
    },
    onInterrupt: () => () => undefined,
    processes: NO_PROCESSES,
    ...more,
    files: {
      exists: async (path) => files[path] !== undefined,
      read,
      readSecret: read,
      checkTrusted: async (path) => ({ realPath: path, readableByOthers: false }),
      linked: async () => undefined,
      replace: async (path, data) => void (files[path] = String(data)),
      create: async (path, text) => {
        if (files[path] !== undefined) throw new Error(`EEXIST: ${path}`);
        files[path] = text;
      },
      readState: async (path) => files[path],
      writeState: async (path, text) => void (files[path] = text),
      stateDirectory: async () => '/state',
      ...ownFiles,
    },
  };
  return { system, files, out, err };
}
