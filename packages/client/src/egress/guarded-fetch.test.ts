import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { pinOf } from '../testing/authority.ts';
import { Inbox } from '../testing/inbox.ts';
import { createGuardedFetch, type GuardedFetch, type GuardedFetchOptions } from './guarded-fetch.ts';
import { createListeners, makeCertificate, type Certificate } from './testing/listeners.ts';

const listeners = createListeners();
const guards: GuardedFetch[] = [];
afterEach(async () => {
  for (const guard of guards.splice(0)) guard.destroy();
  await listeners.end();
});

/** The names of the tests lead to this machine; others are an error. */
const lookup = (host: string): Promise<readonly string[]> =>
  host.endsWith('.test') ? Promise.resolve(['127.0.0.1']) : Promise.reject(new Error(`nobody knows ${host}`));

function guarded(more: Partial<GuardedFetchOptions> = {}): GuardedFetch {
  const guard = createGuardedFetch({ allow: [], env: {}, lookup, ...more });
  guards.push(guard);
  return guard;
}

async function failure(promise: Promise<unknown>): Promise<Error> {
  return promise.then(
    () => expect.fail('It was not refused.'),
    (error: Error) => error,
  );
}

const pki: { known?: Certificate } = {};
const certificate = (): Certificate => pki.known ?? expect.fail('There is no certificate.');
beforeAll(async () => {
  pki.known = await makeCertificate('DNS:as.test,IP:127.0.0.1,IP:::ffff:127.0.0.1');
});

/** A timer that a test lets run out. */
function timers(): { timeout: (ms: number) => AbortSignal; expire: (ms: number) => void } {
  const running: Array<{ ms: number; stop: AbortController }> = [];
  return {
    timeout: (ms) => {
      const stop = new AbortController();
      running.push({ ms, stop });
      return stop.signal;
    },
    expire: (ms) => {
      for (const each of running) if (each.ms === ms) each.stop.abort(new Error(`${ms} ms are over`));
    },
  };
}

