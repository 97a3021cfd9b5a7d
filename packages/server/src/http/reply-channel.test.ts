import { afterEach, describe, expect, it } from 'vitest';
import { call, inSession, openDoor, stateless, type DoorOptions, type TestDoor } from '../testing/door.ts';
import type { RawClient } from '../testing/raw-client.ts';
import type { Answer, AnswerRest, AnswerSink, ClientReply, Exchange } from '../exchange.ts';

const doors: TestDoor[] = [];

async function door(options?: DoorOptions): Promise<TestDoor> {
  const opened = await openDoor(options);
  doors.push(opened);
  return opened;
}

afterEach(async () => {
  for (const opened of doors.splice(0)) await opened.close();
});

const MIB = 1024 * 1024;
const START = Buffer.from('{"jsonrpc":"2.0","id":');

/** A source of `total` bytes that obeys its sink, and tells how far ahead of the client it was ever let. */
class Source implements AnswerRest {
  readonly bytes: number;
  readonly cancelled: Promise<void>;
  given = 0;
  wasCancelled = false;
  readonly #cancel: () => void;
  readonly #chunk: Buffer;
  #sink: AnswerSink | undefined;

  constructor(total: number, chunk: Buffer = Buffer.alloc(64 * 1024, 'x')) {
    this.bytes = total;
    this.#chunk = chunk;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.cancelled = promise;
    this.#cancel = resolve;
  }

  pipe(sink: AnswerSink): void {
    this.#sink = sink;
    this.resume();
  }

