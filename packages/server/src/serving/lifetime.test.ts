/** How what is served ends: calls under way are answered or cut, and nobody new gets in. */

import { connect } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { createServer, type McpServer } from '../framework/server.ts';
import { mount, type Mounted } from './mount.ts';
import { serve, type Serving } from './serve.ts';
import { ask, call, INITIALIZE, stateless } from './testing/ask.ts';

const open: (Serving | Mounted)[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((each) => each.destroy()));
});

/** A tool that answers when it is told to, and says when it was called and when its caller has gone. */
function slow() {
  const [called, gone, answer] = [
    Promise.withResolvers<void>(),
    Promise.withResolvers<void>(),
    Promise.withResolvers<void>(),
  ];
  const server: McpServer = createServer({ name: 'slow', version: '1.0.0', log: () => {} });
  server.addTool(
    { name: 'wait', description: 'Waits.', inputSchema: { type: 'object' } },
    async (_given, { signal }) => {
      signal.addEventListener('abort', () => gone.resolve());
      called.resolve();
      await Promise.race([answer.promise, gone.promise]);
      return 'waited';
    },
  );
  return { server, called: called.promise, gone: gone.promise, answer: () => answer.resolve() };
}

async function served(server: McpServer): Promise<Serving & { readonly url: string }> {
  const serving = await serve(server, { http: true, websocket: true, log: false });
  open.push(serving);
  return serving as Serving & { readonly url: string };
}

async function mounted(server: McpServer): Promise<Mounted> {
  const made = await mount(server, { loopback: true, log: false });
  open.push(made);
  return made;
}

function request(name: string, signal?: AbortSignal): Request {
  const { body, headers = {} } = call(name);
  const all = { 'content-type': 'application/json', accept: 'application/json, text/event-stream', ...headers };
  return new Request('http://localhost/mcp', {
    method: 'POST',
    body: String(body),
    headers: all,
    ...(signal && { signal }),
  });
}

const HERE = { address: '127.0.0.1' };

describe('close', () => {
  it('waits for a call, and lets nobody in', async () => {
    const { answer, called, server } = slow();
    const serving = await served(server);
    const pending = ask(serving.url, call('wait'));
    await called;
    const closing = serving.close();
    expect(serving.close()).toBe(closing);
    await expect(ask(serving.url, { body: INITIALIZE })).rejects.toThrow('ECONNREFUSED');
    answer();
    expect((await pending).text).toContain('waited');
    await closing;
    await serving.closed;
  });

  it('of a mounted server waits for a call too, and answers with 503 from then on', async () => {
    const { answer, called, server } = slow();
    const made = await mounted(server);
    const pending = made.fetch(request('wait'), HERE);
    await called;
    let closed = false;
    const closing = made.close().then(() => {
      closed = true;
    });
    expect((await made.fetch(request('wait'), HERE)).status).toBe(503);
    expect(closed).toBe(false);
    answer();
    expect(await (await pending).text()).toContain('waited');
    await closing;
  });
});

