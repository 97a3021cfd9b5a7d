/**
 * Sets or takes out one value in YAML and leaves every other line as it is. The YAML writer has its own idea of blanks and quotes,
 * but line by line it writes what it read: what differs between its output before and after is the change, and the lines around
 * that are taken from the file itself.
 */
import { isMap, parseDocument, type Document } from 'yaml';

/** The text with `value` at `path`, or without that path when `value` is undefined. Missing maps are made. */
export function changeYaml(text: string, path: readonly string[], value: unknown): string {
  const document = readDocument(text);
  const format = { lineWidth: 0, flowCollectionPadding: true, indent: indentOf(text) };
  const unchanged = document.toString(format);
  const [root = ''] = path;
  if (value === undefined) document.deleteIn(path);
  else {
    if (!isMap(document.get(root))) document.set(root, document.createNode({}));
    // `{}` grows into a block, which is what a person would write.
    const parent: unknown = document.get(root);
    if (isMap(parent) && parent.items.length === 0) parent.flow = false;
    document.setIn(path, document.createNode(value));
  }
  const changed = document.toString(format);
  const spliced = splice(text, unchanged, changed);
  return spliced !== undefined && meansTheSame(spliced, changed) ? spliced : changed;
}

/** Parsed as the configuration is read: YAML 1.2, core schema. */
export function readDocument(text: string): Document {
  return parseDocument(text, { version: '1.2', schema: 'core', uniqueKeys: false });
}

/** Blank lines do not count: the writer moves them. undefined when the lines do not pair up. */
function splice(text: string, unchanged: string, changed: string): string | undefined {
  const lines = text.split('\n');
  const filled = lines.flatMap((line, index) => (line.trim() === '' ? [] : [index]));
  const from = filledLines(unchanged);
  const to = filledLines(changed);
  if (filled.length !== from.length) return undefined;
  const head = commonLength(from, to);
  const tail = commonLength(from.slice(head).toReversed(), to.slice(head).toReversed());
  const headEnd = (filled[head - 1] ?? -1) + 1;
  const tailStart = (filled[filled.length - tail - 1] ?? -1) + 1;
  return [...lines.slice(0, headEnd), ...to.slice(head, to.length - tail), ...lines.slice(tailStart)].join('\n');
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
