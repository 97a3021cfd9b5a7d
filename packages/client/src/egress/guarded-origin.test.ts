import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { createGuardedOrigin, type GuardedOrigin, type OriginRequest } from './guarded-origin.ts';

const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

async function serving(
  listener: RequestListener,
  allow: readonly string[] = ['127.0.0.1'],
): Promise<{ readonly origin: GuardedOrigin; readonly sockets: () => number }> {
  let sockets = 0;
  const server = createServer(listener).on('connection', () => (sockets += 1));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`);
  const origin = createGuardedOrigin({ url, allow, env: {}, connectTimeoutMs: 5000 });
  ends.push(() => {
    origin.destroy();
    server.closeAllConnections();
    server.close();
  });
  return { origin, sockets: () => sockets };
}

const asking = (more: Partial<OriginRequest> = {}): OriginRequest => ({
  method: 'GET',
  path: '/a',
  headers: {},
  body: null,
  maxBytes: 1000,
  signal: new AbortController().signal,
  ...more,
});

describe('one origin', () => {
  it('is asked over connections that are kept, follows no redirect and asks for nothing compressed', async () => {
    const { origin, sockets } = await serving((request, response) => {
      response
        .writeHead(302, { location: '/elsewhere' })
        .end(`${request.method} ${request.url} ${request.headers['accept-encoding']}`);
    });
    for (const method of ['GET', 'PUT']) {
      const { body, isCut, status } = await origin.request(
        asking({ method, body: method === 'PUT' ? Buffer.from('x') : null }),
      );
      expect([status, body.toString(), isCut]).toEqual([302, `${method} /a identity`, false]);
    }
    for (let n = 0; n < 8; n++) await origin.request(asking());
    expect(sockets()).toBeLessThan(4);
  });

  it('is read so far and no further', async () => {
    const { origin } = await serving((_request, response) => response.end('x'.repeat(5000)));
    const { body, isCut } = await origin.request(asking());
    expect([body.length, isCut]).toEqual([1000, true]);
  });

  it('UPS-01 is not connected to where it is not public', async () => {
    const { origin, sockets } = await serving((_request, response) => response.end(), []);
    await expect(origin.request(asking())).rejects.toMatchObject({
      reason: 'down',
      message: expect.stringContaining('came from outside and is not asked') as string,
    });
    expect(sockets()).toBe(0);
  });

  it('is refused with a compressed answer', async () => {
    const { origin } = await serving((_request, response) =>
      response.writeHead(200, { 'content-encoding': 'gzip' }).end('x'),
    );
    await expect(origin.request(asking())).rejects.toThrow('compressed');
  });

  it('is given up when it is told so, and when it is closed takes no more', async () => {
    const reached = Promise.withResolvers<void>();
    const left = Promise.withResolvers<void>();
    const { origin } = await serving((request, response) => {
      if (request.url === '/never') {
        response.on('close', left.resolve);
        reached.resolve();
      } else response.end();
    });
    const stop = new AbortController();
    const given = origin.request(asking({ path: '/never', signal: stop.signal })).catch((error: unknown) => error);
    await reached.promise;
    const why = new Error('no more');
    stop.abort(why);
    expect(await given).toBe(why);
    await left.promise;
    await expect(origin.request(asking({ signal: AbortSignal.abort(why) }))).rejects.toBe(why);
    await origin.request(asking());
    await origin.close();
    await expect(origin.request(asking())).rejects.toMatchObject({ reason: 'down' });
  });
});