describe('a listen that is open', () => {
  const listen = stateless('subscriptions/listen', { notifications: { toolsListChanged: true } });
  const patient = { limits: { drainMs: 600_000 }, log: false } as const;

  /** Until it is acknowledged. */
  async function begun({ body }: Response): Promise<() => Promise<string>> {
    const reader = (body as ReadableStream<Uint8Array>).getReader();
    let text = '';
    const read = async (until: string): Promise<string> => {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return text;
        text += Buffer.from(value).toString('utf8');
        if (until !== '' && text.includes(until)) return text;
      }
    };
    await read('acknowledged');
    return () => read('');
  }

  it('is answered by close, which does not wait for it', async () => {
    const { server } = slow();
    const serving = (await serve(server, { http: true, ...patient })) as Serving & { readonly url: string };
    open.push(serving);
    const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
    const asked = { method: 'POST', body: listen.body, headers: { ...headers, ...listen.headers } };
    const rest = await begun(await fetch(serving.url, asked));
    await serving.close();
    expect(await rest()).toContain('"resultType":"complete"');
  });

  it('of one place does not end those of another', async () => {
    const { server } = slow();
    const [one, two] = [await mount(server, { loopback: true, ...patient }), await mounted(server)];
    open.push(one);
    const asked = (): Request =>
      new Request('http://localhost/mcp', {
        method: 'POST',
        body: listen.body,
        headers: {
          'content-type': 'application/json',
          accept: 'text/event-stream, application/json',
          ...listen.headers,
        },
      });
    const [first, second] = [await begun(await one.fetch(asked(), HERE)), await begun(await two.fetch(asked(), HERE))];
    await one.close();
    expect(await first()).toContain('"resultType":"complete"');
    server.addTool({ name: 'later' }, () => 'late');
    // What changes in one moment is told once, after it.
    await Promise.resolve();
    server.close();
    expect(await second()).toMatch(/list_changed[^]*"resultType":"complete"/);
  });
});

it('a mounted server says who is connected, and what there was', async () => {
  const { server } = slow();
  const made = await mounted(server);
  const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
  const greet = new Request('http://localhost/mcp', { method: 'POST', body: INITIALIZE, headers });
  expect([made.connections(), made.stats()]).toMatchObject([[], { calls: 0, sessions: 0, refused: {} }]);
  const greeted = await made.fetch(greet, HERE);
  await greeted.text();
  expect(made.connections()).toMatchObject([
    { transport: 'http', endpoint: '/mcp', principal: { subject: 'local' }, client: { name: 'test' } },
  ]);
  const unknown = await made.fetch(request('unknown'), HERE);
  await unknown.text();
  const stranger = await made.fetch(request('unknown'), { address: '192.0.2.1' });
  await stranger.text();
  expect(made.stats()).toMatchObject({ calls: 1, sessions: 1, stdio: 0, underWay: 0, refused: { unauthenticated: 1 } });
});

describe('destroy', () => {
  it('cuts a call, also while close waits for it', async () => {
    const { called, gone, server } = slow();
    const serving = await served(server);
    const pending = ask(serving.url, call('wait'));
    const cut = pending.catch(({ code }: { readonly code: string }) => code);
    await called;
    const closing = serving.close();
    await serving.destroy();
    expect(await cut).toBe('ECONNRESET');
    await Promise.all([gone, closing, serving.closed]);
    expect(serving.stats()).toMatchObject({ http: 0, sessions: 0, underWay: 0 });
  });

  it('cuts a call of a mounted server', async () => {
    const { called, gone, server } = slow();
    const made = await mounted(server);
    const cut = made.fetch(request('wait'), HERE).catch(({ code }: { readonly code: string }) => code);
    await called;
    await Promise.all([made.destroy(), gone]);
    expect(await cut).toBe('ECONNRESET');
  });

  it('leaves no port open when a server could not be started', async () => {
    const { server } = slow();
    const first = await served(server);
    const again = serve(server, { http: { port: Number(first.port) }, log: false });
    await expect(again).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });
});

describe('a caller who goes away', () => {
  it('takes the call along, over a fetch handler as over a socket', async () => {
    const [one, two] = [slow(), slow()];
    const abort = new AbortController();
    const pending = (await mounted(one.server))
      .fetch(request('wait', abort.signal), HERE)
      .catch(({ name }: Error) => name);
    await one.called;
    abort.abort();
    expect(await pending).toBe('AbortError');
    await one.gone;

    const { port } = await served(two.server);
    const socket = connect(Number(port), '127.0.0.1');
    const { body, headers = {} } = call('wait');
    const lines = Object.entries({
      ...headers,
      host: 'localhost',
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
    });
    const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('');
    socket.write(`POST /mcp HTTP/1.1\r\n${head}content-length: ${String(body).length}\r\n\r\n${String(body)}`);
    await two.called;
    socket.destroy();
    await expect(two.gone).resolves.toBeUndefined();
  });
});
