import { once } from 'node:events';
import { lstat, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import {
  connect,
  createServer as createTcpServer,
  type AddressInfo,
  type Server as TcpServer,
  type Socket,
} from 'node:net';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createEgressRoom, type EgressRoom, type EgressRoomOptions, type Way } from './index.ts';

let folder = '';
let rooms: EgressRoom[] = [];
let logged: string[] = [];
let origin: Server;
let port = 0;
let seen: { readonly url: string; readonly headers: IncomingMessage['rawHeaders']; readonly body: string }[] = [];
let echoServer: TcpServer;
let echoPort = 0;
let echoes = 0;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'egress-'));
  [rooms, logged, seen, echoes] = [[], [], [], 0];
  origin = createServer((request, response) => {
    void text(request).then((body) => {
      seen.push({ url: request.url ?? '', headers: request.rawHeaders, body });
      if (request.url === '/away') response.writeHead(302, { location: 'http://evil.example/' }).end();
      else response.writeHead(200, { 'x-kept': 'yes', connection: 'x-hop', 'x-hop': 'no' }).end('from the origin');
    });
  }).listen(0, '127.0.0.1');
  echoServer = createTcpServer((socket) => {
    echoes += 1;
    socket.on('error', () => undefined).pipe(socket);
  }).listen(0, '127.0.0.1');
  await Promise.all([once(origin, 'listening'), once(echoServer, 'listening')]);
  port = (origin.address() as AddressInfo).port;
  echoPort = (echoServer.address() as AddressInfo).port;
});
afterEach(async () => {
  await Promise.all(rooms.map((room) => room.close()));
  origin.close();
  echoServer.close();
  await rm(folder, { recursive: true, force: true });
});

/** Every name is this machine, which `egress.allow` opens unless a test says otherwise. */
function createRoom(more: Partial<EgressRoomOptions> = {}): EgressRoom {
  const room = createEgressRoom({
    allow: () => ['127.0.0.0/8'],
    env: () => ({}),
    log: (_level, told) => logged.push(told),
    lookup: async () => ['127.0.0.1'],
    parent: folder,
    ...more,
  });
  rooms.push(room);
  return room;
}

const open = (hosts: readonly string[], more: Partial<EgressRoomOptions> = {}): Promise<Way> =>
  createRoom(more).open({ server: 'one', hosts });

/** Sends bytes and gives all that comes until the proxy closes. */
async function say({ path }: Way, bytes: string): Promise<string> {
  const socket = connect(path);
  socket.write(bytes);
  return await text(socket);
}

const connectLine = (target: string): string => `CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n\r\n`;
const getLine = (target: string, headers = ''): string =>
  `GET ${target} HTTP/1.1\r\nHost: x.example\r\nConnection: close\r\n${headers}\r\n`;

/** A tunnel that is open. */
async function tunnel({ path }: Way, target: string): Promise<Socket> {
  const socket = connect(path).on('error', () => undefined);
  socket.write(connectLine(target));
  const [answer] = (await once(socket, 'data')) as [Buffer];
  expect(String(answer)).toBe('HTTP/1.1 200 Connection Established\r\n\r\n');
  return socket;
}

