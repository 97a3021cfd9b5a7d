import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { Pool, type Dispatcher } from 'undici';
import { afterEach, describe, expect, it } from 'vitest';
import { createDispatcher } from './dispatcher.ts';
import { Exchange } from './exchange.ts';

const cleanups: Array<() => Promise<void> | void> = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

/** A server that notes what it is asked for, as a proxy or by itself. */
async function startServer(): Promise<{ origin: string; asked: string[]; connections: () => number }> {
  const asked: string[] = [];
  let connections = 0;
  const server = http.createServer((request, response) => {
    asked.push(`${request.method} ${request.url} ${request.headers.host}`);
    response.end('{}');
  });
  server.on('connection', () => connections++);
  server.on('connect', (request, socket) => {
    asked.push(`CONNECT ${request.url}`);
    socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanups.push(
    () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  );
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    connections: () => connections,
  };
}

function dispatcherFor(url: string, env: Record<string, string>): Dispatcher {
  const dispatcher = createDispatcher(new URL(url), env, { connectTimeoutMs: 2000 });
  cleanups.push(() => dispatcher.destroy());
  return dispatcher;
}

/** The status, or the error, of a POST. */
function post(dispatcher: Dispatcher, url: string): Promise<number | Error> {
  const { origin, pathname } = new URL(url);
  return new Promise((resolve) => {
    const exchange = new Exchange({
      head: (status) => ({ data: () => undefined, end: () => resolve(status), fail: resolve }),
      fail: resolve,
    });
    dispatcher.dispatch({ origin, path: pathname, method: 'POST', body: '{}', headers: ['accept', '*/*'] }, exchange);
  });
}

describe('createDispatcher', () => {
  it('asks the proxy of the scheme for what is not on this machine', async () => {
    const proxy = await startServer();
    const env = { http_proxy: proxy.origin, HTTP_PROXY: 'http://127.0.0.1:1', HTTPS_PROXY: proxy.origin };
    const plain = 'http://upstream.test/mcp';
    expect(await post(dispatcherFor(plain, env), plain)).toBe(200);
    const secure = 'https://upstream.test/mcp';
    expect(await post(dispatcherFor(secure, env), secure)).toBeInstanceOf(Error);
    expect(proxy.asked).toEqual(['POST http://upstream.test/mcp upstream.test', 'CONNECT upstream.test:443']);
  });

  it.each([
    ['NO_PROXY names it', 'http://upstream.invalid/mcp', { NO_PROXY: 'other.test,.invalid' }],
    ['the proxy is for the other scheme', 'https://upstream.invalid/mcp', { HTTPS_PROXY: '' }],
  ])('does not where %s', async (_name, url, more) => {
    const proxy = await startServer();
    expect(await post(dispatcherFor(url, { HTTP_PROXY: proxy.origin, ...more }), url)).toBeInstanceOf(Error);
    expect(proxy.asked).toEqual([]);
  });

  it('does not ask it for a loopback address', async () => {
    const proxy = await startServer();
    const server = await startServer();
    const env = { HTTP_PROXY: proxy.origin, HTTPS_PROXY: proxy.origin };
    expect(await post(dispatcherFor(server.origin, env), `${server.origin}/mcp`)).toBe(200);
    for (const host of ['localhost', 'a.localhost', '127.1.2.3', '[::1]']) {
      const url = `https://${host}:1/mcp`;
      expect(await post(dispatcherFor(url, env), url)).toBeInstanceOf(Error);
    }
    expect([proxy.asked, server.asked.length]).toEqual([[], 1]);
  });
});

describe('Exchange', () => {
  it('delivers nothing after it was given up, whatever still comes', () => {
    const exchange = new Exchange({
      head: () => ({
        data: () => expect.unreachable('data'),
        end: () => expect.unreachable('end'),
        fail: () => expect.unreachable('fail'),
      }),
      fail: () => expect.unreachable('fail'),
    });
    const reasons: Error[] = [];
    const controller = {
      abort: (reason: Error) => reasons.push(reason),
      pause: () => undefined,
      resume: () => expect.unreachable('resume'),
    } as unknown as Dispatcher.DispatchController;
    exchange.onRequestStart(controller);
    exchange.onResponseStart(controller, 200, {});
    exchange.abort();
    exchange.abort();
    exchange.onResponseData(controller, Buffer.from('{}'));
    exchange.resume();
    exchange.onResponseEnd();
    exchange.onResponseError(controller, new Error('late'));
    expect(reasons).toHaveLength(1);
  });

  it('takes back what was not sent yet, and leaves the connection whole', async () => {
    const server = await startServer();
    const dispatcher = new Pool(server.origin, { connections: 1 });
    cleanups.push(() => dispatcher.destroy());
    const given = new Exchange({
      head: () => expect.unreachable('It was given up.'),
      fail: () => expect.unreachable('It was given up.'),
    });
    dispatcher.dispatch({ path: '/given-up', method: 'POST', body: '{}' }, given);
    given.abort();
    expect(await post(dispatcher, `${server.origin}/sent`)).toBe(200);
    expect(server.asked.map((line) => line.split(' ')[1])).toEqual(['/sent']);
    expect(server.connections()).toBe(1);
  });
});
