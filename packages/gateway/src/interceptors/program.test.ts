import { startChild } from '@sallyport/host';
import { describe, expect, it } from 'vitest';
import { createProgramHook, START_MS, type Program, type ProgramEvents } from './program.ts';
import type { Hook } from './types.ts';

interface Fake {
  readonly hook: Hook;
  /** Each start, with what was sent. */
  readonly starts: { readonly events: ProgramEvents; readonly sent: string[]; readonly ended: string[] }[];
  readonly timers: { readonly ms: number; readonly fire: () => void; isOff: boolean }[];
  readonly logged: string[];
  nowMs: number;
}

/** `failing`: says why it cannot be started. */
function fake(failing: () => string | undefined = () => undefined, backlogBytes = 0): Fake {
  const made: Omit<Fake, 'hook'> = { starts: [], timers: [], logged: [], nowMs: 0 };
  const hook = createProgramHook({
    name: 'p',
    start: async (events) => {
      const sent: string[] = [];
      const ended: string[] = [];
      made.starts.push({ events, sent, ended });
      const reason = failing();
      if (reason !== undefined) throw new Error(reason);
      const program: Program = {
        send: (line) => sent.push(line),
        backlogBytes,
        close: async () => void ended.push('closed'),
        destroy: () => void ended.push('destroyed'),
      };
      return program;
    },
    setTimer: (fire, ms) => {
      const timer = { ms, fire, isOff: false };
      made.timers.push(timer);
      return () => void (timer.isOff = true);
    },
    now: () => made.nowMs,
    log: (_level, _text, detail) => made.logged.push(String(detail['error'])),
  });
  return Object.assign(made, { hook });
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const line = (value: object): Buffer => Buffer.from(JSON.stringify(value));

describe('a program', () => {
  it('answers many questions in any order, and lines that are no answers are nobody’s', async () => {
    const { hook, starts, timers } = fake();
    const asked = [hook.ask('{"q":1}', 1000), hook.ask('{"q":2}', 1000)];
    await turn();
    expect(starts).toHaveLength(1);
    expect(starts[0]?.sent).toEqual(['{"id":1,"q":1}', '{"id":2,"q":2}']);
    const said = ['{', '[]', '{"id":"1"}', '{"id":3}', 'null', '{"id":2,"action":"deny"}', '{"id":1,"action":"pass"}'];
    for (const each of said) starts[0]?.events.onLine(Buffer.from(each));
    expect(await Promise.all(asked)).toEqual(['{"id":1,"action":"pass"}', '{"id":2,"action":"deny"}']);
    expect(timers.every(({ isOff }) => isOff)).toBe(true);
  });

  it('is waited for no longer than was said, and its late answer is nobody’s', async () => {
    const { hook, starts, timers } = fake();
    const asked = hook.ask('{}', 1234);
    await turn();
    timers.find(({ ms }) => ms === 1234)?.fire();
    await expect(asked).rejects.toThrow('not answered within 1234 ms');
    starts[0]?.events.onLine(line({ id: 1 }));
  });

  it('that ends fails what it was asked, and is started again later each time', async () => {
    const made = fake();
    const { hook, starts } = made;
    for (const [n, waitMs] of [500, 1000, 2000].entries()) {
      const asked = hook.ask('{}', 1000);
      asked.catch(() => undefined);
      await turn();
      expect(starts).toHaveLength(n + 1);
      starts[n]?.events.onExit('it ended with code 1.');
      await expect(asked).rejects.toThrow('it ended with code 1.');
      await expect(hook.ask('{}', 1000)).rejects.toThrow(`started again in ${waitMs} ms`);
      made.nowMs += waitMs;
    }
    const asked = hook.ask('{}', 1000);
    await turn();
    starts[3]?.events.onLine(line({ id: 1 }));
    await asked;
    // It was steady.
    made.nowMs += 60_000;
    starts[3]?.events.onExit('gone');
    await expect(hook.ask('{}', 1000)).rejects.toThrow('started again in 500 ms');
    expect(made.logged).toHaveLength(4);
  });

  it('that cannot be started fails questions at once, and one that takes long after a while', async () => {
    const { hook } = fake(() => 'there is no such command');
    await expect(hook.ask('{}', 1000)).rejects.toThrow('no such command');
    await expect(hook.ask('{}', 1000)).rejects.toThrow('started again');
    const timers: (() => void)[] = [];
    const never = createProgramHook({
      name: 'p',
      start: () => new Promise(() => undefined),
      setTimer: (fire, ms) => {
        if (ms === START_MS) timers.push(fire);
        return () => undefined;
      },
      now: () => 0,
      log: () => undefined,
    });
    const asked = never.ask('{}', 1000);
    timers[0]?.();
    await expect(asked).rejects.toThrow('still being started');
  });

  it('is not waited for by who went, nor by who got more than may be read', async () => {
    const { hook, starts, timers } = fake();
    const gone = new AbortController();
    const left = hook.ask('{}', 1000, gone.signal);
    const long = hook.ask('{}', 1000);
    const other = hook.ask('{}', 1000);
    await turn();
    gone.abort(new Error('went'));
    await expect(left).rejects.toThrow('went');
    for (const head of ['{"id":7,', '{"action":"pass","id":2', '{"id" : 2,"action":']) {
      starts[0]?.events.onOversize(Buffer.from(head));
    }
    await expect(long).rejects.toThrow('more than it may');
    // Twice, of a question that is nobody's any more, and with members of no prototype's.
    for (const said of ['{"id":1}', '{"id":2}', '{"__proto__":{"id":3}}', '{"id":3,"n":1}', '{"id":3,"n":2}']) {
      starts[0]?.events.onLine(Buffer.from(said));
    }
    expect(await other).toBe('{"id":3,"n":1}');
    expect(timers.every(({ isOff }) => isOff)).toBe(true);
    await expect(hook.ask('{}', 1000, gone.signal)).rejects.toThrow('went');
    expect(starts[0]?.sent).toHaveLength(3);
  });

  it('that does not read is asked nothing more', async () => {
    const { hook } = fake(undefined, 1e9);
    await expect(hook.ask('{}', 1000)).rejects.toThrow('does not read');
  });

  it('is ended with the gateway, and another one started when it is given up', async () => {
    const { hook, starts } = fake();
    hook.warm();
    await turn();
    hook.renew();
    await turn();
    expect(starts[0]?.ended).toEqual(['closed']);
    const asked = hook.ask('{}', 1000);
    await turn();
    expect(starts).toHaveLength(2);
    const closing = hook.close();
    await expect(asked).rejects.toThrow('it was ended');
    await closing;
    expect(starts[1]?.ended).toEqual(['closed']);
    await expect(hook.ask('{}', 1000)).rejects.toThrow('not asked any more');
    hook.destroy();
    await turn();
    expect(starts[1]?.ended).toEqual(['closed', 'destroyed']);
  });

  it('that is a real process answers, dies and comes back', async () => {
    const script = `require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
      const { id, die } = JSON.parse(line);
      if (die) process.exit(3);
      console.log('not an answer');
      console.log(JSON.stringify({ id, pid: process.pid }));
    });`;
    const clock = { nowMs: 0 };
    const hook = createProgramHook({
      name: 'p',
      start: ({ onExit, onLine }) =>
        startChild({
          command: process.execPath,
          args: ['-e', script],
          cwd: '/',
          env: {},
          maxLineBytes: 1000,
          onLine,
          onOversize: () => undefined,
          onStderr: () => undefined,
          onExit: ({ code }) => onExit(`code ${code}`),
        }),
      setTimer: (fire, ms) => {
        const timer = setTimeout(fire, ms);
        return () => clearTimeout(timer);
      },
      now: () => clock.nowMs,
      log: () => undefined,
    });
    const pid = async (): Promise<unknown> => (JSON.parse(await hook.ask('{"q":1}', 20_000)) as { pid: number }).pid;
    const first = await pid();
    expect(await pid()).toBe(first);
    await expect(hook.ask('{"die":true}', 20_000)).rejects.toThrow(/code 3|ended/);
    clock.nowMs += 1000;
    expect(await pid()).not.toBe(first);
    await hook.close();
  });
});