describe('what is reached', () => {
  it('passes bytes of a tunnel to a host that is named', async () => {
    const socket = await tunnel(await open([`api.example.com:${echoPort}`]), `API.example.com.:${echoPort}`);
    socket.write('x'.repeat(100_000));
    let length = 0;
    for await (const chunk of socket as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length === 100_000) break;
    }
    expect(length).toBe(100_000);
  });

  it('SBX-05 is on loopback for those alone who know the secret, where it has to be there', async () => {
    const { url = '', path } = await createRoom().open({
      server: 'one',
      hosts: [`a.example:${port}`],
      onLoopback: true,
    });
    const { hostname, password, port: at, username } = new URL(url);
    const ask = async (headers: string): Promise<string> => {
      const socket = connect(Number(at), hostname);
      socket.write(getLine(`http://a.example:${port}/`, headers));
      return await text(socket);
    };
    const basic = (secret: string): string =>
      `Proxy-Authorization: Basic ${Buffer.from(`${username}:${secret}`).toString('base64')}\r\n`;
    expect([hostname, path]).toEqual(['127.0.0.1', '']);
    expect(await ask(basic(password))).toMatch(/^HTTP\/1\.1 200 /);
    for (const headers of [
      '',
      basic('another'),
      basic(password.replace(/./, (first) => (first === 'a' ? 'b' : 'a'))),
    ]) {
      expect(await ask(headers)).toMatch(/^HTTP\/1\.1 403 /);
    }
    const tunnelled = connect(Number(at), hostname);
    tunnelled.write(connectLine(`a.example:${echoPort}`));
    expect(await text(tunnelled)).toMatch(/^HTTP\/1\.1 403 this proxy is for one server alone/);
    expect(seen.map(({ headers }) => headers.includes('Proxy-Authorization'))).toEqual([false]);
  });

  it('passes what was sent along with CONNECT', async () => {
    const way = await open([`api.example.com:${echoPort}`]);
    const socket = connect(way.path);
    socket.write(`${connectLine(`api.example.com:${echoPort}`)}early`);
    let got = '';
    for await (const chunk of socket as AsyncIterable<Buffer>) if ((got += String(chunk)).endsWith('early')) break;
    expect(got).toBe('HTTP/1.1 200 Connection Established\r\n\r\nearly');
  });

  it('asks for an absolute http: URL in its own words', async () => {
    const way = await open([`api.example.com:${port}`]);
    const answer = await say(
      way,
      `POST http://api.example.com:${port}/a?b=c HTTP/1.1\r\nHost: internal.example\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\n` +
        'X-End: 2\r\nProxy-Authorization: Basic x\r\nUpgrade: websocket\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n',
    );
    expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(answer).toContain('x-kept: yes');
    expect(answer).not.toContain('x-hop');
    expect(answer).toContain('from the origin');
    expect(seen).toEqual([
      {
        url: '/a?b=c',
        headers: [
          'Host',
          `api.example.com:${port}`,
          'X-End',
          '2',
          'Transfer-Encoding',
          'chunked',
          'Connection',
          'close',
        ],
        body: 'abc',
      },
    ]);
  });

  it('leaves redirects to the child, whose next request is checked like the first', async () => {
    const way = await open([`api.example.com:${port}`]);
    const answer = await say(way, getLine(`http://api.example.com:${port}/away`));
    expect(answer).toMatch(/^HTTP\/1\.1 302 Found\r\n[^]*location: http:\/\/evil\.example\//);
    expect(await say(way, getLine('http://evil.example/'))).toMatch(/^HTTP\/1\.1 403 blocked evil\.example:80;/);
  });

  it('serves the hosts of one server to no other', async () => {
    const room = createRoom();
    const [one, other] = await Promise.all([
      room.open({ server: 'one', hosts: [`a.example:${echoPort}`] }),
      room.open({ server: 'other', hosts: [`b.example:${echoPort}`] }),
    ]);
    (await tunnel(one, `a.example:${echoPort}`)).destroy();
    expect(await say(other, connectLine(`a.example:${echoPort}`))).toMatch(
      new RegExp(`^HTTP/1\\.1 403 blocked a\\.example:${echoPort}; sallyport allow other a\\.example:${echoPort}\r\n`),
    );
    expect(echoes).toBe(1);
  });

  it('goes through the proxy that the gateway itself has to use', async () => {
    const asked: string[] = [];
    const corporate = createServer().on('connect', (request: IncomingMessage, socket: Socket) => {
      asked.push(request.url ?? '');
      socket.end('HTTP/1.1 200 OK\r\n\r\nthrough');
    });
    corporate.listen(0, '127.0.0.1');
    await once(corporate, 'listening');
    const url = `http://127.0.0.1:${(corporate.address() as AddressInfo).port}`;
    const way = await open(['api.example.com'], { env: () => ({ HTTPS_PROXY: url }) });
    expect(await say(way, connectLine('api.example.com:443'))).toMatch(/through$/);
    corporate.close();
    expect(asked).toEqual(['api.example.com:443']);
  });
});

