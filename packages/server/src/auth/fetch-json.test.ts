import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { fetchJson, urlProblem } from './fetch-json.ts';

describe('a JSON document from elsewhere', () => {
  const servers: Server[] = [];
  const serve = async (answer: RequestListener): Promise<string> => {
    const server = createServer(answer);
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  };
  const get = (url: string, timeoutMs = 5000): Promise<object> => fetchJson(url, { fetch, timeoutMs });

  afterEach(() => {
    for (const server of servers.splice(0)) {
      server.close();
      server.closeAllConnections();
    }
  });

  it('is read', async () => {
    const url = await serve((request, response) => response.end(JSON.stringify({ asked: request.headers.accept })));
    expect(await get(url)).toEqual({ asked: 'application/json' });
  });

  it.each<[string, RequestListener, RegExp]>([
    ['another status', (_, response) => response.writeHead(404).end('{}'), /status 404/],
    ['no JSON', (_, response) => response.end('<html>secret'), /: its answer is no JSON$/],
    ['no object', (_, response) => response.end('[1]'), /no JSON object/],
    ['bytes that are no text', (_, response) => response.end(Buffer.from([0x22, 0xff, 0x22])), /127/],
    ['a connection that is cut', (request) => request.socket.destroy(), /127/],
  ])('is not read from %s', async (_what, answer, message) => {
    const failed = get(await serve(answer));
    await expect(failed).rejects.toThrow(message);
    await expect(failed).rejects.not.toThrow(/secret/);
  });

  it('UPS-01 is not looked for elsewhere, not even on the same host', async () => {
    let followed = 0;
    const elsewhere = await serve((_, response) => {
      followed++;
      response.end('{}');
    });
    for (const target of [elsewhere, '/other']) {
      const url = await serve((request, response) => {
        if (request.url === '/other') followed++;
        response.writeHead(302, { location: target }).end('{}');
      });
      await expect(get(url)).rejects.toThrow(/status 302/);
    }
    expect(followed).toBe(0);
  });

  it('is not read beyond 1 MiB, whatever its length is said to be', async () => {
    let sent = 0;
    let closed: () => void;
    const ended = new Promise<void>((resolve) => (closed = resolve));
    const url = await serve((_, response) => {
      response.on('close', () => closed());
      const more = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536, 0x20))) sent += 65_536;
      };
      response.on('drain', more);
      more();
    });
    await expect(get(url)).rejects.toThrow(/longer than 1048576 bytes/);
    await ended;
    expect(sent).toBeLessThan(64 * 1024 * 1024);
  });

  it.each<[string, RequestListener]>([
    ['never', () => {}],
    ['never to the end', (_, response) => response.write('{')],
  ])('is not waited for when it comes %s', async (_when, answer) => {
    await expect(get(await serve(answer), 50)).rejects.toThrow(/timeout|aborted/i);
  });
});

describe('URLs that are trusted', () => {
  it.each([
    'https://id.test',
    'https://id.test:8443/a?b=c',
    'http://127.0.0.1:1',
    'http://localhost/a',
    'http://[::1]:1/',
  ])('%s', (url) => {
    expect(urlProblem(url)).toBeUndefined();
  });

  it.each([
    'http://id.test',
    'http://127.0.0.1.evil.test',
    'http://localhost.evil.test',
    'http://169.254.169.254/latest',
    'https://user:pass@id.test',
    'ftp://127.0.0.1',
    'file:///etc/passwd',
    'javascript:alert(1)',
    'id.test',
    '',
  ])('not %s', async (url) => {
    expect(urlProblem(url)).toBeTypeOf('string');
    let connected = 0;
    const spy = async (): Promise<Response> => {
      connected++;
      return new Response('{}');
    };
    await expect(fetchJson(url, { fetch: spy, timeoutMs: 1000 })).rejects.toThrow(url);
    expect(connected).toBe(0);
  });
});
