/**
 * Reads HTTP/1.1 responses from the chunks of one connection: bodies with a length, chunked, empty, or up to the end of
 * the connection. It is made for speed on answers of servers under test, so it is lenient; it decides nothing by their
 * content. Follows RFC 9112 as far as that.
 */

export interface Response {
  readonly status: number;
  /** The head, lower case, without its last line break. */
  readonly head: string;
  readonly parts: readonly Buffer[];
  /** Bytes of the body. */
  readonly bytes: number;
}

type State = 'head' | 'sized' | 'chunk-size' | 'chunk' | 'chunk-end' | 'trailer' | 'rest';

const LINE_FEED = 10;
const HEAD_END = '\r\n\r\n';

/** The value of a header in a lower-case head. */
export function headerOf(head: string, name: string): string | undefined {
  const start = head.indexOf(`\r\n${name}:`);
  if (start < 0) return undefined;
  const from = start + name.length + 3;
  const end = head.indexOf('\r\n', from);
  return head.slice(from, end < 0 ? head.length : end).trim();
}

export class ResponseReader {
  readonly #onResponse: (response: Response) => void;
  readonly #onBody: ((part: Buffer, head: string) => void) | undefined;
  #state: State = 'head';
  #pendingHead: Buffer | undefined;
  #line = '';
  #head = '';
  #status = 0;
  #parts: Buffer[] = [];
  #bytes = 0;
  #missing = 0;

  /** `onBody` gets the parts of a body as they come; then they are not kept. */
  constructor(onResponse: (response: Response) => void, onBody?: (part: Buffer, head: string) => void) {
    this.#onResponse = onResponse;
    this.#onBody = onBody;
  }

  push(chunk: Buffer): void {
    let bytes = chunk;
    let at = 0;
    if (this.#pendingHead !== undefined) {
      bytes = Buffer.concat([this.#pendingHead, chunk]);
      this.#pendingHead = undefined;
    }
    while (at < bytes.length) {
      if (this.#state === 'head') at = this.#readHead(bytes, at);
      else if (this.#state === 'sized' || this.#state === 'chunk') at = this.#readSized(bytes, at);
      else if (this.#state === 'rest') at = this.#take(bytes, at, bytes.length);
      else at = this.#readLine(bytes, at);
    }
  }

  /** The connection has ended; completes a body that has no other end. */
  end(): void {
    if (this.#state === 'rest') this.#finish();
  }

  #readHead(bytes: Buffer, at: number): number {
    const end = bytes.indexOf(HEAD_END, at);
    if (end < 0) {
      this.#pendingHead = bytes.subarray(at);
      return bytes.length;
    }
    this.#head = bytes.toString('latin1', at, end).toLowerCase();
    this.#status = Number(this.#head.slice(9, 12));
    if (this.#status >= 200) this.#startBody();
    return end + HEAD_END.length;
  }

  #startBody(): void {
    const length = headerOf(this.#head, 'content-length');
    const isEmpty = this.#status === 204 || length === '0';
    if (headerOf(this.#head, 'transfer-encoding') === 'chunked') this.#state = 'chunk-size';
    else if (length !== undefined && !isEmpty) {
      this.#missing = Number(length);
      this.#state = 'sized';
    } else if (isEmpty || this.#status === 202) this.#finish();
    else this.#state = 'rest';
  }

  #readSized(bytes: Buffer, at: number): number {
    const end = Math.min(bytes.length, at + this.#missing);
    this.#missing -= end - at;
    this.#take(bytes, at, end);
    if (this.#missing === 0) {
      if (this.#state === 'chunk') this.#state = 'chunk-end';
      else this.#finish();
    }
    return end;
  }

  #readLine(bytes: Buffer, at: number): number {
    const end = bytes.indexOf(LINE_FEED, at);
    if (end < 0) {
      this.#line += bytes.toString('latin1', at);
      return bytes.length;
    }
    const line = (this.#line + bytes.toString('latin1', at, end)).trim();
    this.#line = '';
    if (this.#state === 'chunk-end') this.#state = 'chunk-size';
    else if (this.#state === 'chunk-size') {
      this.#missing = Number.parseInt(line, 16);
      this.#state = this.#missing === 0 ? 'trailer' : 'chunk';
    } else if (line === '') this.#finish();
    return end + 1;
  }

  #take(bytes: Buffer, from: number, to: number): number {
    const part = bytes.subarray(from, to);
    this.#bytes += part.length;
    if (this.#onBody === undefined) this.#parts.push(part);
    else this.#onBody(part, this.#head);
    return to;
  }

  #finish(): void {
    const response = { status: this.#status, head: this.#head, parts: this.#parts, bytes: this.#bytes };
    this.#state = 'head';
    this.#parts = [];
    this.#bytes = 0;
    this.#onResponse(response);
  }
}
