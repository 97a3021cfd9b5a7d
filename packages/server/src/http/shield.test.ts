import { describe, expect, it } from 'vitest';
import { createShield, hostName, isLoopbackAddress, preflightHeaders, type ShieldOptions } from './shield.ts';

const PLAIN: ShieldOptions = { host: '127.0.0.1', hosts: [], origins: [], publicUrl: undefined, trustProxy: [] };

describe('Host', () => {
  it.each([
    ['127.0.0.1:7420', true],
    ['127.0.0.1', true],
    ['localhost:1', true],
    ['LOCALHOST:7420', true],
    ['LocalHost.', true],
    ['[::1]:7420', true],
    ['[::1]', true],
    ['localhost..', false],
    ['evil.test:7420', false],
    ['127.0.0.1.nip.io:7420', false],
    ['127.0.0.1.evil.test', false],
    ['localhost.evil.test', false],
    ['evil-localhost', false],
    ['127.0.0.2', false],
    ['127.1', false],
    ['0x7f000001', false],
    ['2130706433', false],
    ['0.0.0.0:7420', false],
    ['[::]:7420', false],
    ['::1', false],
    ['[0:0:0:0:0:0:0:1]', false],
    ['[::ffff:127.0.0.1]', false],
    ['[::1', false],
    ['[::1]evil', false],
    ['localhost@evil.test', false],
    ['evil@localhost', false],
    ['user:pw@localhost:7420', false],
    ['localhost, evil.test', false],
    ['localhost evil.test', false],
    ['localhost/evil', false],
    ['localhost:7420:1', false],
    ['localhost:x', false],
    ['localhost\u0000', false],
    ['lоcalhost', false], // a Cyrillic letter
    ['', false],
    [undefined, false],
  ])('SES-01 %s: %s', (host, allowed) => {
    expect(createShield(PLAIN).hostAllowed(host)).toBe(allowed);
  });

  it('remembers one answer and gives the right one to the next', () => {
    const shield = createShield(PLAIN);
    expect(
      ['localhost', 'evil.test', 'localhost', undefined, 'localhost'].map((host) => shield.hostAllowed(host)),
    ).toEqual([true, false, true, false, true]);
  });

  it('knows the configured names, the listen address and the public name, and no others', () => {
    const shield = createShield({
      ...PLAIN,
      host: '192.0.2.7',
      hosts: ['Gate.example'],
      publicUrl: new URL('https://mcp.example.org:8443/x'),
    });
    const hosts = ['gate.example:1', '192.0.2.7:7420', 'mcp.example.org', 'example.org', '192.0.2.8'];
    expect(hosts.map((host) => shield.hostAllowed(host))).toEqual([true, true, true, false, false]);
    expect(createShield({ ...PLAIN, host: '::1' }).hostAllowed('[::1]:1')).toBe(true);
    expect(createShield({ ...PLAIN, host: '0.0.0.0' }).hostAllowed('0.0.0.0')).toBe(false);
  });

  it('reads names without port and final dot', () => {
    expect(hostName('Example.ORG.:80')).toBe('example.org');
    expect(hostName('exam ple')).toBeUndefined();
  });
});

describe('Origin', () => {
  const shield = createShield({ ...PLAIN, origins: ['https://app.example', 'null'] });

  it.each([
    [undefined, '127.0.0.1:1', true],
    ['https://app.example', '127.0.0.1:1', true],
    ['HTTPS://APP.example', '127.0.0.1:1', true],
    ['http://127.0.0.1:1', '127.0.0.1:1', true],
    ['http://localhost:1', 'localhost:1', true],
    ['http://localhost:2', 'localhost:1', false],
    ['http://127.0.0.1:1', 'localhost:1', false],
    ['null', '127.0.0.1:1', false],
    ['', '127.0.0.1:1', false],
    ['https://app.example:444', '127.0.0.1:1', false],
    ['http://app.example', '127.0.0.1:1', false],
    ['https://app.example.evil.test', '127.0.0.1:1', false],
    ['https://app.example, https://evil.test', '127.0.0.1:1', false],
    ['https://app.example/', '127.0.0.1:1', false],
    ['http://evil.test', 'evil.test', false],
    ['file://', '127.0.0.1:1', false],
  ])('%s at %s: %s', (origin, host, allowed) => {
    expect(shield.originAllowed(origin, host)).toBe(allowed);
  });
});

