import { fileURLToPath } from 'node:url';
import type { Era, JsonObject, JsonRpcNotification, JsonRpcRequest } from '@sallyport/wire';
import { afterEach, describe, expect, it } from 'vitest';
import { ask } from '../ask.ts';
import type { Cause, Leg, LegEvents, Outgoing, UpstreamAnswer, UpstreamError } from '../leg.ts';
import type { Channel } from '../duplex/channel.ts';
import { openDuplex, type DuplexOptions, type OpenedDuplex } from '../duplex/open.ts';
import { openChild } from './connector.ts';

const FIXTURES = fileURLToPath(new URL('fixtures/', import.meta.url));
const MODULES = fileURLToPath(new URL('../../../../node_modules/@modelcontextprotocol/', import.meta.url));

interface Seen extends LegEvents {
  readonly notifications: JsonRpcNotification[];
  readonly unattributed: JsonRpcRequest[];
  readonly downs: UpstreamError[];
  readonly logs: string[];
  /** Resolves when a notification of that method came. */
  arrived(method: string): Promise<void>;
}

function watch(): Seen {
  const waiters: { method: string; resolve: () => void }[] = [];
  const notifications: JsonRpcNotification[] = [];
  const unattributed: JsonRpcRequest[] = [];
  const downs: UpstreamError[] = [];
  const logs: string[] = [];
  return {
    notifications,
    unattributed,
    downs,
    logs,
    arrived: (method) =>
      notifications.some((seen) => seen.method === method)
        ? Promise.resolve()
        : new Promise((resolve) => waiters.push({ method, resolve })),
    onNotification: (message) => {
      notifications.push(message);
      for (const waiter of waiters) if (waiter.method === message.method) waiter.resolve();
    },
    onUnattributed: (message) => {
      unattributed.push(message);
      return { error: { code: -31003, message: 'Refused.' } };
    },
    onDown: (error) => downs.push(error),
    log: (_level, text) => logs.push(text),
  };
}

const opened: { destroy(): void }[] = [];
let spawns: Channel[] = [];
afterEach(() => {
  for (const leg of opened.splice(0)) leg.destroy();
  spawns = [];
});

async function open(args: readonly string[], options: Partial<DuplexOptions> = {}): Promise<OpenedDuplex> {
  const events = options.events ?? watch();
  const result = await openDuplex({
    name: 'test',
    open: async (hooks) => {
      const env = { PATH: process.env['PATH'] ?? '' };
      const command = { command: process.execPath, args, cwd: FIXTURES, env, release: async () => undefined };
      const child = await openChild({ name: 'test', prepare: () => Promise.resolve(command), hooks, events });
      spawns.push(child);
      opened.push(child);
      return child;
    },
    era: 'auto',
    connectTimeoutMs: 20_000,
    clientInfo: { name: 'sallyport', version: '0' },
    clientCapabilities: { sampling: {}, elicitation: {}, roots: {} },
    maxMessageBytes: 16 * 1024 * 1024,
    events,
    now: () => performance.now(),
    ...options,
  });
  opened.push(result.leg);
  return result;
}

const misbehaving = (mode: string, options?: Partial<DuplexOptions>): Promise<OpenedDuplex> =>
  open([`${FIXTURES}misbehaving.mjs`, mode], options);

describe('the time to connect', () => {
  it.each([
    [true, 20_000],
    [false, 1],
  ])('is not taken by what is made ready before the start: %s', async (opensFree, leftMs) => {
    let nowMs = 0;
    const waits: number[] = [];
    const { leg } = await misbehaving('session', {
      era: 'session',
      opensFree,
      now: () => nowMs,
      setTimer: (_fire, ms) => {
        waits.push(ms);
        return () => undefined;
      },
      open: async (hooks) => {
        // It takes longer than a server may take to answer.
        nowMs = 60_000;
        const env = { PATH: process.env['PATH'] ?? '' };
        const args = [`${FIXTURES}misbehaving.mjs`, 'session'];
        const command = { command: process.execPath, args, cwd: FIXTURES, env, release: async () => undefined };
        return await openChild({ name: 'test', prepare: () => Promise.resolve(command), hooks, events: watch() });
      },
    });
    expect(leg.era).toBe('session');
    expect(waits[0]).toBe(leftMs);
  });
});

const NOBODY: Cause = { notify: () => undefined, ask: () => Promise.resolve({ error: { code: 1, message: 'no' } }) };

