import { describe, expect, it } from 'vitest';
import { createAddress } from './address.ts';

type Listen = Parameters<typeof createAddress>[0];

function bases(listen: Partial<Listen>): readonly string[] {
  return createAddress({ host: '127.0.0.1', hosts: [], port: 7420, ...listen } as Listen).bases();
}

describe('where the gateway is reached', () => {
  it('is by every name of this machine, for those who are on it', () => {
    const all = ['127.0.0.1', 'localhost', '[::1]'].map((name) => `http://${name}:7420`);
    expect(bases({})).toEqual(all);
  });

  it('DSA-05 is nowhere else than at the public URL: other gateways have the names of their machines too', () => {
    expect(bases({ publicUrl: 'https://gw.example.com/' })).toEqual(['https://gw.example.com']);
  });

  it('is beyond this machine by names that are its own', () => {
    const tls = {} as NonNullable<Listen['tls']>;
    expect(bases({ host: '192.0.2.1', hosts: ['gw.example.com'], tls })).toEqual([
      'https://192.0.2.1:7420',
      'https://gw.example.com:7420',
    ]);
    expect(bases({ host: '0.0.0.0', hosts: ['gw.example.com'], tls })).toEqual(['https://gw.example.com:7420']);
    expect(bases({ host: '::', hosts: [], tls })).toEqual(['https://[::1]:7420']);
  });
});
