/**
 * Compiles the table of refused system calls to the classic BPF program that seccomp(2) takes (struct sock_filter, little
 * endian), for bubblewrap's `--seccomp`. Does not load it.
 */
import {
  CLONE_NAMESPACES,
  CREATING,
  FILTERED_BY_ARGUMENT,
  MODE_CALLS,
  REFUSED,
  type SeccompArch,
  SET_ID_BITS,
  SOCKET_FAMILIES,
  TERMINAL_REQUESTS,
  UNIMPLEMENTED,
} from './syscalls.ts';

/** AUDIT_ARCH_X86_64 and AUDIT_ARCH_AARCH64. */
const AUDIT_ARCH: Readonly<Record<SeccompArch, number>> = { x64: 0xc000_003e, arm64: 0xc000_00b7 };
/** On x64 a number with this bit is a call of the x32 ABI, which has numbers of its own. */
const X32_BIT = 0x4000_0000;

const EPERM = 1;
const ENOSYS = 38;
const EAFNOSUPPORT = 97;
const ALLOW = 0x7fff_0000;
const KILL_PROCESS = 0x8000_0000;
const errno = (number: number): number => 0x0005_0000 | number;

/** Offsets in struct seccomp_data; of an argument the low half, which is all that the kernel reads of these calls. */
const NUMBER = 0;
const ARCH = 4;
const FIRST_ARGUMENT = 16;
const SECOND_ARGUMENT = 24;
const argument = (number: number): number => FIRST_ARGUMENT + 8 * number;

const BPF_LD_W_ABS = 0x20;
const BPF_JEQ_K = 0x15;
const BPF_JGE_K = 0x35;
const BPF_JSET_K = 0x45;
const BPF_RET_K = 0x06;
const INSTRUCTION_BYTES = 8;

/** `jt` and `jf`: how many instructions are skipped when the comparison holds and when it does not. */
interface Instruction {
  readonly code: number;
  readonly jt: number;
  readonly jf: number;
  readonly k: number;
}

const load = (offset: number): Instruction => ({ code: BPF_LD_W_ABS, jt: 0, jf: 0, k: offset });
const give = (value: number): Instruction => ({ code: BPF_RET_K, jt: 0, jf: 0, k: value });
/** The next `body.length` instructions run only when the comparison with `k` holds. */
function when(code: number, k: number, body: readonly Instruction[]): readonly Instruction[] {
  return [{ code, jt: 0, jf: body.length, k }, ...body];
}

/** Bytes of the program; the same for the same architecture. Another architecture's calls end the process. */
export function seccompFilter(arch: SeccompArch): Uint8Array {
  const { clone, socket, ioctl } = FILTERED_BY_ARGUMENT;
  const call = (row: Readonly<Record<SeccompArch, number | undefined>>, body: readonly Instruction[]) => {
    const number = row[arch];
    return number === undefined ? [] : when(BPF_JEQ_K, number, body);
  };
  const program: Instruction[] = [
    load(ARCH),
    { code: BPF_JEQ_K, jt: 1, jf: 0, k: AUDIT_ARCH[arch] },
    give(KILL_PROCESS),
    load(NUMBER),
    ...(arch === 'x64' ? when(BPF_JGE_K, X32_BIT, [give(errno(ENOSYS))]) : []),
    ...call(clone, [load(FIRST_ARGUMENT), ...when(BPF_JSET_K, CLONE_NAMESPACES, [give(errno(EPERM))]), give(ALLOW)]),
    ...call(socket, [
      load(FIRST_ARGUMENT),
      ...SOCKET_FAMILIES.flatMap((family) => when(BPF_JEQ_K, family, [give(ALLOW)])),
      give(errno(EAFNOSUPPORT)),
    ]),
    ...call(ioctl, [
      load(SECOND_ARGUMENT),
      ...TERMINAL_REQUESTS.flatMap((request) => when(BPF_JEQ_K, request, [give(errno(EPERM))])),
      give(ALLOW),
    ]),
    ...MODE_CALLS.flatMap((row) => {
      const setId = [load(argument(row.mode)), ...when(BPF_JSET_K, SET_ID_BITS, [give(errno(EPERM))])];
      const body = row.flags === undefined ? setId : [load(argument(row.flags)), ...when(BPF_JSET_K, CREATING, setId)];
      return call(row, [...body, give(ALLOW)]);
    }),
    ...REFUSED.flatMap((row) => call(row, [give(errno(EPERM))])),
    ...UNIMPLEMENTED.flatMap((row) => call(row, [give(errno(ENOSYS))])),
    give(ALLOW),
  ];
  return encode(program);
}

function encode(program: readonly Instruction[]): Uint8Array {
  const bytes = new Uint8Array(program.length * INSTRUCTION_BYTES);
  const view = new DataView(bytes.buffer);
  program.forEach(({ code, jt, jf, k }, index) => {
    const at = index * INSTRUCTION_BYTES;
    view.setUint16(at, code, true);
    view.setUint8(at + 2, jt);
    view.setUint8(at + 3, jf);
    view.setUint32(at + 4, k >>> 0, true);
  });
  return bytes;
}
