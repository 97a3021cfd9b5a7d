/** For tests: listeners on loopback that keep a log, and a certificate for some names. Nothing of the package imports it. */

import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer as createHttp, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { createServer as createHttps } from 'node:https';
import { connect, createServer, type AddressInfo, type Server as SocketServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Inbox } from '../../testing/inbox.ts';

export interface Certificate {
  /** The authority's. */
  readonly ca: string;
  readonly key: string;
  readonly cert: string;
}

/** Of an authority that nobody knows. `names` as openssl has them: `DNS:a.test,IP:127.0.0.1`. */
export async function makeCertificate(names: string): Promise<Certificate> {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-egress-'));
  const openssl = (line: string): Promise<unknown> => promisify(execFile)('openssl', line.split(' '), { cwd: folder });
  const read = (name: string): Promise<string> => readFile(join(folder, name), 'utf8');
  const ec = '-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes';
  try {
    const authority = '-days 2 -keyout ca.key -out ca.pem -subj /CN=authority -addext keyUsage=critical,keyCertSign';
    await openssl(`req -x509 ${ec} ${authority}`);
    await openssl(`req ${ec} -keyout key -out csr -subj /CN=server`);
    await writeFile(join(folder, 'names'), `subjectAltName=${names}`);
    await openssl('x509 -req -in csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out cert');
    return { ca: await read('ca.pem'), key: await read('key'), cert: await read('cert') };
  } finally {
    await rm(folder, { recursive: true });
  }
}

export interface Listener {
  readonly port: number;
  /** Every connection, whatever comes of it. */
  readonly connections: Inbox<Socket>;
  /** Method, path and Host of what was asked. */
  readonly asked: string[];
}

export interface Listeners {
  /** Over TLS with a certificate. */
  readonly web: (onRequest: RequestListener, certificate?: Certificate) => Promise<Listener>;
  /** Accepts, and says nothing. */
  readonly mute: () => Promise<Listener>;
  /** A proxy that leads every CONNECT to one port of loopback. */
  readonly proxy: (port: number) => Promise<Listener>;
  readonly end: () => Promise<void>;
}

export function createListeners(): Listeners {
  const open: Array<() => Promise<void>> = [];
  const listen = async (server: SocketServer, asked: string[] = []): Promise<Listener> => {
    const connections = new Inbox<Socket>();
    server.on('connection', (socket: Socket) => {
      socket.on('error', () => undefined);
      connections.push(socket);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    open.push(async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of connections.all) socket.destroy();
      await closed;
    });
    return { port: (server.address() as AddressInfo).port, connections, asked };
  };
  return {
    web: (onRequest, certificate) => {
      const server = certificate === undefined ? createHttp() : createHttps(certificate);
      return listen(server, noting(server, onRequest));
    },
    mute: () => listen(createServer()),
    proxy: (port) => {
      const server = createHttp();
      server.on('connect', (_request: IncomingMessage, socket: Socket) => {
        const inner = connect(port, '127.0.0.1', () => {
          socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
          inner.pipe(socket);
          socket.pipe(inner);
        });
        inner.on('error', () => socket.destroy());
        socket.on('close', () => inner.destroy());
      });
      return listen(server, noting(server));
    },
    end: async () => {
      for (const close of open.splice(0)) await close();
    },
  };
}

function noting(server: Server, onRequest?: RequestListener): string[] {
  const asked: string[] = [];
  const note = ({ method, url, headers }: IncomingMessage): void =>
    void asked.push(`${method} ${url} ${headers.host ?? '-'}`);
  server.on('request', note).on('connect', note);
  if (onRequest !== undefined) server.on('request', onRequest);
  return asked;
}
