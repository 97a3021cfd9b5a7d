import type { ResultAnswer } from '@sallyport/client';
import { describe, expect, it } from 'vitest';
import { resultBytes, withFront, withoutEra } from './result-bytes.ts';

const response = (result: string): Buffer => Buffer.from(`,"result":${result}}`);

/** The result as it leaves. */
function written(answer: ReturnType<typeof withoutEra>): string {
  expect(answer.before.toString()).toBe('{"jsonrpc":"2.0","id":');
  return answer.after.toString().slice(response('').length - 1, -1);
}

describe('a result for a session-era client', () => {
  it.each([
    ['{"resultType":"complete","a":1}', '{"a":1}'],
    ['{"a":1e400,"resultType" : "complete" ,"b":[ 12345678901234567890 ]}', '{"a":1e400,"b":[ 12345678901234567890 ]}'],
    ['{"resultType":"complete"}', '{}'],
    ['{"resultType":"vendor/odd","content":[]}', '{"resultType":"vendor/odd","content":[]}'],
    [
      '{"structuredContent":{"resultType":"complete","ttlMs":1}}',
      '{"structuredContent":{"resultType":"complete","ttlMs":1}}',
    ],
    ['{"_meta":{"io.modelcontextprotocol/serverInfo":{}},"a":1}', '{"a":1}'],
    ['{"_meta":{"io.modelcontextprotocol/serverInfo":{},"v/x":1}}', '{"_meta":{"v/x":1}}'],
    ['{"_meta":{"v/x":1e400}}', '{"_meta":{"v/x":1e400}}'],
    ['{"_meta":{},"ttlMs":5}', '{"_meta":{},"ttlMs":5}'],
    ['{"größe":"Ä€😀","resultType":"complete"}', '{"größe":"Ä€😀"}'],
    ['{"_meta":{"v/ö":"€","io.modelcontextprotocol/x":1},"ü":[]}', '{"_meta":{"v/ö":"€"},"ü":[]}'],
    [' {"gr\\u00f6\\u00dfe":"€","resultType":"complete"}', '{"größe":"€"}'],
    // Names that not every parser reads alike are written anew.
    ['{"result\\u0054ype":"complete","\\u0061":1}', '{"a":1}'],
  ])('that came as %s leaves as %s', (came, leaves) => {
    expect(written(withoutEra(response(came), false))).toBe(leaves);
  });

  it('says nothing of caching where every result of the other era does', () => {
    const came = response('{"ttlMs":5,"cacheScope":"public","contents":[]}');
    expect(written(withoutEra(came, true))).toBe('{"contents":[]}');
  });
});

describe('a result with members at its front', () => {
  it.each([
    ['{"a":1e400}', '{"resultType":"complete","_meta":{"x":1},"a":1e400}'],
    ['{}', '{"resultType":"complete","_meta":{"x":1}}'],
    ['{"resultType":"v","_meta":{"y":2}}', '{"resultType":"v","_meta":{"x":1,"y":2}}'],
    ['{"ä":"€"}', '{"resultType":"complete","_meta":{"x":1},"ä":"€"}'],
    [' {"ä":"€","_meta":{"ö":"😀"}}', ' {"resultType":"complete","ä":"€","_meta":{"x":1,"ö":"😀"}}'],
    ['{"_meta":{"x":7}}', '{"resultType":"complete","_meta":{"x":7}}'],
  ])('that came as %s leaves as %s', (came, leaves) => {
    expect(written(withFront(response(came), { resultType: 'complete', _meta: { x: 1 } }))).toBe(leaves);
  });
});

describe('the bytes of a result', () => {
  const answer = (before: string, after: string): ResultAnswer => ({
    kind: 'result',
    before: Buffer.from(before),
    after: Buffer.from(after),
  });
  const exchange = { onCancel: () => undefined };

  it.each([
    ['{"jsonrpc":"2.0","id":', ',"result":{"a":1e400}}', ',"result":{"a":1e400}}'],
    ['{"jsonrpc": "2.0", "id": ', ', "result": {"a":1e400}}', ',"result":{"a":1e400}}'],
    ['{"result":{"ä":[1, 2]},"jsonrpc":"2.0","id":', '}', ',"result":{"ä":[1, 2]}}'],
    ['{"id":', ',"res\\u0075lt":{"a":1},"jsonrpc":"2.0"}', ',"result":{"a":1}}'],
  ])('are the same of %s…%s', async (before, after, bytes) => {
    expect((await resultBytes(answer(before, after), exchange)).toString()).toBe(bytes);
  });
});
