import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { closedArgs } from './own-addresses.ts';

const NAMESPACE = ['--user', '--map-root-user', '--net', '--'];
/** Everything has a way out. */
const WITH_ROUTES = [
  'sh',
  '-c',
  'ip link set lo up && ip route add default dev lo && ip -6 route add default dev lo && exec "$@"',
  'sh',
];
const canMake = spawnSync('unshare', [...NAMESPACE, 'perl', '-e', '1']).status === 0;
const canRoute = canMake && spawnSync('unshare', [...NAMESPACE, ...WITH_ROUTES, 'true']).status === 0;
if (canMake && !canRoute) console.warn('own-addresses: those of clouds are not tried: no `ip`, or no IPv6.');
if (!canMake) console.warn('own-addresses: the routes are not tried: no perl, or no network namespaces here.');

describe("this machine's own addresses", () => {
  it('are all but loopback, which is never shared', () => {
    const [, , , ...rest] = closedArgs('/usr/bin/perl', ['127.0.0.1', '::1', '172.17.0.1', 'fe80::1:2', 'fd00::']);
    const own = ['ac110001', 'fe800000000000000000000000010002', 'fd00'.padEnd(32, '0')];
    expect(rest.filter((each) => !each.includes('/'))).toEqual(['8', ...own]);
    const loopback = closedArgs('/usr/bin/perl', ['127.0.0.1', '127.8.0.1']);
    expect(loopback.filter((each) => each.startsWith('7f'))).toEqual([]);
  });

  it.skipIf(!canMake)(
    'P4-04 lead nowhere, and the command then runs as it is (needs unshare, perl and a network namespace)',
    () => {
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
    },
  );

  it.skipIf(!canRoute)(
    'P4-04 nor do those at which a cloud tells credentials, but for names (needs ip and IPv6 besides)',
    () => {
      const clouds = '169.254.169.254 169.254.170.2 168.63.129.16 100.100.100.200 fd00:ec2::254 fd20:ce::254'.split(
        ' ',
      );
      const tried = [...clouds, '192.0.2.1', '100.100.100.201', 'fd00:ec3::254'];
      // The route of a datagram socket is looked up when it is connected.
      const reach = `use IO::Socket::IP; for my $host (@ARGV) { print join ' ', $host, map { IO::Socket::IP->new(PeerHost => $host, PeerPort => $_, Proto => 'udp') ? 1 : 0 } 53, 80; print "\n" }`;
      const { stderr, stdout } = spawnSync(
        'unshare',
        [...NAMESPACE, ...WITH_ROUTES, ...closedArgs('perl', []), 'perl', '-e', reach, ...tried],
        { encoding: 'utf8' },
      );
      expect(stderr).toBe('');
      expect(stdout.trim().split('\n')).toEqual(tried.map((host, at) => `${host} 1 ${at < clouds.length ? 0 : 1}`));
    },
  );
});
