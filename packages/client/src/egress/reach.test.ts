import { describe, expect, it } from 'vitest';
import { allowProblem, createReach, hostOf } from './reach.ts';

const web = (host: string): { host: string; port: number; secure: boolean } => ({ host, port: 443, secure: true });

describe('createReach', () => {
  it('opens a name for whatever address it has, by http and at any port', () => {
    const reach = createReach(['Auth.Example.', 'xn--mnchen-3ya.example', 'münchen.test']);
    for (const host of ['auth.example', 'xn--mnchen-3ya.example', 'xn--mnchen-3ya.test']) {
      expect(reach.opensName(host)).toBe(true);
      expect(reach.refusal({ host, port: 25, secure: false }, '127.0.0.1')).toBeUndefined();
    }
    for (const host of ['x.auth.example', 'auth.example.test', 'example', 'xauth.example']) {
      expect(reach.opensName(host)).toBe(false);
      expect(reach.refusal(web(host), '127.0.0.1')).toMatch('127.0.0.1 is not public');
    }
  });

  it('opens addresses and networks, whatever name leads to them', () => {
    const reach = createReach(['10.1.2.3', '10.2.0.0/16', '[fd00::1]', 'fd01::/64', '::1']);
    const opens = (address: string): boolean =>
      reach.refusal({ ...web('a.test'), secure: false }, address) === undefined;
    const asked = [
      '10.1.2.3',
      '10.1.2.4',
      '10.2.255.1',
      '10.3.0.0',
      'fd00::1',
      'fd00::2',
      'fd01::9',
      'fd01:0:0:1::',
      '::1',
    ];
    expect(asked.filter(opens)).toEqual(['10.1.2.3', '10.2.255.1', 'fd00::1', 'fd01::9', '::1']);
    // The same place in another form.
    expect(opens('::ffff:10.1.2.3')).toBe(true);
    expect(opens('64:ff9b::10.1.2.3')).toBe(false);
    expect(opens('8.8.8.8')).toBe(false);
  });

  it('lets nothing that is not opened be asked but by https, at a port of the web', () => {
    const reach = createReach([]);
    const port = (number: number): string | undefined => reach.refusal({ ...web('a.test'), port: number }, '8.8.8.8');
    expect(reach.refusal({ ...web('a.test'), secure: false }, '8.8.8.8')).toMatch('http: is only');
    for (const number of [443, 1024, 3000, 8080, 8443, 65_535]) expect(port(number)).toBeUndefined();
    for (const number of [0, 1, 22, 25, 80, 110, 993, 1023, 2049, 5060, 6000, 6667, 10_080]) {
      expect(port(number)).toMatch(`port ${number} `);
    }
  });
});

describe('allowProblem', () => {
  it.each(['localhost', 'a_b.example', 'auth.example.com.', '127.0.0.1', '0.0.0.0/0', '::/0', '[::1]', 'fe80::/10'])(
    'finds none in %s',
    (entry) => {
      expect(allowProblem(entry)).toBeUndefined();
    },
  );

  it.each([
    '',
    '*',
    '*.example.com',
    '.',
    '/8',
    'a b',
    'localhost:6379',
    '127.0.0.1:80',
    '[::1]:80',
    'http://localhost',
    'user@host',
    'host/',
    'host/path',
    'host?x',
    'host#x',
    '10.0.0.0/33',
    '10.0.0.0/',
    '10.0.0.0/-1',
    '10.0.0.0/8.0',
    '10.0.0.0/8/8',
    '::/129',
    'fe80::1%eth0',
    // Nobody sees what these mean.
    '127.1',
    '2130706433',
    '0x7f.1',
    '0177.0.0.1',
  ])('finds one in %j, which opens nothing', (entry) => {
    expect(allowProblem(entry)).toContain(JSON.stringify(entry));
    expect(() => createReach(['localhost', entry])).toThrow(allowProblem(entry));
  });
});

describe('hostOf', () => {
  it.each([
    ['https://A.Example./x', 'a.example'],
    ['https://[::1]:8443/', '::1'],
    ['https://127.1./', '127.0.0.1'],
  ])('%s: %s', (url, host) => {
    expect(hostOf(new URL(url))).toBe(host);
  });
});