function toolCall(leg: Leg, name: string, args: JsonObject, more: Partial<Outgoing> = {}): Outgoing {
  return {
    method: 'tools/call',
    name,
    text: (id) =>
      JSON.stringify({
        jsonrpc: '2.0',
        id,
        method: 'tools/call',
        params: { name, arguments: args, _meta: { ...leg.ownMeta, progressToken: id } },
      }),
    timeoutMs: 20_000,
    maxMs: 20_000,
    cause: NOBODY,
    ...more,
  };
}

const call = (leg: Leg, name: string, args: JsonObject = {}, more: Partial<Outgoing> = {}): Promise<UpstreamAnswer> =>
  leg.request(toolCall(leg, name, args, more)).answer;

/** The text that a tool gave, after putting an id of a client's own into the bytes. */
function textOf(answer: UpstreamAnswer): string {
  if (answer.kind === 'error') throw new Error(answer.error.message);
  const message = JSON.parse(Buffer.concat([answer.before, Buffer.from('"mine"'), answer.after]).toString());
  expect(message.id).toBe('mine');
  return message.result.content[0].text;
}

describe('real servers', () => {
  const servers: Record<string, { args: string[]; tool: string; toolArgs: JsonObject; expected: RegExp }> = {
    everything: {
      args: [`${MODULES}server-everything/dist/index.js`],
      tool: 'echo',
      toolArgs: { message: 'hello' },
      expected: /hello/,
    },
    filesystem: {
      args: [`${MODULES}server-filesystem/dist/index.js`, FIXTURES],
      tool: 'list_directory',
      toolArgs: { path: FIXTURES },
      expected: /misbehaving\.mjs/,
    },
    memory: {
      args: [`${MODULES}server-memory/dist/index.js`],
      tool: 'search_nodes',
      toolArgs: { query: 'nothing at all' },
      expected: /entities/,
    },
    'sequential-thinking': {
      args: [`${MODULES}server-sequential-thinking/dist/index.js`],
      tool: 'sequentialthinking',
      toolArgs: { thought: 'x', nextThoughtNeeded: false, thoughtNumber: 1, totalThoughts: 1 },
      expected: /thoughtNumber/,
    },
  };
  for (const [name, { args, tool, toolArgs, expected }] of Object.entries(servers)) {
    it(`${name}: greets, lists, calls, ends`, { timeout: 60_000 }, async () => {
      const { leg, eras, proven } = await open(args);
      expect(proven).toBe(true);
      expect(eras).toContain(leg.era);
      const { tools } = await ask(leg, 'tools/list', undefined, { timeoutMs: 20_000 });
      expect((tools as JsonObject[]).map((entry) => entry['name'])).toContain(tool);
      expect(textOf(await call(leg, tool, toolArgs))).toMatch(expected);
      await leg.close();
      await expect(call(leg, tool, toolArgs)).rejects.toMatchObject({ reason: 'down' });
    });
  }
});

describe('servers written with the SDK', () => {
  it.each([
    ['serve', 'auto', 'stateless'],
    ['serve', 'session', 'session'],
    ['reject', 'auto', 'stateless'],
    ['reject', 'stateless', 'stateless'],
  ] as const)('legacy: %s, era: %s → %s', { timeout: 60_000 }, async (legacy, era, expected) => {
    const { leg, eras } = await open([`${FIXTURES}sdk.mjs`, legacy], { era });
    expect(leg.era).toBe(expected);
    expect(eras).toContain(expected);
    expect(leg.server.info).toMatchObject({ name: 'sdk', version: '2.0.0' });
    expect(textOf(await call(leg, 'echo', { text: 'häß' }))).toBe('häß');
    expect(spawns).toHaveLength(1);
  });

  it.each(['session', 'stateless'] as const)('%s: list changes arrive', { timeout: 60_000 }, async (era) => {
    const events = watch();
    const { leg } = await open([`${FIXTURES}sdk.mjs`, 'serve'], { era, events });
    await call(leg, 'grow');
    await events.arrived('notifications/tools/list_changed');
    expect(events.logs).toEqual([]);
  });
});

