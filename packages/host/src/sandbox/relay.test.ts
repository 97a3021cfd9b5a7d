/** The relay for real: a caged program that reaches a unix socket of this process through its own loopback, and nothing else. */
import { once } from 'node:events';
import { chmod, chown, mkdir, mkdtemp, realpath, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NOBODY } from './level.ts';
import { PROXY_INSIDE } from './relay.ts';
import { type CagedSpec, evaluateCaged, GATEWAY_USERS, isRoot, levelsHere, NODE, runCaged } from './testing/caged.ts';

const TIMEOUT_MS = 60_000;

let folder = '';
let servers: Server[] = [];
let accepted = 0;

beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'sallyport-relay-')));
  await chmod(folder, 0o755);
  await mkdir(join(folder, 'filter'));
  accepted = 0;
});
afterEach(async () => {
  for (const server of servers) server.close();
  servers = [];
  await rm(folder, { recursive: true, force: true });
});

async function listen(name: string, answer: (socket: Socket) => void): Promise<string> {
  const path = join(folder, name);
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    accepted += 1;
    socket.on('error', () => undefined);
    answer(socket);
  }).listen(path);
  servers.push(server);
  await once(server, 'listening');
  if (isRoot) await chown(path, NOBODY.uid, NOBODY.gid);
  return path;
}

const echo = (socket: Socket): void => void socket.pipe(socket);
const LEVELS = await levelsHere('relay.test.ts');
const CASES = GATEWAY_USERS.flatMap((user) =>
  LEVELS.flatMap((level) => (['perl', 'node'] as const).map((program) => ({ user, level, program }))),
);

