import type { JsonObject } from '@sallyport/wire';
import { describe, expect, it } from 'vitest';
import { believed, emptyPins, pin } from './pinned.ts';
import { readSnapshot } from './snapshot.ts';
import { filled, server, setupOf, source } from './testing/rooms.ts';

const tool = (name: string, annotations?: JsonObject): JsonObject => ({ name, ...(annotations && { annotations }) });
const READ = { readOnlyHint: true };

describe('pins of annotations', () => {
  it('keep what was said first, also of tools that vanished, and nothing of a name twice', () => {
    const first = pin(emptyPins(), [tool('a', READ), tool('b')]);
    expect({ ...first }).toEqual({ a: READ, b: null });
    expect(pin(first, [tool('a', { readOnlyHint: false })])).toBe(first);
    expect({ ...pin(first, [tool('c', READ)]) }).toEqual({ a: READ, b: null, c: READ });
  });

  it.each(['__proto__', 'constructor', 'toString'])('know %s as a name', (name) => {
    const pins = pin(emptyPins(), [tool(name, READ)]);
    expect(believed(pins, tool(name, READ))).toEqual(READ);
    expect(believed(emptyPins(), tool(name, READ))).toBeUndefined();
  });

  it('are not more than so many', () => {
    const many = Array.from({ length: 20_001 }, (_, n) => tool(`t${n}`, READ));
    const pins = pin(emptyPins(), many);
    expect(believed(pins, tool('t19999', READ))).toEqual(READ);
    expect(believed(pins, tool('t20000', READ))).toBeUndefined();
  });

  it.each<[string, JsonObject | undefined, JsonObject | undefined, JsonObject | undefined]>([
    ['the same', READ, { readOnlyHint: true }, READ],
    ['AUT-11 harmless only now', undefined, READ, undefined],
    ['AUT-11 harmless only now, said otherwise before', { readOnlyHint: false }, READ, { readOnlyHint: false }],
    ['harmful now', READ, { readOnlyHint: false }, { readOnlyHint: false }],
    ['nothing said any more', READ, undefined, undefined],
    ['left out', { ...READ, title: 'x' }, { title: 'x' }, {}],
    ['destructive only before', { destructiveHint: true }, { destructiveHint: false }, { destructiveHint: true }],
    ['destructive only now', { destructiveHint: false }, { destructiveHint: true }, { destructiveHint: true }],
    [
      'harmless both times',
      { destructiveHint: false },
      { destructiveHint: false, title: 'x' },
      { destructiveHint: false },
    ],
  ])('give the stricter of then and now: %s', (_, before, now, expected) => {
    const result = believed(pin(emptyPins(), [tool('t', before)]), tool('t', now));
    expect(result?.['title'] === undefined ? result : { ...result, title: undefined }).toEqual(expected);
  });

  it('come back from the store; a record without them has those of its tools', () => {
    const record = { tools: [tool('a', READ)], capabilities: {}, info: {}, atMs: 0, fingerprint: 'f' };
    expect({ ...readSnapshot(record)?.pinned }).toEqual({ a: READ });
    expect({ ...readSnapshot({ ...record, pinned: { a: null, b: READ } })?.pinned }).toEqual({ a: null, b: READ });
  });

  it('P4-16 a server that is read-only shows tools that were harmless from the first', async () => {
    const setup = setupOf([server('a', { readOnly: true })]);
    const tools = (list: JsonObject[]) => ({
      ...source({}),
      list: async (kind: string) => (kind === 'tools' ? list : []),
    });
    const { room } = await filled(setup, {});
    await room.refresh('a', tools([tool('read', READ), tool('write'), tool('drop', { destructiveHint: true })]));
    expect([...room.root.catalog.tools.keys()]).toEqual(['a__read']);
    await room.refresh('a', tools([tool('read', READ), tool('write', READ), tool('drop', READ), tool('fresh', READ)]));
    expect([...room.root.catalog.tools.keys()]).toEqual(['a__read', 'a__fresh']);
    expect(room.root.catalog.withholds('a__drop', 'a')).toBe(true);
  });
});
