import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { PassThrough } from 'node:stream';
import { LineReader } from '@sallyport/server';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocketServer, type WebSocket } from 'ws';
import type { Link, LinkEvents, OpenLink } from './link.ts';
import { openRelay, type Relay } from './relay.ts';
import { openSocketLink } from './web-socket.ts';

interface Message {
  readonly id?: string | number;
  readonly method?: string;
  readonly params?: Record<string, unknown>;
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly code: number; readonly data?: Record<string, unknown> };
}

/** What arrived, and a way to wait for the next. */
function inbox<T>(): { push(item: T): void; next(): Promise<T>; readonly waiting: number } {
  const items: T[] = [];
  const takers: ((item: T) => void)[] = [];
  return {
    push: (item) => {
      const taker = takers.shift();
      if (taker === undefined) items.push(item);
      else taker(item);
    },
    next: () => {
      const item = items.shift();
      return item === undefined ? new Promise((resolve) => takers.push(resolve)) : Promise.resolve(item);
    },
    get waiting() {
      return items.length;
    },
  };
}

/** A gateway as the relay sees it, by hand. */
class Side {
  readonly got = inbox<string>();
  readonly #events: LinkEvents;
  paused = false;
  closed = false;
  full = false;

  constructor(events: LinkEvents) {
    this.#events = events;
  }

  get link(): Link {
    return {
      send: (message) => {
        this.got.push(message.toString('utf8'));
        return !this.full;
      },
      pause: () => void (this.paused = true),
      resume: () => void (this.paused = false),
      close: () => void (this.closed = true),
    };
  }

  say(message: object | string): void {
    this.#events.onMessage(Buffer.from(typeof message === 'string' ? message : JSON.stringify(message)));
  }

  drained(): void {
    this.full = false;
    this.#events.onDrain();
  }

  lose(): void {
    this.#events.onClosed();
  }

  async take(): Promise<Message> {
    return JSON.parse(await this.got.next()) as Message;
  }

  /** Answers the next message and gives it. */
  async answer(result: object = {}): Promise<Message> {
    const message = await this.take();
    this.say({ jsonrpc: '2.0', id: message.id, result });
    return message;
  }
}

interface World {
  readonly input: PassThrough;
  readonly output: PassThrough;
  readonly out: ReturnType<typeof inbox<string>>;
  readonly sides: ReturnType<typeof inbox<Side>>;
  readonly alone: ReturnType<typeof inbox<Side>>;
  readonly notes: string[];
  /** Milliseconds that were waited for, in order; none of them pass. */
  readonly waits: number[];
  readonly clock: { ms: number };
  /** While it is true nobody can be joined. */
  readonly down: { value: boolean };
  readonly relay: Relay;
  readonly tell: (message: object) => void;
  readonly read: () => Promise<Message>;
}

async function world(more: { readonly maxLineBytes?: number; readonly isPatient?: boolean } = {}): Promise<World> {
  const input = new PassThrough();
  const output = new PassThrough();
  const out = inbox<string>();
  const reader = new LineReader({
    maxBytes: 1e9,
    onLine: (line) => out.push(line.toString('utf8')),
    onOversize: () => undefined,
  });
  output.on('data', (chunk: Buffer) => reader.push(chunk));
  const sides = inbox<Side>();
  const alone = inbox<Side>();
  const notes: string[] = [];
  const waits: number[] = [];
  const clock = { ms: 0 };
  const down = { value: false };
  let ids = 0;
  const opening =
    (to: ReturnType<typeof inbox<Side>>): OpenLink =>
    async (events) => {
      if (to === sides && down.value) throw new Error('nobody there');
      const side = new Side(events);
      to.push(side);
      return side.link;
    };
  const relay = await openRelay({
    input,
    output,
    join: opening(sides),
    alone: opening(alone),
    maxLineBytes: more.maxLineBytes ?? 1_000_000,
    note: (text) => notes.push(text),
    now: () => clock.ms,
    // What waits for the way back passes at once; deadlines never do.
    delay: (ms) => {
      waits.push(ms);
      if (ms > 2_000 || more.isPatient === true) return new Promise(() => undefined);
      clock.ms += ms;
      return Promise.resolve();
    },
    newId: () => `relay-${++ids}`,
  });
  return {
    input,
    output,
    out,
    sides,
    alone,
    notes,
    waits,
    clock,
    down,
    relay,
    tell: (message) => void input.write(`${JSON.stringify(message)}\n`),
    read: async () => JSON.parse(await out.next()) as Message,
  };
}

