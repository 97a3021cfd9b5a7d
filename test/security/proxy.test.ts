/** Proxies in front of a whole gateway: whose word on a client is taken, for limits, policy and TLS; and what counts as local. */
import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bearer, randomKey, startGuarded, type Guarded } from './support.ts';
import { ask, askList, askMcp, openPki, startSecured, type Answered } from './web-support.ts';

const KEY = randomKey();
const AUTH = { mode: 'key', keys: [{ name: 'ann', key: KEY }] };
const PROXY = '127.0.0.9';
/** One that is not named. */
const STRANGER = '127.0.0.10';

/** Comes from an address of this machine's loopback network. */
function from(
  address: string,
  headers: Readonly<Record<string, string | readonly string[]>> = {},
): {
  headers: Readonly<Record<string, string | readonly string[]>>;
  with: { localAddress: string };
} {
  return { headers, with: { localAddress: address } };
}

describe('limits per address', () => {
  const at: { place?: Guarded } = {};
  const place = (): Guarded => at.place as Guarded;
  beforeAll(async () => {
    at.place = await startGuarded({
      auth: AUTH,
      listen: { port: 0, trustProxy: [PROXY, '10.0.0.0/8'] },
      limits: { failedAuthentications: 5 },
    });
  });
  afterAll(async () => await at.place?.[Symbol.asyncDispose]());

  const wrong = async (address: string, headers: Record<string, string> = {}): Promise<number> => {
    const asked = from(address, { ...bearer(randomKey()), ...headers });
    return (await askList(place().started.url, asked)).status;
  };
  /** How many wrong keys are looked at before they are refused unseen. */
  const looked = async (address: string, headers: (turn: number) => Record<string, string>): Promise<number> => {
    for (let turn = 0; turn < 40; turn++) if ((await wrong(address, headers(turn))) === 429) return turn;
    return 40;
  };

  it('are those of the client that a named proxy names, each on its own', async () => {
    expect(await looked(PROXY, () => ({ 'x-forwarded-for': '192.0.2.1' }))).toBe(5);
    expect(await looked(PROXY, () => ({ forwarded: 'for=192.0.2.2;proto=https' }))).toBe(5);
    expect(await looked(PROXY, () => ({ forwarded: 'for="[2001:db8::1]:4711"' }))).toBe(5);
    expect(await wrong(PROXY, { 'x-forwarded-for': '192.0.2.3' })).toBe(401);
  });

  it('are those of the socket, whatever somebody says who is not named', async () => {
    expect(await looked(STRANGER, (turn) => ({ 'x-forwarded-for': `198.51.100.${turn}` }))).toBe(5);
    expect(await looked('127.0.0.11', (turn) => ({ forwarded: `for=198.51.100.${turn}` }))).toBe(5);
    expect(await looked('127.0.0.12', (turn) => ({ 'x-real-ip': `198.51.100.${turn}` }))).toBe(5);
  });

  it('cannot be changed by what a client writes in front of the proxy’s word', async () => {
    const forged = (turn: number): Record<string, string> => ({
      'x-forwarded-for': `203.0.113.${turn}, 192.0.2.10`,
    });
    expect(await looked(PROXY, forged)).toBe(5);
    expect(await looked(PROXY, (turn) => ({ forwarded: `for=203.0.113.${turn}, for=192.0.2.11` }))).toBe(5);
    // Behind a second proxy that is named, too.
    expect(await looked(PROXY, (turn) => ({ 'x-forwarded-for': `203.0.113.${turn}, 192.0.2.12, 10.1.2.3` }))).toBe(5);
    // Two kinds of headers that do not agree: one of them is the client's own.
    const both = (turn: number): Record<string, string> => ({
      'x-forwarded-for': `203.0.113.${turn}`,
      forwarded: 'for=192.0.2.13',
    });
    expect(await looked(PROXY, both)).toBe(5);
  });

  it('let a good key in from an address that failed too often', async () => {
    const failed = { 'x-forwarded-for': '192.0.2.20' };
    await looked(PROXY, () => failed);
    expect((await askList(place().started.url, from(PROXY, { ...bearer(KEY), ...failed }))).status).toBe(200);
  });
});

