/**
 * Children that may reach some hosts (`sandbox.network`) through `sallyport serve`: what they reach by the proxy, and that there
 * is nothing else, whatever they try. The proxy alone is tested in packages/gateway/src/egress, the relay in packages/host.
 */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { gatewayUsers, hostile, levelsHere, openYard, serveIn, type Serving, type Yard } from './sandbox-support.ts';

const TIMEOUT_MS = 60_000;
const LEVELS = await levelsHere('egress.test.ts');
const CASES = gatewayUsers('egress.test.ts').flatMap((user) => LEVELS.map((level) => ({ user, level })));

/** Says `CONNECT` to the relay and gives the first line of the answer. */
const ASK = `const ask = (target) => attempt(() => new Promise((resolve, reject) => {
  const socket = net.connect({ host: '127.0.0.1', port: 3128 }).on('error', reject);
  socket.on('data', (data) => { resolve(String(data).split('\\r\\n')[0]); socket.destroy(); });
  socket.write('CONNECT ' + target + ' HTTP/1.1\\r\\nHost: ' + target + '\\r\\n\\r\\n');
}));`;

describe.each(CASES)('a child of the gateway of $user under $level with named hosts', ({ user, level }) => {
  let yard: Yard;
  let serving: Serving;
  let origin: Server;
  let port = 0;
  let asked = 0;

  beforeAll(async () => {
    origin = createServer((_request, response) => {
      asked += 1;
      response.end('from the origin');
    }).listen(0, '127.0.0.1');
    await once(origin, 'listening');
    port = (origin.address() as AddressInfo).port;
    yard = await openYard(user);
    serving = await serveIn(yard, {
      mad: hostile({ level, network: [`127.0.0.1:${port}`] }),
      other: hostile({ level, network: ['api.example.com'] }),
      alone: hostile({ level, network: [] }),
    });
  }, TIMEOUT_MS);
  afterAll(async () => {
    await serving[Symbol.asyncDispose]();
    await yard[Symbol.asyncDispose]();
    origin.close();
  });

  it('P4-04 reaches a host that is named, by the proxy of its environment', async () => {
    const text = await serving.evaluate(`return await (await fetch('http://127.0.0.1:${port}/')).text()`);
    expect(text).toBe('from the origin');
    expect(asked).toBe(1);
  });

  it('P4-04 reaches no other host, and is told by which command it would', async () => {
    const results = await serving.evaluate(`${ASK}
      return [await ask('api.github.com:443'), await ask('localhost:${port}'), await ask('[::1]:${port}'),
        await ask('169.254.169.254:80'), await ask('127.0.0.1:${new URL(serving.url).port}'), await ask('0x7f.1:22'),
        await attempt(() => fetch('https://api.github.com/').then(() => 'reached'))]`);
    const blocked = (target: string, entry = target): string =>
      `HTTP/1.1 403 blocked ${target}; sallyport allow mad ${entry}`;
    const own = `127.0.0.1:${new URL(serving.url).port}`;
    expect(results).toEqual([
      blocked('api.github.com:443', 'api.github.com'),
      blocked(`localhost:${port}`),
      blocked(`[::1]:${port}`),
      blocked('169.254.169.254:80', '169.254.169.254'),
      blocked(own),
      blocked('127.0.0.1:22'),
      expect.stringContaining('fetch failed'),
    ]);
    await serving.running.untilLine(/blocked api\.github\.com:443; sallyport allow mad api\.github\.com/);
    const lines = serving.running.lines.filter((line) => line.includes('blocked api.github.com:443'));
    expect(lines.length).toBe(1);
    expect(await serving.listed()).toContain('mad: blocked api.github.com:443; sallyport allow mad api.github.com');
  });

  it('P4-04 has no way around it: no names, no route, no port, no socket of this machine', async () => {
    const before = asked;
    const own = new URL(serving.url).port;
    const results = await serving.evaluate(`
      const dns = await import('node:dns/promises'); const dgram = await import('node:dgram');
      const send = (port, host) => attempt(() => new Promise((resolve, reject) =>
        dgram.createSocket('udp4').send('x', port, host, (error) => error ? reject(error) : resolve('sent'))));
      return { name: await attempt(() => dns.lookup('example.com')), udp: await send(53, '9.9.9.9'),
        direct: await connect({ host: '1.1.1.1', port: 443 }), v6: await connect({ host: '2606:4700:4700::1111', port: 443 }),
        origin: await connect({ host: '127.0.0.1', port: ${port} }), gateway: await connect({ host: '127.0.0.1', port: ${own} }),
        gateway6: await connect({ host: '::1', port: ${own} }), abstract: await connect({ path: '\\0/tmp/.X11-unix/X0' }),
        sockets: fs.readdirSync('/run/sallyport'), tmp: fs.readdirSync('/tmp').filter((name) => name.includes('egress')),
        bypass: await attempt(() => { process.env.NO_PROXY = '*'; return connect({ host: '1.1.1.1', port: 80 }); }) }`);
    expect(results).toEqual({
      name: expect.stringMatching(/^(EAI_AGAIN|ENOTFOUND)$/),
      udp: 'ENETUNREACH',
      direct: 'ENETUNREACH',
      v6: 'ENETUNREACH',
      origin: 'ECONNREFUSED',
      gateway: 'ECONNREFUSED',
      gateway6: 'ECONNREFUSED',
      abstract: 'ECONNREFUSED',
      sockets: ['proxy'],
      tmp: [],
      bypass: 'ENETUNREACH',
    });
    expect(asked).toBe(before);
  });

  it('P4-04 is not served what is opened to another server, nor anything where no host is named', async () => {
    const before = asked;
    expect(await serving.evaluate(`${ASK} return await ask('127.0.0.1:${port}')`, 'other')).toBe(
      `HTTP/1.1 403 blocked 127.0.0.1:${port}; sallyport allow other 127.0.0.1:${port}`,
    );
    expect(
      await serving.evaluate(
        `${ASK} return [await ask('127.0.0.1:${port}'), await attempt(() => fs.readdirSync('/run')), process.env.HTTP_PROXY ?? null]`,
        'alone',
      ),
    ).toEqual(['ECONNREFUSED', expect.stringMatching(/^ENOENT$/), null]);
    expect(asked).toBe(before);
  });

  it('P4-03 gains nothing by ending or replacing the relay', async () => {
    const results = await serving.evaluate(
      `${ASK}
       const relays = fs.readdirSync('/proc').filter((pid) => { try { return /3128\\0\\/run\\/sallyport\\/proxy\\0$/.test(String(fs.readFileSync('/proc/' + pid + '/cmdline'))) } catch { return false } });
       process.kill(Number(relays[0]), 'SIGKILL');
       while ((await ask('api.github.com:443')).startsWith('HTTP')) await new Promise(setImmediate);
       const itself = await new Promise((resolve, reject) => { const socket = net.connect('/run/sallyport/proxy').on('error', reject);
         socket.on('data', (data) => resolve(String(data).split(';')[0])); socket.write('CONNECT 127.0.0.1:${port} HTTP/1.1\\r\\n\\r\\n'); });
       return { relays: relays.length, itself, direct: await connect({ host: '127.0.0.1', port: ${port} }) }`,
      'other',
    );
    expect(results).toEqual({
      relays: 1,
      // It has to name a host; with one, it is blocked as ever.
      itself: expect.stringMatching(/^HTTP\/1\.1 4\d\d /) as unknown,
      direct: 'ECONNREFUSED',
    });
  });
});
