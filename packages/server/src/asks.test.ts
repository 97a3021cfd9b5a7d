import { expect, it } from 'vitest';
import { Asks } from './asks.ts';

it('hands an answer to who asked, once, and to nobody else', async () => {
  const asks = new Asks();
  const [first, second, third] = [asks.open(), asks.open(), asks.open()];
  const answer = (id: string | number): boolean => asks.answer({ jsonrpc: '2.0', id, result: { of: id } });
  expect([answer(second.id), answer(second.id), answer(String(first.id)), answer(99)]).toEqual([
    true,
    false,
    false,
    false,
  ]);
  expect(asks.answer({ jsonrpc: '2.0', error: { code: 1, message: 'no id' } })).toBe(false);
  expect(asks.answer({ jsonrpc: '2.0', id: first.id, error: { code: 1, message: 'no' } })).toBe(true);
  expect([await first.reply, await second.reply]).toEqual([
    { error: { code: 1, message: 'no' } },
    { result: { of: second.id } },
  ]);
  asks.close();
  expect(await third.reply).toMatchObject({ error: { code: -32603 } });
  expect(answer(third.id)).toBe(false);
  expect(asks.open().id).toBeGreaterThan(third.id);
});