describe('the address in a condition of the policy', () => {
  it('is the client’s by the word of a named proxy, and nobody else’s', async () => {
    await using place = await startGuarded({
      auth: AUTH,
      listen: { port: 0, trustProxy: [PROXY] },
      policy: { rules: [{ effect: 'allow', tools: ['up__pid'], when: 'address == "192.0.2.1"' }] },
    });
    const call = async (address: string, headers: Record<string, string>): Promise<number | undefined> => {
      const asked = from(address, { ...bearer(KEY), ...headers });
      const { body } = await askMcp(place.started.url, 'tools/call', { name: 'up__pid', arguments: {} }, asked);
      return (JSON.parse(body) as { readonly error?: { readonly code: number } }).error?.code;
    };
    const [ALLOWED, REFUSED] = [undefined, -31_003];
    expect(await call(PROXY, { 'x-forwarded-for': '192.0.2.1' })).toBe(ALLOWED);
    expect(await call(PROXY, { 'x-forwarded-for': '::ffff:192.0.2.1' })).toBe(ALLOWED);
    expect(await call(PROXY, { 'x-forwarded-for': '192.0.2.2' })).toBe(REFUSED);
    expect(await call(PROXY, { 'x-forwarded-for': '192.0.2.1, 198.51.100.1' })).toBe(REFUSED);
    expect(await call(PROXY, {})).toBe(REFUSED);
    expect(await call(STRANGER, { 'x-forwarded-for': '192.0.2.1' })).toBe(REFUSED);
    expect(await call(STRANGER, { forwarded: 'for=192.0.2.1' })).toBe(REFUSED);
  });
});

describe('TLS that ends in a proxy', () => {
  const hsts = async (address: string, headers: Record<string, string>): Promise<boolean> => {
    const { headers: answered } = await ask(`${at.place?.base}/healthz`, from(address, headers));
    return answered['strict-transport-security'] !== undefined;
  };
  const at: { place?: Guarded } = {};
  beforeAll(async () => {
    at.place = await startGuarded({ auth: AUTH, listen: { port: 0, trustProxy: [PROXY] } });
  });
  afterAll(async () => await at.place?.[Symbol.asyncDispose]());

  it.each([
    [true, PROXY, { 'x-forwarded-proto': 'https' }],
    [true, PROXY, { 'x-forwarded-proto': 'HTTPS' }],
    [true, PROXY, { forwarded: 'for=192.0.2.1;proto=https' }],
    [false, PROXY, { 'x-forwarded-proto': 'http' }],
    [false, PROXY, { 'x-forwarded-proto': 'https, http' }],
    [false, PROXY, { 'x-forwarded-proto': 'https', forwarded: 'proto=http' }],
    [false, PROXY, {}],
    [false, STRANGER, { 'x-forwarded-proto': 'https' }],
    [false, STRANGER, { forwarded: 'proto=https' }],
  ] as const)('is believed to be there: %s, of %s with %j', async (isSecure, address, headers) => {
    expect(await hsts(address, headers)).toBe(isSecure);
  });
});

type Headers = Readonly<Record<string, string>>;

