/** Answers as the bytes of a whole JSON-RPC response, for every transport that cannot let them flow. */

import { failure, isSingleLine, wireError, type RequestId } from '@sallyport/wire';
import type { Answer } from './exchange.ts';
import { Gathered } from './gathered.ts';

const LINE_BREAKS = /[\r\n]/g;

/** JSON has line breaks only between its tokens: as spaces they end neither a line nor an event. */
export function singleLine(bytes: Buffer): Buffer {
  return isSingleLine(bytes) ? bytes : Buffer.from(bytes.toString('latin1').replace(LINE_BREAKS, ' '), 'latin1');
}

/** The response of an answer that is still a value. One that no JSON can say must not end the process: it is an error. */
export function responseText(id: RequestId, answer: Exclude<Answer, { kind: 'result' }>): string {
  try {
    return answer.kind === 'error'
      ? JSON.stringify({ jsonrpc: '2.0', id, error: answer.error })
      : `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":${JSON.stringify(answer.result)}}`;
  } catch {
    return JSON.stringify(failure(wireError('internal').error, id));
  }
}

/** Bytes of the whole response. */
export function responseLength(id: RequestId, { before, after, rest }: Answer & { kind: 'result' }): number {
  return before.length + Buffer.byteLength(JSON.stringify(id)) + after.length + (rest?.bytes ?? 0);
}

/** The same bytes as a string, one character for each; without `rest`. */
export function responseLatin1(id: RequestId, { before, after }: Answer & { kind: 'result' }): string {
  const idText = typeof id === 'number' ? String(id) : Buffer.from(JSON.stringify(id)).toString('latin1');
  return before.toString('latin1') + idText + after.toString('latin1');
}

/** The response without its `rest`. */
export function responseStart(id: RequestId, { before, after }: Answer & { kind: 'result' }): Buffer {
  const idText = JSON.stringify(id);
  const idBytes = Buffer.byteLength(idText);
  const bytes = Buffer.allocUnsafe(before.length + idBytes + after.length);
  bytes.set(before);
  bytes.write(idText, before.length);
  bytes.set(after, before.length + idBytes);
  return bytes;
}

/** The whole response in one buffer. Exactly one of `done` and `fail` is called. */
export function gather(
  id: RequestId,
  answer: Answer & { kind: 'result' },
  done: (bytes: Buffer) => void,
  fail: () => void,
): void {
  const { rest } = answer;
  const start = responseStart(id, answer);
  if (rest === undefined) return done(start);
  const gathered = new Gathered();
  gathered.add(start);
  rest.pipe({
    write: (chunk) => {
      gathered.add(chunk);
      return true;
    },
    end: () => done(gathered.take()),
    fail,
  });
}

/** Frees what an answer holds that nobody wants any more. */
export function releaseAnswer(answer: Answer): void {
  if (answer.kind === 'result') answer.rest?.cancel();
}