describe('finding the era', () => {
  it('falls back on the same child when the probe is refused', async () => {
    const { leg, eras, proven } = await misbehaving('session');
    expect([leg.era, leg.revision, eras, proven]).toEqual(['session', '2025-11-25', ['session'], true]);
    expect(spawns).toHaveLength(1);
  });

  it('falls back on the same child when nobody answers the probe, and keeps no verdict', async () => {
    const { leg, proven } = await misbehaving('silent-on-probe', { connectTimeoutMs: 4000 });
    expect([leg.era, proven, spawns.length]).toEqual(['session', false, 1]);
  });

  it('starts again when the child ends on the probe', async () => {
    const { leg, proven } = await misbehaving('dies-on-probe');
    expect([leg.era, proven, spawns.length]).toEqual(['session', true, 2]);
  });

  it('asks nothing when the era is known', async () => {
    const { leg } = await misbehaving('dies-on-probe', { knownEras: ['session'] });
    expect([leg.era, spawns.length]).toEqual(['session', 1]);
  });

  it.each([
    ['session', ['stateless', 'session']],
    ['stateless', ['session']],
  ] as const)('finds %s though %j was known', async (mode, knownEras) => {
    const { leg, eras } = await misbehaving(mode, { knownEras: [...knownEras] as Era[] });
    expect([leg.era, eras]).toEqual([mode, [mode]]);
  });

  it('gives up in time when nothing is answered', async () => {
    await expect(misbehaving('silent', { connectTimeoutMs: 1500 })).rejects.toMatchObject({ reason: 'timeout' });
  });

  it('says what a child said before it ended', async () => {
    const error = await misbehaving('crash').catch((reason: unknown) => reason);
    expect(error).toMatchObject({ reason: 'down' });
    expect(String(error)).toMatch(/code 3.*no such database/);
  });
});

describe('one child for many', () => {
  it('gives 50 callers their own answers, 5,000 in all', { timeout: 120_000 }, async () => {
    const { leg } = await misbehaving('session');
    const caller = async (who: number): Promise<void> => {
      for (let turn = 0; turn < 100; turn++) {
        const said = `${who}/${turn} ${'ü'.repeat(who)} "id":7`;
        expect(textOf(await call(leg, turn % 5 === 0 ? 'backwards' : 'echo', { text: said }))).toBe(said);
      }
    };
    await Promise.all(Array.from({ length: 50 }, (_, who) => caller(who)));
    expect(leg.inFlight).toBe(0);
  });

  it('never takes a late answer for another', async () => {
    const { leg } = await misbehaving('session');
    const pending = Array.from({ length: 20 }, () => leg.request(toolCall(leg, 'never', {}, { timeoutMs: 30 })));
    const outcomes = await Promise.all(
      pending.map(({ answer }) => answer.catch((error: UpstreamError) => error.reason)),
    );
    expect(new Set(outcomes)).toEqual(new Set(['timeout']));
    const [late, ...others] = await Promise.all([
      call(leg, 'late'),
      ...Array.from({ length: 50 }, (_, index) => call(leg, 'echo', { text: `e${index}` })),
    ]);
    expect(textOf(late)).toBe('late ones sent');
    expect(others.map(textOf)).toEqual(Array.from({ length: 50 }, (_, index) => `e${index}`));
  });

  it('tells the server what was cancelled', async () => {
    const { leg } = await misbehaving('session');
    const pending = leg.request(toolCall(leg, 'never', {}));
    pending.cancel('bored');
    pending.cancel('again');
    await expect(pending.answer).rejects.toMatchObject({ reason: 'cancelled' });
    expect(JSON.parse(textOf(await call(leg, 'cancelled')))).toHaveLength(1);
  });

  it('passes errors on as they came', async () => {
    const { leg } = await misbehaving('session');
    expect(await call(leg, 'error')).toEqual({
      kind: 'error',
      error: { code: -32050, message: 'No.', data: { why: 'so' } },
    });
  });
});

