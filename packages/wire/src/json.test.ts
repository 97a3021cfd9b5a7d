import { describe, expect, it } from 'vitest';
import { isObject, mergeObjects, type JsonObject } from './json.ts';

describe('isObject', () => {
  it('takes objects and nothing else', () => {
    expect([{}, [], null, 'x', 1, true, undefined].map(isObject)).toEqual([
      true,
      false,
      false,
      false,
      false,
      false,
      false,
    ]);
  });
});

describe('mergeObjects', () => {
  it('merges at every level, the first one counts', () => {
    expect(mergeObjects({ a: 1, b: { c: 1, d: [1] } }, { a: 2, b: { c: { e: 2 }, d: [2], f: 2 }, g: 2 })).toEqual({
      a: 1,
      b: { c: 1, d: [1], f: 2 },
      g: 2,
    });
  });

  it('leaves both as they were, and no prototype changed', () => {
    const hostile = JSON.parse('{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}') as JsonObject;
    const merged = mergeObjects({}, hostile);
    expect(JSON.stringify(mergeObjects(hostile, merged))).toBe(JSON.stringify(hostile));
    expect([Object.getPrototypeOf(merged) === Object.prototype, 'polluted' in {}, 'polluted' in merged]).toEqual([
      true,
      false,
      false,
    ]);
  });
});
