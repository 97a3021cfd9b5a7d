/** Changing a result without building it: the response's text, with members put at the front of its result. */

import type { ResultAnswer } from '@sallyport/client';
import { members, type JsonObject, type JsonRpcResult } from '@sallyport/wire';

/** The whole response as text, with id 0. Rejects when its body breaks off. */
export async function resultText(answer: ResultAnswer): Promise<string> {
  const parts = [answer.before, Buffer.from('0'), answer.after];
  const { rest } = answer;
  if (rest !== undefined) {
    await new Promise<void>((resolve, reject) => {
      rest.pipe({ write: (chunk) => parts.push(chunk) > 0, end: resolve, fail: reject });
    });
  }
  return Buffer.concat(parts).toString('utf8');
}

/** The response cut at its id again, with `front` put before the members of the result that it does not have yet. */
export function withFront(text: string, front: JsonObject): ResultAnswer {
  const top = members(text, 0);
  const result = top?.get('result');
  const inner = result && members(text, result.start);
  if (result === undefined || inner === undefined) return rebuilt(text, front);
  const added = Object.entries(front).filter(([name]) => !inner.has(name));
  const list = added.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(',');
  const comma = inner.size > 0 && list !== '' ? ',' : '';
  const whole = `{${list}${comma}${text.slice(result.start + 1, result.end)}`;
  return cut(whole);
}

function rebuilt(text: string, front: JsonObject): ResultAnswer {
  const { result } = JSON.parse(text) as JsonRpcResult;
  return cut(JSON.stringify({ ...front, ...result }));
}

function cut(result: string): ResultAnswer {
  return { kind: 'result', before: Buffer.from('{"jsonrpc":"2.0","id":'), after: Buffer.from(`,"result":${result}}`) };
}
