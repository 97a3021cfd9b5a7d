/**
 * Keeps a child with an open network from this machine's own addresses: its way out leads through a process of this machine, to
 * which all of them are near, and what listens on every address would be reached by those of bridges, containers and tunnels. In
 * the child's network namespace each gets a route that leads nowhere (rtnetlink(7)), before anything of the child runs.
 */
import { isIPv4 } from 'node:net';

const LOOPBACK = /^(?:127\.|::1$)/;

/** RTM_NEWROUTE with NLM_F_REQUEST, ACK and CREATE; main table, static, RTN_UNREACHABLE. It is there: fine. No such family: fine. */
const PERL = String.raw`
use strict;
my ($count, @rest) = @ARGV;
my @addresses = splice(@rest, 0, $count);
my $fail = sub { print STDERR "sallyport: the way to this machine's own addresses was not closed: $!\n"; exit 126 };
socket(my $socket, 16, 3, 0) or $fail->();
for my $hex (@addresses) {
  my $address = pack('H*', $hex);
  my $length = length $address;
  my $route = pack('CCCCCCCCL', $length == 4 ? 2 : 10, 8 * $length, 0, 0, 254, 4, 0, 7, 0);
  my $attribute = pack('SS', 4 + $length, 1) . $address;
  my $message = pack('LSSLL', 16 + length("$route$attribute"), 24, 0x405, 1, 0) . "$route$attribute";
  defined(send($socket, $message, 0)) && defined(sysread($socket, my $answer, 4096)) or $fail->();
  $! = -unpack('x16 l', $answer);
  $fail->() unless grep { $_ == $! } 0, 17, 95, 97;
}
close $socket;
exec { $rest[0] } @rest or $fail->();
`;

/** Before what makes the rest of the sandbox, inside of the network namespace. `addresses`: of all interfaces. */
export function closedArgs(perl: string, addresses: readonly string[]): readonly string[] {
  const closed = addresses.filter((address) => !LOOPBACK.test(address)).map(hexOf);
  return closed.length === 0 ? [] : [perl, '-e', PERL, String(closed.length), ...closed];
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
