/** Lines of an input, bounded (2025-11-25, transports, "stdio"). The line break is LF; empty lines are passed over. */

const LF = 0x0a;

export interface LineOptions {
  /** Of one line. A longer one is left out as a whole and reported once. */
  readonly maxBytes: number;
  readonly onLine: (line: Buffer) => void;
  readonly onOversize: () => void;
}

export interface Lines {
  push(chunk: Buffer): void;
  /** The input is over: what has come of the last line counts as the whole of it. */
  end(): void;
}

export function createLines({ maxBytes, onLine, onOversize }: LineOptions): Lines {
  const parts: Buffer[] = [];
  let bytes = 0;
  let skipping = false;
  const add = (part: Buffer): void => {
    if (skipping || part.length === 0) return;
    bytes += part.length;
    parts.push(part);
    if (bytes <= maxBytes) return;
    skipping = true;
    parts.length = 0;
    onOversize();
  };
  const end = (): void => {
    const line = parts.length === 1 ? parts[0] : Buffer.concat(parts);
    parts.length = 0;
    bytes = 0;
    if (!skipping && line !== undefined && line.length > 0) onLine(line);
    skipping = false;
  };
  return {
    push: (chunk) => {
      let at = 0;
      for (let next = chunk.indexOf(LF); next !== -1; next = chunk.indexOf(LF, at)) {
        add(chunk.subarray(at, next));
        end();
        at = next + 1;
      }
      add(chunk.subarray(at));
    },
    end,
  };
}