const request = (id: string | number, method: string, params: object = {}): object => ({
  jsonrpc: '2.0',
  id,
  method,
  params,
});
const INITIALIZED = { jsonrpc: '2.0', method: 'notifications/initialized' };
const GREETING = {
  protocolVersion: '2025-11-25',
  capabilities: { roots: {} },
  clientInfo: { name: 'test', version: '1', own: 'kept' },
};
const CAPABILITIES = {
  tools: { listChanged: true },
  prompts: { listChanged: true },
  resources: { listChanged: false },
};

async function openSession({ tell, read }: World, side: Side): Promise<void> {
  tell(request(1, 'initialize', GREETING));
  await side.answer({ capabilities: CAPABILITIES });
  await read();
  tell(INITIALIZED);
  await side.take();
}

describe('a relay that is joined', () => {
  it('passes lines and messages on byte for byte, in order', async () => {
    const { input, sides, out } = await world();
    const side = await sides.next();
    const odd = '{ "jsonrpc" :"2.0","id":1e2, "method":"é\u2028x","params":{"n":1.0000000000000000001}} ';
    // In pieces, several in one, with empty lines and a line end of two bytes.
    input.write(odd.slice(0, 20));
    input.write(`${odd.slice(20)}\r\n\n \n{"a":1}\n{"b"`);
    input.write(':2}\n');
    expect([await side.got.next(), await side.got.next(), await side.got.next()]).toEqual([
      `${odd}\r`,
      '{"a":1}',
      '{"b":2}',
    ]);
    const answer = '{"result":{"big":12345678901234567890}, "id": 100,"jsonrpc":"2.0"}';
    side.say(answer);
    side.say('no JSON');
    expect([await out.next(), await out.next()]).toEqual([answer, 'no JSON']);
  });

  it('answers itself for what would cost the connection: too long, or no UTF-8', async () => {
    const { input, read, sides } = await world({ maxLineBytes: 50 });
    const side = await sides.next();
    input.write(`${'x'.repeat(51)}\n`);
    expect(await read()).toMatchObject({ error: { data: { code: 'too_large' } } });
    input.write(Buffer.from([0x22, 0xff, 0x22, 0x0a]));
    expect(await read()).toMatchObject({ error: { code: -32700 } });
    input.write('{}\n');
    expect(await side.got.next()).toBe('{}');
  });

  it('reads no more of a client while the gateway is behind, and of a gateway while the client is', async () => {
    const { input, output, tell, sides } = await world();
    const side = await sides.next();
    side.full = true;
    tell(request(1, 'a'));
    await side.take();
    expect(input.isPaused()).toBe(true);
    side.drained();
    expect(input.isPaused()).toBe(false);
    output.pause();
    side.say({ jsonrpc: '2.0', method: 'x', params: { text: 'x'.repeat(output.writableHighWaterMark * 3) } });
    expect(side.paused).toBe(true);
    output.resume();
    await once(output, 'drain');
    expect(side.paused).toBe(false);
  });

  it('ends with the client, after it has answered what was asked', async () => {
    const { input, tell, read, sides, relay } = await world();
    const side = await sides.next();
    tell(request(1, 'tools/call'));
    tell(request('l', 'subscriptions/listen'));
    await side.take();
    input.end();
    await side.take();
    // The end has been seen by now.
    await new Promise((resolve) => setImmediate(resolve));
    expect(side.closed).toBe(false);
    side.say({ jsonrpc: '2.0', id: 1, result: {} });
    expect(await read()).toMatchObject({ id: 1 });
    await relay.done;
    expect(side.closed).toBe(true);
  });

  it('does not take more calls than it can remember', async () => {
    const { tell, read, sides } = await world();
    const side = await sides.next();
    for (let id = 0; id < 4096; id++) tell(request(id, 'tools/call'));
    tell(request('more', 'tools/call'));
    expect(await read()).toMatchObject({ id: 'more', error: { code: -31004 } });
    side.say({ jsonrpc: '2.0', id: 7, result: {} });
    await read();
    tell(request('again', 'tools/call'));
    let last: Message = {};
    while (last.id !== 'again') last = await side.take();
  });
});

