import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { closedArgs } from './own-addresses.ts';

const NAMESPACE = ['--user', '--map-root-user', '--net', '--'];
const canMake = spawnSync('unshare', [...NAMESPACE, 'perl', '-e', '1']).status === 0;
if (!canMake) console.warn('own-addresses: the routes are not tried: no perl, or no network namespaces here.');

describe("this machine's own addresses", () => {
  it('are all but loopback, which is never shared', () => {
    const [, , , ...rest] = closedArgs('/usr/bin/perl', ['127.0.0.1', '::1', '172.17.0.1', 'fe80::1:2', 'fd00::']);
    expect(rest).toEqual(['3', 'ac110001', 'fe800000000000000000000000010002', 'fd00'.padEnd(32, '0')]);
    expect(closedArgs('/usr/bin/perl', ['127.0.0.1', '127.8.0.1'])).toEqual([]);
  });

  it.skipIf(!canMake)('P4-04 lead nowhere, and the command then runs as it is', () => {
    const closed = closedArgs('perl', ['198.51.100.7', 'fd00:99::7', '198.51.100.7']);
    const { stdout, stderr } = spawnSync(
      'unshare',
      [...NAMESPACE, ...closed, 'cat', '/proc/net/route', '/proc/net/ipv6_route'],
      {
        encoding: 'utf8',
      },
    );
    expect(stderr).toBe('');
    // Destination, gateway, and RTF_REJECT among the flags.
    expect(stdout).toMatch(/^\*\s+076433C6\s+00000000\s+0?2/m);
    expect(stdout).toMatch(/^fd000099000000000000000000000007 80 .*\b00200200\b/m);
  });
});
