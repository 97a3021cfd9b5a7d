import { describe, expect, it } from 'vitest';
import { openListener } from './check-across.ts';
import { checkConfig } from './check.ts';
import { withAbsolutePaths } from './paths.ts';
import type { ConfigEntry } from './schema.ts';

const tls = { cert: 'tls/cert.pem', key: '/etc/key.pem' };
const jwt = { mode: 'jwt', jwt: { issuer: 'https://id.example.com', publicKeys: ['id.pem'] } };
const oidc = { issuer: 'https://id.example.com', clientId: 'us' };
const server = { server: true, oidc };
const out = { host: '0.0.0.0' };
const publicUrl = 'https://gate.example.com';

function entryOf(value: object): ConfigEntry {
  const { entry, findings } = checkConfig(value);
  expect(findings).toEqual([]);
  return entry as ConfigEntry;
}

describe('listen.tls', () => {
  it('has the documented defaults, and paths from the folder of the file', () => {
    const entry = entryOf({ listen: { tls: { ...tls, clientCa: 'ca.pem', crl: 'crl.pem' } }, auth: jwt });
    const { listen, auth } = withAbsolutePaths(entry, '/c');
    expect(listen.tls).toEqual({
      cert: '/c/tls/cert.pem',
      key: '/etc/key.pem',
      clientCa: '/c/ca.pem',
      crl: '/c/crl.pem',
      minVersion: 'TLSv1.3',
      cipherSuites: ['TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'],
    });
    expect(auth.jwt?.publicKeys).toEqual(['/c/id.pem']);
    const plain = withAbsolutePaths(entryOf({}), '/c');
    expect(plain).toEqual(entryOf({}));
    expect(plain.listen).not.toHaveProperty('tls');
  });

  it.each([
    [{ cert: 'c' }, 'listen.tls.key: expected a PEM file'],
    [{ ...tls, crl: 'x' }, 'listen.tls.crl: needs `clientCa`, whose certificates it revokes'],
    [
      { ...tls, minVersion: 'TLSv1.1' },
      'listen.tls.minVersion: expected `TLSv1.2` or `TLSv1.3` — did you mean `TLSv1.2`?',
    ],
    [
      { ...tls, minVersion: 'TLSv1.2' },
      'listen.tls.minVersion: needs a suite of TLS 1.2 in `cipherSuites`, such as ECDHE-RSA-AES256-GCM-SHA384',
    ],
    [
      { ...tls, cipherSuites: ['ECDHE-RSA-AES256-GCM-SHA384'] },
      'listen.tls.cipherSuites: expected a suite of TLS 1.3 among them, such as TLS_AES_256_GCM_SHA384',
    ],
    [{ ...tls, cipherSuites: ['AES128-SHA'] }, 'listen.tls.cipherSuites.0: expected `TLS_AES_256_GCM_SHA384`, '],
    [{ ...tls, cipherSuites: [] }, 'listen.tls.cipherSuites: expected at least one'],
  ])('refuses %j', (written, expected) => {
    const { entry, findings } = checkConfig({ listen: { tls: written } });
    expect(entry).toBeUndefined();
    expect(`${findings[0]?.path.join('.')}: ${findings[0]?.message}`).toContain(expected);
  });
});

describe('listen and auth together', () => {
  it.each([
    ['tokens on loopback', { auth: jwt }],
    ['tokens on loopback, with its own name', { listen: { publicUrl: 'http://localhost:7420' }, auth: jwt }],
    ['tokens over TLS', { listen: { ...out, tls }, auth: jwt }],
    ['tokens behind a proxy with TLS', { listen: { ...out, plainBehindProxy: true, publicUrl }, auth: jwt }],
    [
      'an authorization server with an https address',
      { listen: { publicUrl, trustProxy: ['127.0.0.1'] }, auth: server },
    ],
    ['client certificates', { listen: { ...out, tls: { ...tls, clientCa: 'ca.pem' } }, auth: { mode: 'mtls' } }],
    ['keys behind a proxy', { listen: { ...out, plainBehindProxy: true } }],
  ])('accepts %s', (_what, value) => {
    expect(openListener(entryOf(value))).toBeUndefined();
  });

  it.each([
    [{ listen: { ...out, plainBehindProxy: true }, auth: jwt }, 'listen: `jwt` beyond loopback needs `listen.tls`, or'],
    [{ listen: out, auth: { mode: 'oidc', oidc } }, 'listen: `oidc` beyond loopback needs'],
    [
      { listen: { publicUrl: 'http://gate.example.com' }, auth: jwt },
      'listen.publicUrl: `jwt` beyond loopback needs the https',
    ],
    [
      { listen: { ...out, tls, publicUrl: 'http://gate.example.com' }, auth: server },
      'listen.publicUrl: `auth.server`',
    ],
    [{ listen: { ...out, tls }, auth: server }, 'auth.server: beyond loopback needs `listen.publicUrl`'],
    [{ listen: { publicUrl }, auth: server }, 'listen.trustProxy: signing in needs HTTPS'],
    [
      { auth: { oidc: { preset: 'google', clientId: 'us' }, server: true } },
      'auth.oidc: anybody with a Google account may sign in',
    ],
    [{ listen: { tls }, auth: { mode: ['key', 'mtls'] } }, 'auth.mode: `mtls` needs `listen.tls.clientCa`'],
  ])('refuses %j', (value, expected) => {
    const { entry, findings } = checkConfig(value);
    expect(entry).toBeUndefined();
    expect(findings.map(({ path, message }) => `${path.join('.')}: ${message}`)).toEqual([
      expect.stringContaining(expected),
    ]);
  });

  it.each([
    ['anybody', { auth: { mode: 'none' } }, 'with auth none would let anybody in'],
    ['keys in the clear', {}, 'is reachable from elsewhere and the listener is plain HTTP'],
    ['tokens in the clear', { listen: { plainBehindProxy: true }, auth: jwt }, 'listen: `jwt` beyond loopback needs'],
    ['nobody knows whom', { listen: { tls }, auth: { mode: 'none' } }, 'with auth none would let anybody in'],
  ])('says why not to serve %s beyond loopback', (_what, value, expected) => {
    const { listen, auth } = entryOf(value);
    expect(openListener({ listen: { ...listen, host: '192.0.2.1' }, auth })).toContain(expected);
    for (const host of ['127.0.0.1', '127.8.9.1', '::1', 'localhost']) {
      expect(openListener({ listen: { ...listen, host }, auth })).toBeUndefined();
    }
  });

  it.each([
    [{}, 'admin.listen.host 192.0.2.1 is reachable from elsewhere'],
    [{ auth: { mode: 'none' } }, 'with auth none would let anybody in'],
    [{ listen: { plainBehindProxy: true } }, 'nothing'],
    [{ admin: { listen: { port: 0, tls } } }, 'nothing'],
  ])('ADM-01 holds a door of the admin API to the same: %j', (value, expected) => {
    const entry = entryOf({ admin: { listen: { port: 0 } }, ...value });
    expect(openListener(entry)).toBeUndefined();
    const at = { ...entry.admin.listen, port: 0, host: '192.0.2.1' };
    const problem = openListener({ ...entry, admin: { ...entry.admin, listen: at } });
    expect(problem ?? 'nothing').toContain(expected);
  });
});