describe('what is refused', () => {
  it.each([
    '127.0.0.1',
    '2130706433',
    '0x7f000001',
    '0x7f.1',
    '0177.0.0.1',
    '017700000001',
    '127.1',
    '127.0.0.1.',
    '①②⑦.⓪.⓪.①',
    '%31%32%37.0.0.1',
    '0',
    '0.0.0.0',
    '[::]',
    '[::1]',
    '[0:0:0:0:0:0:0:1]',
    '[::127.0.0.1]',
    '[::ffff:127.0.0.1]',
    '[::ffff:7f00:1]',
    '[64:ff9b::127.0.0.1]',
    '[64:ff9b:1::127.0.0.1]',
    '[2002:7f00:1::]',
    '[fe80::1]',
    '10.1.2.3',
    '172.16.0.1',
    '192.168.0.1',
    '100.64.0.1',
    '169.254.169.254',
    '[fd00:ec2::254]',
    '224.0.0.1',
    '255.255.255.255',
  ])('UPS-01 the literal %s, before a connection', async (host) => {
    const listener = await listeners.web((_request, response) => response.end('secret'), certificate());
    const fetch = guarded({ tls: { ca: certificate().ca } });
    for (const scheme of ['https', 'http']) {
      const error = await failure(fetch(`${scheme}://${host}:${listener.port}/`));
      expect(error.name).toBe('EgressRefused');
      expect(error.message).toMatch(scheme === 'https' ? 'is not public' : 'http: is only');
    }
    expect(listener.connections.all).toEqual([]);
  });

  it('UPS-01 a name that leads to this machine, before a connection', async () => {
    const listener = await listeners.web((_request, response) => response.end('secret'), certificate());
    const fetch = guarded({ tls: { ca: certificate().ca } });
    for (const name of ['as.test', 'AS.TEST', 'as.test.']) {
      const error = await failure(fetch(`https://${name}:${listener.port}/`));
      expect(error.message).toMatch(/its address 127\.0\.0\.1 is not public.*add as\.test to egress\.allow/);
    }
    const system = createGuardedFetch({ allow: [], env: {} });
    guards.push(system);
    for (const scheme of ['https', 'http']) {
      expect((await failure(system(`${scheme}://localhost:${listener.port}/`))).name).toBe('EgressRefused');
    }
    expect((await failure(system('https://localhost:6379/'))).message).toMatch('is not public');
    expect(listener.connections.all).toEqual([]);
  });

  it('UPS-01 an address with a zone, and what is no URL of the web', async () => {
    const fetch = guarded();
    for (const url of ['https://[fe80::1%25eth0]/', 'https://[::1%251]/', 'https://1.2.3.4.5/', 'as.test', '', '/x']) {
      expect((await failure(fetch(url))).message).toMatch('is no URL');
    }
    for (const url of ['file:///etc/passwd', 'data:text/plain,x', 'ftp://as.test/', 'ws://as.test/', 'about:blank']) {
      expect((await failure(fetch(url))).message).toMatch('Only https: is fetched');
    }
    const error = await failure(fetch('https://user:hunter2@as.test/'));
    expect([error.name, error.message.includes('hunter2')]).toEqual(['EgressRefused', false]);
  });

  it('UPS-01 an answer without a public address; of a mixed one only what may be reached is dialled', async () => {
    const listener = await listeners.web((_request, response) => response.end('x'), certificate());
    const answers: Record<string, readonly string[]> = {
      'closed.test': ['10.0.0.1', '127.0.0.1', '169.254.169.254'],
      'none.test': [],
      // Nobody listens at ::1.
      'mixed.test': ['127.0.0.1', '::1', '127.0.0.1'],
    };
    const fetch = guarded({ allow: ['::1'], lookup: (host) => Promise.resolve(answers[host] ?? []) });
    const to = (host: string): Promise<Error> => failure(fetch(`https://${host}:${listener.port}/`));
    expect((await to('closed.test')).message).toMatch('10.0.0.1 is not public');
    expect((await to('none.test')).message).toMatch('no address');
    const mixed = await to('mixed.test');
    expect(mixed.message).toMatch(/connect E.* ::1/);
    expect(mixed.message).not.toMatch('127');
    expect(listener.connections.all).toEqual([]);
  });

  it('UPS-01 a name whose answer changes: it is looked up once, and dialled at what was checked', async () => {
    const listener = await listeners.web((_request, response) => response.end('x'), certificate());
    const asked: string[] = [];
    const fetch = guarded({
      allow: ['::1'],
      lookup: (host) => Promise.resolve([asked.push(host) === 1 ? '::1' : '127.0.0.1']),
    });
    const to = (): Promise<Error> => failure(fetch(`https://as.test:${listener.port}/`));
    expect((await to()).message).toMatch(/connect E.* ::1/);
    expect((await to()).message).toMatch('127.0.0.1 is not public');
    expect([asked, listener.connections.all]).toEqual([['as.test', 'as.test'], []]);
  });

  it('ports of other protocols, at public addresses', async () => {
    const fetch = guarded({ lookup: () => Promise.resolve(['8.8.8.8']) });
    for (const port of [22, 25, 80, 6667]) {
      expect((await failure(fetch(`https://as.test:${port}/`))).message).toMatch(`port ${port} is no port`);
    }
  });

  it.each([301, 302, 303, 307, 308])('UPS-01 a redirect with %i', async (status) => {
    const inner = await listeners.web((_request, response) => response.end('secret'));
    const location = `http://127.0.0.1:${inner.port}/`;
    const listener = await listeners.web((_request, response) => response.writeHead(status, { location }).end());
    const fetch = guarded({ allow: ['as.test'] });
    for (const init of [{}, { redirect: 'error' }, { redirect: 'follow' }] as const) {
      const error = await failure(fetch(`http://as.test:${listener.port}/`, init));
      expect([error.name, error.message]).toEqual(['EgressRefused', expect.stringContaining('not followed')]);
    }
    const response = await fetch(`http://as.test:${listener.port}/`, { redirect: 'manual' });
    expect([response.status, response.headers.get('location')]).toEqual([status, location]);
    expect(inner.connections.all).toEqual([]);
  });

  it('an entry of `allow` that is none', () => {
    expect(() => createGuardedFetch({ allow: ['*'], env: {} })).toThrow(/"\*" is no host name/);
  });
});

