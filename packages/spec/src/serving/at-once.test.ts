import { expect, it } from 'vitest';
import type { Tool } from '../tools/tool.ts';
import { atOnce } from './at-once.ts';

type Run = Tool['run'];

const tool = (name: string, runs: boolean, run: Run): Tool => ({
  name,
  title: name,
  description: name,
  inputSchema: {},
  outputSchema: {},
  reads: false,
  runs,
  run,
});

it('P3-10 so many programs run at once for all tools together, and a place is free again however a call ends', async () => {
  const gates: PromiseWithResolvers<{ value: object; text: undefined }>[] = [];
  const waiting: Run = async () => {
    const gate = Promise.withResolvers<{ value: object; text: undefined }>();
    gates.push(gate);
    return await gate.promise;
  };
  const tools = atOnce([tool('a', true, waiting), tool('b', true, waiting), tool('reads', false, waiting)], 2);
  const call = async (index: number): Promise<unknown> =>
    tools[index]?.run({} as Parameters<Run>[0], {} as never, {} as Parameters<Run>[2]);
  const first = [call(0), call(1)];
  for (const index of [0, 1]) await expect(call(index)).rejects.toMatchObject({ code: 'busy' });
  const free = call(2);
  expect(gates).toHaveLength(3);
  gates[0]?.reject(new Error('ended'));
  await expect(first[0]).rejects.toThrow('ended');
  const next = call(1);
  await expect(call(0)).rejects.toMatchObject({ code: 'busy' });
  for (const gate of gates) gate.resolve({ value: {}, text: undefined });
  expect(await Promise.all([first[1], free, next])).toHaveLength(3);
});
