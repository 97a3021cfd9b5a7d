/**
 * The scalar values of the configuration file and what they become inside: durations in ms, sizes in bytes, numbers and
 * booleans that may also arrive as text, because `${PORT:-7420}` expands to text. `null` is never a value.
 */
import * as v from 'valibot';
import { didYouMean } from './problems.ts';

const durationUnits: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};
const sizeUnits: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  kb: 1_000,
  kib: 1_024,
  mb: 1_000_000,
  mib: 1_048_576,
  gb: 1_000_000_000,
  gib: 1_073_741_824,
};
/** The longest timer Node can hold; more would fire at once. */
const longestTimerMs = 2_147_483_647;
// The patterns stand in the JSON Schema too, where a value may still be a `${VAR}`; JSON Schema has no flag for case.
const durationPattern = /^\d+(\.\d+)? ?([mM][sS]|[sS]|[mM]|[mM][iI][nN]|[hH]|[dD])?$|\$\{/;
const durationText = 'a duration such as "500ms", "30s", "2m" or "1h" (a number is seconds)';
const sizeText = 'a size such as "64 KiB" or "4 MiB" (a number is bytes)';

/** `"500ms"`, `"30s"`, `"2m"`, `"1min"`, `"1h"`, `"365d"`; a bare number is seconds. Gives ms, or undefined for anything else. */
export function parseDuration(value: string | number): number | undefined {
  const match = /^(\d+(?:\.\d+)?) ?(ms|s|min|m|h|d)?$/i.exec(String(value));
  if (match === null) return undefined;
  const ms = Math.round(Number(match[1]) * (durationUnits[(match[2] ?? 's').toLowerCase()] ?? Number.NaN));
  return Number.isSafeInteger(ms) ? ms : undefined;
}

/** A time (ISO 8601), or how long ago (`24h`, `30d`). Gives ms since 1970, or undefined for anything else. */
export function parseMoment(value: string, nowMs: number): number | undefined {
  const ago = /\d *[a-z]+$/i.test(value) ? parseDuration(value) : undefined;
  const ms = ago === undefined ? Date.parse(value) : nowMs - ago;
  return Number.isNaN(ms) ? undefined : ms;
}

/** `"64 KiB"`, `"4MB"`; a bare number is bytes. Gives bytes, or undefined for anything else. */
export function parseSize(value: string | number): number | undefined {
  const match = /^(\d+(?:\.\d+)?) ?([kmg]i?b|b)?$/i.exec(String(value));
  if (match === null) return undefined;
  const bytes = Math.round(Number(match[1]) * (sizeUnits[(match[2] ?? '').toLowerCase()] ?? Number.NaN));
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** A number or text that becomes something else. */
type Scalar<T> = v.GenericSchema<string | number, T>;

function scalar<T>(pattern: RegExp, expected: string, parse: (value: string | number) => T | undefined): Scalar<T> {
  const message = `expected ${expected}`;
  return v.pipe(
    v.union([v.number(), v.pipe(v.string(), v.regex(pattern, message))], message),
    v.rawTransform(({ dataset, addIssue, NEVER }) => {
      const parsed = parse(dataset.value);
      if (parsed !== undefined) return parsed;
      addIssue({ message });
      return NEVER;
    }),
  );
}

/** A duration in ms, at least `least` and short enough for a timer. */
export function duration(least = 0): Scalar<number> {
  const expected = least > 0 ? `${durationText}, at least ${least}ms and at most 24d` : `${durationText}, at most 24d`;
  return scalar(durationPattern, expected, (value) => {
    const ms = parseDuration(value);
    return ms === undefined || ms < least || ms > longestTimerMs ? undefined : ms;
  });
}

/** A period that no timer waits for (a retention), so it may be years. */
export function period(least = 0): Scalar<number> {
  const expected = least > 0 ? `${durationText}, at least ${least}ms` : durationText;
  return scalar(durationPattern, expected, (value) => {
    const ms = parseDuration(value);
    return ms === undefined || ms < least ? undefined : ms;
  });
}

/** A size in bytes. */
export function size(least = 1): Scalar<number> {
  return scalar(/^\d+(\.\d+)? ?([kKmMgG][iI]?[bB]|[bB])?$|\$\{/, `${sizeText}, at least ${least} bytes`, (value) => {
    const bytes = parseSize(value);
    return bytes === undefined || bytes < least ? undefined : bytes;
  });
}

/** A whole number between `least` and `most`, also as text. */
export function integer(least: number, most: number = Number.MAX_SAFE_INTEGER): Scalar<number> {
  const range = most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`;
  return scalar(/^\d+$|\$\{/, `a whole number ${range}`, (value) => {
    const number = typeof value === 'number' ? value : /^\d+$/.test(value) ? Number(value) : Number.NaN;
    return Number.isSafeInteger(number) && number >= least && number <= most ? number : undefined;
  });
}

/** A boolean, also as the text `true` or `false`. */
export function flag(): v.GenericSchema<boolean | string, boolean> {
  const message = 'expected true or false';
  return v.pipe(
    v.union([v.boolean(), v.pipe(v.string(), v.regex(/^(true|false)$|\$\{/, message))], message),
    v.check((value) => typeof value === 'boolean' || value === 'true' || value === 'false', message),
    v.transform((value) => value === true || value === 'true'),
  );
}

/** Non-empty text without NUL, which no operating system call takes. */
export function text(expected = 'text that is not empty'): v.GenericSchema<string, string> {
  const message = `expected ${expected}`;
  return v.pipe(
    v.string(message),
    v.check((value) => value !== '' && !value.includes('\u0000'), message),
  );
}

/** A list of texts. */
export function texts(expected = 'a list of texts'): v.GenericSchema<string[], string[]> {
  return v.array(v.string('expected text'), `expected ${expected}`);
}

/** One of these words. */
export function oneOf<const Words extends readonly string[]>(
  ...words: Words
): v.GenericSchema<Words[number], Words[number]> {
  return v.picklist(words, ({ input }) => {
    const hint = typeof input === 'string' ? didYouMean(input, words) : '';
    return `expected ${listOf(words)}${hint}`;
  });
}

/** `` `a`, `b` or `c` `` */
export function listOf(words: readonly string[]): string {
  const quoted = words.map((word) => `\`${word}\``);
  return quoted.length < 2 ? quoted.join('') : `${quoted.slice(0, -1).join(', ')} or ${quoted.at(-1) ?? ''}`;
}
