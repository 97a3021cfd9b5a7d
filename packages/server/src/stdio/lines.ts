/**
 * Lines of an input, bounded (2025-11-25, transports, "stdio"). A line that is too long is skipped to its end and
 * reported once. The line break is LF; a CR before it is white space to JSON and stays.
 */

import { Gathered } from '../gathered.ts';

const LF = 0x0a;

export interface LineReaderOptions {
  readonly maxBytes: number;
  readonly onLine: (line: Buffer) => void;
  readonly onOversize: () => void;
}

export class LineReader {
  readonly #options: LineReaderOptions;
  readonly #line: Gathered = new Gathered();
  #skipping = false;

  constructor(options: LineReaderOptions) {
    this.#options = options;
  }

  push(chunk: Buffer): void {
    let at = 0;
    for (let end = chunk.indexOf(LF); end !== -1; end = chunk.indexOf(LF, at)) {
      this.#add(chunk.subarray(at, end));
      this.end();
      at = end + 1;
    }
    if (at < chunk.length) this.#add(chunk.subarray(at));
  }

  /** Takes what has come of the last line as the whole of it. */
  end(): void {
    const skipped = this.#skipping;
    this.#skipping = false;
    const line = this.#line.take();
    if (!skipped && line.length > 0) this.#options.onLine(line);
  }

  #add(part: Buffer): void {
    if (this.#skipping) return;
    if (this.#line.length + part.length <= this.#options.maxBytes) return this.#line.add(part);
    this.#skipping = true;
    this.#line.drop();
    this.#options.onOversize();
  }
}
