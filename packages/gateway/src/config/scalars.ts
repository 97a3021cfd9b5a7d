/**
 * The scalar values of the configuration file and what they become inside: durations in ms, sizes in bytes, numbers and
 * booleans that may also arrive as text, because `${PORT:-7420}` expands to text. `null` is never a value.
 */
import { z } from 'zod';

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

/** `"64 KiB"`, `"4MB"`; a bare number is bytes. Gives bytes, or undefined for anything else. */
export function parseSize(value: string | number): number | undefined {
  const match = /^(\d+(?:\.\d+)?) ?([kmg]i?b|b)?$/i.exec(String(value));
  if (match === null) return undefined;
  const bytes = Math.round(Number(match[1]) * (sizeUnits[(match[2] ?? '').toLowerCase()] ?? Number.NaN));
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

function scalar<T>(
  pattern: RegExp,
  expected: string,
  parse: (value: string | number) => T | undefined,
): z.ZodType<T, string | number> {
  return z
    .union([z.number(), z.string().regex(pattern, { error: `expected ${expected}` })], {
      error: `expected ${expected}`,
    })
    .transform((value, context) => {
      const parsed = parse(value);
      if (parsed !== undefined) return parsed;
      context.addIssue({ code: 'custom', message: `expected ${expected}` });
      return z.NEVER;
    });
}

/** A duration in ms, at least `least` and short enough for a timer. */
export function duration(least = 0): z.ZodType<number, string | number> {
  const expected = least > 0 ? `${durationText}, at least ${least}ms and at most 24d` : `${durationText}, at most 24d`;
  return scalar(durationPattern, expected, (value) => {
    const ms = parseDuration(value);
    return ms === undefined || ms < least || ms > longestTimerMs ? undefined : ms;
  });
}

/** A period that no timer waits for (a retention), so it may be years. */
export function period(): z.ZodType<number, string | number> {
  return scalar(durationPattern, durationText, parseDuration);
}

/** A size in bytes. */
export function size(least = 1): z.ZodType<number, string | number> {
  return scalar(/^\d+(\.\d+)? ?([kKmMgG][iI]?[bB]|[bB])?$|\$\{/, `${sizeText}, at least ${least} bytes`, (value) => {
    const bytes = parseSize(value);
    return bytes === undefined || bytes < least ? undefined : bytes;
  });
}

/** A whole number between `least` and `most`, also as text. */
export function integer(least: number, most: number = Number.MAX_SAFE_INTEGER): z.ZodType<number, string | number> {
  const range = most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`;
  return scalar(/^\d+$|\$\{/, `a whole number ${range}`, (value) => {
    const number = typeof value === 'number' ? value : /^\d+$/.test(value) ? Number(value) : Number.NaN;
    return Number.isSafeInteger(number) && number >= least && number <= most ? number : undefined;
  });
}

/** A boolean, also as the text `true` or `false`. */
export function flag(): z.ZodType<boolean, boolean | string> {
  return z
    .union([z.boolean(), z.string().regex(/^(true|false)$|\$\{/, { error: 'expected true or false' })], {
      error: 'expected true or false',
    })
    .transform((value, context) => {
      if (value === true || value === 'true') return true;
      if (value === false || value === 'false') return false;
      context.addIssue({ code: 'custom', message: 'expected true or false' });
      return z.NEVER;
    });
}

/** Non-empty text without NUL, which no operating system call takes. */
export function text(expected = 'text that is not empty'): z.ZodType<string, string> {
  return z.string({ error: `expected ${expected}` }).refine((value) => value !== '' && !value.includes('\u0000'), {
    error: `expected ${expected}`,
  });
}

/** A list of texts. */
export function texts(expected = 'a list of texts'): z.ZodType<string[], string[]> {
  return z.array(z.string({ error: 'expected text' }), { error: `expected ${expected}` });
}
