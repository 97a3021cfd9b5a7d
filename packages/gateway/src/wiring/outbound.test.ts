import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, it } from 'vitest';
import { createOutbound } from './outbound.ts';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close().closeAllConnections();
});

async function listening(server: Server): Promise<number> {
  servers.push(server.listen(0, '127.0.0.1'));
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

describe('what the operator wrote', () => {
  it('is asked on this machine too, and a redirect is answered, not followed', async () => {
    const seen: string[] = [];
    const server = createServer((request, response) => {
      void text(request).then((body) => {
        seen.push(`${request.method} ${request.url} ${request.headers.authorization} ${body}`);
        response.writeHead(302, { location: '/elsewhere' }).end();
      });
    });
    const port = await listening(server);
    const response = await createOutbound({})(`http://127.0.0.1:${port}/in`, {
      method: 'POST',
      headers: { authorization: 'Bearer s' },
      body: 'b',
      redirect: 'manual',
    });
    await response.body?.cancel();
    expect(response.status).toBe(302);
    expect(seen).toEqual(['POST /in Bearer s b']);
  });

  it('is asked through the proxy of the environment, which alone looks its name up', async () => {
    const asked: string[] = [];
    const target = await listening(createServer((request, response) => request.pipe(response)));
    const proxy = createServer();
    proxy.on('connect', (request: IncomingMessage, socket: Socket) => {
      asked.push(request.url ?? '');
      const through = connect(target, '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 OK\r\n\r\n');
        socket.pipe(through).pipe(socket);
      });
      for (const each of [socket, through]) each.on('error', () => undefined);
    });
    const env = { HTTP_PROXY: `http://127.0.0.1:${await listening(proxy)}` };
    const response = await createOutbound(env)('http://hooks.invalid/in', { method: 'POST', body: 'through' });
    expect(await response.text()).toBe('through');
    expect(asked).toEqual(['hooks.invalid:80']);
  });
});
