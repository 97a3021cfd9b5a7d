import { afterAll, describe, expect, it } from 'vitest';
import { createEngine, type Program } from './engine.ts';
import type { Ended } from './messages.ts';

const engine = createEngine({
  memoryBytes: 32 << 20,
  setTimer: (fire, ms) => {
    const timer = setTimeout(fire, ms).unref();
    return () => clearTimeout(timer);
  },
});
afterAll(() => engine.close());

const LIMITS = { stackBytes: 256 << 10, calls: 20, parallel: 3, argumentLength: 2000, outputBytes: 1000 };

function run(code: string, more: Partial<Program> = {}): Promise<Omit<Ended, 'kind'>> {
  const call: Program['call'] = (_name, args) => Promise.resolve({ result: `{"structuredContent":${args}}` });
  const running = engine.start({ code, tools: { s: { echo: 's__echo' } }, limits: LIMITS, call, ...more });
  return running.ended;
}

describe('a program', () => {
  it.each([
    ['1 + 1', '2'],
    ['const a = 1;\na + 1;', '2'],
    ['return 5', '5'],
    ['if (true) { return { a: [1] } }', '{"a":[1]}'],
    ['await Promise.resolve(7)', '7'],
    ['const x = await tools.s.echo({ n: 1 });\nx', '{"n":1}'],
    ['return tools.s.echo({ n: 2 })', '{"n":2}'],
    ['(await Promise.all([1, 2, 3].map((n) => tools.s.echo({ n })))).map(({ n }) => n)', '[1,2,3]'],
    ['Object.keys(tools).concat(Object.keys(tools.s))', '["s","echo"]'],
    ['"str"', '"str"'],
    ['({ Ä: "€😀" })', '{"Ä":"€😀"}'],
    ['(await tools.s.echo({ Ä: "€😀" })).Ä', '"€😀"'],
  ])('%s gives %s', async (code, result) => {
    expect(await run(code)).toEqual({ result, log: '' });
  });

  it('gives nothing when it ends in nothing', async () => {
    expect(await run('const a = 1;')).toEqual({ log: '' });
  });

  it.each([
    ['let a = 1;\n  foo(', { name: 'SyntaxError', line: 2 }],
    ['let a = 1;\n\n nope.x()', { name: 'ReferenceError', line: 3 }],
    ['const a = 1;\nif (a) return nope', { name: 'ReferenceError', line: 2 }],
    ['return 1 +', { name: 'SyntaxError' }],
    ['tools.s.nothing()', { name: 'TypeError', message: 'tools.s has no "nothing". It has: echo.' }],
    ['tools.other.echo()', { name: 'TypeError', message: 'tools has no "other". It has: s.' }],
    ['tools.s.echo(1)', { name: 'TypeError', message: 'tools.s.echo takes one object of arguments.' }],
    ['tools.s.echo({ toJSON() {} })', { name: 'TypeError', message: 'tools.s.echo takes one object of arguments.' }],
    ['tools.s.echo({ toJSON: () => 5 })', { name: 'TypeError' }],
    [
      'tools.s.echo({ n: "x".repeat(2000) })',
      { name: 'RangeError', message: expect.stringContaining('2000 characters') },
    ],
    ['throw "x".repeat(2e6)', { message: 'x'.repeat(1000) }],
    ['throw { name: "x".repeat(2e6), message: "x".repeat(2e6) }', { name: 'x'.repeat(100), message: 'x'.repeat(1000) }],
    ['tools.s = 1', { name: 'TypeError' }],
    ['throw new Error("mine")', { message: 'mine', line: 1 }],
    ['throw "text"', { message: 'text' }],
    ['await new Promise(() => {})', { message: 'The program waits for something that never comes.' }],
    ['"x".repeat(2000)', { name: 'RangeError', message: expect.stringContaining('2002 bytes') }],
    ['10n', { name: 'TypeError' }],
  ])('%s fails with %o', async (code, failure) => {
    expect((await run(code)).failure).toMatchObject(failure);
  });

  it('throws what a tool says of its failure, and goes on', async () => {
    const call: Program['call'] = (name) =>
      Promise.resolve(
        name === 's__echo'
          ? { result: '{"isError":true,"content":[{"type":"text","text":"no"}]}' }
          : { error: 'refused' },
      );
    const tools = { s: { echo: 's__echo', other: 's__other' } };
    const code = `const said = [];
      for (const name of ['echo', 'other']) try { await tools.s[name]() } catch (error) { said.push(error.name + error.message) }
      said`;
    expect((await run(code, { call, tools })).result).toBe('["ToolErrorno","ToolErrorrefused"]');
  });

  it.each([
    ['{"content":[{"type":"text","text":"[1,2]"}]}', '[1,2]'],
    ['{"content":[{"type":"text","text":"12"}]}', '"12"'],
    ['{"content":[{"type":"text","text":"{no"}]}', '"{no"'],
    ['{"content":[{"type":"image","data":"AA=="}]}', '[{"type":"image","data":"AA=="}]'],
    ['{"content":[],"toolResult":1}', '{"content":[],"toolResult":1}'],
  ])('reads the result %s as %s', async (came, result) => {
    expect((await run('tools.s.echo()', { call: () => Promise.resolve({ result: came }) })).result).toBe(result);
  });

  it('ends when a call cannot even be made', async () => {
    const call: Program['call'] = () => Promise.reject(new Error('broken'));
    expect((await run('await tools.s.echo()', { call })).failure?.message).toBe(
      'A call of the program could not be made.',
    );
  });

  it('logs, up to a limit', async () => {
    expect((await run('console.log("a", 1, { b: [2] }, undefined); console.error(new Error("no"))')).log).toBe(
      'a 1 {"b":[2]} undefined\nError: no\n',
    );
    const { log } = await run('for (let n = 0; n < 1e4; n++) console.log("x".repeat(100))');
    expect(log.length).toBeLessThan(1200);
    expect(log).toContain('left out');
  });

  it('has no more calls under way, and in all, than it may', async () => {
    let most = 0;
    let now = 0;
    const full = Promise.withResolvers<void>();
    const call: Program['call'] = async () => {
      most = Math.max(most, ++now);
      if (now === LIMITS.parallel) full.resolve();
      await full.promise;
      await new Promise(setImmediate);
      now--;
      return { result: '{"structuredContent":{}}' };
    };
    expect((await run('await Promise.all(Array.from({ length: 20 }, () => tools.s.echo())); 1', { call })).result).toBe(
      '1',
    );
    expect(most).toBe(3);
    const { failure } = await run('for (let n = 0; n < 10000; n++) await tools.s.echo()', { call });
    expect(failure).toMatchObject({ name: 'RangeError', message: 'A program may make 20 calls.' });
  });
});