describe('what is local', () => {
  /** Without authentication whoever is local is let in, and nobody else. */
  const status = async (base: string, headers: Headers = {}, address?: string): Promise<number> => {
    const asked = address === undefined ? { headers } : from(address, headers);
    return (await askList(`${base}/mcp`, asked)).status;
  };

  const requests: readonly (readonly [number, string, Headers])[] = [
    [200, 'straight to the listener', {}],
    [200, 'by the name localhost', { host: 'localhost' }],
    [200, 'by the name localhost, with a dot and a port', { host: 'LocalHost.:1' }],
    [200, 'by the address of IPv6', { host: '[::1]:7420' }],
    [403, 'by another name', { host: 'gateway.example' }],
    [403, 'by a name that looks like loopback', { host: '127.0.0.1.nip.example' }],
    [403, 'by another address of loopback', { host: '127.0.0.2' }],
    [401, 'with Forwarded', { forwarded: 'for=192.0.2.1' }],
    [401, 'with an empty Forwarded', { forwarded: '' }],
    [401, 'with X-Forwarded-For', { 'x-forwarded-for': '127.0.0.1' }],
    [401, 'with X-Forwarded-Host', { 'x-forwarded-host': 'localhost' }],
    [401, 'with X-Forwarded-Proto', { 'x-forwarded-proto': 'http' }],
    [401, 'with any X-Forwarded-', { 'x-forwarded-anything': '' }],
    [401, 'with Via', { via: '1.1 proxy' }],
    [401, 'with X-Real-IP', { 'x-real-ip': '127.0.0.1' }],
  ];

  it('is a request on loopback, by a name of loopback, that says nothing of a proxy', async () => {
    await using place = await startGuarded({ auth: { mode: 'none' } });
    const found: unknown[] = [];
    for (const [, name, headers] of requests) found.push([await status(place.base, headers), name, headers]);
    expect(found).toEqual(requests);
    expect(await status(place.base, {}, '127.8.8.8')).toBe(200);
  });

  it('is none without a Host', async () => {
    await using place = await startGuarded({ auth: { mode: 'none' } });
    const { promise, resolve } = Promise.withResolvers<number>();
    const asked = request(`${place.base}/mcp`, { setHost: false, agent: false });
    asked.on('response', (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    asked.end();
    expect(await promise).toBe(403);
  });

  const listeners: readonly (readonly [string, Headers | object, boolean])[] = [
    ['on loopback', {}, true],
    ['on loopback by name', { host: 'localhost' }, true],
    ['with more names', { hosts: ['gateway.example'] }, true],
    ['with a public URL', { publicUrl: 'https://gateway.example' }, false],
    ['with a public URL on loopback', { publicUrl: 'http://127.0.0.1:7420' }, false],
    ['with a proxy that is named', { trustProxy: ['192.0.2.1'] }, false],
    ['on all addresses, behind a proxy', { host: '0.0.0.0', plainBehindProxy: true }, false],
  ];

  const isNamed = (listen: object): boolean => 'hosts' in listen || JSON.stringify(listen).includes('gateway.example');

  it.each(listeners)('a listener %s lets its user ask how it is: %j → %s', async (_name, listen, isLocal) => {
    await using place = await startGuarded({ auth: AUTH, listen: { port: 0, ...listen } });
    const own = bearer(place.started.gateway.localKey ?? '');
    const answer = async (headers: Headers): Promise<Answered> =>
      await ask(`http://127.0.0.1:${place.started.port}/api/v1/system`, { headers: { ...own, ...headers } });
    expect((await answer({})).status).toBe(isLocal ? 200 : 404);
    expect((await answer({ via: '1.1 proxy' })).status).toBe(404);
    // A name that is added to the list is not loopback's; one that is not is no name of the gateway.
    expect((await answer({ host: 'gateway.example' })).status).toBe(isNamed(listen) ? 404 : 403);
  });

  it('is the same over TLS', async () => {
    await using pki = await openPki();
    await using place = await startSecured(pki, { auth: { mode: 'none' } });
    const ca = pki.authority.cert;
    const over = async (headers: Headers): Promise<number> =>
      (await askList(`${place.base}/mcp`, { headers, with: { ca } })).status;
    expect([await over({}), await over({ 'x-forwarded-for': '127.0.0.1' })]).toEqual([200, 401]);
  });

  it('the key of this machine’s user is no client’s in another mode than `key`, from elsewhere', async () => {
    await using pki = await openPki();
    const clientCa = await pki.write('ca.pem', pki.authority.cert);
    await using place = await startSecured(pki, { auth: { mode: 'mtls' } }, { tls: { clientCa } });
    const ca = pki.authority.cert;
    const headers = bearer(place.started.gateway.localKey ?? '');
    const over = async (more: Headers): Promise<number> =>
      (await askList(`${place.base}/mcp`, { headers: { ...headers, ...more }, with: { ca } })).status;
    expect([await over({}), await over({ via: '1.1 proxy' })]).toEqual([200, 401]);
  });
});
