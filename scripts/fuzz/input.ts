/** Inputs of a fuzz run: each hangs on the seed, the target and its number alone, so that one can be made again. */

/** A whole number from 0 on, below a limit. */
export type Random = (below: number) => number;

/** Mulberry32: small, and the same everywhere. */
function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** FNV-1a. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) value = Math.imul(value ^ text.charCodeAt(at), 0x01000193);
  return value >>> 0;
}

/** For one input: what makes it, and what its check draws from afterwards. */
export function randomOf(seed: number, target: string, run: number): Random {
  return randomFrom(hash(`${seed} ${target} ${run}`));
}

const FRAGMENTS: readonly string[] = [
  ...Array.from('{}[]"\\:,\n\r\0 -/%;#?*()=&@.\'`$!|<>'),
  '\\u',
  '\ufeff',
  'data:',
  'id:',
  '"id":2',
  ',"method":"x"',
  '"jsonrpc":"2.0"',
  '}}',
  '=?base64?',
  '?=',
  '1e999',
  '9007199254740993',
  'null',
  '__proto__',
  'constructor',
  '\ud800',
  '\u2028',
  '\u202e',
  '\u007f',
  '\u001b[0m',
  'é',
  '"x-mcp-header"',
  '../',
  '%2e%2e%2f',
  '%00',
  '\r\n\r\n',
  'Bearer ',
  '${',
  'https://',
  '&a *a',
];

const MAX_LENGTH = 8192;

const pick = <T>(random: Random, list: readonly T[]): T => list[random(list.length)] as T;

/** A text of the corpus after up to eight cuts, copies, insertions, swaps and splices. At most some KiB. */
export function mutated(random: Random, corpus: readonly string[]): string {
  let text = pick(random, corpus);
  for (let left = random(9); left > 0 && text.length < MAX_LENGTH; left--) {
    const [a, b] = [random(text.length + 1), random(text.length + 1)].toSorted((x, y) => x - y) as [number, number];
    const ways: readonly (() => string)[] = [
      () => text.slice(0, a) + text.slice(b),
      () => text.slice(0, b) + text.slice(a),
      () => text.slice(0, a) + pick(random, FRAGMENTS) + text.slice(a),
      () => text.slice(0, a) + pick(random, FRAGMENTS) + text.slice(b),
      () => text.slice(0, a) + String.fromCharCode(random(256)) + text.slice(a + 1),
      () => text.slice(0, a) + pick(random, corpus).slice(random(40)) + text.slice(b),
      () => text.slice(0, a) + pick(random, FRAGMENTS).repeat(random(200)) + text.slice(a),
      () => text.slice(0, a),
    ];
    text = pick(random, ways)();
  }
  return text;
}
