/** Copies the records to a file, which somebody else may collect and rotate: it is opened anew for each batch. */

import { appendFile } from 'node:fs/promises';
import type { Sink } from './types.ts';

export function createFileSink(path: string): Sink {
  return {
    name: path,
    send: (lines) => appendFile(path, `${lines.join('\n')}\n`, { mode: 0o600 }),
    close: () => undefined,
  };
}
