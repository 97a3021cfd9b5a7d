import { describe, expect, it } from 'vitest';
import { ownTls } from './own-tls.ts';

const isVerified = (host: string): boolean => ownTls(new URL(`https://${host}:7420/mcp`)).rejectUnauthorized;

describe('the certificate of a gateway of this machine', () => {
  it.each(['localhost', 'LOCALHOST', '127.0.0.1', '127.8.9.1', '[::1]', '0x7f.1', '[0:0:0:0:0:0:0:1]'])(
    'is not verified at %s',
    (host) => {
      expect(isVerified(host)).toBe(false);
    },
  );

  it.each([
    '192.168.1.5',
    '0.0.0.0',
    '[::]',
    '[fe80::1]',
    'gateway.example',
    'localhost.example',
    '127.0.0.1.example',
    'a.localhost',
    'localhost.',
    'x-localhost',
    '128.0.0.1',
  ])('is verified at %s', (host) => {
    expect(isVerified(host)).toBe(true);
  });
});