describe.each(CASES)('the relay in $program, for a child of $user under $level', ({ user, level, program }) => {
  const spec = async (proxy: string): Promise<CagedSpec> => {
    const filter = join(folder, 'filter');
    if (isRoot) await (user === 'nobody' ? chown(filter, NOBODY.uid, NOBODY.gid) : chown(filter, 0, 0));
    const unlike = program === 'node' ? { unlike: { perl: null } } : {};
    return { level, folder: filter, network: ['api.example.com'], proxy, ...unlike };
  };

  it(
    'passes bytes in both directions, many at once and after one side has ended',
    { timeout: TIMEOUT_MS },
    async () => {
      const result = await evaluateCaged(
        user,
        await spec(await listen('proxy', echo)),
        `const { createHash } = require('node:crypto');
       const bytes = Buffer.alloc(3 << 20, 'sallyport relay ');
       const once = () => new Promise((resolve, reject) => {
         const hash = createHash('sha256'); let length = 0;
         const socket = net.connect({ port: 3128, host: '127.0.0.1' }).on('error', reject);
         socket.on('data', (chunk) => { hash.update(chunk); length += chunk.length; });
         socket.on('end', () => resolve([length, hash.digest('hex')]));
         socket.end(bytes);
       });
       const wanted = [bytes.length, createHash('sha256').update(bytes).digest('hex')];
       const got = await Promise.all(Array.from({ length: 20 }, once));
       return got.every((each) => String(each) === String(wanted)) ? 'all' : got`,
      );
      expect(result).toBe('all');
      expect(accepted).toBe(20);
    },
  );

  it('ends a connection that either side has cut', { timeout: TIMEOUT_MS }, async () => {
    const cut = Promise.withResolvers<void>();
    const proxy = await listen('proxy', (socket) => {
      if (accepted === 1) socket.once('data', () => socket.destroy());
      else socket.once('end', () => cut.resolve()).on('data', () => socket.write('y'));
    });
    const result = await evaluateCaged(
      user,
      await spec(proxy),
      `const to = () => net.connect({ port: 3128, host: '127.0.0.1' });
       const first = to(); first.on('error', () => {}).resume().write('x');
       await new Promise((resolve) => first.once('close', resolve));
       const second = to(); second.write('x');
       await new Promise((resolve) => second.once('data', resolve));
       second.resetAndDestroy();
       await new Promise((resolve) => second.once('close', resolve));
       return 'closed'`,
    );
    expect(result).toBe('closed');
    await cut.promise;
  });

  it(
    'is a stranger to the server: number, parent, descriptors, variables, exit code',
    { timeout: TIMEOUT_MS },
    async () => {
      const script = `ls /proc/self/fd; cat; tr '\\0' '\\n' </proc/self/environ; kill -TERM $$; exit 7`;
      const proxied = { ...(await spec(await listen('proxy', echo))), command: '/bin/sh', args: ['-c', script] };
      const { network: _network, proxy: _proxy, ...rest } = proxied;
      const [with_, without] = [await runCaged(user, proxied), await runCaged(user, { ...rest, level: 'strict' })];
      const lines = (text: string): readonly string[] =>
        text.split('\n').filter((line) => !/^(?:GATEWAY_PID|https?_proxy|no_proxy|NODE_USE_ENV_PROXY|_)=/i.test(line));
      expect(lines(with_.stdout)).toEqual(lines(without.stdout));
      expect(with_.stdout).toContain('HTTPS_PROXY=http://127.0.0.1:3128');
      expect([with_.code, without.code]).toEqual([143, 143]);
      const { code } = await runCaged(user, { ...proxied, args: ['-c', 'exit 7'] });
      expect(code).toBe(7);
    },
  );

  it('P4-04 gives a server that ignores it no network at all', { timeout: TIMEOUT_MS }, async () => {
    const port = await listenOnPort();
    const proxy = await listen('proxy', echo);
    await listen('other', echo);
    const result = await evaluateCaged(
      user,
      await spec(proxy),
      `const dns = require('node:dns/promises'); const dgram = require('node:dgram');
       const tcp = (options) => attempt(() => new Promise((resolve, reject) => net.connect(options).on('connect', () => resolve('connected')).on('error', reject)));
       const udp = attempt(() => new Promise((resolve, reject) => dgram.createSocket('udp4').send('x', 53, '1.1.1.1', (error) => error ? reject(error) : resolve('sent'))));
       return { dns: await attempt(() => dns.lookup('example.com')), dnsServer: await attempt(() => dns.resolve4('example.com')),
         tcp: await tcp({ host: '1.1.1.1', port: 443 }), v6: await tcp({ host: '2606:4700:4700::1111', port: 443 }), udp: await udp,
         loopback: await tcp({ host: '127.0.0.1', port: ${port} }), other: await tcp({ path: '${folder}/other' }),
         same: await tcp({ path: '${proxy}' }), abstract: await tcp({ path: '\\0sallyport-relay' }), sockets: readdirSync('/run/sallyport'),
         routes: String(readFileSync('/proc/net/route')).trim().split('\\n').length, interfaces: Object.keys(require('node:os').networkInterfaces()) }`,
    );
    expect(result).toEqual({
      dns: expect.stringMatching(/^(EAI_AGAIN|ENOTFOUND)$/),
      dnsServer: expect.stringMatching(/^(ECONNREFUSED|ETIMEOUT)$/),
      tcp: 'ENETUNREACH',
      v6: 'ENETUNREACH',
      udp: 'ENETUNREACH',
      loopback: 'ECONNREFUSED',
      other: 'ENOENT',
      same: 'ENOENT',
      abstract: 'ECONNREFUSED',
      sockets: ['proxy'],
      routes: 1,
      interfaces: ['lo'],
    });
    expect(accepted).toBe(0);
  });

  it('P4-04 is worth nothing to a server that traces, kills or replaces it', { timeout: TIMEOUT_MS }, async () => {
    const proxy = await listen('proxy', (socket) => socket.end('from the proxy'));
    const result = await evaluateCaged(
      user,
      await spec(proxy),
      `const pids = readdirSync('/proc').filter((name) => /^\\d+$/.test(name));
       const relay = pids.filter((pid) => { try { return String(readFileSync('/proc/' + pid + '/cmdline')).endsWith('3128\\0${PROXY_INSIDE}\\0') } catch { return false } });
       const ask = (options) => attempt(() => new Promise((resolve, reject) => net.connect(options).on('data', (data) => resolve(String(data))).on('error', reject)));
       const traced = spawnSync('/usr/bin/perl', ['-e', 'print syscall(101, 16, ' + relay[0] + ', 0, 0) == 0 ? "traced" : "refused"']).stdout.toString();
       const replaced = [await attempt(() => unlinkSync('${PROXY_INSIDE}')), await attempt(() => renameSync('/run/sallyport', '/run/x'))];
       process.kill(Number(relay[0]), 'SIGKILL');
       const gone = () => { try { return String(readFileSync('/proc/' + relay[0] + '/stat')).split(' ')[2] === 'Z' } catch { return true } };
       while (!gone()) await new Promise(setImmediate);
       return { relays: relay.length, traced, replaced, after: await ask({ port: 3128, host: '127.0.0.1' }),
         itself: await ask({ path: '${PROXY_INSIDE}' }), out: await ask({ host: '1.1.1.1', port: 443 }) }`,
    );
    expect(result).toEqual({
      relays: 1,
      traced: 'refused',
      replaced: [expect.stringMatching(/^(EROFS|EBUSY|EACCES)$/), expect.stringMatching(/^(EROFS|EBUSY|EACCES)$/)],
      after: expect.stringMatching(/^(ECONNREFUSED|ECONNRESET)$/),
      itself: 'from the proxy',
      out: 'ENETUNREACH',
    });
  });
});

async function listenOnPort(): Promise<number> {
  const server = createServer(() => (accepted += 1)).listen(0, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

it('refuses to start a server whose relay does not come up', { timeout: TIMEOUT_MS }, async () => {
  if (LEVELS.length === 0) return;
  const filter = join(folder, 'filter');
  const { code, stdout, stderr } = await runCaged('this user', {
    level: 'strict',
    folder: filter,
    network: ['api.example.com'],
    proxy: await listen('proxy', echo),
    unlike: { perl: '/bin/false' },
    command: NODE,
    args: ['-e', 'console.log("started")'],
  });
  expect([code, stdout]).toEqual([126, '']);
  expect(stderr).toContain('the relay to the network did not start');
});
