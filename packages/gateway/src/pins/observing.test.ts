import type { JsonObject } from '@sallyport/wire';
import { describe, expect, it } from 'vitest';
import { pinHash } from './canonical.ts';
import { CAME_LATER, observed, OTHER_SERVER, approved, type Observed, type Surroundings } from './observing.ts';
import { NO_RECORD, readRecord, storedRecord, type ServerRecord } from './record.ts';
import { readLock, lockText } from './lock.ts';
import { reportPins } from './report.ts';

const SCHEMA = { type: 'object', properties: { path: { type: 'string' } } };
const tool = (name: string, more: JsonObject = {}): JsonObject => ({ name, inputSchema: SCHEMA, ...more });
const NOTHING: Surroundings = { locked: undefined, doubts: () => [] };

interface See {
  readonly around?: Partial<Surroundings>;
  readonly reader?: string;
  readonly identity?: string;
}

function see(
  before: ServerRecord,
  tools: readonly JsonObject[],
  { around, reader = '', identity = 'i' }: See = {},
): Observed {
  const listed = tools.map((each) => {
    const name = each['name'] as string;
    return { name, hash: pinHash(identity, `a__${name}`, each), tool: each };
  });
  return observed(before, { tools: listed, reader, nowMs: 5 }, { ...NOTHING, ...around });
}

const states = (record: ServerRecord, mode: 'warn' | 'quarantine' = 'warn'): Record<string, string> =>
  Object.fromEntries(
    reportPins('a', record, undefined, mode).map(({ changes, id, state }) => [id, [state, ...changes].join(': ')]),
  );

describe('what a server lists', () => {
  const first = see(NO_RECORD, [tool('read'), tool('write')]);

  it('is believed at the first use', () => {
    expect(first.news).toEqual([]);
    expect(states(first.record, 'quarantine')).toEqual({ a__read: 'new', a__write: 'new' });
  });

  it('is the first use as long as it has listed nothing: some list nothing before a login', () => {
    expect(states(see(see(NO_RECORD, []).record, [tool('read')]).record)).toEqual({ a__read: 'new' });
  });

  it('is no change in another order, and gives the same record', () => {
    const again = see(first.record, [tool('write'), { inputSchema: SCHEMA, name: 'read' }]);
    expect(again.record).toBe(first.record);
  });

  it('is a change by what differs, told once', () => {
    const changed = [tool('read', { description: 'x', annotations: { readOnlyHint: true } }), tool('write')];
    const { news, record } = see(first.record, changed);
    expect(news.map(({ changes, name }) => [name, ...changes])).toEqual([['read', 'annotations', 'description']]);
    expect(states(record)).toEqual({ a__read: 'changed: annotations: description', a__write: 'new' });
    expect(states(record, 'quarantine')).toMatchObject({ a__read: 'quarantined: annotations: description' });
    expect(see(record, changed)).toEqual({ record, news: [] });
  });

  it('is as it was when the change is taken back', () => {
    const { record } = see(first.record, [tool('read', { description: 'x' }), tool('write')]);
    expect(states(see(record, [tool('read'), tool('write')]).record)).toEqual(states(first.record));
  });

  it('is a change of every tool when something else stands behind the name', () => {
    const { news } = see(first.record, [tool('read')], { identity: 'j' });
    expect(news.map(({ changes }) => changes)).toEqual([[OTHER_SERVER]]);
  });

  it('waits for a word when it comes later, by its former name where it was renamed', () => {
    const { record } = see(first.record, [tool('read'), tool('remove'), tool('other', { inputSchema: {} })]);
    expect(states(record)).toMatchObject({
      a__remove: `new: renamed from write: the schema is the same: ${CAME_LATER}`,
      a__other: `new: ${CAME_LATER}`,
      a__write: 'new',
    });
    expect(states(record, 'quarantine')).toMatchObject({ a__remove: expect.stringMatching(/^quarantined/) });
  });

  it('is doubted at the first use by its name', () => {
    const doubts = (name: string): string[] => (name === 'find_tools' ? ['imitates'] : []);
    const { news, record } = see(NO_RECORD, [tool('find_tools'), tool('read')], { around: { doubts } });
    expect(news).toHaveLength(1);
    expect(states(record, 'quarantine')).toEqual({ a__find_tools: 'quarantined: imitates', a__read: 'new' });
  });

  it('stays pinned when it vanishes, and is no news when it comes back as it was', () => {
    const gone = see(first.record, [tool('read')]);
    expect(see(gone.record, [tool('read'), tool('write')])).toEqual({ record: first.record, news: [] });
  });

  it('is one pin for all: what one principal is told otherwise is a change, as long as it is told so', () => {
    const bob = see(first.record, [tool('read', { description: 'for bob' }), tool('write')], { reader: 'bob' });
    expect(bob.news).toHaveLength(1);
    const alice = see(bob.record, [tool('read'), tool('write')], { reader: 'alice' });
    expect(alice.record).toBe(bob.record);
    const carol = see(bob.record, [tool('read', { description: 'for bob' }), tool('write')], { reader: 'carol' });
    expect(carol.news).toEqual([]);
    const bobLeft = see(carol.record, [tool('read'), tool('write')], { reader: 'bob' });
    expect(states(bobLeft.record)).toMatchObject({ a__read: 'changed: description' });
    const allLeft = see(bobLeft.record, [tool('read'), tool('write')], { reader: 'carol' });
    expect(states(allLeft.record)).toEqual(states(first.record));
  });

  it('is kept with an end to it', () => {
    let { record } = first;
    for (let n = 0; n < 50; n += 1)
      record = see(record, [tool('read', { description: `${n}` })], { reader: `r${n}` }).record;
    expect(record.get('read')?.pending).toHaveLength(8);
  });

  it.each(['__proto__', 'constructor'])('knows %s as a name, in the store too', (name) => {
    const { record } = see(NO_RECORD, [tool(name)]);
    const back = readRecord(JSON.parse(JSON.stringify(storedRecord(record))));
    expect(back).toEqual(record);
    expect(see(back, [tool(name)]).record).toBe(back);
  });

  it('survives a record that is none', () => {
    for (const value of [undefined, null, [], { tools: 1 }, { tools: [1, ['a'], ['a', { accepted: [1, {}] }]] }]) {
      expect([...readRecord(value).values()].flatMap(({ accepted }) => accepted)).toEqual([]);
    }
  });
});

