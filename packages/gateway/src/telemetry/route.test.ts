import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createFailureLimit } from '@sallyport/server';
import { afterEach, describe, expect, it } from 'vitest';
import { createMetricsRoute, type MetricsRouteOptions } from './route.ts';

const KEY = 'a-key-for-the-monitor';
const servers: (() => void)[] = [];
afterEach(() => {
  for (const close of servers.splice(0)) close();
});

interface Door {
  readonly url: string;
  readonly refused: string[];
}

async function open(more: Partial<MetricsRouteOptions> = {}): Promise<Door> {
  const refused: string[] = [];
  const route = createMetricsRoute({
    metrics: { render: () => '# HELP x ü\n', refused: (reason) => void refused.push(reason) },
    key: KEY,
    isAdmin: (credential: string, _request: IncomingMessage) => credential === 'the-admin',
    failures: createFailureLimit(3, () => 0),
    ...more,
  });
  const server = createServer((request, response) => {
    // As behind a proxy that is trusted.
    const address = String(request.headers['x-address'] ?? request.socket.remoteAddress);
    route(request, response, { address, secure: false });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  servers.push(() => server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/metrics`, refused };
}

const get = (url: string, authorization?: string, method = 'GET'): Promise<Response> =>
  fetch(url, { method, headers: authorization === undefined ? {} : { authorization } });

describe('GET /metrics', () => {
  it.each([`Bearer ${KEY}`, `bearer ${KEY}`, 'Bearer the-admin'])('answers to %s', async (authorization) => {
    const { url } = await open();
    const response = await get(url, authorization);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(await response.text()).toBe('# HELP x ü\n');
    expect(await (await get(url, authorization, 'HEAD')).text()).toBe('');
  });

  it.each([
    undefined,
    'Bearer wrong',
    `Bearer ${KEY}x`,
    `Bearer ${KEY} x`,
    `Basic ${KEY}`,
    KEY,
    'Bearer ',
    'Bearer undefined',
  ])('does not answer to %s', async (authorization) => {
    const { url, refused } = await open();
    const response = await get(url, authorization);
    expect(response.status).toBe(401);
    expect(response.headers.get('www-authenticate')).toMatch(/^Bearer/);
    expect(await response.json()).toMatchObject({ error: { code: 'unauthenticated' } });
    expect(refused).toEqual(['unauthenticated']);
  });

  it('answers to no key when there is none', async () => {
    const { url } = await open({ key: undefined });
    expect((await get(url, `Bearer ${KEY}`)).status).toBe(401);
    expect((await get(url, 'Bearer undefined')).status).toBe(401);
    expect((await get(url, 'Bearer the-admin')).status).toBe(200);
  });

  it('lets nobody guess for long, and a good key in all the same', async () => {
    const { url, refused } = await open();
    for (let failure = 0; failure < 3; failure++) await get(url, 'Bearer wrong');
    const response = await get(url, 'Bearer wrong');
    expect([response.status, response.headers.get('retry-after')]).toEqual([429, '60']);
    expect(refused.at(-1)).toBe('rate_limited');
    expect((await get(url, `Bearer ${KEY}`)).status).toBe(200);
  });

  it('counts who shows nothing as nobody, and who does by the address that a trusted proxy names', async () => {
    const { url, refused } = await open();
    for (let at = 0; at < 9; at++) expect((await get(url)).status).toBe(401);
    expect(new Set(refused)).toEqual(new Set(['unauthenticated']));
    const guess = async (address: string): Promise<number> =>
      (await fetch(url, { headers: { authorization: 'Bearer wrong', 'x-address': address } })).status;
    for (let at = 0; at < 3; at++) expect(await guess('192.0.2.1')).toBe(401);
    expect([await guess('192.0.2.1'), await guess('192.0.2.2')]).toEqual([429, 401]);
  });

  it('knows GET and HEAD alone, and tells that to those who may ask', async () => {
    const { url } = await open();
    expect((await get(url, `Bearer ${KEY}`, 'POST')).status).toBe(405);
    expect((await get(url, 'Bearer wrong', 'POST')).status).toBe(401);
  });
});
