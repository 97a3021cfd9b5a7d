import { describe, expect, it } from 'vitest';
import { networkOf } from './network.ts';

describe('addresses of one host', () => {
  it.each([
    ['2001:db8:1:2::1', '2001:db8:1:2:ffff::9', true],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::', true],
    ['2001:db8::1', '2001:db8:0:0:9::', true],
    ['::1', '::2', true],
    ['2001::4:5:6:7:8', '2001:0:0:4::1', true],
    ['2001::4:5:6:7:8', '2001::5:5:6:7:8', false],
    ['192.0.2.1', '::ffff:192.0.2.1', true],
    ['2001:db8:1:2::1', '2001:db8:1:3::1', false],
    ['2001:db8::1', '2001:db9::1', false],
    ['::ffff:192.0.2.1', '::ffff:192.0.2.2', false],
    ['192.0.2.1', '192.0.2.2', false],
  ])('%s and %s: %s', (one, two, areOne) => {
    expect(networkOf(one) === networkOf(two)).toBe(areOne);
  });
});