describe('threads that wait', () => {
  it('are made one after the other, used by one program each, and dropped when none comes', async () => {
    const timers: { readonly ms: number; readonly fire: () => void; gone: boolean }[] = [];
    const timed = createEngine({
      memoryBytes: 32 << 20,
      setTimer: (fire, ms) => {
        const timer = { ms, fire, gone: false };
        timers.push(timer);
        return () => (timer.gone = true);
      },
    });
    const due = (): typeof timers => timers.filter(({ gone }) => !gone);
    const fire = (timer = due()[0]): void => {
      if (timer === undefined) return;
      timer.gone = true;
      timer.fire();
    };
    timed.expect();
    timed.expect();
    expect(due()).toHaveLength(1);
    fire();
    fire(due().find(({ ms }) => ms < 1000));
    timed.expect();
    const lasting = (): number => due().filter(({ ms }) => ms > 1000).length;
    expect([lasting(), due().length]).toEqual([2, 2]);
    const ended = (code: string): Promise<Omit<Ended, 'kind'>> =>
      timed.start({ code, tools: {}, limits: LIMITS, call: () => Promise.resolve({}) }).ended;
    expect((await ended('globalThis.left = 1; 7')).result).toBe('7');
    expect(lasting()).toBe(1);
    expect((await ended('typeof left')).result).toBe('"undefined"');
    expect(lasting()).toBe(0);
    fire(due().find(({ ms }) => ms < 1000));
    expect(lasting()).toBe(1);
    fire(due().find(({ ms }) => ms > 1000));
    expect((await ended('8')).result).toBe('8');
    await timed.close();
    expect(due()).toEqual([]);
  });
});

describe('a program that means harm', () => {
  it.each([
    ['takes memory', 'const all = []; for (;;) all.push(new Uint8Array(1 << 20).fill(1))', /memory/],
    ['takes memory at once', 'new ArrayBuffer(1 << 30)', /memory/],
    ['writes a long text', 'let text = "x"; for (;;) text += text', /memory|too long/],
    ['recurs', 'const f = () => f() + 1; f()', /stack/i],
    ['recurs in a parser', 'JSON.parse("[".repeat(1e6))', /stack|memory/i],
    ['recurs in a pattern', 'new RegExp("(".repeat(1e5))', /stack|memory|pattern|capture/i],
  ])('%s, and fails', async (_what, code, message) => {
    expect((await run(code)).failure?.message).toMatch(message);
  });

  it.each([
    [
      'process, require, fetch',
      'typeof process + typeof require + typeof fetch + typeof setTimeout',
      '"undefinedundefinedundefinedundefined"',
    ],
    ['a constructor', '(async () => {}).constructor("return typeof process")()', '"undefined"'],
    ['the prelude', 'tools.s.echo.constructor("return typeof call + typeof process")()', '"undefinedundefined"'],
  ])('finds nothing of the host by %s', async (_what, code, result) => {
    expect((await run(code)).result).toBe(result);
  });

  it('cannot load modules', async () => {
    expect((await run('await import("node:fs")')).failure).toBeDefined();
  });

  it('changes nothing of what calls mean', async () => {
    const names: string[] = [];
    const call: Program['call'] = (name, args) => {
      names.push(name + args);
      return Promise.resolve({ result: '{"structuredContent":{}}' });
    };
    const code = `JSON.stringify = () => '{"evil":1}'; JSON.parse = () => 7; Array.isArray = () => true;
      Object.prototype.get = () => 1; Array.prototype.includes = () => true; String = () => 'x';
      await tools.s.echo({ a: 1 })`;
    expect((await run(code, { call })).failure).toBeUndefined();
    expect(names).toEqual(['s__echo{"a":1}']);
  });

  it.each([
    'for (;;);',
    'await (async () => { for (;;) await 0 })()',
    '/^(a+)+$/.test("a".repeat(40) + "b")',
    'await tools.s.echo()',
  ])('is stopped: %s', async (code) => {
    const running = engine.start({
      code,
      tools: { s: { echo: 's__echo' } },
      limits: LIMITS,
      call: () => new Promise(() => undefined),
    });
    running.stop('It took too long.');
    expect((await running.ended).failure).toEqual({ name: 'Error', message: 'It took too long.' });
  });
});