describe('a relay that lost its gateway', () => {
  it('fails the calls under way and nothing else', async () => {
    const { tell, read, sides, notes } = await world();
    const side = await sides.next();
    tell(request('a', 'tools/call'));
    tell(request('b', 'tools/call'));
    tell(request('c', 'tools/call'));
    for (let each = 0; each < 3; each++) await side.take();
    side.say({ jsonrpc: '2.0', id: 'a', result: {} });
    tell({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'c' } });
    await side.take();
    side.lose();
    expect(await read()).toMatchObject({ id: 'a', result: {} });
    expect(await read()).toMatchObject({
      id: 'b',
      error: { code: -31001, data: { reason: 'down', code: 'unavailable' } },
    });
    const second = await sides.next();
    tell(request('d', 'tools/call'));
    expect(await second.take()).toMatchObject({ id: 'd' });
    expect(notes).toEqual(['the connection to the gateway was lost: looking for it again', 'joined the gateway again']);
  });

  it('sets a session up again: greeting, log level, subscriptions, and says that lists may have changed', async () => {
    const its = await world();
    const { tell, read, sides, out } = its;
    const side = await sides.next();
    await openSession(its, side);
    for (const [id, method, params] of [
      [2, 'logging/setLevel', { level: 'debug' }],
      [3, 'logging/setLevel', { level: 'error' }],
      [4, 'resources/subscribe', { uri: 'a:1' }],
      [5, 'resources/subscribe', { uri: 'a:2' }],
      [6, 'resources/unsubscribe', { uri: 'a:1' }],
    ] as const) {
      tell(request(id, method, params));
      await side.answer();
      await read();
    }
    // Refused, and unanswered: neither is in force.
    tell(request(7, 'resources/subscribe', { uri: 'a:3' }));
    side.say({ jsonrpc: '2.0', id: (await side.take()).id, error: { code: -32602, message: 'no' } });
    await read();
    tell(request(8, 'resources/subscribe', { uri: 'a:4' }));
    await side.take();
    side.lose();
    expect(await read()).toMatchObject({ id: 8, error: { code: -31001 } });
    // Said while nobody is there: it waits for its turn.
    tell(request(9, 'tools/list'));

    const second = await sides.next();
    expect(await second.take()).toEqual(request('relay-1', 'initialize', GREETING));
    expect(second.got.waiting).toBe(0);
    second.say({ jsonrpc: '2.0', id: 'relay-1', result: { capabilities: CAPABILITIES } });
    expect(await second.take()).toEqual(INITIALIZED);
    expect(await second.answer()).toMatchObject({ method: 'logging/setLevel', params: { level: 'error' } });
    expect(await second.answer()).toMatchObject({ method: 'resources/subscribe', params: { uri: 'a:2' } });
    expect(await second.take()).toMatchObject({ id: 9, method: 'tools/list' });
    second.say({ jsonrpc: '2.0', id: 9, result: {} });
    expect([await read(), await read(), await read()]).toEqual([
      { jsonrpc: '2.0', method: 'notifications/tools/list_changed' },
      { jsonrpc: '2.0', method: 'notifications/prompts/list_changed' },
      { jsonrpc: '2.0', id: 9, result: {} },
    ]);
    expect(out.waiting).toBe(0);
  });

  it('asks again for a session that was not answered yet', async () => {
    const { tell, read, sides } = await world();
    const side = await sides.next();
    tell(request(1, 'initialize', GREETING));
    await side.take();
    side.lose();
    const second = await sides.next();
    expect(await second.answer({ capabilities: {} })).toEqual(request(1, 'initialize', GREETING));
    expect(await read()).toMatchObject({ id: 1, result: {} });
  });

  it('opens the streams of changes of a stateless client again, which notices nothing', async () => {
    const { tell, read, sides, out } = await world();
    const side = await sides.next();
    const listen = request('l', 'subscriptions/listen', { notifications: { toolsListChanged: true } });
    const meta = { _meta: { 'io.modelcontextprotocol/subscriptionId': 'l' } };
    const acknowledged = { jsonrpc: '2.0', method: 'notifications/subscriptions/acknowledged', params: meta };
    tell(listen);
    await side.take();
    side.say(acknowledged);
    await read();
    // A gateway that stops ends them in order first.
    side.say({ jsonrpc: '2.0', id: 'l', result: { resultType: 'complete' } });
    side.lose();
    const second = await sides.next();
    expect(await second.take()).toEqual(listen);
    second.say(acknowledged);
    const changed = { jsonrpc: '2.0', method: 'notifications/tools/list_changed', params: meta };
    expect(await read()).toEqual(changed);
    second.say(changed);
    expect(await read()).toEqual(changed);
    // An end that is none of a stop is the client's.
    second.say({ jsonrpc: '2.0', id: 'l', error: { code: -32603, message: 'x' } });
    expect(await read()).toMatchObject({ id: 'l' });
    expect(out.waiting).toBe(0);
  });

  it('never gives one gateway the answer to another one’s question', async () => {
    const its = await world();
    const { tell, read, sides } = its;
    const side = await sides.next();
    await openSession(its, side);
    side.say(request(1, 'elicitation/create', { message: 'old' }));
    await read();
    side.lose();
    const second = await sides.next();
    await second.answer({ capabilities: {} });
    await second.take();
    second.say(request(1, 'elicitation/create', { message: 'new' }));
    expect(await second.take()).toMatchObject({ id: 1, error: { code: -32603 } });
    tell({ jsonrpc: '2.0', id: 1, result: { action: 'accept' } });
    second.say(request(2, 'elicitation/create', { message: 'next' }));
    expect(await read()).toMatchObject({ id: 2 });
    tell({ jsonrpc: '2.0', id: 2, result: { action: 'decline' } });
    expect(await second.take()).toEqual({ jsonrpc: '2.0', id: 2, result: { action: 'decline' } });
    // The old question is answered: its number is free again.
    second.say(request(1, 'elicitation/create', { message: 'free' }));
    expect(await read()).toMatchObject({ id: 1, params: { message: 'free' } });
  });

  it('looks for half a minute, ever less often, and then serves alone', async () => {
    const its = await world();
    const { tell, read, sides, alone, down, waits, notes, clock } = its;
    const side = await sides.next();
    await openSession(its, side);
    down.value = true;
    side.lose();
    tell(request(2, 'tools/list'));
    const own = await alone.next();
    expect(waits.slice(0, 7)).toEqual([100, 200, 400, 800, 1600, 2000, 2000]);
    expect(clock.ms).toBeGreaterThanOrEqual(30_000);
    expect(clock.ms).toBeLessThan(32_001);
    expect(await own.answer({ capabilities: {} })).toMatchObject({ method: 'initialize', params: GREETING });
    await own.take();
    await own.answer();
    expect(await read()).toMatchObject({ id: 2, result: {} });
    expect(notes.at(-1)).toBe('the gateway has not come back: serving alone from now on');
  });

  it('tries on when a gateway takes the connection and not the session', async () => {
    const its = await world();
    const { sides } = its;
    const first = await sides.next();
    await openSession(its, first);
    first.lose();
    const second = await sides.next();
    second.say({ jsonrpc: '2.0', id: (await second.take()).id, error: { code: -31001, message: 'stopping' } });
    const third = await sides.next();
    expect(second.closed).toBe(true);
    await third.take();
    third.lose();
    const fourth = await sides.next();
    const greeting = await fourth.take();
    // What comes late of those before concerns nobody.
    second.lose();
    third.say({ jsonrpc: '2.0', id: greeting.id, error: { code: -32603, message: 'late' } });
    fourth.say({ jsonrpc: '2.0', id: greeting.id, result: { capabilities: {} } });
    expect(await fourth.take()).toEqual(INITIALIZED);
    expect(sides.waiting).toBe(0);
  });

  it('ends at once with a client that leaves meanwhile', async () => {
    const { input, tell, read, sides, relay } = await world({ isPatient: true });
    const side = await sides.next();
    side.lose();
    tell(request(3, 'tools/call'));
    input.end();
    expect(await read()).toMatchObject({ id: 3, error: { code: -31001 } });
    await relay.done;
  });
});

