/** The floor of a hop in Node: bytes from socket to socket, unread. `node tcp-pipe.ts --port N --upstream URL`. */

import net from 'node:net';
import { parseArgs } from 'node:util';

const { values } = parseArgs({ options: { port: { type: 'string' }, upstream: { type: 'string' } } });
const { port } = new URL(values.upstream ?? '');

net
  .createServer({ noDelay: true }, (client) => {
    const upstream = net.connect({ port: Number(port), host: '127.0.0.1', noDelay: true });
    client.pipe(upstream).pipe(client);
    client.on('error', () => upstream.destroy());
    upstream.on('error', () => client.destroy());
  })
  .listen(Number(values.port), '127.0.0.1');
