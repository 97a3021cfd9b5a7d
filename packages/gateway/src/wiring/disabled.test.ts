import type { Credentials, Principal, Proof, Prove } from '@sallyport/server';
import { describe, expect, it } from 'vitest';
import { createDisabled, listDisabled, setDisabled, unlessDisabled } from './disabled.ts';
import { createMemoryStore } from '../store/memory.ts';
import { recordsOf } from '../store/records.ts';

const ALICE: Principal = { issuer: 'https://id.example.com', subject: 'alice', roles: [] };
const shown = {} as Credentials;

describe('somebody who is disabled', () => {
  it.each<[string, Prove]>([
    ['at once', () => ({ principal: ALICE, holds: () => true })],
    ['later', async () => ({ principal: ALICE, holds: () => true })],
    ['barely', () => ALICE],
  ])('P3-14 is nobody any more, proven %s, until enabled again', async (_, prove) => {
    const records = recordsOf(createMemoryStore({ now: () => 0 }), 'disabled');
    const disabled = createDisabled(records);
    const guarded = unlessDisabled(prove, disabled);
    await disabled.refresh();
    const before = (await guarded(shown)) as Partial<Proof>;
    expect('problem' in before).toBe(false);
    await setDisabled(records, ALICE, true, 1);
    await disabled.refresh();
    expect(before.holds?.(shown) ?? false).toBe(false);
    expect(await guarded(shown)).toMatchObject({ problem: 'invalid' });
    expect(await listDisabled(records)).toEqual([{ issuer: ALICE.issuer, subject: 'alice' }]);
    await setDisabled(records, ALICE, false, 2);
    await disabled.refresh();
    expect('problem' in ((await guarded(shown)) as object)).toBe(false);
  });

  it('is not somebody else of the same name', async () => {
    const records = recordsOf(createMemoryStore({ now: () => 0 }), 'disabled');
    const disabled = createDisabled(records);
    await setDisabled(records, ALICE, true, 1);
    await disabled.refresh();
    expect(disabled.has({ ...ALICE, roles: ['other'] })).toBe(true);
    expect(disabled.has({ ...ALICE, issuer: 'local' })).toBe(false);
    expect(disabled.has({ ...ALICE, subject: 'bob' })).toBe(false);
  });

  it('stays so while the store cannot be read', async () => {
    const store = createMemoryStore({ now: () => 0 });
    const records = recordsOf(store, 'disabled');
    const disabled = createDisabled(records);
    await setDisabled(records, ALICE, true, 1);
    await disabled.refresh();
    await store.close();
    await expect(disabled.refresh()).rejects.toThrow('closed');
    expect(disabled.has(ALICE)).toBe(true);
  });
});
