/** Answers as the bytes of a whole JSON-RPC response, for every transport that cannot let them flow. */

import { isSingleLine, type RequestId } from '@sallyport/wire';
import type { Answer } from './exchange.ts';
import { Gathered } from './gathered.ts';

const LINE_BREAKS = /[\r\n]/g;

/** JSON has line breaks only between its tokens: as spaces they end neither a line nor an event. */
export function singleLine(bytes: Buffer): Buffer {
  return isSingleLine(bytes) ? bytes : Buffer.from(bytes.toString('latin1').replace(LINE_BREAKS, ' '), 'latin1');
}

/** The response of an answer that is still a value. */
export function responseText(id: RequestId, answer: Exclude<Answer, { kind: 'result' }>): string {
  return answer.kind === 'error'
    ? JSON.stringify({ jsonrpc: '2.0', id, error: answer.error })
    : `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":${JSON.stringify(answer.result)}}`;
}

/** Bytes of the whole response. */
export function responseLength(id: RequestId, { before, after, rest }: Answer & { kind: 'result' }): number {
  return before.length + Buffer.byteLength(JSON.stringify(id)) + after.length + (rest?.bytes ?? 0);
}

/** The whole response in one buffer. Exactly one of `done` and `fail` is called. */
export function gather(
  id: RequestId,
  { before, after, rest }: Answer & { kind: 'result' },
  done: (bytes: Buffer) => void,
  fail: () => void,
): void {
  const head = [before, Buffer.from(JSON.stringify(id)), after];
  if (rest === undefined) return done(Buffer.concat(head));
  const gathered = new Gathered();
  for (const part of head) gathered.add(part);
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