describe('an approval', () => {
  it('puts what everybody is told in the place of what stood', () => {
    const first = see(NO_RECORD, [tool('read')]).record;
    const changed = see(first, [tool('read', { description: 'x' })]).record;
    const record = new Map([...changed].map(([name, pins]) => [name, approved(pins)]));
    expect(states(record, 'quarantine')).toEqual({ a__read: 'approved' });
    expect(states(see(record, [tool('read')]).record)).toEqual({ a__read: 'changed: description' });
  });

  it('puts what a principal is told beside it', () => {
    const first = see(NO_RECORD, [tool('read')]).record;
    const changed = see(first, [tool('read', { description: 'x' })], { reader: 'bob' }).record;
    const record = new Map([...changed].map(([name, pins]) => [name, approved(pins)]));
    expect(see(record, [tool('read')], { reader: 'alice' }).record).toBe(record);
    expect(see(record, [tool('read', { description: 'x' })], { reader: 'bob' }).record).toBe(record);
  });
});

describe('a lock', () => {
  const first = see(NO_RECORD, [tool('read'), tool('write')]).record;
  const text = lockText(new Map([['a', { identity: 'i', record: first }]]));
  const locked = readLock(text, 'sallyport.lock').get('a')?.tools;

  it('is held against the first use, and approves what is in it', () => {
    const { news, record } = see(NO_RECORD, [tool('read', { description: 'poisoned' }), tool('write'), tool('more')], {
      around: { locked },
    });
    expect(news.map(({ changes, name }) => [name, ...changes])).toEqual([
      ['read', 'description'],
      ['more', CAME_LATER],
    ]);
    expect(reportPins('a', record, locked, 'quarantine').map(({ id, state }) => [id, state])).toEqual([
      ['a__more', 'quarantined'],
      ['a__read', 'quarantined'],
      ['a__write', 'approved'],
    ]);
  });

  it('counts before what this machine believed at its first use', () => {
    const poisoned = see(NO_RECORD, [tool('read', { description: 'poisoned' })]).record;
    expect(see(poisoned, [tool('read', { description: 'poisoned' })], { around: { locked } }).news).toHaveLength(1);
  });

  it('does not count for another program', () => {
    expect(see(NO_RECORD, [tool('read')], { around: { locked }, identity: 'j' }).news).toHaveLength(1);
  });

  it('is the same text whoever listed in what order', () => {
    const other = see(NO_RECORD, [tool('write'), { inputSchema: SCHEMA, name: 'read' }]).record;
    expect(lockText(new Map([['a', { identity: 'i', record: other }]]))).toBe(text);
  });

  it.each([
    '',
    '[]',
    '{"version":2}',
    '{"version":1}',
    '{"version":1,"servers":{"a":{}}}',
    '{"version":1,"servers":{"a":{"identity":"i","tools":[1]}}}',
  ])('that reads %j is refused with its name', (wrong) => {
    expect(() => readLock(wrong, 'sallyport.lock')).toThrow(/^sallyport\.lock: /);
  });
});