describe('what a server says meanwhile', () => {
  const cause = (): Cause & { readonly heard: string[]; readonly asked: string[] } => {
    const heard: string[] = [];
    const asked: string[] = [];
    return {
      heard,
      asked,
      notify: (message) => heard.push(message.method),
      ask: (message) => {
        asked.push(message.method);
        return Promise.resolve({ result: { action: 'accept' } });
      },
    };
  };

  it('reaches the one call that caused it', async () => {
    const { leg } = await misbehaving('session');
    const mine = cause();
    await call(leg, 'progress', { text: 'x' }, { cause: mine });
    expect(mine.heard).toEqual(['notifications/progress', 'notifications/message']);
    expect(textOf(await call(leg, 'ask', {}, { cause: mine }))).toBe('{"action":"accept"}');
    expect(mine.asked).toEqual(['elicitation/create']);
  });

  it('reaches it though its kind is not known, but for what concerns the whole server or some task', async () => {
    const events = watch();
    const { leg } = await misbehaving('session', { events });
    const mine = cause();
    await call(leg, 'unknown', {}, { cause: mine });
    expect(mine.heard).toEqual(['notifications/elicitation/complete', 'notifications/vendor']);
    const others = ['notifications/tasks/status', 'notifications/tools/list_changed'];
    expect(events.notifications.map(({ method }) => method)).toEqual(others);
    const never = leg.request(toolCall(leg, 'never', {}));
    await call(leg, 'unknown', {}, { cause: mine });
    never.cancel();
    expect([mine.heard.length, events.notifications.length]).toEqual([2, 6]);
  });

  it('may be asked of the same owner whose last call was given up', async () => {
    const { leg } = await misbehaving('session');
    const mine = { ...cause(), owner: () => 'me' };
    const never = leg.request(toolCall(leg, 'never', {}, { cause: { ...cause(), owner: () => 'me' } }));
    never.cancel();
    await expect(never.answer).rejects.toMatchObject({ reason: 'cancelled' });
    expect(textOf(await call(leg, 'ask', {}, { cause: mine }))).toBe('{"action":"accept"}');
    expect(textOf(await call(leg, 'ask', {}, { cause: { ...cause(), owner: () => 'other' } }))).toMatch(/Refused/);
  });

  it('does not break the connection when its receiver fails', async () => {
    const events = watch();
    const { leg } = await misbehaving('session', { events });
    const failing: Cause = {
      ...cause(),
      notify: () => {
        throw new Error('full');
      },
    };
    expect(textOf(await call(leg, 'progress', { text: 'x' }, { cause: failing }))).toBe('x');
    expect(events.logs.filter((text) => text.includes('could not be taken'))).toHaveLength(2);
  });

  it('is nobody’s when two calls are under way, but for progress', async () => {
    const events = watch();
    const { leg } = await misbehaving('session', { events });
    const [mine, other] = [cause(), cause()];
    const never = leg.request(toolCall(leg, 'never', {}, { cause: other }));
    await call(leg, 'progress', { text: 'x' }, { cause: mine });
    expect(textOf(await call(leg, 'ask', {}, { cause: mine }))).toMatch(/Refused/);
    expect([mine.heard, mine.asked, other.heard, other.asked]).toEqual([['notifications/progress'], [], [], []]);
    expect(events.unattributed.map(({ method }) => method)).toEqual(['elicitation/create']);
    expect(events.notifications.map(({ method }) => method)).toEqual(['notifications/message']);
    // A call that was given up may still be what the server asks for.
    never.cancel();
    await expect(never.answer).rejects.toMatchObject({ reason: 'cancelled' });
    expect(textOf(await call(leg, 'ask', {}, { cause: mine }))).toMatch(/Refused/);
  });

  it('may be no request in the stateless era', async () => {
    const events = watch();
    const { leg } = await misbehaving('stateless', { events });
    const mine = cause();
    expect(textOf(await call(leg, 'ask', {}, { cause: mine }))).toMatch(/-32601/);
    expect(mine.asked).toEqual([]);
    expect(events.logs.join()).toMatch(/elicitation\/create/);
  });

  it('stops the clock of the call while somebody is asked, and progress renews it', async () => {
    let nowMs = 0;
    let timers: (() => void)[] = [];
    const passTo = (ms: number): void => {
      nowMs = ms;
      for (const fire of timers.splice(0)) fire();
    };
    const { leg } = await misbehaving('session', {
      now: () => nowMs,
      setTimer: (fire) => {
        timers.push(fire);
        return () => {
          timers = timers.filter((other) => other !== fire);
        };
      },
    });
    const patient: Cause = {
      notify: ({ method }) => method === 'notifications/progress' && passTo(1500),
      ask: () => {
        passTo(nowMs + 5000);
        return Promise.resolve({ result: { action: 'accept' } });
      },
    };
    const bounds = { timeoutMs: 1000, maxMs: 2000, cause: patient };
    const renewed = call(leg, 'progress', { text: 'x' }, bounds);
    nowMs = 900;
    expect(textOf(await renewed)).toBe('x');
    expect(textOf(await call(leg, 'ask', {}, bounds))).toBe('{"action":"accept"}');
    const late = leg.request(toolCall(leg, 'never', {}, bounds));
    passTo(nowMs + 1000);
    await expect(late.answer).rejects.toMatchObject({ reason: 'timeout' });
  });

  it('follows the wanted resources', async () => {
    const { leg } = await misbehaving('session');
    leg.setSubscriptions(['a:1', 'a:2']);
    leg.setSubscriptions(['a:2', 'a:3']);
    const told = async (): Promise<string> => textOf(await call(leg, 'subscribed'));
    await expect.poll(told).toBe('["a:2","a:3"]');
    expect(leg.subscriptions).toBe(2);
    leg.setSubscriptions([]);
    await expect.poll(told).toBe('[]');
  });
});

