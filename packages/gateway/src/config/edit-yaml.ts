/**
 * Sets or takes out one value in YAML and leaves every other line as it is. The YAML writer has its own idea of blanks and quotes,
 * but line by line it writes what it read: what differs between its output before and after is the change, and the lines around
 * that are taken from the file itself.
 */
import { isMap, isScalar, isSeq, parseDocument, type Document } from 'yaml';
import type { Path } from './source.ts';

/** The text with `value` at `path`, or without that path when `value` is undefined. Missing maps are made. */
export function changeYaml(text: string, path: Path, value: unknown): string {
  const document = readDocument(text);
  const format = { lineWidth: 0, flowCollectionPadding: true, indent: indentOf(text) };
  const unchanged = document.toString(format);
  const [root = ''] = path;
  if (value === undefined) document.deleteIn(path);
  else {
    const before: unknown = document.getIn(path, true);
    const there = document.get(root);
    // A number is a place in a list.
    if (!isMap(there) && !(isSeq(there) && typeof path[1] === 'number')) document.set(root, document.createNode({}));
    // `{}` grows into a block, which is what a person would write.
    const parent: unknown = document.get(root);
    if (isMap(parent) && parent.items.length === 0) parent.flow = false;
    const node: unknown = document.createNode(value);
    // What stands behind a value is said of its key.
    if (isScalar(before) && isScalar(node)) node.comment = before.comment ?? null;
    document.setIn(path, node);
  }
  const changed = document.toString(format);
  return splices(text, unchanged, changed).find((spliced) => meansTheSame(spliced, changed)) ?? changed;
}

/** Parsed as the configuration is read: YAML 1.2, core schema. */
export function readDocument(text: string): Document {
  return parseDocument(text, { version: '1.2', schema: 'core', uniqueKeys: false });
}

/**
 * The file with the change put in, as the writer indents it and as the line before it is indented. Blank lines do not count: the
 * writer moves them. Nothing when the lines do not pair up.
 */
function splices(text: string, unchanged: string, changed: string): string[] {
  const lines = text.split('\n');
  const filled = lines.flatMap((line, index) => (line.trim() === '' ? [] : [index]));
  const from = filledLines(unchanged);
  const to = filledLines(changed);
  if (filled.length !== from.length) return [];
  const head = commonLength(from, to);
  const tail = commonLength(from.slice(head).toReversed(), to.slice(head).toReversed());
  const headEnd = (filled[head - 1] ?? -1) + 1;
  const tailStart = (filled[filled.length - tail - 1] ?? -1) + 1;
  const middle = to.slice(head, to.length - tail);
  const shift = blanksBefore(lines[headEnd - 1]) - blanksBefore(from[head - 1]);
  return [middle, middle.map((line) => shiftLine(line, shift))].map((inner) =>
    [...lines.slice(0, headEnd), ...inner, ...lines.slice(tailStart)].join('\n'),
  );
}

function blanksBefore(line = ''): number {
  return line.length - line.trimStart().length;
}

function shiftLine(line: string, by: number): string {
  return by < 0 ? line.slice(Math.min(-by, blanksBefore(line))) : ' '.repeat(by) + line;
}

function filledLines(text: string): string[] {
  return text.split('\n').filter((line) => line.trim() !== '');
}

function commonLength(a: readonly string[], b: readonly string[]): number {
  const end = a.findIndex((line, index) => line !== b[index]);
  return end === -1 ? a.length : end;
}

function meansTheSame(a: string, b: string): boolean {
  const [one, other] = [readDocument(a), readDocument(b)];
  return one.errors.length === 0 && JSON.stringify(one.toJS()) === JSON.stringify(other.toJS());
}

function indentOf(text: string): number {
  return /^[^\s#][^\n]*:\s*(?:#[^\n]*)?\n(?:\s*#[^\n]*\n|\s*\n)*( +)\S/m.exec(text)?.[1]?.length ?? 2;
}
