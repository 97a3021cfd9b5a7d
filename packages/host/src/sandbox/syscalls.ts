/**
 * Which system calls a sandboxed child may not make, by the numbers of Linux on x64 and arm64. A list of what is refused, not of
 * what is allowed: servers are arbitrary programs. It takes away what reaches other processes, keys, mounts, namespaces, modules,
 * clocks and the kernel's wide and young interfaces; files and addresses are the business of mounts and network namespaces.
 */

export type SeccompArch = 'x64' | 'arm64';

/** `undefined`: the architecture has no such call. */
export interface SyscallRow {
  readonly name: string;
  readonly x64: number | undefined;
  readonly arm64: number | undefined;
}

/** `clone` by its flags, `socket` by its family, `ioctl` by its request: the first or second argument decides. */
export const FILTERED_BY_ARGUMENT: Readonly<Record<'clone' | 'socket' | 'ioctl', SyscallRow>> = {
  clone: { name: 'clone', x64: 56, arm64: 220 },
  socket: { name: 'socket', x64: 41, arm64: 198 },
  ioctl: { name: 'ioctl', x64: 16, arm64: 29 },
};

/**
 * Calls that give a file its mode, by the number of the argument that holds it; those that open, also by that of their flags,
 * for without O_CREAT or O_TMPFILE the mode is nothing.
 */
export const MODE_CALLS: readonly (SyscallRow & { readonly mode: number; readonly flags?: number })[] = [
  { name: 'chmod', x64: 90, arm64: undefined, mode: 1 },
  { name: 'fchmod', x64: 91, arm64: 52, mode: 1 },
  { name: 'fchmodat', x64: 268, arm64: 53, mode: 2 },
  { name: 'fchmodat2', x64: 452, arm64: 452, mode: 2 },
  { name: 'creat', x64: 85, arm64: undefined, mode: 1 },
  { name: 'mknod', x64: 133, arm64: undefined, mode: 1 },
  { name: 'mknodat', x64: 259, arm64: 33, mode: 2 },
  { name: 'open', x64: 2, arm64: undefined, mode: 2, flags: 1 },
  { name: 'openat', x64: 257, arm64: 56, mode: 3, flags: 2 },
];
/** S_ISUID and S_ISGID: what a child makes may be owned by others in the eyes of others. */
export const SET_ID_BITS = 0o6000;
/** O_CREAT, and the bit of O_TMPFILE that is not O_DIRECTORY. */
export const CREATING = 0x40_0040;

/** CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET. */
export const CLONE_NAMESPACES = 0x7e02_0000;
/** AF_UNIX, AF_INET, AF_INET6, AF_NETLINK: what a server needs; not AF_PACKET, AF_ALG, AF_VSOCK and 40 others. */
export const SOCKET_FAMILIES: readonly number[] = [1, 2, 10, 16];
/** TIOCSTI and TIOCLINUX, which type on the terminal of whoever started Sallyport. */
export const TERMINAL_REQUESTS: readonly number[] = [0x5412, 0x541c];

/** Refused with EPERM. */
export const REFUSED: readonly SyscallRow[] = rows(`
  keyctl 250 219
  add_key 248 217
  request_key 249 218
  bpf 321 280
  ptrace 101 117
  process_vm_readv 310 270
  process_vm_writev 311 271
  process_madvise 440 440
  pidfd_getfd 438 438
  kcmp 312 272
  mount 165 40
  umount2 166 39
  pivot_root 155 41
  chroot 161 51
  open_tree 428 428
  move_mount 429 429
  fsopen 430 430
  fsconfig 431 431
  fsmount 432 432
  fspick 433 433
  mount_setattr 442 442
  open_tree_attr 467 467
  unshare 272 97
  setns 308 268
  kexec_load 246 104
  kexec_file_load 320 294
  init_module 175 105
  finit_module 313 273
  delete_module 176 106
  create_module 174 -
  query_module 178 -
  get_kernel_syms 177 -
  perf_event_open 298 241
  userfaultfd 323 282
  reboot 169 142
  swapon 167 224
  swapoff 168 225
  acct 163 89
  settimeofday 164 170
  clock_settime 227 112
  clock_adjtime 305 266
  adjtimex 159 171
  quotactl 179 60
  quotactl_fd 443 443
  syslog 103 116
  lookup_dcookie 212 18
  open_by_handle_at 304 265
  fanotify_init 300 262
  iopl 172 -
  ioperm 173 -
  modify_ldt 154 -
  vhangup 153 58
  sethostname 170 161
  setdomainname 171 162
  nfsservctl 180 42
  _sysctl 156 -
  uselib 134 -
  ustat 136 -
  sysfs 139 -
`);

/**
 * Refused with ENOSYS, upon which programs fall back: `clone3` passes its flags in memory, where no filter sees them, so that
 * the C library has to use `clone`, and `openat2` its mode; io_uring makes calls that no filter sees.
 */
export const UNIMPLEMENTED: readonly SyscallRow[] = rows(`
  clone3 435 435
  openat2 437 437
  io_uring_setup 425 425
  io_uring_enter 426 426
  io_uring_register 427 427
`);

function rows(table: string): readonly SyscallRow[] {
  const number = (text: string | undefined): number | undefined =>
    text === undefined || text === '-' ? undefined : Number(text);
  return table
    .trim()
    .split('\n')
    .map((line) => {
      const [name = '', x64, arm64] = line.trim().split(' ');
      return { name, x64: number(x64), arm64: number(arm64) };
    });
}
