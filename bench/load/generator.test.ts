import { describe, expect, it } from 'vitest';
import { createProtocol, type Message } from '../upstream/protocol.ts';
import { shownName, type Connection, type Reply } from './connection.ts';
import { Generator } from './generator.ts';

const protocol = createProtocol({ tools: 2 });

/** Answers in a later turn; `spoil` may change what is answered. */
function connection(spoil: (reply: Buffer, call: number) => Reply | undefined): Connection & { calls: number } {
  const fake = {
    calls: 0,
    open: (): Promise<void> => Promise.resolve(),
    send: (_id: number, _method: string, _name: string | undefined, body: string, done: (reply: Reply) => void) => {
      const reply = Buffer.concat(protocol.handle(JSON.parse(body) as Message).body);
      const sent = spoil(reply, ++fake.calls);
      if (sent !== undefined) setImmediate(() => done(sent));
    },
    close: (): void => undefined,
  };
  return fake;
}

const right = (bytes: Buffer): Reply => ({ status: 200, parts: [bytes], bytes: bytes.length, isStream: false });

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) {
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
}

function generator(bytes = 100): Generator {
  let ms = 0;
  return new Generator({ name: bytes > 1000 ? 'payload' : 'echo', bytes, era: 'session' }, () => ++ms);
}

describe('Generator', () => {
  it.each([100, 10_240])(
    'sends the next call when the last was answered, and counts while measuring (%i B)',
    async (bytes) => {
      const made = generator(bytes);
      const peer = connection(right);
      made.start(peer);
      await turns(5);
      expect(made.tally).toMatchObject({ latencies: [], ended: 0 });
      made.measure(true);
      await turns(100);
      made.measure(false);
      await made.stop();
      expect(made.tally).toMatchObject({ wrong: 0, complaints: [] });
      expect(made.tally.latencies.length).toBeGreaterThan(90);
      expect(made.tally.ended).toBe(made.tally.latencies.length + 1);
      expect(made.tally.latencies.length).toBeLessThan(peer.calls);
      expect(made.running).toBe(0);
    },
  );

  it.each([
    ['another status', (bytes: Buffer): Reply => ({ ...right(bytes), status: 500 })],
    ['the answer of another call', (): Reply => right(Buffer.from(`{"id":1,"text":"${'x'.repeat(100)}"}`))],
    ['nothing', (): Reply => ({ status: 0, parts: [], bytes: 0, isStream: false, error: 'closed' })],
  ])('counts %s as wrong, and does not measure it', async (_, spoil) => {
    const made = generator();
    made.measure(true);
    made.start(connection((bytes, call) => (call === 3 ? spoil(bytes) : right(bytes))));
    await turns(10);
    await made.stop();
    expect(made.tally.wrong).toBe(1);
    expect(made.tally.complaints).toHaveLength(1);
  });

  it('sees a changed text behind what is searched, in the replies that it parses', async () => {
    const made = generator();
    made.start(connection((bytes) => right(Buffer.from(bytes.toString().replace('xxx"', 'xxy"')))));
    await turns(70);
    await made.stop();
    expect(made.tally.wrong).toBe(2);
  });

  it('counts a call that is never answered as lost', async () => {
    const made = generator();
    made.start(connection((bytes, call) => (call < 3 ? right(bytes) : undefined)));
    await turns(5);
    expect(made.running).toBe(1);
    made.giveUp();
    expect(made.tally).toMatchObject({ wrong: 1, complaints: ['no answer by the end'] });
  });
});

describe('shownName', () => {
  it('finds a tool by its name or behind a prefix', () => {
    expect(shownName(['up__echo', 'echo'], 'echo')).toBe('echo');
    expect(shownName(['reecho', 'up__echo'], 'echo')).toBe('up__echo');
    expect(shownName(['reecho'], 'echo')).toBeUndefined();
  });
});