describe('an origin with a wildcard', () => {
  const shield = createShield({
    ...PLAIN,
    origins: ['http://localhost:*', 'https://*.smithery.ai', 'https://*.B.test:*'],
  });

  it.each([
    ['http://localhost:3000', true],
    ['http://localhost:1', true],
    ['http://localhost', true],
    ['https://a.smithery.ai', true],
    ['https://a-1.b.smithery.ai', true],
    ['HTTPS://A.Smithery.AI', true],
    ['https://a.b.test:8443', true],
    ['https://a.b.test', true],
    ['https://smithery.ai', false],
    ['https://.smithery.ai', false],
    ['https://a..smithery.ai', false],
    ['https://*.smithery.ai', false],
    ['https://smithery.ai.evil.test', false],
    ['https://a.smithery.ai.evil.test', false],
    ['https://evilsmithery.ai', false],
    ['https://a.evilsmithery.ai', false],
    ['https://a.smitheryxai', false],
    ['https://a.smithery.ai.', false],
    ['https://a.smithery.ai:444', false],
    ['http://a.smithery.ai', false],
    ['https://evil.test/a.smithery.ai', false],
    ['https://evil.test#a.smithery.ai', false],
    ['https://evil.test?a.smithery.ai', false],
    ['https://evil.test\\a.smithery.ai', false],
    ['https://user@a.smithery.ai', false],
    ['https://user:a.smithery.ai@evil.test', false],
    ['https://localhost:3000', false],
    ['http://localhost.evil.test:80', false],
    ['http://localhost:80@evil.test', false],
    ['http://localhost:80.evil.test', false],
    ['http://localhost:', false],
    ['http://localhost:*', false],
    ['http://localhost:3000/', false],
    ['http://localhost:300000', false],
    ['http://evil.localhost:3000', false],
    ['http://127.0.0.1:3000', false],
    ['http://localhost:1, http://localhost:2', false],
    ['http://localhost:1\nhttp://localhost:2', false],
    ['null', false],
    ['', false],
  ])('P3-03 P3-04 %j: %s', (origin, allowed) => {
    expect(shield.originAllowed(origin, '127.0.0.1:1')).toBe(allowed);
  });

  it.each([
    '*',
    'https://*',
    'https://*:*',
    'https://*.ai',
    'https://a*.b.test',
    'https://a.*.test',
    'https://a.test:8*',
    '*://a.test',
    'https://*.*.test',
    'https://*.a.test/*',
  ])('P3-03 P3-04 %j is refused at the start', (origin) => {
    expect(() => createShield({ ...PLAIN, origins: [origin] })).toThrow('is no origin');
  });

  it('P3-03 P3-04 means nothing where none was written', () => {
    expect(createShield({ ...PLAIN, origins: ['https://a.test'] }).originAllowed('https://axtest', '127.0.0.1:1')).toBe(
      false,
    );
  });
});

it('where TLS is spoken a page of the own name counts over https alone', () => {
  const shield = createShield({ ...PLAIN, tls: {} });
  const origins = ['https://localhost:1', 'http://localhost:1'];
  expect(origins.map((origin) => shield.originAllowed(origin, 'localhost:1'))).toEqual([true, false]);
});

describe('local', () => {
  const at = (
    peer: string | undefined,
    headers: Record<string, string> = {},
    options: Partial<ShieldOptions> = {},
  ): boolean => createShield({ ...PLAIN, ...options }).isLocal({ peer, headers: { host: 'localhost:1', ...headers } });

  it('is a request from this machine, straight to a loopback listener', () => {
    expect(['127.0.0.1', '127.8.8.8', '::1', '::ffff:127.0.0.1'].map((peer) => at(peer))).toEqual([
      true,
      true,
      true,
      true,
    ]);
  });

  it.each(['forwarded', 'via', 'x-real-ip', 'x-forwarded-for', 'x-forwarded-port', 'x-forwarded-anything'])(
    'is not what came with %s',
    (name) => {
      expect(at('127.0.0.1', { [name]: '' })).toBe(false);
    },
  );

  it('is nothing else', () => {
    expect(at('192.0.2.1')).toBe(false);
    expect(at(undefined)).toBe(false);
    expect(at('127.0.0.1', { host: 'evil.test' })).toBe(false);
    expect(at('127.0.0.1', {}, { host: '0.0.0.0' })).toBe(false);
    expect(at('127.0.0.1', {}, { publicUrl: new URL('https://x.example') })).toBe(false);
    expect(at('127.0.0.1', {}, { trustProxy: ['127.0.0.1'] })).toBe(false);
    expect(isLoopbackAddress('127.0.0.1.evil')).toBe(false);
  });
});

it("a preflight allows the protocol's headers and those that mirror arguments, no others", () => {
  const headers = preflightHeaders('https://app.example', 'mcp-param-Region, x-evil, mcp-param-a b, cookie');
  expect(headers['access-control-allow-origin']).toBe('https://app.example');
  expect(headers['access-control-allow-headers']).toMatch(/mcp-session-id.*, mcp-param-region$/);
  expect(headers['access-control-allow-credentials']).toBeUndefined();
});