const sockets: WebSocketServer[] = [];

afterEach(async () => {
  for (const server of sockets.splice(0)) {
    for (const client of server.clients) client.terminate();
    await new Promise((resolve) => server.close(resolve));
  }
});

async function socketServer(
  refuse?: number,
): Promise<{ url: URL; next: Promise<{ socket: WebSocket; headers: NodeJS.Dict<string | string[]> }> }> {
  const server = new WebSocketServer({
    port: 0,
    host: '127.0.0.1',
    perMessageDeflate: false,
    ...(refuse !== undefined && {
      verifyClient: (_info: unknown, done: (ok: boolean, status: number) => void) => done(false, refuse),
    }),
  });
  sockets.push(server);
  await once(server, 'listening');
  const next = new Promise<{ socket: WebSocket; headers: NodeJS.Dict<string | string[]> }>((resolve) => {
    server.once('connection', (socket: WebSocket, asked: { headers: NodeJS.Dict<string | string[]> }) => {
      // Right behind the answer to the upgrade.
      socket.send('{"first":\r\n1}');
      resolve({ socket, headers: asked.headers });
    });
  });
  return { url: new URL(`ws://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`), next };
}

describe('a link over WebSocket', () => {
  const options = {
    headers: { authorization: 'Bearer k' },
    tls: { rejectUnauthorized: true },
    timeoutMs: 5_000,
    maxBytes: 1000,
  };
  const listening = (): { events: LinkEvents; got: ReturnType<typeof inbox<string>>; closed: Promise<void> } => {
    const got = inbox<string>();
    const { promise, resolve } = Promise.withResolvers<void>();
    const events = {
      onMessage: (message: Buffer): void => got.push(message.toString('utf8')),
      onDrain: () => undefined,
      onClosed: resolve,
    };
    return { events, got, closed: promise };
  };

  it('carries one message a text frame and shows the credential', async () => {
    const { url, next } = await socketServer();
    const { events, got, closed } = listening();
    const link = await openSocketLink({ ...options, url }, events);
    const { socket, headers } = await next;
    expect(headers['authorization']).toBe('Bearer k');
    expect(await got.next()).toBe('{"first":  1}');
    const arrived = once(socket, 'message');
    expect(link.send(Buffer.from('{"é":1}'))).toBe(true);
    const [data, isBinary] = (await arrived) as [Buffer, boolean];
    expect([data.toString('utf8'), isBinary]).toEqual(['{"é":1}', false]);
    socket.terminate();
    await closed;
  });

  it('is cut by a message that is too large', async () => {
    const { url, next } = await socketServer();
    const { events, closed } = listening();
    await openSocketLink({ ...options, url }, events);
    (await next).socket.send('x'.repeat(1001));
    await expect(closed).resolves.toBeUndefined();
  });

  it('says that there is no room, and when there is again', async () => {
    const { url, next } = await socketServer();
    const { promise, resolve } = Promise.withResolvers<void>();
    const link = await openSocketLink({ ...options, url }, { ...listening().events, onDrain: resolve });
    const { socket } = await next;
    socket.pause();
    const piece = Buffer.alloc(512 * 1024, 0x20);
    let sent = 0;
    while (link.send(piece)) sent += 1;
    expect(sent).toBeGreaterThan(0);
    socket.resume();
    await promise;
  });

  it.each([401, 404, 503])('is refused with %i', async (status) => {
    const { url } = await socketServer(status);
    await expect(openSocketLink({ ...options, url }, listening().events)).rejects.toMatchObject({ status });
  });

  it('is refused where nobody listens', async () => {
    const url = new URL('ws://127.0.0.1:1/mcp');
    await expect(openSocketLink({ ...options, url }, listening().events)).rejects.toMatchObject({ status: undefined });
  });
});
