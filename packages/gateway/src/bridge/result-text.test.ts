import { describe, expect, it } from 'vitest';
import { withFront, withoutEra } from './result-text.ts';

const response = (result: string): string => `{"jsonrpc":"2.0","id":0,"result":${result}}`;

/** The result as it leaves. */
function written(answer: ReturnType<typeof withoutEra>): string {
  const text = `${answer.before.toString()}0${answer.after.toString()}`;
  return text.slice(response('').length - 1, -1);
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
    ['{"_meta":{"x":7}}', '{"resultType":"complete","_meta":{"x":7}}'],
  ])('that came as %s leaves as %s', (came, leaves) => {
    expect(written(withFront(response(came), { resultType: 'complete', _meta: { x: 1 } }))).toBe(leaves);
  });
});
