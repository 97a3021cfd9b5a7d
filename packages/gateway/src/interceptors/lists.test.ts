import type { JsonObject } from '@sallyport/wire';
import { describe, expect, it } from 'vitest';
import { open, settings, type Opened, type Reply } from './testing/room.ts';

const tool = (name: string, description = 'Some description.'): JsonObject => ({ name, description, inputSchema: {} });
const [one, two] = [tool('one'), tool('two')];
const keep = (...tools: object[]): object => ({ action: 'replace', tools });
const list = (reply: Reply, more: object = {}): Opened => open([settings('l', { phases: ['list'], ...more })], reply);

describe('a list', () => {
  it('is shown once, with canonical ids, to those that are asked about its tools', async () => {
    const opened = list(() => ({ action: 'pass' }), { servers: ['up'], tools: ['up__o*'] });
    const { lists } = opened.room;
    await lists.observe('up', [one, two]);
    await lists.observe('down', [one]);
    expect(opened.asked.map(({ question }) => question)).toEqual([
      { phase: 'list', server: 'up', tools: [{ ...one, id: 'up__one' }] },
    ]);
    expect([lists.verdict('up', one), lists.verdict('up', two), lists.verdict('down', one)]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    expect(opened.timers).toEqual([]);
  });

  it('loses tools, and gets shorter descriptions', async () => {
    const opened = list(() => keep({ name: 'one', description: 'Short.' }));
    const { lists } = opened.room;
    await lists.observe('up', [one, two]);
    expect(lists.verdict('up', one)).toEqual({ description: 'Short.' });
    expect(lists.verdict('up', two)).toEqual({ hidden: 'the interceptor "l" took it out' });
    // What is written in another order, or comes anew, is the same definition.
    expect(lists.verdict('up', { ...one })).toEqual({ description: 'Short.' });
  });

  it('goes from one to the next, and what one took out is shown to no other', async () => {
    const opened = open([settings('a', { phases: ['list'] }), settings('b', { phases: ['list'] })], (_question, name) =>
      name === 'a' ? keep({ name: 'one', description: 'Short' }) : { action: 'deny' },
    );
    await opened.room.lists.observe('up', [one, two]);
    expect(opened.asked[1]?.question['tools']).toEqual([{ ...one, description: 'Short', id: 'up__one' }]);
    expect(opened.room.lists.verdict('up', one)).toEqual({ hidden: 'the interceptor "b" took it out' });
    expect(opened.room.lists.verdict('up', two)).toEqual({ hidden: 'the interceptor "a" took it out' });
  });

  it.each([
    ['adds a tool', keep({ name: 'one' }, { name: 'mine' })],
    ['makes a description longer', keep({ name: 'one', description: 'Some description, longer.' })],
    ['has no names', keep({ description: '' })],
    ['has no tools', { action: 'replace' }],
  ])('is not there where an answer %s, and as it was where that is open', async (_what, answer) => {
    const closed = list(() => answer);
    await closed.room.lists.observe('up', [one]);
    expect(closed.room.lists.verdict('up', one)).toEqual({ hidden: 'the interceptor "l" could not be asked about it' });
    expect(closed.told).toMatchObject([{ outcome: 'failed', passed: false, server: 'up' }]);
    const lax = list(() => answer, { onError: 'open' });
    await lax.room.lists.observe('up', [one]);
    expect(lax.room.lists.verdict('up', one)).toBeUndefined();
  });

  it('is asked about again after a failure', async () => {
    let isDown = true;
    const opened = list(() => (isDown ? Promise.reject(new Error('down')) : keep({ name: 'one' })));
    const { lists } = opened.room;
    let changes = 0;
    lists.onChanged(() => changes++);
    await lists.observe('up', [one, two]);
    expect(lists.verdict('up', one)).toHaveProperty('hidden');
    const [version] = [lists.version()];
    isDown = false;
    const [timer] = opened.timers;
    expect(timer?.ms).toBe(15_000);
    timer?.fire();
    await new Promise((resolve) => setImmediate(resolve));
    expect(lists.verdict('up', one)).toBeUndefined();
    expect(lists.version()).toBe(version + 1);
    expect(changes).toBe(2);
    expect(opened.timers.filter(({ isOff }) => !isOff)).toHaveLength(1);
  });

  it('that nobody was asked about yet is asked about as soon as it is shown, and waits for the answer', async () => {
    const opened = list(() => ({ action: 'pass' }));
    const { lists } = opened.room;
    expect(lists.verdict('up', one)).toEqual({ hidden: expect.stringContaining('has not answered yet') });
    expect(lists.verdict('up', two)).toHaveProperty('hidden');
    expect(opened.timers).toMatchObject([{ ms: 0 }]);
    opened.timers[0]?.fire();
    await new Promise((resolve) => setImmediate(resolve));
    expect(opened.asked).toHaveLength(1);
    expect(lists.verdict('up', one)).toBeUndefined();
    // With another configuration others are asked, about everything.
    opened.room.use([settings('m', { phases: ['list'], onError: 'open' })]);
    expect(lists.verdict('up', one)).toBeUndefined();
    expect(opened.timers).toHaveLength(2);
  });

  it('that was asked about before another configuration counts for nothing', async () => {
    const answer = Promise.withResolvers<object>();
    const opened = list(() => answer.promise);
    const { lists } = opened.room;
    const observed = lists.observe('up', [one]);
    opened.room.use([settings('m', { phases: ['list'] })]);
    answer.resolve({ action: 'pass' });
    await observed;
    expect(lists.verdict('up', one)).toHaveProperty('hidden');
    await opened.room.close();
    expect(lists.verdict('up', two)).toHaveProperty('hidden');
    expect(opened.timers.every(({ isOff }) => isOff)).toBe(true);
  });

  it('has nothing in it that the guard keeps back', async () => {
    const opened = list(() => ({ action: 'pass' }));
    await opened.room.lists.observe('up', [tool('kept-back'), one]);
    expect(opened.asked[0]?.question['tools']).toEqual([{ ...one, id: 'up__one' }]);
  });
});
