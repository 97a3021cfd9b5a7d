/** The words of `sallyport key`: roles, when a key ends, how long an old one stays good. */
import { InvalidArgumentError } from 'commander';
import { parseDuration } from '../config/scalars.ts';
import { CliError, exitCodes } from './exit.ts';
import { oneLine } from './text.ts';

const ROLE = /^[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}$/;

/** For an option or argument that may be given again. */
export function collectRole(role: string, before: readonly string[] = []): readonly string[] {
  if (!ROLE.test(role))
    throw new InvalidArgumentError(
      'A role is up to 64 letters, digits and . _ @ + -, beginning with a letter or digit.',
    );
  return before.includes(role) ? before : [...before, role];
}

/** When a key ends, in ms since 1970: after a duration, or at the beginning of a day or at a time of ISO 8601. */
export function expiryOf(text: string, nowMs: number): number {
  const durationMs = durationOf(text);
  if (durationMs !== undefined) return nowMs + durationMs;
  const isDay = /^\d{4}-\d\d-\d\d$/.test(text);
  const isTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?(?:Z|[+-]\d\d:\d\d)$/.test(text);
  const at = isDay || isTime ? Date.parse(text) : Number.NaN;
  // Some days are taken for those of the next month.
  if (Number.isNaN(at) || (isDay && !new Date(at).toISOString().startsWith(text))) {
    throw new CliError(
      `--expires: expected 12h, 30d …, or a day such as 2027-01-31, not \`${oneLine(text)}\``,
      exitCodes.usage,
    );
  }
  return at;
}

/** How long an old key stays good, in ms; `0`: not at all. */
export function graceOf(text: string): number {
  const graceMs = text === '0' ? 0 : durationOf(text);
  if (graceMs !== undefined) return graceMs;
  throw new CliError(`--grace: expected 1h, 7d …, or 0, not \`${oneLine(text)}\``, exitCodes.usage);
}

/** A bare number would be seconds in the configuration; on a command line it is more likely a slip. */
function durationOf(text: string): number | undefined {
  return /[a-z]$/i.test(text) ? parseDuration(text) : undefined;
}

/** For programs. */
export function timeText(ms: number | undefined): string | null {
  return ms === undefined ? null : new Date(ms).toISOString();
}

/** For people: to the minute. */
export function minuteText(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 16)}Z`;
}
