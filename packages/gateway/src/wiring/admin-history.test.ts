import { createSecretKey } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createHistory, rekeyHistory, type History } from './admin-history.ts';
import { sealing } from '../credentials/index.ts';
import { createMemoryStore } from '../store/memory.ts';
import type { Store } from '../store/index.ts';

const ROOT = { issuer: 'local', subject: 'root' };
const now = (): number => Date.parse('2026-01-02T03:04:05Z');
const key = sealing(createSecretKey(Buffer.alloc(32, 7)));

function historyOf(store: Store, path = '/a.json', sealed = key): History {
  const names = {
    kept: ({ issuer, subject }: { issuer: string; subject: string }) => `kept ${issuer}#${subject}`,
    shown: (kept: string) => kept.replace('kept ', ''),
  };
  return createHistory({ store, sealing: sealed, names, path, now });
}

describe('the history of the configuration', () => {
  it('keeps the last fifty editions of one file, the newest first, and those of another file apart', async () => {
    const store = createMemoryStore({ now });
    const history = historyOf(store);
    for (let count = 1; count <= 60; count++)
      await history.add({ by: ROOT, action: 'config.change', diff: [`n: ${count}`], text: `text ${count}` });
    const entries = await history.list();
    expect(entries).toHaveLength(50);
    expect(entries[0]).toEqual({
      id: '0000000060',
      time: '2026-01-02T03:04:05.000Z',
      by: 'local#root',
      action: 'config.change',
      diff: ['n: 60'],
    });
    expect(await history.get('0000000060')).toMatchObject({ text: 'text 60' });
    for (const id of ['0000000010', '60', '../0000000060', '']) expect(await history.get(id)).toBeUndefined();
    expect(await historyOf(store, '/b.json').list()).toEqual([]);
  });

  it('keeps the same text once, however often it comes', async () => {
    const history = historyOf(createMemoryStore({ now }));
    const entry = { by: 'file', action: 'config.read', diff: [], text: 'same' } as const;
    await history.add(entry);
    await history.add(entry);
    expect(await history.list()).toHaveLength(1);
  });

  it('ADM-06 shows nothing of the text in the store, and believes no record that was put elsewhere', async () => {
    const store = createMemoryStore({ now });
    const history = historyOf(store);
    await history.add({ by: 'file', action: 'config.read', diff: ['x'], text: 'CANARY' });
    await history.add({ by: 'file', action: 'config.read', diff: ['y'], text: 'other' });
    const records = await store.list('config-history');
    expect(JSON.stringify(records)).not.toMatch(/CANARY|config\.read/);
    const [first, second] = records;
    await store.put('config-history', second?.key ?? '', first?.value ?? null);
    expect(await history.list()).toHaveLength(1);
    expect(await history.get('0000000002')).toBeUndefined();
  });

  it('is taken over by another key', async () => {
    const store = createMemoryStore({ now });
    const next = sealing(createSecretKey(Buffer.alloc(32, 8)));
    await historyOf(store).add({ by: ROOT, action: 'config.change', diff: [], text: 'text' });
    expect([await rekeyHistory(store, key, next), await rekeyHistory(store, key, next)]).toEqual([1, 0]);
    expect(await historyOf(store).list()).toEqual([]);
    expect(await historyOf(store, '/a.json', next).get('0000000001')).toMatchObject({ by: 'local#root', text: 'text' });
  });
});