describe('what is opened', () => {
  it.each([
    ['a name', 'as.test', 'as.test'],
    ['an address', '127.0.0.1', 'as.test'],
    ['a network', '127.0.0.0/8', '127.0.0.1'],
    ['an address in another form', '127.0.0.1', '[::ffff:127.0.0.1]'],
  ])('is asked by http: and https: alike: %s', async (_name, entry, host) => {
    const plain = await listeners.web((_request, response) => response.end('plain'));
    const secure = await listeners.web((_request, response) => response.end('secure'), certificate());
    const fetch = guarded({ allow: [entry], tls: { ca: certificate().ca } });
    expect(await (await fetch(`http://${host}:${plain.port}/`)).text()).toBe('plain');
    expect(await (await fetch(`https://${host}:${secure.port}/`)).text()).toBe('secure');
    expect(plain.asked).toEqual([`GET / ${new URL(`http://${host}`).host}:${plain.port}`]);
  });

  it('must have a certificate of a known authority, for its name', async () => {
    const listener = await listeners.web((_request, response) => response.end('{}'), certificate());
    const to = (name: string): string => `https://${name}:${listener.port}/`;
    const allow = ['127.0.0.1'];
    expect((await failure(guarded({ allow })(to('as.test')))).message).toMatch(/certificate/);
    const known = guarded({ allow, tls: { ca: certificate().ca } });
    for (const name of ['as.test', 'as.test.', '127.0.0.1']) expect((await known(to(name))).status).toBe(200);
    expect((await failure(known(to('other.test')))).message).toMatch(/altnames/);
    expect(listener.asked.length).toBe(3);
  });

  it('P1-12 must have the key that is pinned besides', async () => {
    const listener = await listeners.web((_request, response) => response.end('{}'), certificate());
    const to = `https://as.test:${listener.port}/`;
    const pinned = (pin: string): GuardedFetch => guarded({ allow: ['127.0.0.1'], tls: { ca: certificate().ca, pin } });
    expect((await failure(pinned(`sha256/${'A'.repeat(43)}=`)(to))).message).toContain(
      `its key is ${pinOf(certificate())}`,
    );
    expect(listener.asked).toEqual([]);
    expect((await pinned(pinOf(certificate()))(to)).status).toBe(200);
  });

  it('may have one of an authority that the process knows, as by NODE_EXTRA_CA_CERTS', async () => {
    const listener = await listeners.web((_request, response) => response.end('{}'), certificate());
    const before = getCACertificates('default');
    setDefaultCACertificates([...before, certificate().ca]);
    try {
      const response = await guarded({ allow: ['as.test'] })(`https://as.test:${listener.port}/`);
      expect(response.status).toBe(200);
    } finally {
      setDefaultCACertificates(before);
    }
  });
});

describe('behind a proxy', () => {
  it('is reached through a tunnel, when its name leads to what may be reached', async () => {
    const server = await listeners.web((_request, response) => response.end('{}'), certificate());
    const proxy = await listeners.proxy(server.port);
    const env = { HTTPS_PROXY: `http://127.0.0.1:${proxy.port}` };
    const looked: string[] = [];
    const fetch = guarded({
      env,
      tls: { ca: certificate().ca },
      lookup: (host) => {
        looked.push(host);
        return Promise.resolve(['8.8.8.8']);
      },
    });
    expect((await fetch('https://as.test/x')).status).toBe(200);
    expect([proxy.asked, looked]).toEqual([['CONNECT as.test:443 as.test:443'], ['as.test']]);
  });

  it('UPS-01 is not asked for a literal or a name that leads inside, nor for one that nobody here knows', async () => {
    const proxy = await listeners.proxy(1);
    const env = { HTTPS_PROXY: `http://127.0.0.1:${proxy.port}`, HTTP_PROXY: `http://127.0.0.1:${proxy.port}` };
    const fetch = guarded({ env });
    for (const host of ['10.0.0.1', '169.254.169.254', '[::ffff:7f00:1]', '127.0.0.1', 'as.test']) {
      expect((await failure(fetch(`https://${host}/`))).message).toMatch('is not public');
      expect((await failure(fetch(`http://${host}/`))).message).toMatch('http: is only');
    }
    expect((await failure(fetch('https://unknown.invalid/'))).message).toMatch(/cannot be looked up.*egress\.allow/);
    expect(proxy.connections.all).toEqual([]);
  });

  it('is left to the proxy when it was opened by name, by http: too', async () => {
    const server = await listeners.web((_request, response) => response.end('{}'));
    const proxy = await listeners.proxy(server.port);
    const fetch = guarded({ allow: ['inside.invalid'], env: { http_proxy: `127.0.0.1:${proxy.port}` } });
    expect((await fetch('http://inside.invalid:8080/')).status).toBe(200);
    expect(proxy.asked).toEqual(['CONNECT inside.invalid:8080 inside.invalid:8080']);
  });

  it('is dialled directly where NO_PROXY names it, and for loopback', async () => {
    const server = await listeners.web((_request, response) => response.end('{}'));
    const proxy = await listeners.proxy(1);
    const env = { HTTP_PROXY: `http://127.0.0.1:${proxy.port}`, NO_PROXY: 'as.test' };
    const fetch = guarded({ allow: ['127.0.0.0/8'], env });
    for (const host of ['as.test', '127.0.0.1']) {
      expect((await fetch(`http://${host}:${server.port}/`)).status).toBe(200);
    }
    expect(proxy.connections.all).toEqual([]);
  });
});

describe('the request', () => {
  it('is sent as it was given, on a connection of its own', async () => {
    const bodies: unknown[] = [];
    const listener = await listeners.web((request, response) => {
      const parts: Buffer[] = [];
      request.on('data', (part: Buffer) => parts.push(part));
      request.on('end', () => {
        const { authorization, 'content-type': type, 'accept-encoding': encoding, connection } = request.headers;
        bodies.push([Buffer.concat(parts).toString(), authorization, type, encoding, connection]);
        response.writeHead(201, { 'x-a': ['1', '2'], 'content-type': 'application/json' }).end('{"a":1}');
      });
    });
    const fetch = guarded({ allow: ['as.test'] });
    const url = `http://as.test:${listener.port}/register?x=%20y#part`;
    const init = { method: 'POST', headers: { authorization: 'Bearer t' }, body: new URLSearchParams({ a: 'b c' }) };
    for (let each = 0; each < 2; each++) {
      const response = await fetch(url, init);
      expect([response.status, response.headers.get('x-a'), await response.json()]).toEqual([201, '1, 2', { a: 1 }]);
    }
    expect(listener.asked[0]).toBe(`POST /register?x=%20y as.test:${listener.port}`);
    const form = 'application/x-www-form-urlencoded;charset=UTF-8';
    expect(bodies[0]).toEqual(['a=b+c', 'Bearer t', form, 'identity', 'close']);
    expect(listener.connections.all.length).toBe(2);
  });

  it.each([204, 205, 304])('may have an answer without a body: %i', async (status) => {
    const cut = Promise.withResolvers<void>();
    const listener = await listeners.web((_request, response) => {
      response.on('close', () => cut.resolve());
      response.writeHead(status).flushHeaders();
      // It goes out with 205 alone, and has no end.
      response.write('x');
    });
    const fetch = guarded({ allow: ['as.test'] });
    const response = await fetch(`http://as.test:${listener.port}/`);
    expect([response.status, response.body]).toEqual([status, null]);
    await cut.promise;
    await fetch.close();
  });

  it('fails where the answer is compressed, or none of HTTP', async () => {
    const fetch = guarded({ allow: ['as.test'] });
    const packed = await listeners.web((_request, response) =>
      response.writeHead(200, { 'content-encoding': 'gzip' }).end('x'),
    );
    expect((await failure(fetch(`http://as.test:${packed.port}/`))).message).toMatch('compressed');
    const odd = await listeners.web((request) => request.socket.end('HTTP/1.1 999 Odd\r\ncontent-length: 0\r\n\r\n'));
    expect((await failure(fetch(`http://as.test:${odd.port}/`))).message).toMatch('status');
    const large = await listeners.web((_request, response) => response.writeHead(200, { x: 'x'.repeat(20_000) }).end());
    expect((await failure(fetch(`http://as.test:${large.port}/`))).message).toMatch(/Headers Overflow/i);
    await fetch.close();
  });

  it('fails with the reasons of all addresses', async () => {
    const fetch = guarded({ allow: ['as.test'], lookup: () => Promise.resolve(['127.0.0.1', '::1']) });
    expect((await failure(fetch('http://as.test:1/'))).message).toMatch(/127\.0\.0\.1:1.*; .*::1/);
  });
});

describe('the body', () => {
  /** Sends once, or without end as long as somebody reads; and never ends by itself. */
  async function open(isEndless: boolean): Promise<{ readonly url: string; readonly ended: Promise<void> }> {
    const ended = Promise.withResolvers<void>();
    const listener = await listeners.web((_request, response) => {
      const more = (): void => void response.write(Buffer.alloc(isEndless ? 64 * 1024 : 1));
      if (isEndless) response.on('drain', more);
      response.on('close', () => ended.resolve());
      more();
    });
    return { url: `http://as.test:${listener.port}/`, ended: ended.promise };
  }

  it('ends when its reader has enough', async () => {
    const server = await open(true);
    const fetch = guarded({ allow: ['as.test'] });
    let bytes = 0;
    for await (const chunk of (await fetch(server.url)).body ?? []) {
      bytes += chunk.length;
      if (bytes > 300_000) break;
    }
    expect(bytes).toBeGreaterThan(300_000);
    await server.ended;
    await fetch.close();
  });

  it.each([
    ['its caller', 'caller'],
    ['its time', 'time'],
    ['the guard', 'guard'],
  ] as const)('is cut off by %s', async (_name, by) => {
    const server = await open(false);
    const caller = new AbortController();
    const { timeout, expire } = timers();
    const fetch = guarded({ allow: ['as.test'], timeout, timeoutMs: 77 });
    const response = await fetch(server.url, { signal: caller.signal });
    if (by === 'caller') caller.abort(new Error('enough'));
    else if (by === 'time') expire(77);
    else fetch.destroy();
    const reason = { caller: 'enough', time: '77 ms are over', guard: 'closed' }[by];
    expect((await failure(response.text())).message).toMatch(reason);
    await server.ended;
    await fetch.close();
  });

  it('fails when the connection breaks off', async () => {
    const listener = await listeners.web((_request, response) => {
      response.writeHead(200, { 'content-length': '100' });
      response.write('half', () => response.destroy());
    });
    const fetch = guarded({ allow: ['as.test'] });
    const response = await fetch(`http://as.test:${listener.port}/`);
    expect(await failure(response.text())).toBeInstanceOf(Error);
    await fetch.close();
  });
});

describe('time', () => {
  it.each([
    ['the look-up', 55],
    ['the look-up', 77],
  ])('is bounded for %s (%i ms)', async (_name, ms) => {
    const { timeout, expire } = timers();
    const fetch = guarded({
      timeout,
      timeoutMs: 77,
      connectTimeoutMs: 55,
      lookup: () => {
        queueMicrotask(() => expire(ms));
        return new Promise(() => undefined);
      },
    });
    expect((await failure(fetch('https://as.test/'))).message).toBe(`${ms} ms are over`);
    await fetch.close();
  });

  it.each([55, 77])('is bounded for TLS (%i ms), and the connection is closed', async (ms) => {
    const listener = await listeners.mute();
    const { timeout, expire } = timers();
    const fetch = guarded({ allow: ['as.test'], timeout, timeoutMs: 77, connectTimeoutMs: 55 });
    const refused = failure(fetch(`https://as.test:${listener.port}/`));
    const socket = await listener.connections.next();
    await once(socket, 'data');
    const closed = once(socket, 'close');
    socket.resume();
    expire(ms);
    expect((await refused).message).toBe(`${ms} ms are over`);
    await closed;
  });

  it('is bounded for TLS in a tunnel, and the tunnel is closed', async () => {
    const listener = await listeners.mute();
    const proxy = await listeners.proxy(listener.port);
    const { timeout, expire } = timers();
    const env = { HTTPS_PROXY: `http://127.0.0.1:${proxy.port}` };
    const fetch = guarded({ allow: ['as.test'], env, timeout, connectTimeoutMs: 55 });
    const refused = failure(fetch('https://as.test/'));
    const socket = await listener.connections.next();
    await once(socket, 'data');
    const closed = once(socket, 'close');
    socket.resume();
    expire(55);
    expect((await refused).message).toBe('55 ms are over');
    await closed;
  });

  it('is over for one whose caller gave up before', async () => {
    const proxy = await listeners.proxy(1);
    const signal = AbortSignal.abort(new Error('given up'));
    for (const env of [{}, { HTTP_PROXY: `http://127.0.0.1:${proxy.port}` }]) {
      const fetch = guarded({ allow: ['as.test'], env });
      expect((await failure(fetch(`http://as.test:${proxy.port}/`, { signal }))).message).toBe('given up');
    }
    expect(proxy.connections.all).toEqual([]);
  });

  it('is over for one whose own body does not come', async () => {
    const caller = new AbortController();
    const fetch = guarded({ allow: ['as.test'] });
    const body = new ReadableStream({ pull: () => caller.abort(new Error('given up')) }, { highWaterMark: 0 });
    const init: RequestInit = { method: 'POST', body, duplex: 'half', signal: caller.signal };
    expect((await failure(fetch('http://as.test:1/', init))).message).toBe('given up');
    await fetch.close();
  });

  it('to connect is not time to answer', async () => {
    const { timeout, expire } = timers();
    const listener = await listeners.web((_request, response) => {
      expire(55);
      response.end('late');
    });
    const fetch = guarded({ allow: ['as.test'], timeout, connectTimeoutMs: 55 });
    expect(await (await fetch(`http://as.test:${listener.port}/`)).text()).toBe('late');
  });
});

describe('its end', () => {
  it('waits for what is under way, and takes nothing more', async () => {
    const answer = Promise.withResolvers<() => void>();
    const listener = await listeners.web((_request, response) => answer.resolve(() => void response.end('last')));
    const fetch = guarded({ allow: ['as.test'] });
    const url = `http://as.test:${listener.port}/`;
    const last = fetch(url);
    const finish = await answer.promise;
    const events: string[] = [];
    const closed = fetch.close().then(() => events.push('closed'));
    expect((await failure(fetch(url))).message).toMatch('closed');
    events.push('answered');
    finish();
    expect(await (await last).text()).toBe('last');
    await closed;
    await fetch.close();
    fetch.destroy();
    expect(events).toEqual(['answered', 'closed']);
  });

  it('has room for so many requests, until they have ended', async () => {
    const waiting = new Inbox<ServerResponse>();
    const listener = await listeners.web((_request, response) => waiting.push(response));
    const fetch = guarded({ allow: ['as.test'], maxConcurrent: 2 });
    const url = `http://as.test:${listener.port}/`;
    const running = [fetch(url), fetch(url)];
    const held = [await waiting.next(), await waiting.next()];
    expect((await failure(fetch(url))).message).toMatch('Too many');
    for (const response of held) response.end('x');
    for (const each of running) await (await each).text();
    for (let each = 0; each < 3; each++) {
      expect((await failure(fetch('https://10.0.0.1/'))).message).toMatch('is not public');
    }
    const third = fetch(url);
    (await waiting.next()).end('x');
    expect((await third).status).toBe(200);
  });
});
