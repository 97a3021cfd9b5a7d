import type { JsonObject, JsonValue } from '@sallyport/wire';
import { assert, jsonValue, property } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalText, pinHash } from './canonical.ts';

const TOOL: JsonObject = {
  name: 'read',
  title: 'Read',
  description: 'Reads a file.',
  inputSchema: {
    type: 'object',
    properties: { path: { type: 'string' }, at: { enum: [1, 2] } },
    required: ['path', 'at'],
  },
  annotations: { readOnlyHint: true },
  icons: [{ src: 'https://example.com/a.png' }],
};

/** The same value with the members of every object the other way round. */
function reversed(value: JsonValue | undefined): JsonValue | undefined {
  if (Array.isArray(value)) return value.map((each) => reversed(each) as JsonValue);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).toReversed();
  return Object.fromEntries(entries.map(([name, member]) => [name, reversed(member)]));
}

describe('the hash of a definition', () => {
  it('does not change with order alone', () => {
    const hash = pinHash('https://a/', 'a__read', TOOL);
    expect(pinHash('https://a/', 'a__read', reversed(TOOL) as JsonObject)).toBe(hash);
    const schema = TOOL['inputSchema'] as JsonObject;
    expect(pinHash('https://a/', 'a__read', { ...TOOL, inputSchema: { ...schema, required: ['at', 'path'] } })).toBe(
      hash,
    );
  });

  it.each<[string, JsonObject]>([
    ['title', { title: 'read' }],
    ['description', { description: 'Reads a file. ' }],
    ['schema', { inputSchema: { type: 'object' } }],
    ['result schema', { outputSchema: { type: 'object' } }],
    ['annotations', { annotations: { readOnlyHint: false } }],
    ['icons', { icons: [{ src: 'https://example.com/b.png' }] }],
    ['icons in another order', { icons: [{ src: 'https://example.com/b.png' }, ...(TOOL['icons'] as JsonObject[])] }],
    ['_meta', { _meta: { ui: 'x' } }],
    ['a member that nobody knows', { more: 1 }],
  ])('changes with the %s', (_, change) => {
    expect(pinHash('i', 'a__read', { ...TOOL, ...change })).not.toBe(pinHash('i', 'a__read', TOOL));
  });

  it('changes with the id and with what stands behind the server', () => {
    const hashes = [pinHash('i', 'a__read', TOOL), pinHash('i', 'b__read', TOOL), pinHash('j', 'a__read', TOOL)];
    expect(new Set(hashes).size).toBe(3);
  });

  it('is made of text that says the same as the value, in one order', () => {
    assert(
      property(jsonValue({ maxDepth: 4 }), (value: unknown) => {
        const text = canonicalText(value as JsonValue);
        expect(canonicalText(JSON.parse(text) as JsonValue)).toBe(text);
        expect(canonicalText(reversed(value as JsonValue))).toBe(text);
      }),
    );
  });
});
