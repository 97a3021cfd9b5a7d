/**
 * Keeps a child with an open network from the credentials that a cloud gives to its machines, and from this machine's own addresses: its way out leads through a process of this machine, to
 * which all of them are near, and what listens on every address would be reached by those of bridges, containers and tunnels. In
 * the child's network namespace each gets a route or rule that leads nowhere (rtnetlink(7)), before anything of the child runs.
 */
import { isIPv4 } from 'node:net';

const LOOPBACK = /^(?:127\.|::1$)/;

/**
 * Where clouds tell a machine its credentials, with the length of the prefix: link-local addresses (Amazon, Google, Microsoft, Oracle and
 * others), Microsoft's wire server, Alibaba, and those of Amazon and Google in IPv6. Some of them are name servers as well.
 */
const METADATA: readonly (readonly [address: string, bits: number])[] = [
  ['169.254.0.0', 16],
  ['168.63.129.16', 32],
  ['100.100.100.200', 32],
  ['fd00:ec2::', 32],
  ['fd20:ce::254', 128],
];

/**
 * For each address RTM_NEWROUTE with NLM_F_REQUEST, ACK and CREATE; main table, static, RTN_UNREACHABLE. For each prefix RTM_NEWRULE:
 * port 53 by the main table, all else FR_ACT_UNREACHABLE; where the kernel has no rules (95), the route. What is there: fine. No such
 * family: fine.
 */
const PERL = String.raw`
use strict;
my ($count, @rest) = @ARGV;
my @addresses = splice(@rest, 0, $count);
my $fail = sub { print STDERR "sallyport: the way to this machine's own addresses was not closed: $!\n"; exit 126 };
socket(my $socket, 16, 3, 0) or $fail->();
my $ask = sub {
  my ($type, $body) = @_;
  my $message = pack('LSSLL', 16 + length $body, $type, 0x405, 1, 0) . $body;
  defined(send($socket, $message, 0)) && defined(sysread($socket, my $answer, 4096)) or $fail->();
  return -unpack('x16 l', $answer);
};
my $rule = sub {
  my ($family, $bits, $table, $action, $priority, $attributes) = @_;
  my $header = pack('CCCCCCCCL', $family, $bits, 0, 0, $table, 0, 0, $action, 0);
  return $ask->(32, $header . $attributes . pack('SSL', 8, 6, $priority));
};
for my $each (@addresses) {
  my ($hex, $bits) = split m{/}, $each;
  my $address = pack('H*', $hex);
  my $length = length $address;
  my $family = $length == 4 ? 2 : 10;
  my $destination = pack('SS', 4 + $length, 1) . $address;
  my $error = 95;
  if (defined $bits) {
    $error = $rule->($family, $bits, 254, 1, 100, $destination . pack('SSSS', 8, 24, 53, 53));
    $error = $rule->($family, $bits, 0, 7, 101, $destination) if grep { $_ == $error } 0, 17;
  }
  if ($error == 95) {
    $error = $ask->(24, pack('CCCCCCCCL', $family, $bits // 8 * $length, 0, 0, 254, 4, 0, 7, 0) . $destination);
  }
  $! = $error;
  $fail->() unless grep { $_ == $error } 0, 17, 95, 97;
}
close $socket;
exec { $rest[0] } @rest or $fail->();
`;

/** Before what makes the rest of the sandbox, inside of the network namespace. `addresses`: of all interfaces. */
export function closedArgs(perl: string, addresses: readonly string[]): readonly string[] {
  const closed = [
    ...addresses.filter((address) => !LOOPBACK.test(address)).map(hexOf),
    ...METADATA.map(([address, bits]) => `${hexOf(address)}/${bits}`),
  ];
  return [perl, '-e', PERL, String(closed.length), ...closed];
}

/** Of an address as node:os tells it. */
function hexOf(address: string): string {
  const hex = (text: string, radix: number, digits: number): string =>
    Number.parseInt(text, radix).toString(16).padStart(digits, '0');
  if (isIPv4(address))
    return address
      .split('.')
      .map((part) => hex(part, 10, 2))
      .join('');
  const [head = [], tail = []] = address.split('::').map((half) => half.split(':').filter((group) => group !== ''));
  const zeros = Array.from({ length: 8 - head.length - tail.length }, () => '0');
  return [...head, ...zeros, ...tail].map((group) => hex(group, 16, 4)).join('');
}
