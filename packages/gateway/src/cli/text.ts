/**
 * Text on a terminal: how many cells it takes, cutting, columns, sizes and times. Foreign text passes through `plain` or
 * `oneLine` first, so that it cannot move the cursor, colour what follows or reorder what is read.
 */

/** Control, format, private and unassigned characters, and line ends of other kinds. */
const UNSAFE = /[^\P{C}\n\t]|[\p{Zl}\p{Zp}]/gu;
/** Joiners that emoji and some scripts are written with, and marks that choose a glyph; they move nothing. */
const HARMLESS: ReadonlySet<string> = new Set(['\u200c', '\u200d', '\ufe0f', '\ufe0e']);

/** Foreign text of any number of lines: what could drive the terminal is replaced. */
export function plain(text: string): string {
  return text
    .replaceAll('\r\n', '\n')
    .replaceAll(UNSAFE, (character) => (HARMLESS.has(character) ? character : '\ufffd'));
}

/** A foreign value where text is expected: text as it is, anything else as JSON. */
export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
}

/** Foreign text as one line. */
export function oneLine(text: string): string {
  return plain(text).replaceAll(/\s+/g, ' ').trim();
}

const WIDE =
  /^[\p{Emoji_Presentation}\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1f64f}\u{20000}-\u{3fffd}]/u;
const ZERO = /^[\p{M}\p{Cf}]+$/u;

/** What a person sees as one character, with its cells. */
function* graphemes(text: string): Iterable<readonly [text: string, cells: number]> {
  for (const { segment } of new Intl.Segmenter('en').segment(text)) {
    yield [segment, ZERO.test(segment) ? 0 : WIDE.test(segment) || segment.includes('\ufe0f') ? 2 : 1];
  }
}

const ASCII = /^[\x20-\x7e]*$/;

/** Cells that a line takes on a terminal. */
export function cells(line: string): number {
  if (ASCII.test(line)) return line.length;
  let sum = 0;
  for (const [, width] of graphemes(line)) sum += width;
  return sum;
}

/** The line, or its beginning with an ellipsis, in at most `max` cells. */
export function cut(line: string, max: number): string {
  if (cells(line) <= max) return line;
  let kept = '';
  let sum = 0;
  for (const [text, width] of graphemes(line)) {
    if (sum + width > max - 1) break;
    kept += text;
    sum += width;
  }
  return `${kept.trimEnd()}…`;
}

function pad(text: string, width: number, right: boolean): string {
  const space = ' '.repeat(Math.max(0, width - cells(text)));
  return right ? space + text : text + space;
}

export interface Column {
  readonly title: string;
  /** Numbers stand at the right. */
  readonly right?: boolean;
}

/** Rows of cells in aligned columns under their titles; lines longer than `max` cells are cut, undefined = never. */
export function table(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  max: number | undefined,
): string[] {
  const all = [columns.map(({ title }) => title), ...rows];
  const widths = columns.map((_column, index) => Math.max(...all.map((row) => cells(row[index] ?? ''))));
  return all.map((row) => {
    const line = columns
      .map(({ right }, index) => pad(row[index] ?? '', widths[index] ?? 0, right === true))
      .join('  ');
    return max === undefined ? line.trimEnd() : cut(line.trimEnd(), max);
  });
}

/** Wraps words to lines of at most `max` cells; a longer word keeps its line. */
export function wrap(text: string, max: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && cells(last) + 1 + cells(word) <= max) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

/** `812 B`, `4.2 KiB`. */
export function sizeText(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  return bytes < 1_048_576 ? `${(bytes / 1024).toFixed(1)} KiB` : `${(bytes / 1_048_576).toFixed(1)} MiB`;
}

/** `1 tool`, `1,204 tools`. */
export function count(number: number, noun: string): string {
  return `${number.toLocaleString('en')} ${noun}${number === 1 ? '' : 's'}`;
}

const STYLES = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33 } as const;

/** Paints only when colours are wanted; what is painted has no colour of its own. */
export function painter(color: boolean): (style: keyof typeof STYLES, text: string) => string {
  return (style, text) => (color ? `\u001b[${STYLES[style]}m${text}\u001b[0m` : text);
}

const UNITS: readonly (readonly [name: string, ms: number])[] = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1000],
];

/** `2 days 3 hours`, `5 minutes 1 second`, `0 seconds`: a span of time in its two largest units. */
export function agoText(ms: number): string {
  const first = UNITS.findIndex(([, length]) => ms >= length);
  if (first === -1) return '0 seconds';
  let left = ms;
  const parts = UNITS.slice(first, first + 2).map(([name, length]) => {
    const number = Math.floor(left / length);
    left -= number * length;
    return number === 0 ? '' : count(number, name);
  });
  return parts.filter((part) => part !== '').join(' ');
}

/** The text as one word of a POSIX shell. */
export function shellWord(text: string): string {
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