describe('what is refused', () => {
  it('P4-04 names the host and the command that opens it: to the child, in the log and in the notes, once', async () => {
    const room = createRoom();
    const way = await room.open({ server: 'git-hub', hosts: ['example.com'] });
    const told = 'blocked api.github.com:443; sallyport allow git-hub api.github.com';
    for (let time = 0; time < 3; time += 1) {
      const answer = await say(way, connectLine('api.github.com:443'));
      expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 403 ${told}\r\n[^]*\r\n\r\n${told}\n$`));
    }
    expect(await say(way, getLine('http://api.github.com/'))).toMatch(/^HTTP\/1\.1 403 blocked api\.github\.com:80;/);
    expect(logged).toEqual([told, told.replace('443', '80')]);
    expect(room.notes('git-hub')).toEqual(logged);
    expect(room.notes('other')).toEqual([]);
    await room.open({ server: 'git-hub', hosts: ['example.com', 'api.github.com:443'] });
    expect(room.notes('git-hub')).toEqual([told.replace('443', '80')]);
  });

  it('keeps no more notes than it has room for', async () => {
    const room = createRoom();
    const way = await room.open({ server: 'one', hosts: [] });
    for (let index = 0; index < 30; index += 1) await say(way, connectLine(`h${index}.example:443`));
    expect([room.notes('one').length, logged.length]).toEqual([20, 20]);
  });

  it.each([
    ['the name without what is below it', 'example.com', 'a.example.com:443'],
    ['what is below a name without the name', '*.example.com', 'example.com:443'],
    ['what only ends like it', '*.example.com', 'evilexample.com:443'],
    ['what only begins like it', 'example.com', 'example.com.evil.test:443'],
    ['another port', 'example.com', 'example.com:22'],
    ['a port of the web where another is written', 'example.com:8443', 'example.com:443'],
    ['an address instead of the name', 'example.com', '93.184.215.14:443'],
    ['an address below a pattern', '*.0.0.1', '127.0.0.1:443'],
    ['another spelling of an address', 'example.com', '0x7f.1:443'],
    ['a number that is an address', 'example.com', '2130706433:443'],
    ['an address of version 6', 'example.com', '[::1]:443'],
    ['one of version 4 in one of version 6', 'example.com', '[::ffff:127.0.0.1]:443'],
  ])('P4-04 does not take %s', async (_what, entry, target) => {
    const way = await open([entry.startsWith('*.0') ? 'example.com' : entry]);
    expect(await say(way, connectLine(target))).toMatch(/^HTTP\/1\.1 403 blocked /);
  });

  it.each([
    ['CONNECT without a port', connectLine('example.com')],
    ['CONNECT with a user', connectLine('user@example.com:443')],
    ['CONNECT to port 0', connectLine('example.com:0')],
    ['CONNECT to no port', connectLine('example.com:65536')],
    ['CONNECT to a URL', connectLine('http://example.com/')],
    ['CONNECT to a zone', connectLine('[fe80::1%25lo]:443')],
    ['a path', getLine('/')],
    ['https: in absolute form', getLine('https://example.com/')],
    ['another scheme', getLine('ftp://example.com/')],
    ['a user', getLine('http://user:pass@example.com/')],
    ['an allowed host as the user of another', getLine('http://example.com:80@evil.example/')],
    ['a backslash', getLine('http://evil.example\\@example.com/')],
    ['an empty host', getLine('http:///path')],
    ['a percent sign', getLine('http://example%2ecom/')],
    ['two lengths', getLine('http://example.com/', 'Content-Length: 1\r\nContent-Length: 2\r\n')],
    ['a length and chunks', getLine('http://example.com/', 'Content-Length: 1\r\nTransfer-Encoding: chunked\r\n')],
    ['a folded header', getLine('http://example.com/', 'X-A: 1\r\n evil: 2\r\n')],
    ['a header without a name', getLine('http://example.com/', ': x\r\n')],
    ['no HTTP at all', 'SSH-2.0-OpenSSH\r\n\r\n'],
  ])('answers 400 to %s', async (_what, bytes) => {
    const way = await open(['example.com', 'evil.example']);
    expect(await say(way, bytes)).toMatch(/^HTTP\/1\.1 400 /);
    expect([seen, logged, echoes]).toEqual([[], [], 0]);
  });

  it.each([['127.0.0.1'], ['10.1.2.3'], ['169.254.169.254'], ['::1'], ['fd00::1'], ['::ffff:127.0.0.1']])(
    'SSRF-01 does not go to %s for a name that was allowed',
    async (address) => {
      const room = createRoom({ allow: () => [], lookup: async () => [address] });
      const way = await room.open({ server: 'one', hosts: [`rebound.example:${echoPort}`] });
      const told = `blocked rebound.example:${echoPort}; its address is not public: add rebound.example to egress.allow if it may be reached`;
      expect(await say(way, connectLine(`rebound.example:${echoPort}`))).toContain(`HTTP/1.1 403 ${told}\r\n`);
      expect(room.notes('one')).toEqual([told]);
      expect(echoes).toBe(0);
    },
  );

  it('goes to a private address that is written itself', async () => {
    const way = await open([`127.0.0.1:${echoPort}`], { allow: () => [] });
    (await tunnel(way, `127.0.0.1:${echoPort}`)).destroy();
    const v6 = await open(['::1', '[fd00::1]:8080'], { allow: () => [] });
    expect(await say(v6, connectLine('[fd00::1]:443'))).toMatch(
      /^HTTP\/1\.1 403 blocked \[fd00::1\]:443; sallyport allow one \[fd00::1\]\r\n/,
    );
  });

  it('says that a host cannot be reached, and not why', async () => {
    const lookup = async (): Promise<never> => {
      throw Object.assign(new Error('getaddrinfo of the internal resolver 10.9.8.7'), { code: 'ENOTFOUND' });
    };
    const way = await open(['gone.example'], { lookup });
    expect(await say(way, connectLine('gone.example:443'))).toMatch(
      /^HTTP\/1\.1 502 the host could not be reached\r\n/,
    );
    echoServer.close();
    const refused = await open([`gone.example:${echoPort}`]);
    const answer = await say(refused, getLine(`http://gone.example:${echoPort}/`));
    expect(answer).toContain('HTTP/1.1 502 the host could not be reached (ECONNREFUSED)\r\n');
  });
});

describe('what a host answers', () => {
  it.each(['HTTP/1.1 200 O\u0001K', 'HTTP/1.1 099 Odd'])('ends no more than the request: %j', async (status) => {
    const odd = createTcpServer((socket) => {
      socket.on('error', () => undefined).once('data', () => socket.end(`${status}\r\nContent-Length: 0\r\n\r\n`));
    }).listen(0, '127.0.0.1');
    await once(odd, 'listening');
    const target = `api.example.com:${(odd.address() as AddressInfo).port}`;
    expect(await say(await open([target]), getLine(`http://${target}/`))).toMatch(/^HTTP\/1\.1 502 /);
    odd.close();
  });
});

describe('bounds', () => {
  it('takes no more header than 16 KiB', async () => {
    const way = await open(['example.com']);
    expect(await say(way, getLine('http://example.com/', `X: ${'x'.repeat(17_000)}\r\n`))).toMatch(/^HTTP\/1\.1 431 /);
  });

  it('lets a child have 64 connections', async () => {
    const way = await open([`a.example:${echoPort}`]);
    const sockets = await Promise.all(Array.from({ length: 64 }, () => tunnel(way, `a.example:${echoPort}`)));
    expect(await say(way, connectLine(`a.example:${echoPort}`)).catch(() => '')).toBe('');
    sockets[0]?.destroy();
    for (const socket of sockets) socket.destroy();
  });

  it('cuts what is silent, a tunnel too', async () => {
    const way = await open([`a.example:${echoPort}`], { idleMs: 20 });
    const socket = await tunnel(way, `a.example:${echoPort}`);
    await once(socket, 'close');
    expect(socket.destroyed).toBe(true);
  });

  it('cuts both ends when a way is closed, and takes the socket away', async () => {
    const room = createRoom();
    const way = await room.open({ server: 'one', hosts: [`a.example:${echoPort}`] });
    const far = once(echoServer, 'connection') as Promise<[Socket]>;
    const socket = await tunnel(way, `a.example:${echoPort}`);
    const [other] = await far;
    const ends = [once(socket, 'close'), once(other, 'close')];
    await way.close();
    await way.close();
    await Promise.all(ends);
    expect(await readdir(dirname(way.path))).toEqual(['alive']);
    await room.close();
    expect(await readdir(folder)).toEqual([]);
  });

  it('takes away what a gateway left that was killed, and nothing of one that lives', async () => {
    const living = dirname((await open([])).path);
    const killed = join(folder, 'sallyport-egress-killed');
    await mkdir(killed);
    // What a socket is when nobody listens any more: a name.
    const left = createTcpServer().listen(join(folder, 'x'));
    await once(left, 'listening');
    await rename(join(folder, 'x'), join(killed, 'alive'));
    left.close();
    await mkdir(join(folder, 'sallyport-egress-older'));
    const other = dirname((await open([])).path);
    expect((await readdir(folder)).toSorted()).toEqual([living, other].map((path) => basename(path)).toSorted());
  });

  it('gives up what is still being connected when the child has gone', async () => {
    const asked = Promise.withResolvers<void>();
    const lookup = async (): Promise<readonly string[]> => {
      asked.resolve();
      return await new Promise<never>(() => undefined);
    };
    const way = await open([`a.example:${echoPort}`], { lookup });
    const socket = connect(way.path);
    socket.write(connectLine(`a.example:${echoPort}`));
    await asked.promise;
    socket.destroy();
    await once(socket, 'close');
    await way.close();
    expect(echoes).toBe(0);
  });

  it("has a socket that is its user's alone, in a folder that nobody else lists", async () => {
    const isRoot = process.getuid?.() === 0;
    const user = { uid: isRoot ? 65_534 : (process.getuid?.() ?? 0), gid: isRoot ? 65_534 : (process.getgid?.() ?? 0) };
    const { path } = await createRoom().open({ server: 'one', hosts: [], user });
    const [socket, parent] = await Promise.all([lstat(path), lstat(dirname(path))]);
    expect([socket.isSocket(), socket.mode & 0o777, socket.uid]).toEqual([true, 0o600, user.uid]);
    expect(parent.mode & 0o777).toBe(isRoot ? 0o711 : 0o700);
  });

  it('refuses a host that is none, and a folder whose name is too long', async () => {
    for (const host of [
      '*',
      '*.com',
      'https://example.com',
      'example.com/path',
      'user@example.com',
      '10.0.0.0/8',
      '',
      'a b',
    ]) {
      await expect(open([host])).rejects.toThrow(/is no host: write api\.example\.com/);
    }
    const parent = join(folder, 'x'.repeat(100));
    await mkdir(parent);
    await expect(open([], { parent })).rejects.toThrow(/too long for the name of a socket: set TMPDIR/);
  });
});
