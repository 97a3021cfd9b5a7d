/**
 * A server of one revision as a child process: the child only carries bytes between its stdio and this process, where the
 * server is, so that both ends of the wire are seen here.
 */
import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { createInterface } from 'node:readline';
import type { Revision } from './revisions.ts';
import { RevisionServer } from './server.ts';
import type { Serving } from './server-http.ts';

const CARRY = `
  const socket = require('node:net').connect(Number(process.argv[1]), '127.0.0.1');
  process.stdin.pipe(socket);
  socket.pipe(process.stdout);
  socket.on('error', () => process.exit(1));
`;

export async function serveStdio(revision: Revision): Promise<Serving> {
  const server = new RevisionServer(revision);
  const sockets = new Set<Socket>();
  const listener = createServer((socket) => {
    sockets.add(socket);
    const channel = { send: (text: string): void => void socket.write(`${text}\n`) };
    // Its one channel is there for what belongs to no request too; a stateless server speaks to listens only.
    const detach = revision === '2026-07-28' ? () => undefined : server.attach(channel);
    createInterface({ input: socket }).on('line', (line) => server.receive(line, { send: channel.send }));
    socket.on('error', () => undefined);
    socket.on('close', () => {
      sockets.delete(socket);
      detach();
    });
  });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const { port } = listener.address() as AddressInfo;
  return {
    server,
    target: { command: process.execPath, args: ['-e', CARRY, String(port)] },
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => listener.close(resolve));
    },
  };
}
