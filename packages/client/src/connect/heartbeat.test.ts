import type { Era } from '@sallyport/wire';
import { describe, expect, it } from 'vitest';
import type { Connected } from '../connector.ts';
import { UpstreamError, type Leg, type LegEvents, type Outgoing, type Pending } from '../leg.ts';
import { manualTimers } from '../testing/calls.ts';
import { Inbox } from '../testing/inbox.ts';
import type { Target } from '../upstream.ts';
import { createBeatingConnector, type BeatingConnector } from './heartbeat.ts';

interface Beat {
  readonly method: string;
  readonly answer: () => void;
  readonly fail: () => void;
  isCancelled: boolean;
}

interface Bench {
  readonly connector: BeatingConnector;
  readonly beats: Inbox<Beat>;
  readonly downs: string[];
  readonly destroyed: () => number;
  readonly timers: ReturnType<typeof manualTimers>['set'];
  readonly inner: () => LegEvents;
}

async function bench(era: Era = 'session', kind: Target['kind'] = 'stdio', intervalMs: number = 10): Promise<Bench> {
  const beats = new Inbox<Beat>();
  const downs: string[] = [];
  const { setTimer, set } = manualTimers();
  let destroyed = 0;
  const request = ({ method }: Outgoing): Pending => {
    const { promise, resolve, reject } = Promise.withResolvers<never>();
    promise.catch(() => undefined);
    const beat: Beat = {
      method,
      answer: () => resolve(undefined as never),
      fail: () => reject(new UpstreamError('timeout', 'none')),
      isCancelled: false,
    };
    beats.push(beat);
    return { answer: promise, cancel: () => void (beat.isCancelled = true) };
  };
  const leg = { era, ownMeta: undefined, request, destroy: () => void destroyed++ } as unknown as Leg;
  const given = Promise.withResolvers<LegEvents>();
  const connector = createBeatingConnector(
    {
      isShared: true,
      connect: ({ events }) => {
        given.resolve(events);
        return Promise.resolve({ leg } as Connected);
      },
      close: () => Promise.resolve(),
      destroy: () => undefined,
    },
    { name: 'up', kind, intervalMs, timeoutMs: 5, setTimer, onUnattributed: () => ({ result: {} }) },
  );
  const events: LegEvents = {
    onNotification: () => undefined,
    onUnattributed: () => ({ result: {} }),
    onDown: ({ message }) => void downs.push(message),
    log: () => undefined,
  };
  await connector.connect({ preferred: era, events });
  const inner = await given.promise;
  return { connector, beats, downs, destroyed: () => destroyed, timers: set, inner: () => inner };
}

/** The next one is sent. */
async function nextBeat({ timers, beats }: Bench): Promise<Beat> {
  (await timers.next()).fire();
  return beats.next();
}

describe('a heartbeat', () => {
  it('is for good only when two in a row stay away', async () => {
    const tested = await bench();
    for (const isAnswered of [false, true, false, true]) {
      const beat = await nextBeat(tested);
      if (isAnswered) beat.answer();
      else beat.fail();
    }
    (await nextBeat(tested)).fail();
    expect([tested.downs, tested.destroyed()]).toEqual([[], 0]);
    (await nextBeat(tested)).fail();
    await expect.poll(() => tested.downs).toEqual([expect.stringContaining('no sign of life 2 times in a row')]);
    expect([tested.destroyed(), tested.timers.all.length]).toEqual([1, 6]);
  });

  it('may stay away from a server that says something else', async () => {
    const tested = await bench();
    for (let beats = 0; beats < 4; beats++) {
      (await nextBeat(tested)).fail();
      await expect.poll(() => tested.timers.all.length).toBe(beats + 2);
      tested.connector.alive();
    }
    expect(tested.downs).toEqual([]);
  });

  it.each<[Era, Target['kind'], string]>([
    ['session', 'http', 'ping'],
    ['session', 'stdio', 'ping'],
    ['stateless', 'ws', 'server/discover'],
  ])('of a server of the %s era over %s is %s', async (era, kind, method) => {
    expect((await nextBeat(await bench(era, kind))).method).toBe(method);
  });

  it.each<[Era, Target['kind'], number]>([
    ['stateless', 'http', 10],
    ['session', 'stdio', 0],
  ])('is not asked for where there is no connection, or it is not wanted: %s, %s, every %d ms', async (...where) => {
    expect((await bench(...where)).timers.all).toEqual([]);
  });

  it('ends with the leg, and when it is stopped', async () => {
    const [one, other] = [await bench(), await bench()];
    one.inner().onDown(new UpstreamError('down', 'gone'));
    expect([one.downs, one.timers.all.map(({ isOn }) => isOn())]).toEqual([['gone'], [false]]);
    const beat = await nextBeat(other);
    other.connector.stop();
    expect([beat.isCancelled, other.downs]).toEqual([true, []]);
    beat.fail();
    expect(other.timers.all).toHaveLength(1);
  });
});
