/**
 * Cuts a child's stdout into lines (MCP, transports, stdio: one JSON message per line) and drops what cannot be a message.
 * It works on bytes and does not look into a message: whether a line is valid JSON is for the decoder above.
 */

const NEWLINE = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const ESCAPE = 0x1b;
const OPEN_BRACE = 0x7b;
const OPEN_BRACKET = 0x5b;

/** A message must begin within this many bytes of its line; only colour codes, white space and BOMs may stand before it. */
const PREFIX_LIMIT_BYTES = 256;

/** Parts of an unfinished line that are merged at once, so that a child writing byte by byte cannot fill memory with objects. */
const MERGE_PARTS = 1024;
const MERGE_BELOW_BYTES = MERGE_PARTS * 1024;

/** What is told of a line that is too long, from either end. */
const EDGE_BYTES = 256;
/** A line that is about so many times too long is not waited for to end. */
const ENDLESS_TIMES = 8;

const NOISE = -1;
const UNDECIDED = -2;

export interface LineSplitterOptions {
  /** Longest line taken, as written: without its newline, with its CR and prefix. */
  readonly maxLineBytes: number;
  /** The Buffer may be a view of the chunk it came in: who keeps it for long copies it. */
  readonly onLine: (line: Buffer) => void;
  /** Called once per line that is too long: when it ends, or when it is some eight times the limit. */
  readonly onOversize: (edges: OversizeLine) => void;
}

/** What is kept of a line that was too long: 256 bytes of either end. */
export interface OversizeLine {
  /** From where the message begins. */
  readonly head: Buffer;
  /** Undefined when the line has not ended. */
  readonly tail: Buffer | undefined;
}

type Skipping = 'nothing' | 'noise' | Overlong;

export class LineSplitter {
  /** Lines that were no message, and their bytes with those of skipped prefixes; newlines are not counted. */
  readonly noise: { lines: number; bytes: number } = { lines: 0, bytes: 0 };
  readonly #options: LineSplitterOptions;
  readonly #held: UnfinishedLine = unfinishedLine();
  /** The unfinished line is known to begin a message. */
  #begun = false;
  /** What the unfinished line is, when its bytes need not be kept. */
  #skipping: Skipping = 'nothing';

  constructor(options: LineSplitterOptions) {
    this.#options = options;
  }

  /** Takes the chunk over: neither it nor what it is a view of may be changed afterwards. */
  push(chunk: Buffer): void {
    let from = 0;
    for (;;) {
      const newline = chunk.indexOf(NEWLINE, from);
      if (newline < 0) break;
      const line = chunk.subarray(from, newline);
      if (this.#held.bytes === 0 && this.#skipping === 'nothing') this.#deliver(line);
      else this.#finish(line);
      from = newline + 1;
    }
    if (from < chunk.length) this.#hold(from === 0 ? chunk : chunk.subarray(from));
  }

  /**
   * The stream is over. An unterminated last line is noise: a child that died while it wrote must not have half a message
   * taken for a whole one.
   */
  end(): void {
    // What was too long and has not ended is told to nobody: neither has the child's stream ended in order.
    if (this.#skipping === 'noise' || this.#held.bytes > 0) this.noise.lines += 1;
    this.noise.bytes += this.#held.take().length;
    this.#skipping = 'nothing';
    this.#begun = false;
  }

  #deliver(line: Buffer): void {
    const start = messageStart(line);
    if (start < 0) {
      this.noise.lines += 1;
      this.noise.bytes += line.length;
    } else if (line.length > this.#options.maxLineBytes) {
      this.#overlong(line, start).end();
    } else {
      this.noise.bytes += start;
      const end = line[line.length - 1] === CARRIAGE_RETURN ? line.length - 1 : line.length;
      this.#options.onLine(start === 0 && end === line.length ? line : line.subarray(start, end));
    }
  }

  #finish(rest: Buffer): void {
    const skipped = this.#skipping;
    this.#skipping = 'nothing';
    if (skipped === 'noise') {
      this.noise.lines += 1;
      this.noise.bytes += rest.length;
    } else if (skipped === 'nothing') {
      this.#begun = false;
      if (rest.length > 0) this.#held.add(rest);
      this.#deliver(this.#held.take());
    } else {
      skipped.add(rest);
      skipped.end();
    }
  }

