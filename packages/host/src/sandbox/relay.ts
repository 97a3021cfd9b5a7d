/**
 * The way of a caged server to the gateway's proxy: a network namespace has no route, so a listener on its own loopback passes
 * bytes to a unix socket of the gateway that is bound into its sight. It decides nothing (what may be reached is the proxy's
 * matter, and the server can speak to the socket as well), so it needs no guarding from the server.
 *
 * A shell starts it in the background and becomes the server: number, parent, signals, exit code and descriptors of the server
 * are as without it, and it ends with the namespace of processes. Perl starts within 2 ms and takes 5 MB; Node, where there is
 * no Perl, needs 50 ms and 47 MB.
 */
import { shellArgs } from './shell.ts';
import type { SandboxFacts } from './spec.ts';

/** Where the proxy's socket is in the child's sight. */
export const PROXY_INSIDE = '/run/sallyport/proxy';
/** In a namespace of its own nobody else has it. */
const PORT = 3128;
const MAX_CONNECTIONS = 64;

/** The child's own loopback, unless it was opened to that of this machine. */
const OWN: readonly string[] = ['localhost', '127.0.0.1', '::1'];

/** What the server is told: programs differ in which of these they read. `network`: as written; `proxy`: a URL. */
export function proxyEnvironment(
  network: readonly string[],
  proxy: string = `http://127.0.0.1:${PORT}`,
): Readonly<Record<string, string>> {
  const isNamed = (name: string): boolean =>
    network.some((entry) => [name, `[${name}]`].some((text) => entry === text || entry.startsWith(`${text}:`)));
  const exempt = OWN.filter((name) => !isNamed(name)).join(',');
  const pairs = [
    ['HTTP_PROXY', proxy],
    ['HTTPS_PROXY', proxy],
    ['NO_PROXY', exempt],
  ] as const;
  return {
    ...Object.fromEntries(
      pairs.flatMap(([name, value]) => [
        [name, value],
        [name.toLowerCase(), value],
      ]),
    ),
    NODE_USE_ENV_PROXY: '1',
  };
}

export interface RelayPrograms {
  readonly env: string;
  readonly shell: string;
  readonly perl: string | undefined;
  readonly node: string;
}

/** Undefined: what starts it is not there. */
export function relayPrograms({ env, shell, perl, node }: SandboxFacts): RelayPrograms | undefined {
  return env === undefined || shell === undefined ? undefined : { env, shell, perl, node };
}

/**
 * `$1` is env, `$2` to `$4` the relay's program and script, then comes the command. The substitution ends when the relay has closed
 * its output: it listens by then. Signals for the whole group are not for the relay, which a server may need while it ends.
 */
const STARTER = `
ready=$(trap '' HUP INT TERM; "$1" -i "$2" -e "$3" ${PORT} ${PROXY_INSIDE} </dev/null 2>/dev/null &)
[ "$ready" = ready ] || { echo "sallyport: the relay to the network did not start" >&2; exit 126; }
shift 3
exec "$@"
`;

