import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createHostList, createHostReach, hostEntry, hostPortText, hostProblem, readHostPort } from './hosts.ts';

describe('readHostPort', () => {
  it.each([
    ['Example.COM.:443', 'example.com', 443],
    ['example.com', 'example.com', undefined],
    ['[2001:DB8::1]:80', '2001:db8::1', 80],
    ['0x7f.1:80', '127.0.0.1', 80],
    ['2130706433', '127.0.0.1', undefined],
    ['[::ffff:7f00:1]:80', '::ffff:7f00:1', 80],
  ])('reads %s', (text, host, port) => expect(readHostPort(text)).toEqual({ host, port }));

  it.each([
    [''],
    [':80'],
    ['a b'],
    ['a@b'],
    ['a/b'],
    ['a?b'],
    ['a#b'],
    ['a\\b'],
    ['a%2eb'],
    ['http://a'],
    ['a:0'],
    ['a:65536'],
    ['a:'],
    ['a:b'],
    ['a..b'],
    ['::1'],
    ['[::1'],
    ['[fe80::1%25lo]'],
    ['256.1.1.1'],
    ['a\r\nb'],
    ['x'.repeat(300)],
    ['..'],
  ])('refuses %j', (text) => expect(readHostPort(text)).toBeUndefined());
});

describe('createHostList', () => {
  const allows = (entry: string, host: string, port = 443): boolean => createHostList([entry]).allows(host, port);

  it('takes a name as it is, at the ports of the web or at the one that is written', () => {
    expect([allows('a.test', 'a.test'), allows('a.test', 'a.test', 80), allows('A.Test.', 'a.test')]).toEqual([
      true,
      true,
      true,
    ]);
    expect([allows('a.test', 'a.test', 8443), allows('a.test:8443', 'a.test', 8443)]).toEqual([false, true]);
    expect([allows('a.test:8443', 'a.test'), allows('a.test', 'b.a.test'), allows('a.test', 'xa.test')]).toEqual([
      false,
      false,
      false,
    ]);
  });

  it('takes with a star what is below, at any depth, and never an address', () => {
    expect([allows('*.a.test', 'b.a.test'), allows('*.a.test', 'c.b.a.test')]).toEqual([true, true]);
    expect([allows('*.a.test', 'a.test'), allows('*.a.test', 'ba.test')]).toEqual([false, false]);
  });

  it('takes an address in any spelling for itself alone', () => {
    expect([allows('10.0.0.1', '10.0.0.1'), allows('::1', '::1'), allows('[::1]:8080', '::1', 8080)]).toEqual([
      true,
      true,
      true,
    ]);
    expect([allows('10.0.0.1', '10.0.0.2'), allows('::1', '127.0.0.1')]).toEqual([false, false]);
  });

  it.each([['*'], ['*.com'], ['*.*.com'], ['a.*.com'], ['*.127.0.0.1'], ['10.0.0.0/8'], ['https://a.test'], ['']])(
    'refuses the entry %j',
    (entry) => {
      expect(hostProblem(entry)).toMatch(/is no host/);
      expect(() => createHostList([entry])).toThrow(/is no host/);
    },
  );

  it('opens by the entry that it proposes, and nothing else by it', () => {
    const host = fc.oneof(fc.domain(), fc.ipV4(), fc.ipV6());
    fc.assert(
      fc.property(host, fc.integer({ min: 1, max: 65_535 }), host, (one, port, other) => {
        const read = readHostPort(one.includes(':') ? `[${one}]` : one);
        const second = readHostPort(other.includes(':') ? `[${other}]` : other);
        fc.pre(read !== undefined && second !== undefined);
        const list = createHostList([hostEntry(read.host, port)]);
        expect(list.allows(read.host, port)).toBe(true);
        expect(list.allows(second.host, port)).toBe(second.host === read.host);
        expect(readHostPort(hostPortText(read.host, port))).toEqual({ host: read.host, port });
      }),
    );
  });
});

describe('createHostReach', () => {
  const reach = createHostReach(['10.1.0.0/16', 'inside.test']);
  const refusal = (host: string, address: string): string | undefined =>
    reach.refusal({ host, port: 25, secure: false }, address);

  it('looks at the address of a name alone, and trusts one that was written', () => {
    expect(refusal('a.test', '93.184.215.14')).toBeUndefined();
    expect(refusal('a.test', '10.1.2.3')).toBeUndefined();
    expect(refusal('inside.test', '192.168.0.1')).toBeUndefined();
    expect(refusal('a.test', '192.168.0.1')).toMatch(/is not public/);
    expect(refusal('192.168.0.1', '192.168.0.1')).toBeUndefined();
  });
});
