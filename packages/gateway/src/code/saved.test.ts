import { describe, expect, it } from 'vitest';
import type { Call } from '../call.ts';
import type { SeenTool } from '../meta.ts';
import type { Order } from './program-leg.ts';
import { createSaved } from './saved.ts';

const target = { server: 'sallyport', kind: 'tool', canonicalId: 'sallyport__it', original: 'it' } as const;
const call = { exchange: { message: { params: { arguments: { n: 1 } } } }, target } as never as Call;
const tools = (...ids: readonly string[]): readonly SeenTool[] =>
  ids.map((id) => ({ id, name: id, server: id.split('__')[0] })) as never;

describe('a call of a program that is a tool', () => {
  it('runs the program of that moment, over the tools of others', async () => {
    const orders: Order[] = [];
    const run = createSaved({
      programs: { run: (order) => (orders.push(order), Promise.resolve({ kind: 'value', result: {} })) },
      toolNamed: (name) => (name === 'it' ? { code: '1', timeoutMs: 5 } : undefined),
      see: () => Promise.resolve(tools('sallyport__it', 'files__read')),
    });
    await run(call);
    expect(orders).toMatchObject([{ code: '1', args: { n: 1 }, timeoutMs: 5 }]);
    expect(JSON.stringify(orders[0]?.tools)).toBe('{"files":{"read":"files__read"}}');
  });

  it('is refused when the tool may not be seen any more, whatever the configuration has under its name', async () => {
    const run = createSaved({
      programs: { run: () => Promise.reject(new Error('it runs')) },
      toolNamed: () => ({ code: 'another', timeoutMs: 5 }),
      see: () => Promise.resolve(tools('files__read')),
    });
    await expect(run(call)).rejects.toThrow('not the one that was called');
    await expect(run({ ...call, target: { ...target, kind: 'server' } })).rejects.toThrow(/method/i);
  });
});
