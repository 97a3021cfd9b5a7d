import { expect, it } from 'vitest';
import { interceptedPins } from './interceptor-options.ts';

it('a list is shown to interceptors when the pins have let it pass, before it comes into force; news of both are told', async () => {
  const seen: string[] = [];
  const tell: (() => void)[] = [];
  let isRefused = false;
  const table = new Map();
  const pins = interceptedPins(
    {
      table,
      observe: async (server, _tools, owner) => {
        seen.push(`pins ${server} ${owner}`);
        if (isRefused) throw new Error('not as pinned');
      },
      onChanged: (listener) => tell.push(listener),
    },
    {
      observe: async (server) => void seen.push(`interceptors ${server}`),
      verdict: () => undefined,
      version: () => 0,
      onChanged: (listener) => tell.push(listener),
    },
  );
  expect(pins.table).toBe(table);
  await pins.observe('up', [{ name: 't' }], 'ann');
  expect(seen).toEqual(['pins up ann', 'interceptors up']);
  isRefused = true;
  await expect(pins.observe('up', [], 'ann')).rejects.toThrow('not as pinned');
  expect(seen).toHaveLength(3);
  let told = 0;
  pins.onChanged(() => told++);
  for (const each of tell) each();
  expect(told).toBe(2);
});