  #hold(part: Buffer): void {
    if (this.#skipping === 'noise') this.noise.bytes += part.length;
    else if (this.#skipping !== 'nothing') this.#skipping.add(part);
    if (this.#skipping !== 'nothing') return;
    this.#held.add(part);
    if (!this.#begun && this.#isNoise()) return;
    if (!this.#begun || this.#held.bytes <= this.#options.maxLineBytes) return;
    const line = this.#held.take();
    this.#begun = false;
    this.#skipping = this.#overlong(line, messageStart(line));
  }

  #overlong(line: Buffer, start: number): Overlong {
    const { maxLineBytes, onOversize } = this.#options;
    // Not before its head is whole.
    const endlessBytes = maxLineBytes * ENDLESS_TIMES + PREFIX_LIMIT_BYTES + EDGE_BYTES;
    return overlong(line, { start, endlessBytes, tell: onOversize });
  }

  /** Finds out whether the unfinished line begins a message, and lets go of it if it cannot. */
  #isNoise(): boolean {
    const head = this.#held.take();
    const start = messageStart(head);
    if (start === NOISE) {
      this.noise.bytes += head.length;
      this.#skipping = 'noise';
      return true;
    }
    this.#held.add(head);
    this.#begun = start >= 0;
    return false;
  }
}

/** A line that is too long to be kept. */
interface Overlong {
  add(part: Buffer): void;
  end(): void;
}

interface OverlongOptions {
  /** Where the message begins. */
  readonly start: number;
  /** So many bytes are told before the line ends. */
  readonly endlessBytes: number;
  /** Called once. */
  readonly tell: (edges: OversizeLine) => void;
}

function overlong(line: Buffer, { start, endlessBytes, tell }: OverlongOptions): Overlong {
  // Copies: a view would keep the line alive.
  let head: Buffer = Buffer.from(line.subarray(start, start + EDGE_BYTES));
  let tail: Buffer = Buffer.from(line.subarray(-EDGE_BYTES));
  let bytes = line.length;
  let isTold = false;
  const tellOnce = (end: Buffer | undefined): void => {
    if (!isTold) tell({ head, tail: end });
    isTold = true;
  };
  const check = (): void => {
    if (bytes > endlessBytes) tellOnce(undefined);
  };
  check();
  return {
    add(part) {
      bytes += part.length;
      if (head.length < EDGE_BYTES) head = Buffer.concat([head, part.subarray(0, EDGE_BYTES - head.length)]);
      tail = Buffer.concat([tail, part.subarray(-EDGE_BYTES)]).subarray(-EDGE_BYTES);
      check();
    },
    end: () => tellOnce(tail),
  };
}

interface UnfinishedLine {
  readonly bytes: number;
  add(part: Buffer): void;
  /** The whole line so far; nothing is held afterwards. */
  take(): Buffer;
}

/** Keeps the parts as they came and copies them once, when the line is whole. */
function unfinishedLine(): UnfinishedLine {
  let parts: Buffer[] = [];
  let bytes = 0;
  let fresh = 0;
  let freshBytes = 0;
  return {
    get bytes() {
      return bytes;
    },
    add(part) {
      parts.push(part);
      bytes += part.length;
      fresh += 1;
      freshBytes += part.length;
      if (fresh < MERGE_PARTS) return;
      if (freshBytes < MERGE_BELOW_BYTES) parts.push(Buffer.concat(parts.splice(-fresh), freshBytes));
      fresh = 0;
      freshBytes = 0;
    },
    take() {
      const [first] = parts;
      const line = parts.length === 1 && first !== undefined ? first : Buffer.concat(parts, bytes);
      parts = [];
      bytes = 0;
      fresh = 0;
      freshBytes = 0;
      return line;
    },
  };
}

/**
 * Where a message begins in a line: the index of its `{` or `[`, NOISE when it cannot be one, UNDECIDED when the bytes so far
 * do not tell. It depends on the first PREFIX_LIMIT_BYTES only, so it comes out alike however the line was cut into chunks.
 */
function messageStart(line: Buffer): number {
  let at = 0;
  while (at < line.length && at < PREFIX_LIMIT_BYTES) {
    const byte = line[at];
    if (byte === OPEN_BRACE || byte === OPEN_BRACKET) return at;
    const next = byte === ESCAPE ? afterEscape(line, at) : afterBlank(line, at);
    if (next < 0) return next === UNDECIDED && line.length < PREFIX_LIMIT_BYTES ? UNDECIDED : NOISE;
    at = next;
  }
  return line.length < PREFIX_LIMIT_BYTES ? UNDECIDED : NOISE;
}

/** Past a space, tab, CR or byte order mark. */
function afterBlank(line: Buffer, at: number): number {
  const byte = line[at];
  if (byte === 0x20 || byte === 0x09 || byte === CARRIAGE_RETURN) return at + 1;
  if (byte !== 0xef) return NOISE;
  const [second, third] = [line[at + 1], line[at + 2]];
  if (second === undefined || (second === 0xbb && third === undefined)) return UNDECIDED;
  return second === 0xbb && third === 0xbf ? at + 3 : NOISE;
}

/** Past an escape sequence of ECMA-48: CSI (`ESC [ … final`), OSC (`ESC ] … BEL` or `ESC \`), or a short one (`ESC ( B`). */
function afterEscape(line: Buffer, at: number): number {
  const kind = line[at + 1];
  if (kind === undefined) return UNDECIDED;
  if (kind === 0x5d) return afterOsc(line, at + 2);
  let end = kind === OPEN_BRACKET ? at + 2 : at + 1;
  const firstFinal = kind === OPEN_BRACKET ? 0x40 : 0x30;
  for (; end < line.length && end < PREFIX_LIMIT_BYTES; end += 1) {
    const byte = line[end] ?? 0;
    if (byte >= firstFinal && byte <= 0x7e) return end + 1;
    if (byte < 0x20 || byte > 0x7e) return NOISE;
  }
  return UNDECIDED;
}

function afterOsc(line: Buffer, from: number): number {
  for (let end = from; end < line.length && end < PREFIX_LIMIT_BYTES; end += 1) {
    if (line[end] === 0x07) return end + 1;
    if (line[end] === ESCAPE) {
      if (line[end + 1] === undefined) return UNDECIDED;
      return line[end + 1] === 0x5c ? end + 2 : NOISE;
    }
  }
  return UNDECIDED;
}
