import { assert, integer, oneof, property } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seccompFilter } from './seccomp.ts';
import { FILTERED_BY_ARGUMENT, MODE_CALLS, REFUSED, type SeccompArch, UNIMPLEMENTED } from './syscalls.ts';
import { runFilter } from './testing/bpf.ts';

const ARCHES: readonly (readonly [SeccompArch, number])[] = [
  ['x64', 0xc000_003e],
  ['arm64', 0xc000_00b7],
];
const ALLOW = 0x7fff_0000;
const KILL = 0x8000_0000;
const EPERM = 0x0005_0001;
const ENOSYS = 0x0005_0026;
const EAFNOSUPPORT = 0x0005_0061;

/** From <asm/unistd_64.h> and <asm-generic/unistd.h>, written down again apart from the table. */
const KNOWN: Readonly<Record<SeccompArch, Readonly<Record<string, number>>>> = {
  x64: { keyctl: 250, bpf: 321, ptrace: 101, mount: 165, unshare: 272, setns: 308, io_uring_setup: 425, clone3: 435 },
  arm64: { keyctl: 219, bpf: 280, ptrace: 117, mount: 40, unshare: 97, setns: 268, io_uring_setup: 425, clone3: 435 },
};
const ORDINARY: Readonly<Record<SeccompArch, readonly number[]>> = {
  // read, write, mmap, execve, openat, futex, epoll_pwait, connect, exit_group
  x64: [0, 1, 9, 59, 257, 202, 281, 42, 231],
  arm64: [63, 64, 222, 221, 56, 98, 22, 203, 94],
};

describe.each(ARCHES)('the filter for %s', (name, arch) => {
  const program = seccompFilter(name);
  const run = (number: number, ...args: number[]): number => runFilter(program, { arch, number, args });
  const numberOf = (call: 'clone' | 'socket' | 'ioctl'): number => FILTERED_BY_ARGUMENT[call][name] ?? -1;

  it('refuses each call of the table and says of the others that they do not exist', () => {
    const there = REFUSED.filter((row) => row[name] !== undefined);
    expect(there.length).toBeGreaterThan(45);
    for (const row of there) expect([row.name, run(row[name] ?? -1)]).toEqual([row.name, EPERM]);
    for (const row of UNIMPLEMENTED) expect([row.name, run(row[name] ?? -1)]).toEqual([row.name, ENOSYS]);
  });

  it('knows the calls by the numbers of the kernel', () => {
    for (const [call, number] of Object.entries(KNOWN[name])) {
      const row = [...REFUSED, ...UNIMPLEMENTED].find((entry) => entry.name === call);
      expect([call, row?.[name]]).toEqual([call, number]);
    }
  });

  it('allows what servers live on', () => {
    for (const number of ORDINARY[name]) expect(run(number)).toBe(ALLOW);
  });

  it('ends a process that calls as another architecture', () => {
    const i386 = 0x4000_0003;
    const others = [i386, ...ARCHES.map(([, other]) => other)].filter((other) => other !== arch);
    for (const other of others) expect(runFilter(program, { arch: other, number: 0 })).toBe(KILL);
  });

  it('lets threads and processes be made, but no namespace', () => {
    const thread = 0x003d_0f00;
    expect(run(numberOf('clone'), thread)).toBe(ALLOW);
    expect(run(numberOf('clone'), 17)).toBe(ALLOW);
    for (const bit of [17, 25, 26, 27, 28, 29, 30]) expect(run(numberOf('clone'), thread | (1 << bit))).toBe(EPERM);
  });

  it('opens sockets of four families only', () => {
    for (let family = 0; family < 64; family += 1) {
      const allowed = [1, 2, 10, 16].includes(family);
      expect([family, run(numberOf('socket'), family)]).toEqual([family, allowed ? ALLOW : EAFNOSUPPORT]);
    }
  });

  it('does not type on a terminal', () => {
    expect(run(numberOf('ioctl'), 0, 0x5412)).toBe(EPERM);
    expect(run(numberOf('ioctl'), 0, 0x541c)).toBe(EPERM);
    expect(run(numberOf('ioctl'), 0, 0x5401)).toBe(ALLOW);
  });

  it('lets no file have the bits by which a program runs as its owner or group', () => {
    const calls = MODE_CALLS.filter((row) => row[name] !== undefined);
    expect(calls.map((row) => row.name)).toEqual(expect.arrayContaining(['fchmod', 'fchmodat', 'mknodat', 'openat']));
    for (const row of calls) {
      const outcome = (mode: number, flags = 0): number => {
        const args = [0, 0, 0, 0];
        args[row.mode] = mode;
        if (row.flags !== undefined) args[row.flags] = flags;
        return run(row[name] ?? -1, ...args);
      };
      for (const mode of [0o4755, 0o2755, 0o6000, 0o104755]) {
        const creating = row.flags === undefined ? [0] : [0o100, 0o1101, 0o20200000];
        for (const flags of creating) expect([row.name, mode, outcome(mode, flags)]).toEqual([row.name, mode, EPERM]);
      }
      for (const mode of [0, 0o644, 0o1777, 0o100644]) expect(outcome(mode, 0o100)).toBe(ALLOW);
      // What is in the place of a mode that is not asked for is nothing.
      expect(outcome(0o6777)).toBe(row.flags === undefined ? EPERM : ALLOW);
    }
  });

  it('allows every call that no table names', () => {
    const named = new Set(
      [...REFUSED, ...UNIMPLEMENTED, ...MODE_CALLS, ...Object.values(FILTERED_BY_ARGUMENT)].map((row) => row[name]),
    );
    const unnamed = oneof(integer({ min: 0, max: 600 }), integer({ min: 0, max: 0x3fff_ffff })).filter(
      (number) => !named.has(number),
    );
    expect(() => assert(property(unnamed, (number) => run(number) === ALLOW))).not.toThrow();
  });

  it('refuses the x32 calls of x64, which have other numbers', () => {
    expect(run(0x4000_0000 | 520)).toBe(name === 'x64' ? ENOSYS : ALLOW);
    expect(run(0xffff_ffff)).toBe(name === 'x64' ? ENOSYS : ALLOW);
  });
});