  resume(): void {
    for (let more = true; more;) {
      if (this.wasCancelled || this.#sink === undefined) return;
      const left = this.bytes - this.given;
      if (left === 0) {
        const sink = this.#sink;
        this.#sink = undefined;
        return sink.end();
      }
      const chunk = this.#chunk.subarray(0, Math.min(left, this.#chunk.length));
      this.given += chunk.length;
      more = this.#sink.write(chunk);
    }
  }

  cancel(): void {
    this.wasCancelled = true;
    this.#cancel();
  }

  fail(): void {
    this.#sink?.fail(new Error('secret detail'));
  }
}

/** An answer whose result is the string that the source gives. */
function large(rest: AnswerRest): Answer {
  return { kind: 'result', before: START, after: Buffer.from(',"result":"'), rest };
}

/** The same, closed: the last two bytes of the source must be `"}`. */
class Closed extends Source {
  override pipe(sink: AnswerSink): void {
    super.pipe({
      write: (chunk) => sink.write(chunk),
      end: () => {
        sink.write(Buffer.from('"}'));
        sink.end();
      },
      fail: (error) => sink.fail(error),
    });
  }
}

function whole(total: number): AnswerRest {
  const source = new Closed(total);
  return {
    bytes: total + 2,
    pipe: (sink) => source.pipe(sink),
    resume: () => source.resume(),
    cancel: () => source.cancel(),
  };
}

const CALL = stateless(7, 'tools/call', { name: 'echo' });
const progress = (exchange: Exchange): void => exchange.notify({ jsonrpc: '2.0', method: 'notifications/progress' });

/** Reads what comes a little at a time, with a turn of the event loop in between. */
function readSlowly(client: RawClient): void {
  client.socket.on('data', () => {
    client.socket.pause();
    setImmediate(() => client.socket.resume());
  });
}

describe('large answers', () => {
  it.each([
    ['flowing, as JSON', 1, whole, false],
    ['flowing, as JSON', 8, whole, false],
    ['flowing, as an event', 8, whole, true],
  ])('%s, %i MiB, to a slow reader', async (_name, mib, source, streaming) => {
    const opened = await door({
      handle: async (exchange) => {
        if (streaming) progress(exchange);
        return large(source(mib * MIB));
      },
    });
    const client = await opened.connect();
    readSlowly(client);
    client.post(...CALL);
    const body = streaming ? (await client.untilEvents(2))[1]?.data : (await client.response()).body;
    expect(body).toBe(`{"jsonrpc":"2.0","id":7,"result":"${'x'.repeat(mib * MIB)}"}`);
    client.destroy();
  });

  it.each([1, 8])('prepared, %i MiB, to a slow reader', async (mib) => {
    const after = Buffer.from(`,"result":"${'y'.repeat(mib * MIB)}"}`);
    const opened = await door({ handle: async () => ({ kind: 'result', before: START, after }) });
    const client = await opened.connect();
    readSlowly(client);
    client.post(...CALL);
    expect((await client.response()).body).toHaveLength(mib * MIB + START.length + 1 + 13);
    client.post(...CALL);
    expect((await client.response()).status).toBe(200);
    client.destroy();
  });

  it('are taken from the source no faster than the client reads', async () => {
    const source = new Source(512 * MIB);
    const opened = await door({ handle: async () => large(source) });
    const client = await opened.connect();
    client.socket.pause();
    client.post(...CALL);
    await expect.poll(() => source.given).toBeGreaterThan(0);
    let before = -1;
    while (before !== source.given) {
      before = source.given;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    // The kernel's buffers of both ends, and one piece in the process.
    expect(source.given).toBeLessThan(32 * MIB);
    client.destroy();
    await source.cancelled;
  });

  it('are given back when the client goes in the middle, in both eras', async () => {
    const sources: Source[] = [];
    const opened = await door({
      handle: async () => {
        const source = new Source(64 * MIB);
        sources.push(source);
        return large(source);
      },
    });
    const session = await opened.initialize();
    for (const args of [CALL, [call(1), inSession(session)] as const]) {
      const client = await opened.connect();
      client.post(...args);
      await client.until((text) => text.length > 1000 || undefined);
      client.destroy();
    }
    await Promise.all(sources.map(({ cancelled }) => cancelled));
    await expect.poll(() => opened.endpoint.open).toBe(0);
  });

  it('are given back when the client had gone before', async () => {
    const source = new Source(MIB);
    const gate = Promise.withResolvers<Answer>();
    const opened = await door({ handle: () => gate.promise });
    const client = await opened.connect();
    client.post(...CALL);
    await expect.poll(() => opened.calls.length).toBe(1);
    client.destroy();
    await expect.poll(() => opened.calls[0]?.cancelled).toBe(true);
    gate.resolve(large(source));
    await source.cancelled;
    expect(source.given).toBe(0);
  });

  it('that break off end the connection, or, as an event that is kept, in an error', async () => {
    const sources: Source[] = [];
    const opened = await door({
      handle: async (exchange) => {
        if (exchange.session !== undefined) progress(exchange);
        const source = new Source(64 * MIB);
        source.resume = () => {};
        sources.push(source);
        return large(source);
      },
    });
    const client = await opened.connect();
    client.post(...CALL);
    await client.until((text) => text.includes('"result":"') || undefined);
    sources[0]?.fail();
    await client.closed;
    const session = await opened.initialize();
    const other = await opened.connect();
    other.post(call(2), inSession(session));
    await other.untilEvents(2);
    sources[1]?.fail();
    const events = await other.untilEvents(3);
    expect(JSON.parse(events[2]?.data ?? '')).toMatchObject({ id: 2, error: { code: -31001 } });
    expect(client.received + other.received).not.toContain('secret');
    other.destroy();
  });
});

describe('sweeps', () => {
  it('cut a peer that stops reading, whatever form the answer has', async () => {
    const opened = await door({
      handle: async (exchange) => {
        const { method } = exchange.message;
        if (method === 'flow') return large(new Source(64 * MIB));
        if (method === 'event') progress(exchange);
        const after = Buffer.from(`,"result":"${'y'.repeat(32 * MIB)}"}`);
        return { kind: 'result', before: START, after };
      },
    });
    for (const method of ['flow', 'prepared', 'event']) {
      const client = await opened.connect();
      client.socket.pause();
      client.post(...stateless(1, method));
      await expect.poll(() => opened.endpoint.open).toBe(1);
      opened.sweep();
      expect(opened.endpoint.open).toBe(1);
      // As long as the kernel takes more, the peer is said to live.
      await expect
        .poll(() => {
          opened.sweep();
          return opened.endpoint.open;
        })
        .toBe(0);
      client.destroy();
    }
  });

  it.each<[string, () => Answer]>([
    ['flows', () => large(whole(16 * MIB))],
    [
      'is prepared',
      () => ({ kind: 'result', before: START, after: Buffer.from(`,"result":"${'y'.repeat(16 * MIB)}"}`) }),
    ],
  ])('leave a slow one alone that takes something in between: the answer %s', async (_name, answer) => {
    const opened = await door({ handle: async () => answer() });
    const client = await opened.connect();
    client.socket.pause();
    client.post(...CALL);
    await expect.poll(() => opened.endpoint.open).toBe(1);
    const seen = { bytes: 0 };
    client.socket.on('data', (chunk: Buffer) => {
      seen.bytes += chunk.length;
    });
    for (let goal = 4 * MIB; goal < 16 * MIB; goal += 4 * MIB) {
      client.socket.resume();
      await expect.poll(() => seen.bytes, { interval: 1 }).toBeGreaterThan(goal - MIB);
      client.socket.pause();
      await new Promise((resolve) => setTimeout(resolve, 20));
      opened.sweep();
    }
    client.socket.resume();
    expect((await client.response()).status).toBe(200);
    client.destroy();
  });

  it('turn a call that takes long into a stream with heartbeats, when the client accepts one', async () => {
    const gate = Promise.withResolvers<void>();
    const opened = await door({
      handle: async () => {
        await gate.promise;
        return { kind: 'value', result: { late: true } };
      },
    });
    const session = await opened.initialize();
    const clients = [await opened.connect(), await opened.connect(), await opened.connect()] as const;
    clients[0].post(...CALL);
    clients[1].post(call(1), inSession(session));
    clients[2].post(CALL[0], { ...CALL[1], accept: 'application/json' });
    await expect.poll(() => opened.calls.length).toBe(3);
    opened.sweep();
    expect(clients.map(({ received }) => received)).toEqual(['', '', '']);
    opened.sweep();
    await Promise.all(
      clients.slice(0, 2).map((client) => client.until((text) => text.includes('event-stream') || undefined)),
    );
    opened.sweep();
    await clients[0].until((text) => text.includes(': \n\n') || undefined);
    gate.resolve();
    expect((await clients[0].untilEvents(1))[0]?.data).toContain('"late":true');
    expect((await clients[1].untilEvents(2)).map(({ id, data }) => [id, data.includes('late')])).toEqual([
      ['0.1', false],
      ['0.2', true],
    ]);
    expect((await clients[2].response()).headers['content-type']).toBe('application/json');
    for (const client of clients) client.destroy();
  });

  it('put no heartbeat into an event that is still arriving', async () => {
    const source = new Source(4);
    const opened = await door({
      handle: async (exchange) => {
        progress(exchange);
        return large(source);
      },
    });
    const resume = source.resume.bind(source);
    source.resume = () => {};
    const client = await opened.connect();
    client.post(...CALL);
    await client.until((text) => text.includes('"result":"') || undefined);
    opened.sweep();
    opened.sweep();
    resume();
    const [, answer] = await client.untilEvents(2);
    expect(answer?.data).toBe('{"jsonrpc":"2.0","id":7,"result":"xxxx');
    client.destroy();
  });
});

describe('events', () => {
  it('cannot be forged by line breaks in what a server says', async () => {
    const evil = '\n\nevent: evil\ndata: {"forged":1}\r\n\r\nid: 9\n\n';
    const opened = await door({
      handle: async (exchange) => {
        exchange.notify({ jsonrpc: '2.0', method: 'notifications/message', params: { data: evil } });
        return {
          kind: 'result',
          before: Buffer.from('{"jsonrpc":"2.0",\n\n"id":'),
          after: Buffer.from(',\r\n\r\n"result":{"a":\n\ndata'.replace('data', '1}}\n\n')),
        };
      },
    });
    const session = await opened.initialize();
    for (const [args, count] of [
      [CALL, 2],
      [[call(7), inSession(session)], 3],
    ] as const) {
      const client = await opened.connect();
      client.post(args[0], args[1]);
      const events = (await client.untilEvents(count)).slice(-2);
      await client.until((text) => text.endsWith('0\r\n\r\n') || undefined);
      expect(client.events()).toHaveLength(count);
      expect((JSON.parse(events[0]?.data ?? '') as { params: object }).params).toEqual({ data: evil });
      expect(JSON.parse(events[1]?.data ?? '')).toEqual({ jsonrpc: '2.0', id: 7, result: { a: 1 } });
      client.destroy();
    }
  });

  it('to a client that does not read end it, instead of filling the memory', async () => {
    const opened = await door({
      handle: (exchange) =>
        new Promise((resolve) => {
          exchange.onCancel(() => resolve({ kind: 'value', result: {} }));
          const flood = (): void => {
            if (exchange.cancelled) return;
            exchange.notify({ jsonrpc: '2.0', method: 'notifications/message', params: { data: 'z'.repeat(MIB) } });
            setImmediate(flood);
          };
          flood();
        }),
    });
    const client = await opened.connect();
    client.socket.pause();
    client.post(...CALL);
    await expect.poll(() => opened.calls[0]?.cancelled, { timeout: 4000 }).toBe(true);
    client.destroy();
  });

  it('only: a client that accepts no JSON gets its answer as one, a client that accepts no stream gets JSON', async () => {
    const asked: ClientReply[] = [];
    const opened = await door({
      handle: async (exchange) => {
        if (exchange.message.method !== 'quiet') progress(exchange);
        if (exchange.session !== undefined) asked.push(await exchange.ask('roots/list', undefined));
        return { kind: 'value', result: { ok: 1 } };
      },
    });
    const only = await opened.connect();
    only.post(CALL[0], { ...CALL[1], accept: 'text/event-stream' });
    expect((await only.untilEvents(2))[1]?.data).toContain('"ok":1');
    const quiet = await opened.connect();
    const [body, headers] = stateless(1, 'quiet');
    quiet.post(body, { ...headers, accept: 'text/event-stream' });
    expect((await quiet.untilEvents(1))[0]?.data).toContain('"ok":1');
    quiet.destroy();
    only.destroy();
    const session = await opened.initialize();
    const json = await opened.post(call(1), { ...inSession(session), accept: 'application/json' });
    expect([json.headers['content-type'], json.body]).toEqual([
      'application/json',
      '{"jsonrpc":"2.0","id":1,"result":{"ok":1}}',
    ]);
    expect(asked).toMatchObject([{ error: { code: -32601 } }]);
    for (const accept of ['text/html', 'application/json;q=0', 'image/*, text/event-stream;q=0.0']) {
      expect((await opened.post(CALL[0], { ...CALL[1], accept })).status).toBe(406);
    }
  });
});
