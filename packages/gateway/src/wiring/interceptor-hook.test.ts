/** A hook that answers with what it should not, over the requests that the gateway makes. */
import { createServer, type RequestListener } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { createOutbound } from './outbound.ts';
import { createHttpHook } from '../interceptors/http.ts';
import type { Hook } from '../interceptors/types.ts';

const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

async function serving(
  listener: RequestListener,
  fetchMs?: number,
): Promise<{ readonly hook: Hook; readonly url: string }> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  ends.push(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/in`;
  const hook = createHttpHook(
    { kind: 'http', url, headers: { 'x-own': 'a', accept: 'text/html' }, secret: 'sixteen characters' },
    {
      fetch: createOutbound({}, fetchMs),
      timeout: (ms) => AbortSignal.timeout(ms),
      sign: (body, secret) => ({ 'x-signed': `${secret} ${body.length}` }),
      maxBytes: 1000,
    },
  );
  return { hook, url };
}

describe('a hook', () => {
  it('is posted to, signed, with its own headers, and its answer is taken', async () => {
    const seen: unknown[] = [];
    const { hook } = await serving((request, response) => {
      const { accept, 'content-type': type, 'x-own': own, 'x-signed': signed } = request.headers;
      seen.push([request.method, request.url, accept, type, own, signed]);
      response.end('{"action":"pass"}');
    });
    expect(await hook.ask('{"q":1}', 20_000)).toBe('{"action":"pass"}');
    expect(seen).toEqual([['POST', '/in', 'application/json', 'application/json', 'a', 'sixteen characters 7']]);
  });

  it('leads nowhere else', async () => {
    let asked = 0;
    const { hook, url } = await serving((request, response) => {
      asked++;
      const to = request.url === '/in' ? new URL('/other', url).href : '';
      response.writeHead(307, { location: to }).end('{"action":"pass"}');
    });
    await expect(hook.ask('{}', 20_000)).rejects.toThrow('Redirects are not followed');
    expect(asked).toBe(1);
  });

  it.each<[string, RequestListener, string]>([
    [
      'compressed',
      (_, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(Buffer.alloc(1e7))),
      'compressed',
    ],
    ['too long', (_, response) => response.end(' '.repeat(1001)), 'more than 1000 bytes'],
    ['of another status', (_, response) => response.writeHead(201).end('{"action":"pass"}'), 'it answered 201'],
    [
      'cut',
      (_, response) =>
        response.writeHead(200, { 'content-length': '20' }).write('{"action":"pass"}', () => response.destroy()),
      '',
    ],
  ])('whose answer is %s has given none', async (_what, listener, problem) => {
    const { hook } = await serving(listener);
    await expect(hook.ask('{}', 20_000)).rejects.toThrow(problem);
  });

  it('is waited for as long as was said, whoever else is, and not when nobody wants it any more', async () => {
    const reached = Promise.withResolvers<void>();
    const left = Promise.withResolvers<void>();
    const { hook } = await serving((_request, response) => {
      // It never ends.
      response.writeHead(200).write('{');
      response.on('close', left.resolve);
      reached.resolve();
    });
    const gone = new AbortController();
    const asked = hook.ask('{}', 20_000, gone.signal);
    asked.catch(() => undefined);
    await reached.promise;
    gone.abort(new Error('went'));
    await expect(asked).rejects.toThrow('went');
    await left.promise;
    await expect(hook.ask('{}', 1)).rejects.toThrow(/timeout/i);
    const short = await serving(() => undefined, 1);
    await expect(short.hook.ask('{}', 20_000)).rejects.toThrow(/timeout/i);
  });
});
