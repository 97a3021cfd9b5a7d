/**
 * Caged children under the hardening of the systemd unit, as far as that can be tried where systemd does not run: its directives
 * that matter to a cage are carried out by hand, as root, on what the unit really says. What is not: cgroups of the unit, and
 * the filters of single arguments but for those of socket(2).
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { hostile, isRoot, levelsHere, openYard, serveIn } from './sandbox-support.ts';

const TIMEOUT_MS = 60_000;
const UNISTD = '/usr/include/x86_64-linux-gnu/asm/unistd_64.h';
const LEVELS = await levelsHere('sandbox-unit.test.ts');

const unit = readFileSync(new URL('../../deploy/systemd/sallyport.service', import.meta.url), 'utf8');
const has = (program: string): boolean => existsSync(`/usr/bin/${program}`);
const lacking = [
  ...(isRoot ? [] : ['root']),
  ...(process.arch === 'x64' && existsSync(UNISTD) ? [] : ['the numbers of system calls for x64']),
  ...['systemd-analyze', 'unshare', 'perl'].filter((program) => !has(program)),
];
if (lacking.length > 0) console.warn(`sandbox-unit.test.ts: skipped, for it needs ${lacking.join(', ')}.`);

/** The directives with their values, the last of each. */
function directives(text: string): ReadonlyMap<string, string> {
  const lines = text.split('\n').filter((line) => /^[A-Z]\w+=/.test(line));
  return new Map(lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));
}

const DEVICES = ['null', 'zero', 'full', 'random', 'urandom', 'tty'];

/** What each directive makes of the file system (systemd.exec(5)), as shell. `$1` stays writable. */
const MOUNTS: Readonly<Record<string, string>> = {
  ProtectKernelTunables: 'mount --bind /proc/sys /proc/sys; mount -o remount,ro,bind /proc/sys',
  ProtectKernelLogs: 'mount --bind /dev/null /proc/kmsg',
  ProtectHostname: 'mount --bind /proc/sys/kernel/hostname /proc/sys/kernel/hostname',
  ProtectControlGroups: 'mount --bind /sys/fs/cgroup /sys/fs/cgroup; mount -o remount,ro,bind /sys/fs/cgroup',
  ProtectHome: 'mount -t tmpfs -o mode=000 none /home; mount -t tmpfs -o mode=000 none /root',
  PrivateDevices: `mkdir -p "$1/dev"; mount -t tmpfs -o mode=755 none "$1/dev"
    for name in ${DEVICES.join(' ')}; do : >"$1/dev/$name"; mount --bind /dev/$name "$1/dev/$name"; done
    mkdir "$1/dev/pts" "$1/dev/shm"; ln -s pts/ptmx "$1/dev/ptmx"; ln -s /proc/self/fd "$1/dev/fd"
    mount --bind /dev/pts "$1/dev/pts"; mount -t tmpfs -o mode=1777 none "$1/dev/shm"
    mount --move "$1/dev" /dev`,
  ProtectSystem: 'mount --bind "$1" "$1"; mount -o remount,ro,bind /',
  ProtectProc: 'mount -t proc -o hidepid=2 proc /proc',
};
/** As systemd orders them: outer mounts before those that are made in them. */
const ORDER = ['ProtectProc', 'ProtectHome', 'PrivateDevices', 'ProtectSystem', 'ProtectControlGroups'];
const COVERS = ['ProtectKernelTunables', 'ProtectKernelLogs', 'ProtectHostname'];

/** The numbers of the calls that the sets of a filter name. */
function allowed(filter: string): readonly number[] {
  const numbers = new Map(
    [...readFileSync(UNISTD, 'utf8').matchAll(/#define __NR_(\w+) (\d+)/g)].map(([, name, number]) => [
      name,
      Number(number),
    ]),
  );
  const names = (set: string): readonly string[] => {
    const lines = execFileSync('systemd-analyze', ['syscall-filter', set], { encoding: 'utf8' }).split('\n');
    const entries = lines
      .map((line) => line.trim())
      .filter((line) => line !== '' && line !== set && !line.startsWith('#'));
    return entries.flatMap((entry) => (entry.startsWith('@') ? names(entry) : [entry]));
  };
  // What systemd itself lets through, having still to start the program.
  const always = ['execve', 'exit_group', 'rt_sigreturn', 'getrlimit', 'restart_syscall'];
  return [...new Set([...filter.split(' ').flatMap(names), ...always])].flatMap((name) => numbers.get(name) ?? []);
}

const SOCKET = 41;
const FAMILIES: Readonly<Record<string, number>> = { AF_UNIX: 1, AF_INET: 2, AF_INET6: 10, AF_NETLINK: 16 };
const ALLOW = 0x7fff_0000;
const EPERM = 0x0005_0001;
const EAFNOSUPPORT = 0x0005_0061;

