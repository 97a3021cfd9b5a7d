/**
 * Folders of root's as a child's own: in a mount namespace of the child's, what root owns there belongs to the child's user, and
 * what the child makes there belongs to root (mount_setattr(2), ID-mapped mounts). The child itself is never root, on the disk
 * nothing is changed, and elsewhere nobody sees a difference. Only root can do it, and not every file system takes part.
 *
 * A file that the child makes so could be one of root's with the set-user-ID bit: the filter of system calls refuses that bit. Those that
 * are there, and programs with capabilities of their own, are read-only: a mapping into memory would rewrite them without their losing it.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { SeccompArch } from './syscalls.ts';
import type { SandboxFacts, SandboxPlan, SandboxUser } from './spec.ts';

const PROBE_TIMEOUT_MS = 5000;
/** unshare(2) and lgetxattr(2). */
const NUMBERS: Readonly<Record<SeccompArch, readonly [unshare: number, lgetxattr: number]>> = {
  x64: [272, 192],
  arm64: [97, 9],
};

/**
 * Parameters: the numbers of unshare(2) and lgetxattr(2), uid, gid, how many folders there are and how many of them may be written to,
 * those folders, then the command. Another process holds the
 * user namespace whose mapping is used: root and the child's user change places, everybody else stays.
 */
const PERL = String.raw`
use strict;
my ($unshare, $xattr, $uid, $gid, $count, $writable, @rest) = @ARGV;
my @folders = splice(@rest, 0, $count);
my @looked = splice(@rest, 0, $writable);
my $fail = sub { print STDERR "sallyport: a folder of root's cannot be given to user $uid: $_[0]: $!\n"; exit 126 };
pipe(my $ready, my $isReady) and pipe(my $wait, my $go) or $fail->('pipe');
my @privileged;
my $name = "security.capability\0";
while (defined(my $at = pop @looked)) {
  my ($mode, $owner, $group) = (lstat $at)[2, 4, 5];
  if (-d _) {
    opendir(my $folder, $at) or $fail->($at);
    push @looked, map { "$at/$_" } grep { $_ ne '.' && $_ ne '..' } readdir $folder;
  } elsif (-f _ && ($owner == 0 || $group == 0) && $mode & 07111) {
    my ($path, $value) = ("$at\0", "\0" x 64);
    push @privileged, $at if $mode & 06000 || syscall($xattr + 0, $path, $name, $value, 64) >= 0;
  }
}
my $pid = fork() // $fail->('fork');
if ($pid == 0) {
  close $ready; close $go;
  syscall($unshare + 0, 0x10000000) == 0 and syswrite($isReady, 'x');
  sysread($wait, my $none, 1);
  kill 'KILL', $$;
}
close $isReady; close $wait;
sysread($ready, my $byte, 1) or $fail->('a user namespace');
for (['uid_map', $uid], ['gid_map', $gid]) {
  my ($file, $id) = @$_;
  my $last = 4294967295 - $id - 1;
  my @lines = ("0 $id 1", "$id 0 1", "@{[$id + 1]} @{[$id + 1]} $last");
  push @lines, "1 1 @{[$id - 1]}" if $id > 1;
  open(my $map, '>', "/proc/$pid/$file") or $fail->($file);
  defined(syswrite($map, join("\n", @lines) . "\n")) or $fail->($file);
}
open(my $namespace, '<', "/proc/$pid/ns/user") or $fail->('its namespace');
# MOUNT_ATTR_IDMAP; AT_RECURSIVE | AT_EMPTY_PATH; OPEN_TREE_CLONE | O_CLOEXEC | AT_RECURSIVE; MOVE_MOUNT_F_EMPTY_PATH
my $attributes = pack('QQQQ', 0x00100000, 0, 0, fileno($namespace));
my $empty = "\0";
for my $folder (@folders) {
  my $path = "$folder\0";
  my $tree = syscall(428, -100, $path, 0x1 | 0x80000 | 0x8000);
  $tree >= 0 or $fail->($folder);
  syscall(442, $tree, $empty, 0x8000 | 0x1000, $attributes, 32) == 0 or $fail->($folder);
  syscall(429, $tree, $empty, -100, $path, 0x4) == 0 or $fail->($folder);
}
my $readOnly = pack('QQQQ', 0x1, 0, 0, 0);
for my $file (@privileged) {
  my $path = "$file\0";
  my $tree = syscall(428, -100, $path, 0x1 | 0x80000);
  $tree >= 0 or $fail->($file);
  syscall(442, $tree, $empty, 0x1000, $readOnly, 32) == 0 or $fail->($file);
  syscall(429, $tree, $empty, -100, $path, 0x4) == 0 or $fail->($file);
}
close $namespace; close $go; waitpid($pid, 0);
exec { $rest[0] } @rest or $fail->($rest[0]);
`;
const UNSHARE = '/usr/bin/unshare';

export interface OwnPaths {
  /** Real paths of root's. What is inside another of them comes with it. */
  readonly paths: readonly string[];
  /** Those of them that the child may write to. */
  readonly writable: readonly string[];
}

/** `plan` with these paths as its user's own. */
export function withOwner(plan: SandboxPlan, { paths, writable }: OwnPaths, facts: SandboxFacts): SandboxPlan {
  const { user } = plan;
  const outer = outermost(paths);
  const prefix = user && ownerArgs(facts, user, { paths: outer, writable: outermost(writable) });
  if (prefix === undefined || outer.length === 0) return plan;
  const [command = plan.command, ...args] = [...prefix, plan.command, ...plan.args];
  return { ...plan, command, args };
}

function outermost(paths: readonly string[]): readonly string[] {
  return paths.filter((one) => !paths.some((other) => other !== one && one.startsWith(`${other}/`)));
}

/** Whether the file system of a folder takes part, and this process may. */
export async function canMapOwner(facts: SandboxFacts, user: SandboxUser, folder: string): Promise<boolean> {
  const [command, ...args] = ownerArgs(facts, user, { paths: [folder], writable: [] }) ?? [];
  if (command === undefined) return false;
  return await promisify(execFile)(command, [...args, '/bin/true'], { timeout: PROBE_TIMEOUT_MS, env: {} }).then(
    () => true,
    () => false,
  );
}

function ownerArgs(
  { arch, perl, platform, user: own }: SandboxFacts,
  user: SandboxUser,
  { paths, writable }: OwnPaths,
): readonly string[] | undefined {
  if (platform !== 'linux' || own.uid !== 0 || arch === undefined || perl === undefined) return undefined;
  const numbers = [...NUMBERS[arch], user.uid, user.gid, paths.length, writable.length].map(String);
  return [UNSHARE, '--mount', '--propagation', 'private', '--', perl, '-e', PERL, ...numbers, ...paths, ...writable];
}