/** Of Perl's core alone: a module costs more than the rest. Numbers are those of Linux, the same on every architecture. */
const PERL = `
use strict;
my ($port, $path) = @ARGV;
$SIG{PIPE} = 'IGNORE';
socket(my $door, 2, 1, 0) or exit 1;
bind($door, pack('S n a4 x8', 2, $port, "\\x7f\\0\\0\\1")) && listen($door, ${MAX_CONNECTIONS}) or exit 1;
syswrite(STDOUT, "ready\\n");
close STDOUT;
my (%socket, %peer, %out, %ended);
sub drop {
  my @both = ($_[0], $peer{$_[0]});
  for my $at (@both) {
    close $socket{$at};
    delete $_->{$at} for \\%socket, \\%peer, \\%out, \\%ended;
  }
}
while (1) {
  my ($read, $write) = ('', '');
  vec($read, fileno $door, 1) = 1 if keys(%socket) < 2 * ${MAX_CONNECTIONS};
  for my $at (keys %socket) {
    vec($read, $at, 1) = 1 if !$ended{$at} && $out{$peer{$at}} eq '';
    vec($write, $at, 1) = 1 if $out{$at} ne '';
  }
  next if select($read, $write, undef, undef) < 0;
  for my $at (keys %socket) {
    next unless exists $socket{$at};
    my $other = $peer{$at};
    if (vec($write, $at, 1)) {
      my $written = syswrite($socket{$at}, $out{$at});
      if (defined $written) { substr($out{$at}, 0, $written) = '' }
      elsif ($! != 11) { drop($at); next }
    }
    if (vec($read, $at, 1)) {
      my $got = sysread($socket{$at}, $out{$other}, 65536);
      if (!defined $got) { if ($! != 11) { drop($at); next } }
      elsif ($got == 0) { $ended{$at} = 1 }
    }
    for ([$at, $other], [$other, $at]) {
      my ($from, $to) = @$_;
      next unless ($ended{$from} || 0) == 1 && $out{$to} eq '';
      shutdown($socket{$to}, 1);
      $ended{$from} = 2;
    }
    drop($at) if ($ended{$at} || 0) == 2 && ($ended{$other} || 0) == 2;
  }
  next unless vec($read, fileno $door, 1) && accept(my $one, $door);
  my $two;
  socket($two, 1, 1, 0) && connect($two, pack('S a108', 1, $path)) or next;
  for ([$one, $two], [$two, $one]) {
    my ($own, $other) = @$_;
    fcntl($own, 4, 04000);
    ($socket{fileno $own}, $peer{fileno $own}, $out{fileno $own}) = ($own, fileno $other, '');
  }
}
`;

const NODE = `
const [port, path] = process.argv.slice(1);
const { closeSync, writeSync } = require('node:fs');
const { connect, createServer } = require('node:net');
const { pipeline } = require('node:stream');
for (const signal of ['SIGHUP', 'SIGINT', 'SIGTERM']) process.on(signal, () => {});
const door = createServer({ allowHalfOpen: true }, (one) => {
  const two = connect({ path, allowHalfOpen: true });
  pipeline(one, two, () => {});
  pipeline(two, one, () => {});
});
door.maxConnections = ${MAX_CONNECTIONS};
door.listen(Number(port), '127.0.0.1', () => { writeSync(1, 'ready\\n'); closeSync(1); });
`;

/** The same where only the image knows what it has: `$1` and `$2` are the scripts of Perl and Node. */
const STARTER_IN_IMAGE = `
if perl -e 'use strict' 2>/dev/null; then
  program=perl script=$1
elif command -v node >/dev/null; then
  program=node script=$2
else
  echo "sallyport: the image has neither perl nor node, one of which the way to the network takes" >&2
  exit 126
fi
shift 2
ready=$(trap '' HUP INT TERM; unset PERL5OPT PERL5LIB NODE_OPTIONS; "$program" -e "$script" ${PORT} ${PROXY_INSIDE} </dev/null 2>/dev/null &)
[ "$ready" = ready ] || { echo "sallyport: the relay to the network did not start" >&2; exit 126; }
exec "$@"
`;

/** What a container starts, and the arguments before those of the server. */
export function relayInImage(command: string): { readonly entry: string; readonly args: readonly string[] } {
  return { entry: '/bin/sh', args: ['-c', STARTER_IN_IMAGE, 'sallyport', PERL, NODE, command] };
}

/** What stands before the command. The programs must be in the child's sight. `counted`: SHLVL is not the shell's to set. */
export function relayArgs({ env, shell, perl, node }: RelayPrograms, counted: boolean): readonly string[] {
  const [program, script] = perl === undefined ? [node, NODE] : [perl, PERL];
  return [
    shell,
    ...shellArgs(shell),
    STARTER,
    'sallyport',
    env,
    program,
    script,
    ...(counted ? [env, '-u', 'SHLVL'] : []),
  ];
}
