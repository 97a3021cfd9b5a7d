/**
 * Lines, headings and list items of a Markdown file, with their line numbers, as far as the grammars of this package need
 * them. Knows code fences, HTML comments and front matter, in which nothing counts. Is no Markdown renderer: emphasis, links
 * and nested quotes stay text.
 */

export interface Line {
  /** From 1. */
  readonly number: number;
  /** Without comments; empty in front matter. */
  readonly text: string;
  /** Inside a code fence, its fence lines included. */
  readonly code: boolean;
}

export interface Heading {
  readonly level: number;
  /** As written, without `#`. */
  readonly title: string;
  /** Without marks such as `*(mandatory)*`, in lower case: what sections are found by. */
  readonly key: string;
  readonly line: number;
  /** The last line of the section, that of deeper headings included. */
  readonly end: number;
}

export interface Outline {
  readonly lines: readonly Line[];
  readonly headings: readonly Heading[];
}

/** A bullet or numbered item with the indented lines that continue it. */
export interface Item {
  readonly line: number;
  /** Spaces before the bullet. */
  readonly indent: number;
  readonly text: string;
}

const FENCE = /^ {0,3}(`{3,}|~{3,})/;

/** A text cut into lines; the last is empty when the text ends with a line break. */
const linesOf = (text: string): string[] => text.split(/\r?\n/);

interface Scan {
  fence: string | undefined;
  comment: boolean;
}

function withoutComments(raw: string, scan: Scan): string {
  let text = '';
  let rest = raw;
  while (rest !== '') {
    const mark = scan.comment ? '-->' : '<!--';
    const at = rest.indexOf(mark);
    if (!scan.comment) text += at === -1 ? rest : rest.slice(0, at);
    if (at === -1) break;
    scan.comment = !scan.comment;
    rest = rest.slice(at + mark.length);
  }
  return text;
}

function scanLine(raw: string, number: number, scan: Scan): Line {
  if (scan.fence !== undefined) {
    const closing = FENCE.exec(raw)?.[1];
    if (closing?.startsWith(scan.fence) === true && raw.trim() === closing) scan.fence = undefined;
    return { number, text: raw, code: true };
  }
  const fence = scan.comment ? undefined : FENCE.exec(raw)?.[1];
  if (fence !== undefined) {
    scan.fence = fence;
    return { number, text: raw, code: true };
  }
  return { number, text: withoutComments(raw, scan), code: false };
}

/** How many lines front matter takes at the top, its marks included. */
function frontMatterLines(raw: readonly string[]): number {
  const first = raw.findIndex((line) => line.trim() !== '' && line.trim() !== '\u{FEFF}');
  if (raw[first]?.trim() !== '---') return 0;
  const end = raw.indexOf('---', first + 1);
  return end === -1 ? 0 : end + 1;
}

/** The key that a heading is found by. */
const headingKey = (title: string): string =>
  title
    .replaceAll(/[*_]\([^)]*\)[*_]/g, '')
    .replaceAll(/[^\p{L}\p{N}&/:()[\].,' -]/gu, '')
    .trim()
    .toLowerCase();

export function outlineOf(text: string): Outline {
  const raw = linesOf(text.replace(/^\u{FEFF}/u, ''));
  const skipped = frontMatterLines(raw);
  const scan: Scan = { fence: undefined, comment: false };
  const lines = raw.map((line, index) =>
    index < skipped ? { number: index + 1, text: '', code: false } : scanLine(line, index + 1, scan),
  );
  const open: { level: number; title: string; line: number }[] = [];
  const headings: Heading[] = [];
  const close = (level: number, end: number): void => {
    for (let last = open.at(-1); last !== undefined && last.level >= level; last = open.at(-1)) {
      headings.push({ ...last, key: headingKey(last.title), end });
      open.pop();
    }
  };
  for (const { number, text: line, code } of lines) {
    const found = code ? null : /^(#{1,6})[ \t]+(\S.*)$/.exec(line);
    if (found === null) continue;
    const level = found[1]?.length ?? 1;
    close(level, number - 1);
    open.push({ level, title: (found[2] ?? '').replace(/[ \t]+#+[ \t]*$/, '').trim(), line: number });
  }
  close(1, lines.length);
  return { lines, headings: headings.toSorted((a, b) => a.line - b.line) };
}

/** The first heading of that key; `level` narrows it. */
export function sectionOf(outline: Outline, key: string, level?: number): Heading | undefined {
  return outline.headings.find((heading) => heading.key === key && (level === undefined || heading.level === level));
}

/** The headings directly or deeper below `parent`. */
export const headingsIn = (outline: Outline, parent: Heading): readonly Heading[] =>
  outline.headings.filter(({ line }) => line > parent.line && line <= parent.end);

/** The prose of a section without its own heading line; code and comments left out, trimmed. */
export function proseOf(outline: Outline, from: number, to: number): string {
  return outline.lines
    .slice(from, to)
    .filter(({ code }) => !code)
    .map(({ text }) => text.trimEnd())
    .join('\n')
    .trim();
}

const ITEM = /^([ \t]*)(?:[-*+]|\d{1,9}[.)])[ \t]+(\S.*)$/;

/** The list items after line `from` and up to line `to`. */
export function itemsIn(outline: Outline, from: number, to: number): readonly Item[] {
  const items: { line: number; indent: number; text: string }[] = [];
  let open = false;
  for (const { text, code, number } of outline.lines.slice(from, to)) {
    const found = code ? null : ITEM.exec(text);
    if (found !== null) {
      const [, space = '', rest = ''] = found;
      items.push({ line: number, indent: space.length, text: rest.trim() });
      open = true;
    } else if (open && !code && /^[ \t]+\S/.test(text)) {
      const last = items.at(-1);
      if (last !== undefined) last.text += ` ${text.trim()}`;
    } else {
      open = false;
    }
  }
  return items;
}

/** The values of `**Name**: value` lines between two lines; several may share a line, parted by `|`. */
export function fieldsIn(
  outline: Outline,
  from: number,
  to: number,
): ReadonlyMap<string, { text: string; line: number }> {
  const fields = new Map<string, { text: string; line: number }>();
  for (const { text, code, number } of outline.lines.slice(from, to)) {
    if (code || !/^(?:[-*] )?\*\*/.test(text)) continue;
    for (const part of text.split(/ \| (?=\*\*)/)) {
      const found = /^(?:[-*] )?\*\*([^*]{1,80}?):?\*\*:?[ \t]*(.*)$/.exec(part.trim());
      const name = found?.[1]?.toLowerCase();
      if (name !== undefined && !fields.has(name)) fields.set(name, { text: (found?.[2] ?? '').trim(), line: number });
    }
  }
  return fields;
}

/** The rows of the tables between two lines, cells trimmed, without the head and its rule. */
export function tableRowsIn(outline: Outline, from: number, to: number): readonly { cells: string[]; line: number }[] {
  const rows: { cells: string[]; line: number }[] = [];
  let body = false;
  for (const { text, code, number } of outline.lines.slice(from, to)) {
    if (code || !/^[ \t]*\|/.test(text)) {
      body = false;
      continue;
    }
    if (/^[ \t]*\|[ \t:|-]+$/.test(text)) {
      body = true;
      continue;
    }
    if (!body) continue;
    const cells = text
      .trim()
      .replace(/^\|/, '')
      .replace(/\|$/, '')
      .split('|')
      .map((cell) => cell.trim());
    rows.push({ cells, line: number });
  }
  return rows;
}
