/**
 * For tests: runs a classic BPF program as seccomp does, on one call. Knows only the five instructions that a filter of this
 * package uses and throws at any other, at a jump out of the program and at a program without end.
 */

export interface SeccompCall {
  /** AUDIT_ARCH_… */
  readonly arch: number;
  readonly number: number;
  /** The low 32 bits of the arguments. */
  readonly args?: readonly number[];
}

/** The value that the program returns: an action in the high half, an errno in the low. */
export function runFilter(program: Uint8Array, { arch, number, args = [] }: SeccompCall): number {
  const code = new DataView(program.buffer, program.byteOffset, program.byteLength);
  const data = new DataView(new ArrayBuffer(64));
  data.setUint32(0, number >>> 0, true);
  data.setUint32(4, arch >>> 0, true);
  args.forEach((value, index) => data.setUint32(16 + 8 * index, value >>> 0, true));
  let accumulator = 0;
  for (let at = 0; at < program.byteLength; at += 8) {
    const k = code.getUint32(at + 4, true);
    const jump = (holds: boolean): number => 8 * code.getUint8(at + (holds ? 2 : 3));
    const operation = code.getUint16(at, true);
    if (operation === 0x20) accumulator = data.getUint32(k, true);
    else if (operation === 0x06) return k;
    else if (operation === 0x15) at += jump(accumulator === k);
    else if (operation === 0x35) at += jump(accumulator >= k);
    else if (operation === 0x45) at += jump((accumulator & k) !== 0);
    else throw new Error(`no instruction of a filter: ${operation}`);
  }
  throw new Error('the program ends without an answer');
}
