import { describe, expect, it } from 'vitest';
import type { Store } from './index.ts';
import { createMemoryStore } from './memory.ts';
import { createSealedStore } from './sealed.ts';

const SEALING = {
  seal: (plain: string, bound: string): string => Buffer.from(JSON.stringify([bound, plain])).toString('base64url'),
  unseal: (sealed: string, bound: string): string | undefined => {
    const [own, plain] = JSON.parse(Buffer.from(sealed, 'base64url').toString()) as [string, string];
    return own === bound ? plain : undefined;
  },
};

function open(): { readonly kept: Store; readonly store: Store } {
  const kept = createMemoryStore({ now: () => 0 });
  return { kept, store: createSealedStore(kept, { sealing: SEALING, open: new Set(['open']) }) };
}

describe('a sealed store', () => {
  it('gives back what was put, and keeps nothing of it in plain', async () => {
    const { kept, store } = open();
    const version = await store.put('people', 'a', { name: 'alice' });
    expect(await store.get('people', 'a')).toEqual({ key: 'a', value: { name: 'alice' }, version });
    expect(await store.putIf('people', 'a', version, { name: 'annabel' })).toBe(true);
    expect(await store.putIf('people', 'b', 'absent', 1)).toBe(true);
    expect(await store.list('people')).toMatchObject([{ value: { name: 'annabel' } }, { value: 1 }]);
    expect(JSON.stringify(await kept.list('people'))).not.toMatch(/alice|annabel/);
    expect(await store.version('people')).toBe(await kept.version('people'));
    expect(await store.collections()).toEqual(['people']);
  });

  it('takes what does not open for absent: of another place, or not sealed', async () => {
    const { kept, store } = open();
    await store.put('people', 'a', 'mine');
    await kept.put('people', 'b', (await kept.get('people', 'a'))?.value ?? null);
    await kept.put('people', 'c', { name: 'plain' });
    expect(await store.get('people', 'b')).toBeUndefined();
    expect((await store.list('people')).map(({ key }) => key)).toEqual(['a']);
  });

  it('leaves open what is named', async () => {
    const { kept, store } = open();
    await store.put('open', 'a', { name: 'alice' });
    expect((await kept.get('open', 'a'))?.value).toEqual({ name: 'alice' });
    expect((await store.list('open'))[0]?.value).toEqual({ name: 'alice' });
  });
});
