import type { Answer } from '@sallyport/server';
import { describe, expect, it } from 'vitest';
import type { Call } from '../call.ts';
import type { SeenTool, Sight } from '../meta.ts';
import type { Engine, Program } from './engine.ts';
import { createPrograms } from './programs.ts';
import { createRunCode } from './run-code.ts';

const call = {
  exchange: { era: 'session', principal: { issuer: 'i', subject: 's', roles: [] }, onCancel: () => undefined },
} as never as Call;

function sightOf(...names: readonly (readonly [string, string])[]): Sight {
  const tools = names.map(([server, tool]) => [`${server}__${tool}`, { name: `${server}__${tool}`, server }] as const);
  return { tools: new Map(tools as (readonly [string, SeenTool])[]), servers: [] };
}

interface Bench {
  readonly run: (sight?: Sight) => Promise<Answer>;
  readonly programs: Program[];
  /** Ends the program that began first. */
  readonly end: () => void;
}

function bench(start?: () => never): Bench {
  const programs: Program[] = [];
  const ends: (() => void)[] = [];
  const engine: Engine = {
    start: (program) => {
      start?.();
      programs.push(program);
      const { promise, resolve } = Promise.withResolvers<{ readonly log: string }>();
      ends.push(() => resolve({ log: '' }));
      return { ended: promise, stop: () => undefined };
    },
    expect: () => undefined,
    close: () => Promise.resolve(),
  };
  const seated = createPrograms({
    engine,
    info: {},
    inner: () => Promise.reject(new Error('nothing is called')),
    concurrency: () => 2,
    carry: async (_call, leg) => (await leg.request({} as never).answer) as Answer,
    goesOn: () => false,
    setTimer: () => () => undefined,
    monotonic: () => 0,
    textOf: () => Promise.resolve(''),
  });
  const tool = createRunCode(seated);
  return {
    run: async (sight = sightOf()) => await tool.answer(call, { code: '1' }, sight),
    programs,
    end: () => ends.shift()?.(),
  };
}

describe('run_code', () => {
  it('names tools as programs write them, whatever they are called', async () => {
    const { end, programs, run } = bench();
    const { assign } = Object;
    const running = run(sightOf(['constructor', 'assign'], ['s', '__proto__'], ['s', 'toString']));
    await expect.poll(() => programs.length).toBe(1);
    expect(Object.assign).toBe(assign);
    expect(JSON.parse(JSON.stringify(programs[0]?.tools))).toEqual(
      JSON.parse(
        '{"constructor":{"assign":"constructor__assign"},"s":{"__proto__":"s____proto__","toString":"s__toString"}}',
      ),
    );
    expect(programs[0]?.limits.parallel).toBe(2);
    end();
    await running;
  });

  it('has so many seats for a principal, and gets them back, from a program that could not begin too', async () => {
    const { end, programs, run } = bench();
    const running = Array.from({ length: 4 }, () => run());
    await expect.poll(() => programs.length).toBe(4);
    await expect(run()).rejects.toThrow('Too many programs');
    end();
    await running[0];
    running.push(run());
    await expect.poll(() => programs.length).toBe(5);
    for (let at = 0; at < 4; at++) end();
    await Promise.all(running);
    const failing = bench(() => {
      throw new Error('no thread');
    });
    for (let at = 0; at < 6; at++) await expect(failing.run()).rejects.toThrow('no thread');
  });
});
