/**
 * Server-Sent Events as bytes (WHATWG HTML §9.2): writing one event, and reading a stream in any chunking.
 * The reader keeps an event's data as bytes, so a large message is not turned into text on its way through.
 */

const LF = 0x0a;
const CR = 0x0d;
const COLON = 0x3a;
const SPACE = 0x20;

export interface SseFields {
  readonly id?: string;
  readonly event?: string;
  /** Milliseconds. */
  readonly retry?: number;
}

/** A comment that keeps a connection alive. */
export const SSE_HEARTBEAT = ': \n\n';

/** Text that may stand in a field: a line break or NUL in it would start another field. */
function fieldText(value: string): string {
  return value.replace(/[\r\n\0]/g, '');
}

/** The lines before the data of an event. */
export function sseHead(fields: SseFields): string {
  let head = '';
  if (fields.event !== undefined) head += `event: ${fieldText(fields.event)}\n`;
  if (fields.id !== undefined) head += `id: ${fieldText(fields.id)}\n`;
  if (fields.retry !== undefined) head += `retry: ${fields.retry}\n`;
  return head;
}

/** One whole event. Every line of the data gets its own `data:` field, so data can never end the event. */
export function sseEvent(data: string, fields: SseFields = {}): string {
  const lines = /[\r\n]/.test(data) ? data.split(/\r\n|\r|\n/).join('\ndata: ') : data;
  return `${sseHead(fields)}data: ${lines}\n\n`;
}

/** True when bytes can stand behind `data: ` as they are. */
export function isSingleLine(bytes: Buffer): boolean {
  return bytes.indexOf(LF) === -1 && bytes.indexOf(CR) === -1;
}

export interface SseEvent {
  /** The `event` field; `message` when absent. */
  readonly event: string;
  readonly data: Buffer;
  /** The stream's last event id, which an event without one inherits. */
  readonly id: string | undefined;
}

export interface SseReader {
  /** Feeds bytes; events that are complete are given to `onEvent` before it returns. */
  push(chunk: Buffer): void;
  /** The last id seen, for `Last-Event-ID`. */
  readonly lastId: string | undefined;
  /** The last `retry` seen, milliseconds. */
  readonly retryMs: number | undefined;
}

export interface SseReaderOptions {
  readonly maxEventBytes: number;
  readonly onEvent: (event: SseEvent) => void;
  /** Called once when an event grows past the limit; nothing is read after it. */
  readonly onOversize: () => void;
}

/** Reads a stream of events. Never throws on what it reads. */
export function createSseReader(options: SseReaderOptions): SseReader {
  let line: Buffer[] = [];
  let lineBytes = 0;
  let data: Buffer[] = [];
  let dataBytes = 0;
  let event = 'message';
  let pendingId: string | undefined;
  let afterCr = false;
  let first = true;
  let dead = false;
  const state: { lastId: string | undefined; retryMs: number | undefined } = { lastId: undefined, retryMs: undefined };

  const dispatch = (): void => {
    if (pendingId !== undefined) state.lastId = pendingId;
    if (data.length > 0) {
      const bytes = data.length === 1 ? (data[0] as Buffer) : Buffer.concat(joinLines(data));
      options.onEvent({ event, data: bytes, id: state.lastId });
    }
    data = [];
    dataBytes = 0;
    event = 'message';
    pendingId = undefined;
  };

  const field = (name: string, value: Buffer): void => {
    if (name === 'data') {
      data.push(value);
      dataBytes += value.length;
    } else if (name === 'event') event = value.toString('utf8') || 'message';
    else if (name === 'id') {
      if (!value.includes(0)) pendingId = value.toString('utf8');
    } else if (name === 'retry' && /^\d{1,9}$/.test(value.toString('latin1')))
      state.retryMs = Number(value.toString('latin1'));
  };

  const endLine = (): void => {
    let bytes = line.length === 1 ? (line[0] as Buffer) : Buffer.concat(line);
    line = [];
    lineBytes = 0;
    if (first) {
      first = false;
      if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) bytes = bytes.subarray(3);
    }
    if (bytes.length === 0) return dispatch();
    const colon = bytes.indexOf(COLON);
    if (colon === 0) return;
    if (colon === -1) return field(bytes.toString('latin1'), bytes.subarray(bytes.length));
    field(bytes.toString('latin1', 0, colon), bytes.subarray(bytes[colon + 1] === SPACE ? colon + 2 : colon + 1));
  };

  const keep = (part: Buffer): boolean => {
    line.push(part);
    lineBytes += part.length;
    if (lineBytes + dataBytes <= options.maxEventBytes) return true;
    dead = true;
    line = [];
    data = [];
    options.onOversize();
    return false;
  };

  const push = (chunk: Buffer): void => {
    let at = 0;
    if (afterCr && chunk.length > 0) {
      afterCr = false;
      if (chunk[0] === LF) at = 1;
    }
    while (at < chunk.length && !dead) {
      const end = nextBreak(chunk, at);
      if (end === -1) {
        keep(chunk.subarray(at));
        return;
      }
      if (!keep(chunk.subarray(at, end))) return;
      endLine();
      at = end + 1;
      if (chunk[end] === CR) {
        if (at === chunk.length) afterCr = true;
        else if (chunk[at] === LF) at++;
      }
    }
  };

  return {
    push,
    get lastId() {
      return state.lastId;
    },
    get retryMs() {
      return state.retryMs;
    },
  };
}

function nextBreak(chunk: Buffer, from: number): number {
  const lf = chunk.indexOf(LF, from);
  const cr = (lf === -1 ? chunk : chunk.subarray(0, lf)).indexOf(CR, from);
  return cr === -1 ? lf : cr;
}

function joinLines(lines: readonly Buffer[]): Buffer[] {
  const newline = Buffer.of(LF);
  return lines.flatMap((part, index) => (index === 0 ? [part] : [newline, part]));
}
