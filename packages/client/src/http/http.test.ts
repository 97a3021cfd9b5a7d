import http from 'node:http';
import type { AddressInfo } from 'node:net';
import type { JsonObject, JsonRpcNotification, JsonRpcRequest } from '@sallyport/wire';
import { afterEach, describe, expect, it } from 'vitest';
import type { SetTimer } from '../clock.ts';
import {
  UpstreamError,
  type BodyRest,
  type Cause,
  type Leg,
  type Outgoing,
  type Pending,
  type ResultAnswer,
  type ServerRequestAnswer,
  type UpstreamAnswer,
} from '../leg.ts';
import { createDispatcher } from './dispatcher.ts';
import { openHttpSession, openHttpStateless, probeHttp } from './open.ts';
import type { HttpOptions } from './options.ts';

interface Received {
  readonly method: string;
  readonly path: string;
  readonly headers: http.IncomingHttpHeaders;
  /** The message of a POST. */
  readonly message: JsonObject;
}

type Handle = (request: Received, response: http.ServerResponse) => void;

/** What waits for the next of something, in order. */
class Inbox<T> {
  readonly all: T[] = [];
  #taken = 0;
  readonly #waiting: Array<() => void> = [];

  push(value: T): void {
    this.all.push(value);
    for (const wake of this.#waiting.splice(0)) wake();
  }

  /** The first of all that fits, taken or not. */
  async find(wanted: (value: T) => boolean): Promise<T> {
    for (;;) {
      const found = this.all.find(wanted);
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  async next(wanted: (value: T) => boolean = () => true): Promise<T> {
    for (;;) {
      while (this.#taken < this.all.length) {
        const value = this.all[this.#taken++] as T;
        if (wanted(value)) return value;
      }
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }
}

const cleanups: Array<() => Promise<void> | void> = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

interface TestServer {
  readonly url: URL;
  readonly received: Inbox<Received>;
}

async function serve(handle: Handle): Promise<TestServer> {
  const received = new Inbox<Received>();
  const server = http.createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const text = Buffer.concat(parts).toString();
      const one: Received = {
        method: request.method ?? '',
        path: request.url ?? '',
        headers: request.headers,
        message: text === '' ? {} : (JSON.parse(text) as JsonObject),
      };
      received.push(one);
      handle(one, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanups.push(
    () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  );
  return { url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp?key=hidden`), received };
}

function json(
  response: http.ServerResponse,
  message: unknown,
  status = 200,
  headers: http.OutgoingHttpHeaders = {},
): void {
  const body = typeof message === 'string' ? message : JSON.stringify(message);
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    ...headers,
  });
  response.end(body);
}

function sse(response: http.ServerResponse, ...messages: readonly unknown[]): http.ServerResponse {
  if (!response.headersSent) response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
  for (const message of messages) {
    response.write(typeof message === 'string' ? message : `event: message\ndata: ${JSON.stringify(message)}\n\n`);
  }
  return response;
}

const ok = (id: unknown, result: JsonObject = {}): JsonObject => ({ jsonrpc: '2.0', id: id as number, result });
const bad = (id: unknown, code: number, message: string, data?: JsonObject): JsonObject => ({
  jsonrpc: '2.0',
  id: id as number,
  error: { code, message, ...(data && { data }) },
});

interface SessionScript {
  readonly capabilities?: JsonObject;
  readonly call?: Handle;
  readonly get?: Handle;
  readonly other?: Handle;
}

/** A server of the session era that does as it should, but for what a test says. */
function sessionServer({ capabilities = { tools: {} }, call, get, other }: SessionScript): Promise<TestServer> {
  let sessions = 0;
  return serve((request, response) => {
    const { message, method } = request;
    if (method === 'GET') return get === undefined ? response.writeHead(405).end() : get(request, response);
    if (method === 'DELETE') return response.writeHead(200).end();
    if (message['method'] === 'initialize') {
      sessions++;
      const result = {
        protocolVersion: '2025-06-18',
        capabilities,
        serverInfo: { name: 's' },
        instructions: 'Be kind.',
      };
      return json(response, ok(message['id'], result), 200, { 'mcp-session-id': `session-${sessions}` });
    }
    if (message['method'] === 'tools/call' && call !== undefined) return call(request, response);
    if (message['method'] !== undefined && message['id'] !== undefined && other !== undefined)
      return other(request, response);
    return response.writeHead(202).end();
  });
}

interface StatelessScript {
  readonly capabilities?: JsonObject;
  readonly versions?: readonly string[];
  readonly call?: Handle;
  readonly listen?: Handle;
}

function statelessServer({
  capabilities = { tools: {} },
  versions = ['2026-07-28'],
  call,
  listen,
}: StatelessScript): Promise<TestServer> {
  return serve((request, response) => {
    const { message } = request;
    const meta = { 'io.modelcontextprotocol/serverInfo': { name: 'm' } };
    if (message['method'] === 'server/discover') {
      return json(
        response,
        ok(message['id'], { resultType: 'complete', supportedVersions: [...versions], capabilities, _meta: meta }),
      );
    }
    if (message['method'] === 'subscriptions/listen' && listen !== undefined) return listen(request, response);
    if (message['method'] === 'tools/call' && call !== undefined) return call(request, response);
    return json(response, bad(message['id'], -32601, 'Unknown'), 404);
  });
}

interface Bench {
  readonly options: HttpOptions;
  readonly notifications: Inbox<JsonRpcNotification>;
  readonly unattributed: Inbox<JsonRpcRequest>;
  readonly downs: Inbox<UpstreamError>;
  readonly logs: Inbox<string>;
}

function bench(url: URL, more: Partial<HttpOptions> = {}): Bench {
  const notifications = new Inbox<JsonRpcNotification>();
  const unattributed = new Inbox<JsonRpcRequest>();
  const downs = new Inbox<UpstreamError>();
  const logs = new Inbox<string>();
  const options: HttpOptions = {
    url,
    headers: { authorization: 'Bearer upstream' },
    env: {},
    clientInfo: { name: 'test', version: '1' },
    clientCapabilities: { sampling: {} },
    connectTimeoutMs: 5000,
    maxMessageBytes: 1 << 20,
    now: () => performance.now(),
    events: {
      onNotification: (message) => notifications.push(message),
      onUnattributed: (message) => {
        unattributed.push(message);
        return { error: { code: -32603, message: 'nobody' } };
      },
      onDown: (error) => downs.push(error),
      log: (level, text, detail) => logs.push(`${level} ${text} ${JSON.stringify(detail ?? {})}`),
    },
    ...more,
  };
  return { options, notifications, unattributed, downs, logs };
}

function kept<T extends Leg>(leg: T): T {
  cleanups.push(() => leg.destroy());
  return leg;
}

class TestCause implements Cause {
  readonly notes = new Inbox<JsonRpcNotification>();
  readonly asked = new Inbox<JsonRpcRequest>();
  reply: Promise<ServerRequestAnswer> = Promise.resolve({ result: { roots: [] } });

  notify(message: JsonRpcNotification): void {
    this.notes.push(message);
  }

  ask(message: JsonRpcRequest): Promise<ServerRequestAnswer> {
    this.asked.push(message);
    return this.reply;
  }
}

function callOf(more: Partial<Outgoing> = {}): Outgoing {
  return {
    method: 'tools/call',
    name: 'echo',
    text: (id) =>
      `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"echo","_meta":{"progressToken":${id}}}}`,
    timeoutMs: 5000,
    maxMs: 10_000,
    ...more,
  };
}

/** The whole body with the id of the caller in it. */
function whole(answer: UpstreamAnswer, id: string): string {
  expect(answer.kind).toBe('result');
  const { before, after } = answer as ResultAnswer;
  return before.toString() + id + after.toString();
}

async function failure(answer: Promise<unknown>): Promise<UpstreamError> {
  const error: unknown = await answer.then(
    () => new Error('It was answered.'),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(UpstreamError);
  return error as UpstreamError;
}

interface ManualTimer {
  readonly ms: number;
  readonly fire: () => void;
  readonly isOn: () => boolean;
}

/** Timers that a test fires. */
function manualTimers(): { readonly setTimer: SetTimer; readonly set: Inbox<ManualTimer> } {
  const set = new Inbox<ManualTimer>();
  return {
    set,
    setTimer: (fire, ms) => {
      let isOn = true;
      set.push({ ms, fire: () => isOn && fire(), isOn: () => isOn });
      return () => {
        isOn = false;
      };
    },
  };
}

const isCall = ({ message }: Received): boolean => message['method'] === 'tools/call';
const isMethod =
  (method: string) =>
  ({ message }: Received): boolean =>
    message['method'] === method;
const isGet = ({ method }: Received): boolean => method === 'GET';

describe('session era', () => {
  it('begins a session and sends its headers with every request', async () => {
    const server = await sessionServer({
      call: ({ message }, response) => json(response, ok(message['id'], { content: [] })),
    });
    const { options } = bench(server.url);
    const leg = kept(await openHttpSession(options));
    expect(leg.server).toEqual({
      info: { name: 's' },
      capabilities: { tools: {} },
      instructions: 'Be kind.',
      revisions: ['2025-06-18'],
    });
    expect(leg.revision).toBe('2025-06-18');
    const initialize = await server.received.next();
    expect(initialize.headers['mcp-session-id']).toBeUndefined();
    expect(initialize.message['params']).toEqual({
      protocolVersion: '2025-11-25',
      capabilities: { sampling: {} },
      clientInfo: { name: 'test', version: '1' },
    });
    const initialized = await server.received.next();
    expect(initialized.message).toEqual({ jsonrpc: '2.0', method: 'notifications/initialized' });

    const answer = await leg.request(callOf({ cause: new TestCause() })).answer;
    expect(JSON.parse(whole(answer, '"their id"'))).toEqual({
      jsonrpc: '2.0',
      id: 'their id',
      result: { content: [] },
    });
    const call = await server.received.next(isCall);
    expect(call.path).toBe('/mcp?key=hidden');
    expect(call.headers).toMatchObject({
      accept: 'application/json, text/event-stream',
      'content-type': 'application/json',
      authorization: 'Bearer upstream',
      'mcp-session-id': 'session-1',
      'mcp-protocol-version': '2025-06-18',
    });
    expect(leg.inFlight).toBe(0);
  });

  it.each([
    ['id before the result', (id: number) => `{"jsonrpc":"2.0","id":${id},"result":{"n":12345678901234567890}}`],
    ['id at the end', (id: number) => `{"result":{"n":12345678901234567890},"jsonrpc":"2.0","id":${id}}`],
    ['spaces', (id: number) => `{\n "id": ${id},\n "result": {"n":12345678901234567890},\n "jsonrpc": "2.0"\n}\n`],
  ])('keeps every byte but the id: %s', async (_name, body) => {
    const server = await sessionServer({
      call: ({ message }, response) => json(response, body(message['id'] as number)),
    });
    const leg = kept(await openHttpSession(bench(server.url).options));
    expect(whole(await leg.request(callOf()).answer, '77')).toBe(body(77));
  });

  it('hands on errors at any status, with their data', async () => {
    const server = await sessionServer({
      call: ({ message }, response) => json(response, bad(message['id'], -32602, 'No such thing', { uri: 'x:y' }), 400),
    });
    const leg = kept(await openHttpSession(bench(server.url).options));
    expect(await leg.request(callOf()).answer).toEqual({
      kind: 'error',
      error: { code: -32602, message: 'No such thing', data: { uri: 'x:y' } },
      status: 400,
    });
  });

  it.each([
    ['401', 'unauthorized', (r: http.ServerResponse) => json(r, { error: 'invalid_token' }, 401)],
    ['403', 'unauthorized', (r: http.ServerResponse) => r.writeHead(403).end('no')],
    ['500', 'down', (r: http.ServerResponse) => r.writeHead(500).end('<html>')],
    ['garbage', 'protocol', (r: http.ServerResponse) => json(r, '{"jsonrpc":"2.0","id":1,"resul')],
    ['html', 'protocol', (r: http.ServerResponse) => r.writeHead(200, { 'content-type': 'text/html' }).end('<html>')],
    ['nothing', 'protocol', (r: http.ServerResponse) => r.writeHead(202).end()],
    ['a wrong id', 'protocol', (r: http.ServerResponse) => json(r, ok(999_999))],
    ['an error of a wrong id', 'protocol', (r: http.ServerResponse) => json(r, bad(999_999, -32603, 'no'))],
    [
      'two ids',
      'protocol',
      (r: http.ServerResponse, id: number) => json(r, `{"id":"a","id":${id},"jsonrpc":"2.0","result":{}}`),
    ],
    ['a notification', 'protocol', (r: http.ServerResponse) => json(r, { jsonrpc: '2.0', method: 'notifications/x' })],
    ['a reset', 'down', (r: http.ServerResponse) => r.socket?.resetAndDestroy()],
    [
      'a break in the body',
      'down',
      (r: http.ServerResponse) => {
        r.writeHead(200, { 'content-type': 'application/json', 'content-length': 100 });
        r.write('{"jsonrpc":', () => r.socket?.resetAndDestroy());
      },
    ],
    [
      'large header lines',
      'protocol',
      (r: http.ServerResponse, id: number) => json(r, ok(id), 200, { 'x-large': 'x'.repeat(40_000) }),
    ],
    ['an event stream without an answer', 'protocol', (r: http.ServerResponse) => sse(r).end()],
    ['a large event', 'too_large', (r: http.ServerResponse) => sse(r, `data: ${'x'.repeat((1 << 20) + 1)}`)],
    [
      'a large body',
      'too_large',
      (r: http.ServerResponse) => {
        r.writeHead(200, { 'content-type': 'application/json' });
        r.write('x'.repeat((1 << 20) + 1));
      },
    ],
    [
      'a body that says that it is large',
      'too_large',
      (r: http.ServerResponse) => {
        r.writeHead(200, { 'content-type': 'application/json', 'content-length': (1 << 20) + 1 });
        r.flushHeaders();
      },
    ],
  ] as const)('fails with a reason, and goes on: %s', async (_name, reason, misbehave) => {
    let calls = 0;
    const server = await sessionServer({
      call: ({ message }, response) => {
        if (calls++ === 0) misbehave(response, message['id'] as number);
        else json(response, ok(message['id']));
      },
    });
    const { options, downs } = bench(server.url);
    const leg = kept(await openHttpSession(options));
    const error = await failure(leg.request(callOf({ cause: new TestCause() })).answer);
    expect(error.reason).toBe(reason);
    expect(error.message).not.toContain('hidden');
    expect(leg.inFlight).toBe(0);
    expect(whole(await leg.request(callOf()).answer, '1')).toBe('{"jsonrpc":"2.0","id":1,"result":{}}');
    expect(downs.all).toEqual([]);
  });

  it('does not follow redirects, and names the status', async () => {
    const target = await serve((_request, response) => json(response, ok(1)));
    const server = await sessionServer({
      call: (_request, response) => response.writeHead(307, { location: target.url.href }).end(),
    });
    const leg = kept(await openHttpSession(bench(server.url).options));
    const error = await failure(leg.request(callOf()).answer);
    expect(error).toMatchObject({ reason: 'protocol', status: 307 });
    expect(error.message).toMatch(/307.*configure the new URL/);
    expect(target.received.all).toEqual([]);
  });

  it.each([
    ['headers', (_r: http.ServerResponse) => undefined],
    ['the body', (r: http.ServerResponse) => r.writeHead(200, { 'content-type': 'application/json' }).write('{"json')],
    [
      'lines of JSON',
      (r: http.ServerResponse) => {
        r.writeHead(200, { 'content-type': 'application/json' });
        r.write('{"jsonrpc":"2.0","method":"notifications/x"}\n{"jsonrpc":"2.0","method":"notifications/y"}\n');
      },
    ],
    ['events', (r: http.ServerResponse) => sse(r, ': \n\n')],
  ])('runs out of time, tells the server and closes the stream: hangs at %s', async (_name, hang) => {
    const closed = new Inbox<true>();
    const server = await sessionServer({
      call: (_request, response) => {
        response.on('close', () => closed.push(true));
        hang(response);
      },
    });
    const leg = kept(await openHttpSession(bench(server.url).options));
    const error = await failure(leg.request(callOf({ timeoutMs: 40 })).answer);
    expect(error.reason).toBe('timeout');
    const { message } = await server.received.next(isCall);
    const cancelled = await server.received.next(isMethod('notifications/cancelled'));
    expect(cancelled.message['params']).toEqual({ requestId: message['id'], reason: 'timeout' });
    await closed.next();
  });

  it("does not send configured headers that are the protocol's", async () => {
    const server = await sessionServer({});
    const headers = { accept: 'text/plain', 'mcp-session-id': 'mine', 'x-kept': 'yes' };
    const { options, logs } = bench(server.url, { headers });
    kept(await openHttpSession(options));
    const initialize = await server.received.next();
    expect(initialize.headers['x-kept']).toBe('yes');
    expect(initialize.headers.accept).toBe('application/json, text/event-stream');
    expect(initialize.headers['mcp-session-id']).toBeUndefined();
    expect(logs.all.filter((text) => text.startsWith('warn'))).toHaveLength(2);
  });

  it('is down when nobody listens', async () => {
    const server = await sessionServer({});
    const url = new URL(server.url);
    for (const cleanup of cleanups.splice(0)) await cleanup();
    const error = await failure(openHttpSession(bench(url).options));
    expect(error.reason).toBe('down');
    expect(error.message).toMatch(/ECONNREFUSED/);
  });
});

describe('a large answer', () => {
  const size = 600 * 1024;
  const bodyFor = (id: unknown): string =>
    `{"jsonrpc":"2.0","id":${String(id)},"result":{"text":"${'é'.repeat(size / 2)}"}}`;

  const startWith = (text: (id: unknown) => string): ReturnType<typeof start> =>
    start((body, response) => response.end(body), text);

  async function start(
    write: (body: Buffer, response: http.ServerResponse) => void,
    text: (id: unknown) => string = bodyFor,
  ): Promise<{ leg: Leg; pending: Pending; answer: ResultAnswer & { rest: BodyRest } }> {
    const server = await sessionServer({
      call: ({ message }, response) => {
        const body = Buffer.from(text(message['id']));
        response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length });
        write(body, response);
      },
    });
    const leg = kept(await openHttpSession(bench(server.url).options));
    const pending = leg.request(callOf({ cause: new TestCause() }));
    const answer = await pending.answer;
    expect(answer.kind === 'result' && answer.rest).toBeTruthy();
    return { leg, pending, answer: answer as ResultAnswer & { rest: BodyRest } };
  }

  it('is handed on while it comes, with back-pressure and to the byte', async () => {
    let isStopped = false;
    let writesWhileStopped = 0;
    const { leg, answer } = await start((body, response) => {
      // The head arrives in parts.
      response.write(body.subarray(0, 20), () => setImmediate(() => response.end(body.subarray(20))));
    });
    expect(leg.inFlight).toBe(0);
    const parts: Buffer[] = [];
    await new Promise<void>((resolve, reject) => {
      answer.rest.pipe({
        write: (chunk) => {
          if (isStopped) writesWhileStopped++;
          parts.push(chunk);
          isStopped = true;
          setImmediate(() => {
            isStopped = false;
            answer.rest.resume();
          });
          return false;
        },
        end: resolve,
        fail: reject,
      });
    });
    const rest = Buffer.concat(parts);
    expect(rest.length).toBe(answer.rest.bytes);
    expect(Buffer.concat([answer.before, Buffer.from('5'), answer.after, rest]).toString()).toBe(bodyFor(5));
    expect(writesWhileStopped).toBe(0);
    expect(parts.length).toBeGreaterThan(2);
  });

  it('fails when it breaks off', async () => {
    const { answer } = await start((body, response) => {
      response.write(body.subarray(0, 200_000), () => response.socket?.resetAndDestroy());
    });
    const error = await new Promise<Error>((resolve, reject) => {
      answer.rest.pipe({ write: () => true, end: () => reject(new Error('ended')), fail: resolve });
    });
    expect(error).toBeInstanceOf(UpstreamError);
    expect((error as UpstreamError).reason).toBe('down');
  });

  it.each([
    ['another id behind the result', (body: string) => `${body.slice(0, -1)},"id":77}`],
    ['a request behind the result', (body: string) => `${body.slice(0, -1)},"method":"sampling/createMessage"}`],
    ['a second message', (body: string) => `${body}{"jsonrpc":"2.0","id":1,"method":"ping"}`],
    ['no end', (body: string) => body.slice(0, -2)],
  ])('is cut off when it holds %s', async (_name, forge) => {
    const { answer } = await startWith((id) => forge(bodyFor(id)));
    const parts: Buffer[] = [];
    const error = await new Promise<Error>((resolve, reject) => {
      answer.rest.pipe({
        write: (chunk) => parts.push(chunk) > 0,
        end: () => reject(new Error('ended')),
        fail: resolve,
      });
    });
    expect((error as UpstreamError).reason).toBe('protocol');
    expect(Buffer.concat(parts).toString()).not.toMatch(/77|method/);
  });

  it('frees the connection when it is given up', async () => {
    const closed = new Inbox<true>();
    const { answer } = await start((body, response) => {
      response.on('close', () => closed.push(true));
      response.write(body.subarray(0, 200_000));
    });
    answer.rest.cancel();
    expect(await closed.next()).toBe(true);
  });

  it('frees the connection when its call is given up', async () => {
    const closed = new Inbox<true>();
    const { pending } = await start((body, response) => {
      response.on('close', () => closed.push(true));
      response.write(body.subarray(0, 200_000));
    });
    pending.cancel();
    expect(await closed.next()).toBe(true);
  });

  it('is refused when it answers another request', async () => {
    const server = await sessionServer({ call: (_request, response) => json(response, bodyFor(999_999)) });
    const leg = kept(await openHttpSession(bench(server.url).options));
    expect((await failure(leg.request(callOf()).answer)).reason).toBe('protocol');
  });

  it('fails when its leg is destroyed', async () => {
    const { leg, answer } = await start((body, response) => response.write(body.subarray(0, 200_000)));
    const failed = new Promise<Error>((resolve) => {
      answer.rest.pipe({ write: () => true, end: () => undefined, fail: resolve });
    });
    leg.destroy();
    expect(await failed).toMatchObject({ reason: 'down' });
  });

  it('is gathered when its id does not come first', async () => {
    const text = 'x'.repeat(200_000);
    const server = await sessionServer({
      call: ({ message }, response) =>
        json(response, `{"result":{"text":"${text}"},"jsonrpc":"2.0","id":${message['id'] as number}}`),
    });
    const leg = kept(await openHttpSession(bench(server.url).options));
    const answer = await leg.request(callOf()).answer;
    expect(answer).not.toHaveProperty('rest');
    expect(whole(answer, '3')).toBe(`{"result":{"text":"${text}"},"jsonrpc":"2.0","id":3}`);
  });
});

describe('an event stream', () => {
  it('brings progress by token, other messages to the cause, changes to the leg, and the answer', async () => {
    const server = await sessionServer({
      call: ({ message }, response) => {
        const params = { progressToken: message['id'], progress: 1 };
        const events = [
          { jsonrpc: '2.0', method: 'notifications/progress', params },
          { jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: 12_345, progress: 1 } },
          { jsonrpc: '2.0', method: 'notifications/message', params: { level: 'info', data: 'x' } },
          { jsonrpc: '2.0', method: 'notifications/tools/list_changed' },
          { jsonrpc: '2.0', method: 'notifications/vendor' },
          ok(4242, { not: 'ours' }),
          ok(message['id'], { ours: true }),
          { jsonrpc: '2.0', method: 'notifications/late' },
        ];
        // In one piece, so that what follows the answer is read with it.
        sse(response, events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join('')).end();
      },
    });
    const { options, notifications } = bench(server.url);
    const leg = kept(await openHttpSession(options));
    const cause = new TestCause();
    const answer = await leg.request(callOf({ cause })).answer;
    expect(whole(answer, '1')).toBe('{"jsonrpc":"2.0","id":1,"result":{"ours":true}}');
    expect(cause.notes.all.map(({ method }) => method)).toEqual([
      'notifications/progress',
      'notifications/message',
      'notifications/vendor',
    ]);
    expect(notifications.all.map(({ method }) => method)).toEqual(['notifications/tools/list_changed']);
  });

  it('may stay open behind its answer, but not for long', async () => {
    const streams = new Inbox<http.ServerResponse>();
    const closed = new Inbox<true>();
    const server = await sessionServer({
      call: ({ message }, response) => {
        response.on('close', () => closed.push(true));
        streams.push(sse(response, ok(message['id'])));
      },
    });
    const timers = manualTimers();
    const leg = kept(await openHttpSession(bench(server.url, { setTimer: timers.setTimer }).options));
    const lingering = async (): Promise<ManualTimer> => {
      await leg.request(callOf()).answer;
      return timers.set.next(({ ms }) => ms === 1000);
    };
    (await lingering()).fire();
    await closed.next();
    await streams.next();
    const takenBack = await lingering();
    (await streams.next()).end();
    await closed.next();
    // The connection is free again when the next call has been answered on it.
    await lingering();
    expect(takenBack.isOn()).toBe(false);
  });

  it('is read in any chunking', async () => {
    const server = await sessionServer({
      call: ({ message }, response) => {
        const text = `\u{FEFF}: c\r\nid: 1\r\ndata: {"jsonrpc":"2.0",\r\ndata: "id":${message['id'] as number},"result":{"é":"ü"}}\r\n\r\n`;
        const bytes = Buffer.from(text);
        sse(response);
        const step = (at: number): void => {
          if (at === bytes.length) response.end();
          else response.write(bytes.subarray(at, at + 1), () => setImmediate(step, at + 1));
        };
        step(0);
      },
    });
    const leg = kept(await openHttpSession(bench(server.url).options));
    expect(JSON.parse(whole(await leg.request(callOf()).answer, '9'))).toEqual({
      jsonrpc: '2.0',
      id: 9,
      result: { é: 'ü' },
    });
  });

  it('renews the clock of a call with its progress', async () => {
    const streams = new Inbox<[unknown, http.ServerResponse]>();
    const server = await sessionServer({
      call: ({ message }, response) => streams.push([message['id'], sse(response, ': \n\n')]),
    });
    const timers = manualTimers();
    let nowMs = 0;
    const leg = kept(await openHttpSession(bench(server.url, { setTimer: timers.setTimer, now: () => nowMs }).options));
    const cause = new TestCause();
    const { answer } = leg.request(callOf({ cause, timeoutMs: 100, maxMs: 1000 }));
    const [id, stream] = await streams.next();
    nowMs = 80;
    sse(stream, { jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: id as number } });
    await cause.notes.next();
    nowMs = 150;
    for (const { fire } of timers.set.all.slice()) fire();
    expect(leg.inFlight).toBe(1);
    nowMs = 200;
    for (const { fire } of timers.set.all.slice()) fire();
    expect((await failure(answer)).reason).toBe('timeout');
  });

  it('asks the call, whose clock stands still, and posts what it answers', async () => {
    let finish = (): void => undefined;
    const server = await sessionServer({
      call: ({ message }, response) => {
        sse(response, { jsonrpc: '2.0', id: 'q', method: 'roots/list' }, { jsonrpc: '2.0', id: 'p', method: 'ping' });
        finish = () => sse(response, ok(message['id'])).end();
      },
    });
    const timers = manualTimers();
    let nowMs = 0;
    const leg = kept(await openHttpSession(bench(server.url, { setTimer: timers.setTimer, now: () => nowMs }).options));
    const cause = new TestCause();
    const { promise, resolve } = Promise.withResolvers<ServerRequestAnswer>();
    cause.reply = promise;
    const { answer } = leg.request(callOf({ cause, timeoutMs: 60, maxMs: 60 }));
    await cause.asked.next();
    const pong = await server.received.next(({ message }) => message['id'] === 'p');
    expect(pong.message).toEqual({ jsonrpc: '2.0', id: 'p', result: {} });
    nowMs = 100_000;
    for (const { fire } of timers.set.all.filter(({ ms }) => ms <= 60)) fire();
    expect(leg.inFlight).toBe(1);
    resolve({ result: { roots: [] } });
    const posted = await server.received.next(({ message }) => message['id'] === 'q');
    expect(posted.message).toEqual({ jsonrpc: '2.0', id: 'q', result: { roots: [] } });
    expect(posted.headers['mcp-session-id']).toBe('session-1');
    finish();
    expect((await answer).kind).toBe('result');
  });

  it('asks a call so many things at a time, each with an id of its own', async () => {
    const server = await sessionServer({
      call: (_request, response) => {
        const ask = (id: number): JsonObject => ({ jsonrpc: '2.0', id, method: 'roots/list' });
        sse(response, ...Array.from({ length: 66 }, (_, id) => ask(id)), ask(0));
      },
    });
    const leg = kept(await openHttpSession(bench(server.url).options));
    const cause = new TestCause();
    cause.reply = new Promise(() => undefined);
    leg.request(callOf({ cause }));
    const refused: unknown[] = [];
    for (let count = 0; count < 3; count++) {
      const { message } = await server.received.next((one) => one.message['error'] !== undefined);
      refused.push(message['id']);
    }
    expect(new Set(refused)).toEqual(new Set([64, 65, 0]));
    expect(cause.asked.all).toHaveLength(64);
  });

  it('is resumed after exactly the time that the server asked for', async () => {
    let call: JsonObject = {};
    const server = await sessionServer({
      call: ({ message }, response) => {
        call = message;
        sse(response, 'id: event-1\nretry: 517\ndata: \n\n').end();
      },
      get: ({ headers }, response) => {
        if (headers['last-event-id'] === 'event-1') sse(response, 'id: event-2\ndata:\n\n').end();
        else if (headers['last-event-id'] === 'event-2') sse(response, ok(call['id'], { resumed: true })).end();
        else response.writeHead(405).end();
      },
    });
    const timers = manualTimers();
    const leg = kept(await openHttpSession(bench(server.url, { setTimer: timers.setTimer }).options));
    const { answer } = leg.request(callOf());
    for (let resumed = 0; resumed < 2; resumed++) (await timers.set.next(({ ms }) => ms === 517)).fire();
    expect(whole(await answer, '1')).toContain('"resumed":true');
    const resumptions = server.received.all.filter(({ headers }) => headers['last-event-id'] !== undefined);
    expect(
      resumptions.map(({ headers }) => [headers['last-event-id'], headers['mcp-session-id'], headers.accept]),
    ).toEqual([
      ['event-1', 'session-1', 'text/event-stream'],
      ['event-2', 'session-1', 'text/event-stream'],
    ]);
  });

  it('is not resumed for ever', async () => {
    const server = await sessionServer({
      call: (_request, response) => sse(response, 'id: same\ndata: \n\n').end(),
      get: ({ headers }, response) => {
        if (headers['last-event-id'] === undefined) response.writeHead(405).end();
        else sse(response).end();
      },
    });
    const timers = manualTimers();
    const leg = kept(await openHttpSession(bench(server.url, { setTimer: timers.setTimer }).options));
    const { answer } = leg.request(callOf());
    const isOver = answer.then(
      () => true,
      () => true,
    );
    for (let tries = 0; tries < 5; tries++) (await timers.set.next(({ ms }) => ms === 1000)).fire();
    await isOver;
    expect((await failure(answer)).reason).toBe('down');
  });

  it('gives up a resumption that is cancelled', async () => {
    const server = await sessionServer({
      call: (_request, response) => sse(response, 'id: 1\nretry: 31\ndata: \n\n').end(),
    });
    const timers = manualTimers();
    const leg = kept(await openHttpSession(bench(server.url, { setTimer: timers.setTimer }).options));
    const pending = leg.request(callOf());
    const timer = await timers.set.next(({ ms }) => ms === 31);
    pending.cancel();
    timer.fire();
    expect((await failure(pending.answer)).reason).toBe('cancelled');
    await server.received.next(isMethod('notifications/cancelled'));
    expect(server.received.all.filter(({ headers }) => headers['last-event-id'] !== undefined)).toEqual([]);
  });
});

describe('cancel', () => {
  it('tells a server of the session era, closes the stream and delivers nothing after it', async () => {
    const closed = new Inbox<true>();
    let late = (): void => undefined;
    const server = await sessionServer({
      call: ({ message }, response) => {
        response.on('close', () => closed.push(true));
        sse(response, { jsonrpc: '2.0', method: 'notifications/message', params: {} });
        late = () =>
          void sse(response, { jsonrpc: '2.0', method: 'notifications/message', params: {} }, ok(message['id']));
      },
    });
    const leg = kept(await openHttpSession(bench(server.url).options));
    const cause = new TestCause();
    const pending = leg.request(callOf({ cause }));
    await cause.notes.next();
    pending.cancel('changed my mind');
    late();
    expect(await failure(pending.answer)).toMatchObject({ reason: 'cancelled' });
    const { message } = await server.received.next(isMethod('notifications/cancelled'));
    expect(message['params']).toEqual({ requestId: expect.any(Number) as number, reason: 'changed my mind' });
    await closed.next();
    expect(cause.notes.all).toHaveLength(1);
    expect(leg.inFlight).toBe(0);
  });

  it('closes the stream in the stateless era, and says nothing', async () => {
    const closed = new Inbox<true>();
    const server = await statelessServer({
      call: (_request, response) => {
        response.on('close', () => closed.push(true));
        sse(response, { jsonrpc: '2.0', method: 'notifications/message', params: {} });
      },
    });
    const leg = kept(await openHttpStateless(bench(server.url).options));
    const cause = new TestCause();
    const pending = leg.request(callOf({ cause }));
    await cause.notes.next();
    pending.cancel();
    await closed.next();
    expect((await failure(pending.answer)).reason).toBe('cancelled');
    expect(server.received.all.filter(isMethod('notifications/cancelled'))).toEqual([]);
  });
});

describe('a session that is gone', () => {
  const refusals: ReadonlyArray<readonly [string, Handle]> = [
    ['404', (_request, response) => response.writeHead(404).end()],
    [
      '404 with an error',
      ({ message }, response) => json(response, bad(message['id'], -32001, 'Session not found'), 404),
    ],
    [
      '400 of the example',
      (_request, response) => json(response, bad(null, -32000, 'Bad Request: No valid session ID provided'), 400),
    ],
  ];

  it.each(refusals)('is begun again once for all that wait: %s', async (_name, refuse) => {
    let gone = 2;
    const server = await sessionServer({
      capabilities: { tools: { listChanged: true }, resources: { subscribe: true } },
      call: (request, response) => {
        if (request.headers['mcp-session-id'] === 'session-1' && gone-- > 0) refuse(request, response);
        else json(response, ok(request.message['id'], { by: request.headers['mcp-session-id'] as string }));
      },
      other: ({ message }, response) => json(response, ok(message['id'])),
    });
    const { options, notifications, downs } = bench(server.url);
    const leg = kept(await openHttpSession(options));
    leg.setSubscriptions(['a:b']);
    await server.received.next(isMethod('resources/subscribe'));
    await leg.request(
      callOf({ method: 'logging/setLevel', text: (id) => `{"jsonrpc":"2.0","id":${id},"method":"logging/setLevel"}` }),
    ).answer;
    const answers = await Promise.all([leg.request(callOf()).answer, leg.request(callOf()).answer]);
    for (const answer of answers) expect(whole(answer, '1')).toContain('session-2');
    expect(server.received.all.filter(isMethod('initialize'))).toHaveLength(2);
    expect((await notifications.next()).method).toBe('notifications/tools/list_changed');
    for (const method of ['resources/subscribe', 'logging/setLevel']) {
      const again = await server.received.find(
        (one) => isMethod(method)(one) && one.headers['mcp-session-id'] === 'session-2',
      );
      expect(again.message['id']).toBeTypeOf('number');
    }
    expect(downs.all).toEqual([]);
  });

  it('is not begun again for a call that went out before the last time', async () => {
    const late = new Inbox<http.ServerResponse>();
    const server = await sessionServer({
      call: ({ message, headers }, response) => {
        if (headers['mcp-session-id'] !== 'session-1') json(response, ok(message['id']));
        else if (late.all.length === 0) late.push(response);
        else response.writeHead(404).end();
      },
    });
    const leg = kept(await openHttpSession(bench(server.url).options));
    const slow = leg.request(callOf());
    const response = await late.next();
    await leg.request(callOf()).answer;
    response.writeHead(404).end();
    expect((await slow.answer).kind).toBe('result');
    expect(server.received.all.filter(isMethod('initialize'))).toHaveLength(2);
  });

  it('is begun again when the stream without a request finds it out', async () => {
    const server = await sessionServer({
      capabilities: { prompts: { listChanged: true } },
      get: ({ headers }, response) => response.writeHead(headers['mcp-session-id'] === 'session-1' ? 404 : 405).end(),
    });
    const { options, notifications } = bench(server.url);
    kept(await openHttpSession(options));
    expect((await notifications.next()).method).toBe('notifications/prompts/list_changed');
    expect(server.received.all.filter(isMethod('initialize'))).toHaveLength(2);
  });

  it('is begun again once a call', async () => {
    const server = await sessionServer({ call: (_request, response) => response.writeHead(404).end() });
    const leg = kept(await openHttpSession(bench(server.url).options));
    expect(await failure(leg.request(callOf()).answer)).toMatchObject({ status: 404 });
    expect(server.received.all.filter(isCall)).toHaveLength(2);
  });

  it('is the end of the leg when it cannot be begun again', async () => {
    let isFirst = true;
    const server = await serve(({ message }, response) => {
      if (message['method'] === 'initialize' && isFirst) {
        isFirst = false;
        const result = { protocolVersion: '2025-11-25', capabilities: {}, serverInfo: {} };
        json(response, ok(message['id'], result), 200, { 'mcp-session-id': 'one' });
      } else response.writeHead(message['method'] === 'initialize' ? 500 : 404).end();
    });
    const { options, downs } = bench(server.url);
    const leg = kept(await openHttpSession(options));
    const first = leg.request(callOf());
    expect((await failure(first.answer)).reason).toBe('down');
    expect((await downs.next()).status).toBe(500);
    expect((await failure(leg.request(callOf()).answer)).reason).toBe('down');
    expect(downs.all).toHaveLength(1);
  });

  it('means nothing without a session', async () => {
    const server = await serve(({ message }, response) => {
      if (message['method'] === 'initialize') json(response, ok(message['id'], { protocolVersion: '2025-11-25' }));
      else response.writeHead(404).end();
    });
    const leg = kept(await openHttpSession(bench(server.url).options));
    expect(await failure(leg.request(callOf()).answer)).toMatchObject({ reason: 'protocol', status: 404 });
    expect(server.received.all.filter(isMethod('initialize'))).toHaveLength(1);
  });
});

describe('the stream without a request', () => {
  it('asks the only call under way, nobody when there are several, and is resumed', async () => {
    const streams = new Inbox<http.ServerResponse>();
    const waiting = new Inbox<() => void>();
    const server = await sessionServer({
      get: (_request, response) => streams.push(sse(response, ': open\n\n')),
      call: ({ message }, response) => waiting.push(() => json(response, ok(message['id']))),
    });
    const timers = manualTimers();
    const { options, unattributed, notifications } = bench(server.url, { setTimer: timers.setTimer });
    const leg = kept(await openHttpSession(options));
    const stream = await streams.next();
    const one = new TestCause();
    const first = leg.request(callOf({ cause: one }));
    sse(
      stream,
      { jsonrpc: '2.0', id: 'a', method: 'sampling/createMessage' },
      { jsonrpc: '2.0', method: 'notifications/message', params: {} },
    );
    expect((await one.asked.next()).id).toBe('a');
    expect((await one.notes.next()).method).toBe('notifications/message');
    await server.received.next(({ message }) => message['id'] === 'a');

    const two = new TestCause();
    const second = leg.request(callOf({ cause: two }));
    sse(
      stream,
      { jsonrpc: '2.0', id: 'b', method: 'sampling/createMessage' },
      { jsonrpc: '2.0', method: 'notifications/message', params: {} },
    );
    expect((await unattributed.next()).id).toBe('b');
    const refused = await server.received.next(({ message }) => message['id'] === 'b');
    expect(refused.message['error']).toEqual({ code: -32603, message: 'nobody' });
    expect((await notifications.next()).method).toBe('notifications/message');
    expect([one.asked.all.length, two.asked.all.length]).toEqual([1, 0]);

    for (let calls = 0; calls < 2; calls++) (await waiting.next())();
    await Promise.all([first.answer, second.answer]);
    sse(
      stream,
      'id: e7\nretry: 33\ndata: {"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"x:y"}}\n\n',
    ).end();
    expect((await notifications.next()).method).toBe('notifications/resources/updated');
    (await timers.set.next(({ ms }) => ms === 33)).fire();
    await streams.next();
    expect(server.received.all.filter(isGet).map(({ headers }) => headers['last-event-id'])).toEqual([undefined, 'e7']);
  });

  it('is not opened again where there is none', async () => {
    const server = await sessionServer({ call: ({ message }, response) => json(response, ok(message['id'])) });
    const { options, logs } = bench(server.url);
    const leg = kept(await openHttpSession(options));
    expect(await logs.next((text) => text.includes('has no stream'))).toMatch(/^debug/);
    expect((await leg.request(callOf()).answer).kind).toBe('result');
  });

  it('waits longer after each failure', async () => {
    const server = await sessionServer({ get: (_request, response) => response.writeHead(503).end() });
    const timers = manualTimers();
    kept(await openHttpSession(bench(server.url, { setTimer: timers.setTimer, random: () => 1 }).options));
    for (const ms of [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]) {
      (await timers.set.next((timer) => timer.ms === ms)).fire();
    }
    expect(server.received.all.filter(isGet)).not.toEqual([]);
  });
});

describe('end', () => {
  it('waits for calls under way, deletes the session and is done once', async () => {
    let answer = (): void => undefined;
    const calls = new Inbox<true>();
    const server = await sessionServer({
      call: ({ message }, response) => {
        answer = () => json(response, ok(message['id']));
        calls.push(true);
      },
    });
    const leg = kept(await openHttpSession(bench(server.url).options));
    const pending = leg.request(callOf());
    await calls.next();
    const closed = leg.close();
    expect(leg.close()).toBe(closed);
    expect((await failure(leg.request(callOf()).answer)).reason).toBe('down');
    // What was sent has arrived when another session has begun.
    kept(await openHttpSession(bench(server.url).options));
    expect(server.received.all.filter(({ method }) => method === 'DELETE')).toEqual([]);
    answer();
    await pending.answer;
    await closed;
    const ends = server.received.all.filter(({ method }) => method === 'DELETE');
    expect(ends.map(({ headers }) => headers['mcp-session-id'])).toEqual(['session-1']);
  });

  it('does not wait for a server that does not answer DELETE', async () => {
    const server = await serve(({ message, method }, response) => {
      if (message['method'] === 'initialize') {
        json(response, ok(message['id'], { protocolVersion: '2025-11-25' }), 200, { 'mcp-session-id': 'x' });
      } else if (method !== 'DELETE') response.writeHead(202).end();
    });
    const timers = manualTimers();
    const leg = kept(await openHttpSession(bench(server.url, { setTimer: timers.setTimer }).options));
    const closed = leg.close();
    await server.received.next(({ method }) => method === 'DELETE');
    (await timers.set.next(({ ms }) => ms === 2000)).fire();
    expect(await closed).toBeUndefined();
  });

  it.each([openHttpSession, openHttpStateless])(
    'lets go of all connections of a pool that others use: %o',
    async (open) => {
      const closed = new Inbox<unknown>();
      const opened = new Inbox<true>();
      const hold: Handle = ({ method, message }, response) => {
        response.on('close', () => closed.push(message['method'] ?? method));
        sse(response, ': \n\n');
        opened.push(true);
      };
      const server = await (open === openHttpSession
        ? sessionServer({ get: hold, call: hold })
        : statelessServer({ capabilities: { tools: { listChanged: true } }, listen: hold, call: hold }));
      const dispatcher = createDispatcher(server.url, {}, { connectTimeoutMs: 5000 });
      cleanups.push(() => dispatcher.destroy());
      const leg = await open(bench(server.url, { dispatcher }).options);
      const pending = leg.request(callOf());
      await opened.next();
      await opened.next();
      leg.destroy();
      expect((await failure(pending.answer)).reason).toBe('down');
      await closed.next();
      await closed.next();
      expect(dispatcher).toMatchObject({ destroyed: false });
    },
  );

  it('fails what is under way when it is destroyed', async () => {
    const closed = new Inbox<true>();
    const server = await sessionServer({
      get: (_request, response) => {
        response.on('close', () => closed.push(true));
        sse(response, ': \n\n');
      },
      call: (_request, response) => {
        response.on('close', () => closed.push(true));
        sse(response, ': \n\n');
      },
    });
    const { options, downs } = bench(server.url);
    const leg = kept(await openHttpSession(options));
    const pending = leg.request(callOf({ cause: new TestCause() }));
    await server.received.next(isCall);
    await server.received.find(isGet);
    leg.destroy();
    leg.destroy();
    expect((await failure(pending.answer)).reason).toBe('down');
    await closed.next();
    await closed.next();
    expect(downs.all).toEqual([]);
  });
});

describe('resource subscriptions of a session', () => {
  it('are told as differences', async () => {
    const server = await sessionServer({
      capabilities: { resources: { subscribe: true } },
      other: ({ message }, response) => json(response, ok(message['id'])),
    });
    const leg = kept(await openHttpSession(bench(server.url).options));
    leg.setSubscriptions(['a:1', 'a:2']);
    leg.setSubscriptions(['a:2', 'a:3']);
    expect(leg.subscriptions).toBe(2);
    const isTold = ({ message }: Received): boolean =>
      (message['method'] as string | undefined)?.startsWith('resources/') === true;
    const told = [
      await server.received.next(isTold),
      await server.received.next(isTold),
      await server.received.next(isTold),
      await server.received.next(isTold),
    ];
    expect(told.map(({ message }) => `${message['method'] as string} ${JSON.stringify(message['params'])}`)).toEqual([
      'resources/subscribe {"uri":"a:1"}',
      'resources/unsubscribe {"uri":"a:1"}',
      'resources/subscribe {"uri":"a:2"}',
      'resources/subscribe {"uri":"a:3"}',
    ]);
  });
});

describe('stateless era', () => {
  it('sends the envelope with its own requests and mirrors the body in headers', async () => {
    const server = await statelessServer({
      call: ({ message }, response) => json(response, ok(message['id'], { resultType: 'complete' })),
    });
    const leg = kept(await openHttpStateless(bench(server.url).options));
    expect(leg.server).toEqual({
      info: { name: 'm' },
      capabilities: { tools: {} },
      instructions: undefined,
      revisions: ['2026-07-28'],
    });
    const discover = await server.received.next();
    expect(discover.headers).toMatchObject({ 'mcp-method': 'server/discover', 'mcp-protocol-version': '2026-07-28' });
    expect(discover.message['params']).toEqual({ _meta: leg.ownMeta });
    await leg.request(callOf({ name: 'Größe', paramHeaders: { 'mcp-param-region': 'eu' } })).answer;
    const call = await server.received.next(isCall);
    expect(call.headers).toMatchObject({
      'mcp-method': 'tools/call',
      'mcp-name': '=?base64?R3LDtsOfZQ==?=',
      'mcp-param-region': 'eu',
      'mcp-protocol-version': '2026-07-28',
    });
    expect(call.headers['mcp-session-id']).toBeUndefined();
  });

  it('loses a call whose stream ends, even where there was an event id', async () => {
    const server = await statelessServer({ call: (_request, response) => sse(response, 'id: 1\ndata: \n\n').end() });
    const leg = kept(await openHttpStateless(bench(server.url).options));
    expect((await failure(leg.request(callOf()).answer)).reason).toBe('down');
    expect(server.received.all.filter(isGet)).toEqual([]);
  });

  it('drops requests of the server', async () => {
    const server = await statelessServer({
      call: ({ message }, response) =>
        sse(response, { jsonrpc: '2.0', id: 1, method: 'roots/list' }, ok(message['id'])).end(),
    });
    const { options, unattributed, logs } = bench(server.url);
    const leg = kept(await openHttpStateless(options));
    const cause = new TestCause();
    expect((await leg.request(callOf({ cause })).answer).kind).toBe('result');
    expect([cause.asked.all, unattributed.all]).toEqual([[], []]);
    expect(await logs.next((text) => text.includes('roots/list'))).toMatch(/^warn/);
  });
});

describe('listening to changes', () => {
  const changing = { tools: { listChanged: true }, prompts: {}, resources: { listChanged: true, subscribe: true } };
  const subscriptionId = 'io.modelcontextprotocol/subscriptionId';
  const ack = (id: unknown, granted: JsonObject = { toolsListChanged: true }): JsonObject => ({
    jsonrpc: '2.0',
    method: 'notifications/subscriptions/acknowledged',
    params: { _meta: { [subscriptionId]: id as string }, notifications: granted },
  });
  const change = (id: unknown, more: JsonObject = {}): JsonObject => ({
    jsonrpc: '2.0',
    method: 'notifications/tools/list_changed',
    params: { _meta: { [subscriptionId]: id as string, ...more } },
  });

  it('asks for what the server announces and delivers it without the subscription', async () => {
    const streams = new Inbox<[unknown, http.ServerResponse]>();
    const server = await statelessServer({
      capabilities: changing,
      listen: ({ message }, response) => streams.push([message['id'], sse(response, ack(message['id']))]),
    });
    const { options, notifications } = bench(server.url);
    const leg = kept(await openHttpStateless(options));
    const [id, stream] = await streams.next();
    const { message, headers } = await server.received.next(isMethod('subscriptions/listen'));
    expect(headers['mcp-method']).toBe('subscriptions/listen');
    expect(message['params']).toEqual({
      _meta: leg.ownMeta,
      notifications: { toolsListChanged: true, resourcesListChanged: true },
    });
    sse(
      stream,
      change('of another'),
      {
        jsonrpc: '2.0',
        method: 'notifications/progress',
        params: { progressToken: 1, _meta: { [subscriptionId]: id as string } },
      },
      change(id, { kept: 1 }),
      change(id),
    );
    expect(await notifications.next()).toEqual({
      jsonrpc: '2.0',
      method: 'notifications/tools/list_changed',
      params: { _meta: { kept: 1 } },
    });
    expect(await notifications.next()).toEqual({
      jsonrpc: '2.0',
      method: 'notifications/tools/list_changed',
      params: {},
    });
    expect(notifications.all).toHaveLength(2);
  });

  it('opens it again and says that changes may have been missed', async () => {
    const streams = new Inbox<[unknown, http.ServerResponse]>();
    const server = await statelessServer({
      capabilities: changing,
      listen: ({ message }, response) => streams.push([message['id'], sse(response, ack(message['id']))]),
    });
    const timers = manualTimers();
    const { options, notifications } = bench(server.url, { setTimer: timers.setTimer, random: () => 1 });
    kept(await openHttpStateless(options));
    const [id, stream] = await streams.next();
    sse(stream, change(id));
    await notifications.next();
    stream.end();
    (await timers.set.next(({ ms }) => ms === 1000)).fire();
    const [, second] = await streams.next();
    expect((await notifications.next()).method).toBe('notifications/tools/list_changed');
    expect((await notifications.next()).method).toBe('notifications/resources/list_changed');
    // It was of no use: the next one waits longer.
    second.end();
    (await timers.set.next(({ ms }) => ms === 2000)).fire();
    await streams.next();
  });

  it('replaces the stream when other resources are wanted, the next before the last', async () => {
    const streams = new Inbox<[unknown, http.ServerResponse]>();
    const closed = new Inbox<unknown>();
    const server = await statelessServer({
      capabilities: changing,
      listen: ({ message }, response) => {
        response.on('close', () => closed.push(message['id']));
        streams.push([message['id'], sse(response)]);
      },
    });
    const { options, notifications } = bench(server.url);
    const leg = kept(await openHttpStateless(options));
    const [firstId, first] = await streams.next();
    sse(first, ack(firstId), change(firstId));
    await notifications.next();
    leg.setSubscriptions(['x:y', 'x:y']);
    expect(leg.subscriptions).toBe(1);
    const [secondId, second] = await streams.next();
    const asked = server.received.all.findLast(isMethod('subscriptions/listen'));
    expect(asked?.message['params']).toMatchObject({ notifications: { resourceSubscriptions: ['x:y'] } });
    sse(first, change(firstId));
    await notifications.next();
    sse(second, ack(secondId), {
      jsonrpc: '2.0',
      method: 'notifications/resources/updated',
      params: { uri: 'x:y', _meta: { [subscriptionId]: secondId as string } },
    });
    expect(await closed.next()).toBe(firstId);
    expect(await notifications.next()).toEqual({
      jsonrpc: '2.0',
      method: 'notifications/resources/updated',
      params: { uri: 'x:y' },
    });
    expect(notifications.all).toHaveLength(3);
  });

  it.each([
    [
      'lines of JSON that do not end',
      (r: http.ServerResponse) => {
        r.writeHead(200, { 'content-type': 'application/json' });
        r.write(`${JSON.stringify(ack('listen-1'))}\n`);
      },
    ],
    ['an error', (r: http.ServerResponse) => json(r, bad('listen-1', -32601, 'no'), 404)],
    ['nothing granted', (r: http.ServerResponse) => sse(r, ack('listen-1', {}))],
  ])('goes without it, and blocks nothing: %s', async (_name, answer) => {
    const closed = new Inbox<true>();
    const server = await statelessServer({
      capabilities: changing,
      listen: (_request, response) => {
        response.on('close', () => closed.push(true));
        answer(response);
      },
      call: ({ message }, response) => json(response, ok(message['id'])),
    });
    const timers = manualTimers();
    const { options, logs } = bench(server.url, { setTimer: timers.setTimer });
    const leg = kept(await openHttpStateless(options));
    await logs.next((text) => text.includes('refused the subscription'));
    await closed.next();
    expect((await leg.request(callOf()).answer).kind).toBe('result');
    expect(timers.set.all.filter(({ ms }) => ms === 1000)).toEqual([]);
    expect(server.received.all.filter(isMethod('subscriptions/listen'))).toHaveLength(1);
  });

  it('tries again when the acknowledgement does not come', async () => {
    const server = await statelessServer({ capabilities: changing, listen: () => undefined });
    const timers = manualTimers();
    const { options } = bench(server.url, { setTimer: timers.setTimer, connectTimeoutMs: 4321 });
    kept(await openHttpStateless(options));
    await server.received.next(isMethod('subscriptions/listen'));
    for (const { fire } of timers.set.all.filter(({ ms }) => ms === 4321)) fire();
    (await timers.set.next(({ ms }) => ms === 1000)).fire();
    const again = await server.received.next(isMethod('subscriptions/listen'));
    expect(again.message['id']).toBe('listen-2');
  });
});

describe('finding the era', () => {
  const both = async (discovered: Handle, initialized?: Handle): Promise<TestServer> =>
    serve((request, response) => {
      if (request.method !== 'POST') return response.writeHead(405).end();
      if (request.message['method'] === 'server/discover') return discovered(request, response);
      if (request.message['method'] === 'initialize' && initialized !== undefined)
        return initialized(request, response);
      return response.writeHead(202).end();
    });
  const begins: Handle = ({ message }, response) =>
    json(response, ok(message['id'], { protocolVersion: '2025-11-25' }));
  const discovers =
    (...versions: string[]): Handle =>
    ({ message }, response) =>
      json(response, ok(message['id'], { supportedVersions: versions, capabilities: {} }));

  it.each([
    ['a discovery', 'stateless', discovers('2026-07-28'), 'stateless', ['stateless']],
    ['a discovery, and it begins sessions', 'session', discovers('2026-07-28'), 'session', ['stateless', 'session']],
    [
      'a discovery that names both',
      'stateless',
      discovers('2025-11-25', '2026-07-28'),
      'stateless',
      ['stateless', 'session'],
    ],
    ['a discovery of sessions alone', 'stateless', discovers('2025-11-25'), 'session', ['session']],
    [
      'an unknown method',
      'stateless',
      ({ message }, r) => json(r, bad(message['id'], -32601, 'no')),
      'session',
      ['session'],
    ],
    [
      '400 without a session',
      'stateless',
      (_q, r) => json(r, bad(null, -32000, 'No session'), 400),
      'session',
      ['session'],
    ],
    ['404 without JSON', 'stateless', (_q, r) => r.writeHead(404).end('no'), 'session', ['session']],
    ['202', 'stateless', (_q, r) => r.writeHead(202).end(), 'session', ['session']],
    [
      'an offer of sessions',
      'stateless',
      ({ message }, r) => json(r, bad(message['id'], -32022, 'no', { supported: ['2025-11-25'] }), 400),
      'session',
      ['session'],
    ],
  ] as ReadonlyArray<readonly [string, 'session' | 'stateless', Handle, string, readonly string[]]>)(
    'by %s (preferred: %s)',
    async (_name, preferred, discovered, era, eras) => {
      const server = await both(discovered, begins);
      const probe = await probeHttp(bench(server.url).options, preferred);
      kept(probe.leg);
      expect([probe.leg.era, probe.eras]).toEqual([era, eras]);
    },
  );

  it('stays with the stateless era when there are no sessions', async () => {
    const server = await both(discovers('2026-07-28'), ({ message }, response) =>
      json(response, bad(message['id'], -32601, 'no'), 404),
    );
    const probe = await probeHttp(bench(server.url).options, 'session');
    kept(probe.leg);
    expect([probe.leg.era, probe.eras]).toEqual(['stateless', ['stateless']]);
  });

  it('asks once more with a version that the server offers', async () => {
    let asked = 0;
    const server = await both((request, response) => {
      if (asked++ === 0) json(response, bad(request.message['id'], -32022, 'no', { supported: ['2026-07-28'] }), 400);
      else discovers('2026-07-28')(request, response);
    });
    const probe = await probeHttp(bench(server.url).options, 'stateless');
    kept(probe.leg);
    expect(probe.leg.era).toBe('stateless');
    expect(server.received.all.filter(isMethod('server/discover'))).toHaveLength(2);
  });

  it.each([
    ['500', 'down', (_q, r) => r.writeHead(500).end()],
    ['500 with an error', 'protocol', ({ message }, r) => json(r, bad(message['id'], -32603, 'no'), 500)],
    ['401', 'unauthorized', (_q, r) => r.writeHead(401).end()],
    ['401 with an error', 'unauthorized', ({ message }, r) => json(r, bad(message['id'], -32600, 'no'), 401)],
    ['429', 'down', (_q, r) => r.writeHead(429).end()],
    ['a redirect', 'protocol', (_q, r) => r.writeHead(301, { location: '/x' }).end()],
    ['a reset', 'down', (_q, r) => r.socket?.resetAndDestroy()],
    ['silence', 'timeout', () => undefined],
    ['a header mismatch', 'protocol', ({ message }, r) => json(r, bad(message['id'], -32020, 'no'), 400)],
    ['a missing capability', 'protocol', ({ message }, r) => json(r, bad(message['id'], -32021, 'no'), 400)],
    [
      'an offer that is not known',
      'protocol',
      ({ message }, r) => json(r, bad(message['id'], -32022, 'no', { supported: ['2031-01-01'] }), 400),
    ],
  ] as ReadonlyArray<readonly [string, string, Handle]>)(
    'begins no session after %s',
    async (_name, reason, discovered) => {
      const server = await both(discovered, begins);
      const { options } = bench(server.url, { connectTimeoutMs: 150 });
      const error = await failure(probeHttp(options, 'session'));
      expect(error.reason).toBe(reason);
      expect(server.received.all.filter(isMethod('initialize'))).toEqual([]);
    },
  );

  it('refuses a revision that is not known, and a session id that is no header text', async () => {
    const strange = await both(begins, ({ message }, response) =>
      json(response, ok(message['id'], { protocolVersion: '1999-01-01' })),
    );
    expect((await failure(openHttpSession(bench(strange.url).options))).message).toContain('1999-01-01');
    const long = await both(begins, ({ message }, response) =>
      json(response, ok(message['id'], { protocolVersion: '2025-11-25' }), 200, { 'mcp-session-id': 'x'.repeat(2000) }),
    );
    expect((await failure(openHttpSession(bench(long.url).options))).reason).toBe('protocol');
  });
});