/** A filter (seccomp(2)) that allows these calls, and sockets of these families alone. */
function filterOf(calls: readonly number[], families: readonly number[]): Buffer {
  const program: [code: number, ifTrue: number, ifFalse: number, value: number][] = [[0x20, 0, 0, 0]];
  for (const call of calls) if (call !== SOCKET) program.push([0x15, 0, 1, call], [0x06, 0, 0, ALLOW]);
  program.push([0x15, 1, 0, SOCKET], [0x06, 0, 0, EPERM], [0x20, 0, 0, 16]);
  for (const family of families) program.push([0x15, 0, 1, family], [0x06, 0, 0, ALLOW]);
  program.push([0x06, 0, 0, EAFNOSUPPORT]);
  const bytes = Buffer.alloc(8 * program.length);
  program.forEach(([code, ifTrue, ifFalse, value], index) => {
    bytes.writeUInt16LE(code, 8 * index);
    bytes.writeUInt8(ifTrue, 8 * index + 2);
    bytes.writeUInt8(ifFalse, 8 * index + 3);
    bytes.writeUInt32LE(value, 8 * index + 4);
  });
  return bytes;
}

/** Loads the filter of the file that is its first argument and becomes the rest: prctl(2), PR_SET_SECCOMP. */
const LOAD = `open my $file, '<', shift or die; binmode $file; local $/; my $program = <$file>;
  my $fprog = pack('S x6 P', length($program) / 8, $program); syscall(157, 22, 2, $fprog) == 0 or die "no filter: $!"; exec @ARGV;`;

/** Words that carry a unit out before a command, which is run without any right as nobody. */
async function underUnit(text: string, folder: string): Promise<readonly string[]> {
  const set = directives(text);
  const families = (set.get('RestrictAddressFamilies') ?? '').split(' ').map((name) => FAMILIES[name] ?? 0);
  const filter = `${folder}/unit.bpf`;
  await writeFile(filter, filterOf(allowed(set.get('SystemCallFilter') ?? ''), families));
  const isOn = (name: string): boolean => set.has(name) && set.get(name) !== 'false';
  const mounts = [...ORDER, ...COVERS].filter(isOn).map((name) => MOUNTS[name]);
  const rights = [
    '--clear-groups',
    '--no-new-privs',
    '--inh-caps=-all',
    '--bounding-set=-all',
    '--reuid=65534',
    '--regid=65534',
  ];
  const script = `${mounts.join('\n')}\nshift; exec "$@"`;
  const inside = ['unshare', '--mount', '--propagation', 'private', '--', 'sh', '-ec', script, 'sh', folder];
  return [...inside, 'setpriv', ...rights, '--', 'perl', '-e', LOAD, filter];
}

describe.skipIf(lacking.length > 0)(
  'under the hardening of the unit (needs root, x64, unshare, perl and systemd)',
  () => {
    const canCage = LEVELS.includes('strict');
    const cages = { strict: hostile('strict'), offline: hostile({ level: 'standard', network: [] }) };

    it.skipIf(!canCage)('children are caged (needs the level strict)', { timeout: TIMEOUT_MS }, async () => {
      await using yard = await openYard('nobody');
      const before = await underUnit(unit, yard.folder);
      await using serving = await serveIn(yard, cages, { before, becomes: true });
      const look = 'return String(fs.readFileSync("/proc/self/status"))';
      for (const server of Object.keys(cages)) {
        expect(await serving.evaluate(look, server)).toMatch(/^Seccomp:\s2$/m);
      }
      const servers = await serving.list();
      expect(servers.map(({ name, sandbox }) => [name, sandbox.level])).toEqual([
        ['strict', 'strict'],
        ['offline', 'standard'],
      ]);
    });

    it
      .skipIf(LEVELS.length === 0)
      .each([
        ...COVERS.map((name) => [name, `${unit}\n${name}=true\n`] as const),
        ['a filter without @mount', `${unit}\nSystemCallFilter=@system-service\n`] as const,
      ])('none would be with %s, and it says so (needs a sandbox)', { timeout: TIMEOUT_MS }, async (_what, text) => {
      await using yard = await openYard('nobody');
      const before = await underUnit(text, yard.folder);
      await using serving = await serveIn(yard, { strict: hostile('strict') }, { before, becomes: true });
      const [server] = await serving.list();
      expect(server?.state).toBe('failed');
      expect(server?.error).toMatch(
        /not to be had: bubblewrap does not work here: .*(Operation not permitted|Permission denied)/,
      );
    });
  },
);