describe('noise and harm', () => {
  it('skips what is no message and says so once', async () => {
    const events = watch();
    const { leg } = await misbehaving('session', { events });
    for (let turn = 0; turn < 3; turn++) expect(textOf(await call(leg, 'noise', { text: 'ok' }))).toBe('ok');
    expect(events.logs.filter((text) => text.includes('no message'))).toHaveLength(1);
    expect(leg.noiseLines).toBeGreaterThanOrEqual(6);
  });

  it('takes nothing from a line with two messages', async () => {
    const { leg } = await misbehaving('session');
    expect(textOf(await call(leg, 'two'))).toBe('after two on a line');
    expect(leg.noiseLines).toBe(2);
  });

  it('fails a call whose answer has two ids, and that call alone', async () => {
    const { leg } = await misbehaving('session');
    const other = leg.request(toolCall(leg, 'never', {}));
    const answer = call(leg, 'twoIds', { other: 999 });
    await Promise.allSettled([answer]);
    other.cancel();
    await expect(answer).rejects.toMatchObject({ reason: 'protocol' });
    await expect(other.answer).rejects.toMatchObject({ reason: 'cancelled' });
  });

  it('fails what waits on a line of 17 MiB, and goes on', { timeout: 60_000 }, async () => {
    const { leg } = await misbehaving('session');
    await expect(call(leg, 'big', { bytes: 17 * 1024 * 1024 })).rejects.toMatchObject({ reason: 'too_large' });
    expect(textOf(await call(leg, 'big', { bytes: 15 * 1024 * 1024 }))).toHaveLength(15 * 1024 * 1024);
    expect(spawns).toHaveLength(1);
  });

  it.each([
    ['big', {}],
    ['bigElsewhere', { id: 'last' }],
  ])('fails the call alone that a line is for which is too long: %s', async (tool, args) => {
    const { leg } = await misbehaving('session', { maxMessageBytes: 10_000 });
    const never = leg.request(toolCall(leg, 'never', {}));
    await expect(call(leg, tool, { ...args, bytes: 20_000 })).rejects.toMatchObject({ reason: 'too_large' });
    expect(leg.inFlight).toBe(1);
    never.cancel();
    await expect(never.answer).rejects.toMatchObject({ reason: 'cancelled' });
  });

  it.each([
    ['its id cannot be found', 20_000, { id: 'hidden' }],
    ['it does not seem to end', 200_000, { id: 'last' }],
  ])('fails all that waits on a line that is too long when %s', async (_name, bytes, args) => {
    const { leg } = await misbehaving('session', { maxMessageBytes: 10_000 });
    const never = call(leg, 'never');
    await expect(call(leg, 'bigElsewhere', { ...args, bytes })).rejects.toMatchObject({ reason: 'too_large' });
    await expect(never).rejects.toMatchObject({ reason: 'too_large' });
    expect(textOf(await call(leg, 'echo', { text: 'x' }))).toBe('x');
  });

  it('fails nothing on a notification that is too long', async () => {
    const { leg } = await misbehaving('session', { maxMessageBytes: 10_000 });
    expect(textOf(await call(leg, 'bigNotification', { bytes: 20_000 }))).toBe('said');
  });

  it('fails what waits when the child ends', async () => {
    const events = watch();
    const { leg } = await misbehaving('session', { events });
    const never = call(leg, 'never');
    const exit = call(leg, 'exit');
    const error = await exit.catch((reason: unknown) => reason);
    expect(String(error)).toMatch(/code 7.*out of paper/);
    await expect(never).rejects.toMatchObject({ reason: 'down' });
    expect(events.downs).toHaveLength(1);
    await expect(call(leg, 'echo', { text: 'x' })).rejects.toMatchObject({ reason: 'down' });
  });

  it('lets calls under way finish before it closes', async () => {
    const { leg } = await misbehaving('session');
    const last = call(leg, 'echo', { text: 'last' });
    await Promise.all([leg.close(), leg.close()]);
    expect(textOf(await last)).toBe('last');
  });
});
