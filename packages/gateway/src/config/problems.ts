/**
 * What is wrong with a configuration and how that is said: file, line, column, key, what was expected, the nearest known
 * key. It decides nothing; the checks hand their findings here.
 */
import type { Problem } from './types.ts';

/** A configuration that cannot be used. The command line turns it into exit code 3. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  /** All that is wrong, in the order of the file. Never empty, except for a configuration that was not found. */
  readonly problems: readonly Problem[];

  constructor(message: string, problems: readonly Problem[] = []) {
    super(message);
    this.problems = problems;
  }
}

/** Most problems one message lists; a file that is wrong everywhere is not helped by more. */
const mostShown = 50;

/** The error for a file: one line a problem, the first lines of which name file, line and column. */
export function configError(problems: readonly Problem[]): ConfigError {
  const sorted = problems.toSorted(
    (a, b) => (a.position?.line ?? 0) - (b.position?.line ?? 0) || column(a) - column(b),
  );
  const lines = sorted.slice(0, mostShown).map(formatProblem);
  if (sorted.length > mostShown) lines.push(`… and ${sorted.length - mostShown} more`);
  return new ConfigError(lines.join('\n'), sorted);
}

/** `file:line:column: key: message`; what is not known is left out. Control characters are made visible. */
export function formatProblem({ file, position, path, message }: Problem): string {
  const place = position === undefined ? file : `${file}:${position.line}:${position.column}`;
  const key = path.length === 0 ? '' : `${formatPath(path)}: `;
  return printable(`${place}: ${key}${message}`);
}

/** `mcpServers.files.args[0]`; keys that are no plain words are quoted, long ones cut. */
function formatPath(path: ReadonlyArray<string | number>): string {
  return path
    .map((key, index) => {
      if (typeof key === 'number') return `[${key}]`;
      if (!/^[A-Za-z0-9_$-]+$/.test(key) || key.length > 64) return `[${JSON.stringify(shorten(key))}]`;
      return index === 0 ? key : `.${key}`;
    })
    .join('');
}

/** At most 64 characters of a text that a file brought. */
export function shorten(text: string): string {
  return text.length > 64 ? `${text.slice(0, 60)}…` : text;
}

/** ` — did you mean "command"?` when a known key is near enough, else nothing. */
export function didYouMean(key: string, known: readonly string[]): string {
  const near = nearest(key, known);
  return near === undefined ? '' : ` — did you mean \`${near}\`?`;
}

/** The known word with the fewest edits (at most a third of its length, and the same words in other case always). */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const wanted = plain(word);
  if (wanted === '' || wanted.length > 64) return undefined;
  const ranked = known
    .map((candidate) => ({ candidate, distance: editDistance(wanted, plain(candidate)) }))
    .filter(({ candidate, distance }) => distance <= Math.max(1, Math.floor(candidate.length / 3)))
    .toSorted((a, b) => a.distance - b.distance);
  return ranked[0]?.candidate;
}

function column(problem: Problem): number {
  return problem.position?.column ?? 0;
}

function plain(word: string): string {
  return word.toLowerCase().replaceAll(/[_-]/g, '');
}

/** Optimal string alignment: insert, delete, replace, swap of neighbours. */
function editDistance(a: string, b: string): number {
  const rows: number[][] = Array.from({ length: a.length + 1 }, (_, row) => [row]);
  const at = (row: number, col: number): number => rows[row]?.[col] ?? Number.POSITIVE_INFINITY;
  for (let col = 0; col <= b.length; col += 1) rows[0]?.splice(col, 1, col);
  for (let row = 1; row <= a.length; row += 1) {
    for (let col = 1; col <= b.length; col += 1) {
      const same = a[row - 1] === b[col - 1];
      const swapped = a[row - 1] === b[col - 2] && a[row - 2] === b[col - 1];
      const cost = Math.min(
        at(row - 1, col) + 1,
        at(row, col - 1) + 1,
        at(row - 1, col - 1) + (same ? 0 : 1),
        swapped ? at(row - 2, col - 2) + 1 : Number.POSITIVE_INFINITY,
      );
      rows[row]?.splice(col, 1, cost);
    }
  }
  return at(a.length, b.length);
}

/** A file must not be able to drive the terminal that shows its errors, nor to reorder what is read there. */
function printable(text: string): string {
  return text.replaceAll(
    /(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
  );
}
