import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { wireError } from '@sallyport/wire';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import type { Authenticate, ClientCertificate } from '../auth/authenticate.ts';
import type { Principal } from '../exchange.ts';
import { hasOpenssl, openCertificates, type Authority, type Certificates, type Pair } from '../testing/certificates.ts';
import { openDoor, stateless, type DoorOptions, type TestDoor } from '../testing/door.ts';
import { JSON_HEADERS, RawClient, type RawResponse } from '../testing/raw-client.ts';
import { TLS_CIPHER_SUITES, type TlsMaterial } from './tls-options.ts';

const available = hasOpenssl();

const doors: TestDoor[] = [];
const clients: RawClient[] = [];

afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy();
  for (const opened of doors.splice(0)) await opened.close();
});

/** With one of TLS 1.2. */
const EARLIER_SUITES = [...TLS_CIPHER_SUITES, 'ECDHE-ECDSA-AES256-GCM-SHA384'];
const [BODY, HEADERS] = stateless(1, 'tools/call', { name: 'echo' });

describe.skipIf(!available)('TLS (needs openssl)', () => {
  let certificates: Certificates;
  let clientCa: Authority;
  let otherCa: Authority;
  let server: Pair;
  let successor: Pair;
  let alice: Pair;

  beforeAll(() => {
    certificates = openCertificates();
    const serverCa = certificates.authority('servers');
    clientCa = certificates.authority('clients');
    otherCa = certificates.authority('others');
    const names = { subjectAltName: 'DNS:localhost,IP:127.0.0.1', usage: 'serverAuth' };
    server = serverCa.issue({ ...names, commonName: 'first' });
    successor = serverCa.issue({ ...names, commonName: 'second' });
    alice = clientCa.issue({ subjectAltName: 'URI:spiffe://test/alice,DNS:alice.test' });
  });

  afterAll(() => certificates.remove());

  interface TlsDoor {
    readonly opened: TestDoor;
    /** What the next load finds; tests change it. */
    material: TlsMaterial;
    /** The certificate of each credential that was asked for. */
    readonly seen: (ClientCertificate | undefined)[];
  }

  interface TlsDoorOptions extends DoorOptions {
    readonly material?: Partial<TlsMaterial>;
    readonly requireCertificate?: boolean;
  }

  /** Whoever shows a certificate is who it names first; anybody else needs a key. */
  async function door({ material, requireCertificate = false, ...options }: TlsDoorOptions = {}): Promise<TlsDoor> {
    const seen: (ClientCertificate | undefined)[] = [];
    const authenticate: Authenticate = ({ authorization, certificate }) => {
      seen.push(certificate);
      const subject = certificate?.subjectAltNames[0] ?? authorization?.slice('Bearer '.length);
      return subject === undefined || subject === ''
        ? { error: wireError('unauthenticated'), headers: {} }
        : { issuer: 'test', subject, roles: [] };
    };
    const minVersion = 'TLSv1.3';
    const made = {
      material: { ...server, minVersion, cipherSuites: TLS_CIPHER_SUITES, ...material } as TlsMaterial,
      seen,
    };
    const tls = { load: () => made.material, requireCertificate };
    const opened = await openDoor({ connections: {}, authenticate, ...options, tls });
    doors.push(opened);
    return Object.assign(made, { opened });
  }

  async function client({ opened }: TlsDoor, options: ConnectionOptions = {}): Promise<RawClient> {
    const made = await RawClient.connect(opened.port, { rejectUnauthorized: false, ...options });
    clients.push(made);
    return made;
  }

  /** A plain one. */
  async function plain({ opened }: TlsDoor): Promise<RawClient> {
    const made = await opened.connect();
    clients.push(made);
    return made;
  }

  async function post(made: RawClient, headers: Record<string, string> = {}): Promise<RawResponse> {
    made.post(BODY, { ...HEADERS, ...headers });
    return await made.response();
  }

  const ANONYMOUS = { authorization: '' };
  const serialOf = ({ socket }: RawClient): string => (socket as TLSSocket).getPeerCertificate().serialNumber;
  /** The status of a request with nothing but a certificate. */
  const statusWith = async (made: TlsDoor, pair: Pair | undefined): Promise<number> =>
    (await post(await client(made, { ...pair }), ANONYMOUS)).status;
  const subjects = ({ opened }: TlsDoor): string[] => opened.calls.map(({ principal }) => principal.subject);

  describe('versions and suites', () => {
    it.each(TLS_CIPHER_SUITES)('P4-08 TLS 1.3 with %s is spoken', async (suite) => {
      const made = await client(await door(), { ciphers: suite });
      expect((made.socket as TLSSocket).getCipher().name).toBe(suite);
      expect((made.socket as TLSSocket).getProtocol()).toBe('TLSv1.3');
      expect((await post(made)).status).toBe(200);
    });

    it.each([
      ['TLS 1.2', { maxVersion: 'TLSv1.2', minVersion: 'TLSv1.2' }, {}, 'protocol version'],
      [
        'TLS 1.2 with a suite of its own',
        { maxVersion: 'TLSv1.2' },
        { cipherSuites: EARLIER_SUITES },
        'protocol version',
      ],
      ['another suite', { ciphers: 'TLS_AES_128_GCM_SHA256' }, {}, 'handshake failure'],
    ] as const)('P4-08 %s is not', async (_name, options, material, message) => {
      const opened = await door({ material });
      await expect(client(opened, options)).rejects.toThrow(message);
      expect((await post(await client(opened))).status).toBe(200);
    });

    it('P4-08 TLS 1.2 is when it is asked for', async () => {
      const material = { minVersion: 'TLSv1.2', cipherSuites: EARLIER_SUITES } as const;
      const made = await client(await door({ material }), { maxVersion: 'TLSv1.2' });
      expect((made.socket as TLSSocket).getProtocol()).toBe('TLSv1.2');
    });
  });

  describe('a door', () => {
    it('serves MCP, streams and WebSockets', async () => {
      const made = await door({
        handle: async (exchange) => {
          exchange.notify({ jsonrpc: '2.0', method: 'notifications/message' });
          return { kind: 'value', result: {} };
        },
      });
      const streaming = await client(made);
      streaming.post(BODY, HEADERS);
      await streaming.untilEvents(2);
      const headers = { authorization: 'Bearer alice' };
      const socket = new WebSocket(`wss://127.0.0.1:${made.opened.port}/mcp`, { rejectUnauthorized: false, headers });
      await once(socket, 'open');
      socket.send(stateless(2, 'x')[0]);
      await once(socket, 'message');
      expect(made.opened.calls.map(({ transport, address }) => [transport, address])).toEqual([
        ['http', '127.0.0.1'],
        ['ws', '127.0.0.1'],
      ]);
      socket.terminate();
    });

    it('takes a body of many records, and a request in pieces', async () => {
      const made = await door({ maxBodyBytes: 2 * 1024 * 1024 });
      const both = await client(made);
      const large = stateless('large', 'x', { text: 'ü'.repeat(512 * 1024) });
      both.post(...large);
      expect((await both.response()).status).toBe(200);
      for (const piece of ['GET /kno', 'wn HTTP/1.1\r\nhost: loc', 'alhost\r\n\r\n']) {
        both.socket.write(piece);
        await new Promise((resolve) => setImmediate(resolve));
      }
      expect((await both.response()).body).toBe('known');
    });

    it('knows who came over TLS', async () => {
      const made = await client(await door());
      made.request('GET', '/whoami');
      expect(JSON.parse((await made.response()).body)).toEqual({ address: '127.0.0.1', secure: true });
    });

    it('takes pages of its own name over https alone', async () => {
      const made = await door();
      for (const [scheme, status] of [
        ['https', 200],
        ['http', 403],
      ] as const) {
        const response = await post(await client(made), { host: 'localhost:1', origin: `${scheme}://localhost:1` });
        expect(response.status, scheme).toBe(status);
      }
    });
  });

  describe('limits', () => {
    const limits = { headerTimeoutMs: 100, bodyTimeoutMs: 100 };

    it.each([
      ['says nothing', ''],
      ['does not finish its handshake', '\u0016\u0003\u0001\u0002\u0000\u0001'],
      ['speaks no TLS after all', '\u0016 not TLS at all, and long enough to be seen'],
    ])('end a connection that %s', async (_name, bytes) => {
      const made = await door({ limits });
      const silent = await plain(made);
      silent.socket.write(bytes, 'latin1');
      await silent.closed;
      expect(silent.received).not.toContain('HTTP');
      expect(made.opened.listener.sockets).toBe(0);
    });

    it('end one that shakes hands byte by byte', async () => {
      const { opened } = await door({ limits });
      const socket = connect(opened.port, '127.0.0.1');
      socket.on('error', () => {});
      const closed = new Promise((resolve) => socket.once('close', resolve));
      // A record with a ClientHello of 16 KiB.
      socket.write(Buffer.from([0x16, 3, 1, 0x3f, 0xff, 1, 0, 0x3f, 0xfb, 3, 3]));
      const drip = setInterval(() => socket.write('\0'), 10);
      await closed;
      clearInterval(drip);
      expect(opened.listener.sockets).toBe(0);
    });

    it('are answered as without TLS: 431, 400, 408', async () => {
      const made = await door({ limits });
      for (const [bytes, status] of [
        [`GET /mcp HTTP/1.1\r\nx: ${'a'.repeat(17_000)}\r\n\r\n`, 431],
        ['garbage\r\n\r\n', 400],
        ['GET /mcp HTTP/1.1\r\nhost: localhost\r\n', 408],
        ['', 408],
        ['POST /mcp HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer a\r\ncontent-length: 9\r\n\r\n', 415],
      ] as const) {
        const rude = await client(made);
        rude.socket.write(bytes);
        expect((await rude.response()).status).toBe(status);
      }
    });

    it('P2-09 of an address hold before a handshake, and a place is free when one is gone', async () => {
      const made = await door({ limits: { connectionsPerAddress: 2 } });
      const [first] = [await client(made), await client(made)];
      await expect(client(made)).rejects.toThrow(/ECONNRESET|disconnected/);
      const over = await plain(made);
      await over.closed;
      expect(over.received).toBe('');
      first?.destroy();
      await first?.closed;
      await expect.poll(async () => await client(made).then(Boolean, () => false)).toBe(true);
    });
  });

  describe('a plain request', () => {
    it('P2-07 is sent to https, and nothing of it is processed: no credential, no body, no public route', async () => {
      const made = await door();
      for (const [method, target] of [
        ['POST', '/mcp?a=b'],
        ['GET', '/healthz'],
        ['GET', '/known'],
        ['OPTIONS', '/mcp'],
      ] as const) {
        const lost = await plain(made);
        lost.request(method, target, { ...JSON_HEADERS, host: 'localhost:7420' }, method === 'POST' ? BODY : undefined);
        const { body, headers, status } = await lost.response();
        expect([status, headers['location'], body]).toEqual([308, `https://localhost:7420${target}`, '']);
        expect(headers['strict-transport-security']).toBeUndefined();
        expect(headers['x-frame-options']).toBe('DENY');
      }
      expect([made.seen, made.opened.calls]).toEqual([[], []]);
    });

    it.each([
      ['a stranger’s Host', 'GET /mcp HTTP/1.1\r\nhost: evil.test\r\n\r\n'],
      ['no Host', 'GET /mcp HTTP/1.1\r\n\r\n'],
      ['two Hosts', 'GET /mcp HTTP/1.1\r\nhost: localhost\r\nhost: evil.test\r\n\r\n'],
      ['a URL', 'GET http://evil.test/mcp HTTP/1.1\r\nhost: localhost\r\n\r\n'],
    ])('P2-07 with %s is not sent anywhere', async (_name, bytes) => {
      const lost = await plain(await door());
      lost.socket.write(bytes);
      const { headers, status } = await lost.response();
      expect([status, headers['location']]).toEqual([400, undefined]);
    });

    it('does not become a WebSocket', async () => {
      const made = await door();
      const socket = new WebSocket(`ws://127.0.0.1:${made.opened.port}/mcp`, {
        headers: { authorization: 'Bearer a' },
      });
      const [, response] = (await once(socket, 'unexpected-response')) as [unknown, { statusCode: number }];
      expect(response.statusCode).toBe(308);
      expect([made.seen, made.opened.connections.size]).toEqual([[], 0]);
      socket.on('error', () => {}).terminate();
    });

    it('may be followed by another, and be as rude as elsewhere', async () => {
      const made = await door({ limits: { headerTimeoutMs: 100 } });
      const lost = await plain(made);
      lost.socket.write('GET /a HTTP/1.1\r\nhost: localhost\r\n\r\nGET /b HTTP/1.1\r\nhost: localhost\r\n\r\n');
      const both = [await lost.response(), await lost.response()];
      expect(both.map(({ headers }) => headers['location'])).toEqual(['https://localhost/a', 'https://localhost/b']);
      for (const [bytes, status] of [
        ['GET / HTTP/1.1\r\n', 408],
        ['garbage\r\n\r\n', 400],
        [`GET / HTTP/1.1\r\nx: ${'a'.repeat(17_000)}\r\n\r\n`, 431],
      ] as const) {
        const rude = await plain(made);
        rude.socket.write(bytes);
        expect((await rude.response()).status).toBe(status);
      }
    });
  });

  describe('a client certificate', () => {
    const mutual = async (options: TlsDoorOptions = {}): Promise<TlsDoor> =>
      await door({ ...options, material: { ca: clientCa.cert, ...options.material } });

    it('P4-10 names its holder by its subjectAltName', async () => {
      const made = await mutual();
      expect(await statusWith(made, alice)).toBe(200);
      expect(subjects(made)).toEqual(['URI:spiffe://test/alice']);
      const { fingerprint256, validTo } = new X509Certificate(alice.cert);
      expect(made.seen).toEqual([
        {
          fingerprint: fingerprint256.replaceAll(':', '').toLowerCase(),
          subjectAltNames: ['URI:spiffe://test/alice', 'DNS:alice.test'],
          notAfterMs: Date.parse(validTo),
        },
      ]);
    });

    const refused: Readonly<Record<string, () => Pair | undefined>> = {
      'none at all': () => undefined,
      'of another authority': () => otherCa.issue({ subjectAltName: 'URI:spiffe://test/alice' }),
      'signed by itself': () => ({ cert: otherCa.cert, key: otherCa.key }),
      'that has expired': () => clientCa.issue({ subjectAltName: 'URI:spiffe://test/alice', expired: true }),
      'of a server': () => clientCa.issue({ subjectAltName: 'URI:spiffe://test/alice', usage: 'serverAuth' }),
      'without a purpose': () => clientCa.issue({ subjectAltName: 'URI:spiffe://test/alice', usage: null }),
    };

    it.each(Object.keys(refused))('P4-10 %s is no identity: 401, or another credential', async (name) => {
      const made = await mutual();
      const pair = refused[name]?.();
      expect(await statusWith(made, pair)).toBe(401);
      expect(made.seen).toEqual([undefined]);
      expect((await post(await client(made, { ...pair }))).status).toBe(200);
      expect(subjects(made)).toEqual(['alice']);
    });

    it.each(Object.keys(refused))('P4-10 %s lets nobody in where one is required', async (name) => {
      const made = await mutual({ requireCertificate: true });
      const lost = await client(made, { ...refused[name]?.() }).catch(() => undefined);
      lost?.post(BODY, HEADERS);
      await lost?.closed;
      expect(lost?.received ?? '').toBe('');
      expect(made.seen).toEqual([]);
      expect(await statusWith(made, alice)).toBe(200);
    });

    it('P4-10 with a common name alone names nobody', async () => {
      const made = await mutual();
      const pair = clientCa.issue({ commonName: 'URI:alice' });
      expect(await statusWith(made, pair)).toBe(401);
      expect(made.seen.map((certificate) => certificate?.subjectAltNames)).toEqual([[]]);
    });

    it('P4-10 with a name that looks like several names has that one', async () => {
      const made = await mutual();
      expect(await statusWith(made, clientCa.issue({ odd: true }))).toBe(200);
      expect(subjects(made)).toEqual(['URI:x, URI:spiffe://test/alice']);
    });

    it('P4-10 that is revoked, or whose list is missing or out of date, is no identity', async () => {
      const revoked = clientCa.issue({ subjectAltName: 'URI:spiffe://test/mallory' });
      const crl = clientCa.revocations(revoked);
      const made = await mutual({ material: { crl } });
      expect(await statusWith(made, revoked)).toBe(401);
      expect(await statusWith(made, alice)).toBe(200);
      const strange = await mutual({ material: { crl: otherCa.revocations() } });
      expect(await statusWith(strange, alice)).toBe(401);
    });

    it('several lists and authorities in one file are all read', async () => {
      const [bob, gone] = [1, 2].map(() => otherCa.issue({ subjectAltName: 'URI:spiffe://other/bob' })) as [Pair, Pair];
      const crl = clientCa.revocations() + otherCa.revocations(gone);
      const made = await mutual({ material: { ca: clientCa.cert + otherCa.cert, crl } });
      expect([await statusWith(made, alice), await statusWith(made, bob), await statusWith(made, gone)]).toEqual([
        200, 200, 401,
      ]);
    });

    /** What a client was given to come back with. */
    const sessionOf = async ({ opened }: TlsDoor, pair: Pair): Promise<Buffer | undefined> => {
      const socket = connectTls({ ...pair, rejectUnauthorized: false, port: opened.port, host: '127.0.0.1' });
      const sessions: Buffer[] = [];
      socket.on('session', (session) => sessions.push(session));
      socket.write('GET /known HTTP/1.1\r\nhost: localhost\r\n\r\n');
      await once(socket, 'data');
      socket.destroy();
      return sessions[0];
    };

    it('P4-10 is shown anew on every connection, and is nothing once its authority is removed', async () => {
      const resumed = async (made: TlsDoor, session: Buffer | undefined): Promise<RawClient> =>
        await client(made, session && { session });
      const isReused = ({ socket }: RawClient): boolean => (socket as TLSSocket).isSessionReused();
      const without = await door();
      expect(isReused(await resumed(without, await sessionOf(without, alice)))).toBe(true);
      const made = await mutual();
      const session = await sessionOf(made, alice);
      expect(isReused(await resumed(made, session))).toBe(false);
      expect((await post(await resumed(made, session), ANONYMOUS)).status).toBe(401);
      made.material = { ...made.material, ca: otherCa.cert };
      made.opened.listener.reloadTls();
      expect((await post(await resumed(made, session), ANONYMOUS)).status).toBe(401);
      expect(await statusWith(made, alice)).toBe(401);
      expect(subjects(made)).toEqual([]);
    });
  });

  describe('a reload', () => {
    it('P4-08 gives a new certificate to new connections and leaves the old ones', async () => {
      const made = await door();
      const before = await client(made);
      made.material = { ...made.material, ...successor };
      expect(made.opened.listener.reloadTls()).toBeUndefined();
      const after = await client(made);
      expect([serialOf(before), serialOf(after)]).toEqual(
        [server, successor].map(({ cert }) => new X509Certificate(cert).serialNumber),
      );
      expect([(await post(before)).status, (await post(after)).status]).toEqual([200, 200]);
    });

    interface Bad {
      readonly message: string;
      readonly material: () => Partial<TlsMaterial>;
    }

    const bad: Readonly<Record<string, Bad>> = {
      'a certificate that is none': {
        message: 'The certificate cannot be read',
        material: () => ({ cert: 'garbage' }),
      },
      'an empty certificate': { message: 'The certificate cannot be read', material: () => ({ cert: '' }) },
      'a key that is none': { message: 'The private key cannot be read', material: () => ({ key: 'garbage' }) },
      'the key of another': { message: 'not that of the certificate', material: () => ({ key: alice.key }) },
      'an authority that is none': { message: 'no CERTIFICATE', material: () => ({ ca: 'garbage' }) },
      'an empty authority': { message: 'no CERTIFICATE', material: () => ({ ca: '' }) },
      'an authority that is broken': {
        message: 'The authority of client certificates cannot be read',
        material: () => ({ ca: '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----' }),
      },
      'a client for an authority': { message: 'the certificate of none', material: () => ({ ca: alice.cert }) },
      'no authority': { message: 'decided at the start', material: () => ({ ca: undefined }) },
      'a list that is none': { message: 'no X509 CRL', material: () => ({ crl: 'garbage' }) },
      'a list that is broken': {
        message: 'parse CRL',
        material: () => ({ crl: '-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----' }),
      },
      'an empty list': { message: 'no X509 CRL', material: () => ({ crl: '' }) },
      'an unknown suite': {
        message: '"TLS_NONE" is not known',
        material: () => ({ cipherSuites: ['TLS_AES_256_GCM_SHA384', 'TLS_NONE'] }),
      },
      'no suite': { message: 'No cipher suite', material: () => ({ cipherSuites: [] }) },
    };

    it.each(Object.keys(bad))('with %s is refused, and all stays as it was', async (name) => {
      const made = await door({ material: { ca: clientCa.cert } });
      const kept = await client(made, alice);
      const { material, message } = bad[name] as Bad;
      made.material = { ...made.material, ...successor, ...material() };
      expect(() => made.opened.listener.reloadTls()).toThrow(message);
      expect((await post(kept, ANONYMOUS)).status).toBe(200);
      const fresh = await client(made, alice);
      expect(serialOf(fresh)).toBe(new X509Certificate(server.cert).serialNumber);
      expect((await post(fresh, ANONYMOUS)).status).toBe(200);
    });

    it('of files that cannot be read is refused', async () => {
      const made = await door();
      Object.defineProperty(made, 'material', {
        get: () => {
          throw new Error('ENOENT');
        },
      });
      expect(() => made.opened.listener.reloadTls()).toThrow('ENOENT');
      expect((await post(await client(made))).status).toBe(200);
    });

    it.each(Object.keys(bad).filter((name) => name !== 'no authority'))('a start with %s is too', async (name) => {
      const { material, message } = bad[name] as Bad;
      await expect(door({ material: { ca: clientCa.cert, ...material() } })).rejects.toThrow(message);
    });

    it('is none where no TLS is spoken', async () => {
      const opened = await openDoor();
      doors.push(opened);
      expect(() => opened.listener.reloadTls()).toThrow('speaks no TLS');
    });

    it('P4-10 of other authorities ends what came with a certificate, after the answers under way', async () => {
      const gate = Promise.withResolvers<void>();
      const made = await door({
        material: { ca: clientCa.cert },
        handle: async (exchange) => {
          const { method } = exchange.message;
          if (method === 'stream') exchange.notify({ jsonrpc: '2.0', method: 'x' });
          if (method !== 'quick') await gate.promise;
          return { kind: 'value', result: {} };
        },
      });
      const [idle, fresh, busy, streaming, other] = [
        await client(made, alice),
        await client(made, alice),
        await client(made, alice),
        await client(made, alice),
        await client(made),
      ];
      idle.post(...stateless(1, 'quick'));
      await idle.response();
      streaming.post(...stateless(2, 'stream'));
      await streaming.untilEvents(1);
      busy.post(...stateless(3, 'wait'));
      other.post(...stateless(4, 'wait'));
      await expect.poll(() => made.opened.calls.length).toBe(4);
      made.opened.listener.reloadTls();
      expect(made.opened.listener.sockets).toBe(5);
      made.material = { ...made.material, crl: clientCa.revocations(alice) };
      made.opened.listener.reloadTls();
      await Promise.all([idle.closed, fresh.closed, streaming.closed]);
      busy.post(...stateless(5, 'quick'));
      gate.resolve();
      const [last] = [await busy.response(), await other.response()];
      expect(last.headers['connection']).toBe('close');
      await busy.closed;
      expect(made.opened.calls).toHaveLength(4);
      other.post(...stateless(6, 'quick'));
      expect((await other.response()).status).toBe(200);
    });

    it('P4-10 of other authorities cuts who is still being looked up by the certificate of one before', async () => {
      const found = Promise.withResolvers<Principal>();
      let asked = 0;
      const made = await door({
        material: { ca: clientCa.cert },
        authenticate: () => {
          asked++;
          return found.promise;
        },
      });
      const pending = await client(made, alice);
      pending.post(BODY, HEADERS);
      await expect.poll(() => asked).toBe(1);
      made.material = { ...made.material, ca: otherCa.cert };
      made.opened.listener.reloadTls();
      found.resolve({ issuer: 'test', subject: 'alice', roles: [] });
      await pending.closed;
      expect([pending.received, made.opened.calls]).toEqual(['', []]);
    });

    it('P4-10 of other authorities cuts what is being shaken hands with', async () => {
      const made = await door({ material: { ca: clientCa.cert } });
      const slow = await plain(made);
      slow.socket.write('\u0016\u0003\u0001', 'latin1');
      made.material = { ...made.material, ca: otherCa.cert };
      await new Promise((resolve) => setImmediate(resolve));
      made.opened.listener.reloadTls();
      await slow.closed;
      expect(await statusWith(made, alice)).toBe(401);
    });
  });

  describe('close', () => {
    it('lets answers finish and ends all else, whatever it speaks', async () => {
      const gate = Promise.withResolvers<void>();
      const made = await door({
        handle: async () => {
          await gate.promise;
          return { kind: 'value', result: {} };
        },
      });
      const [silent, shaking] = [await plain(made), await plain(made)];
      shaking.socket.write('\u0016\u0003\u0001', 'latin1');
      const [fresh, busy] = [await client(made), await client(made)];
      busy.post(BODY, HEADERS);
      await expect.poll(() => made.opened.calls.length).toBe(1);
      const closing = made.opened.listener.close(60_000);
      await Promise.all([silent.closed, shaking.closed, fresh.closed]);
      gate.resolve();
      expect((await busy.response()).status).toBe(200);
      await Promise.all([busy.closed, closing]);
    });

    it('cuts what is left after the grace', async () => {
      const made = await door({ handle: () => new Promise(() => {}) });
      const busy = await client(made);
      busy.post(BODY, HEADERS);
      await expect.poll(() => made.opened.calls.length).toBe(1);
      await made.opened.listener.close(1);
      await busy.closed;
    });
  });
});
