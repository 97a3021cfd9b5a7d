/**
 * Puts a member into JSON with comments, or takes one out, and touches nothing else: jsonc-parser's own edits format the
 * neighbours anew, and its removal takes their comments with it.
 */
import { createScanner, findNodeAtLocation, parseTree, type Node } from 'jsonc-parser';
import type { Path } from './source.ts';

// SyntaxKind of jsonc-parser; its const enum cannot be imported under verbatimModuleSyntax.
const comma = 5;
const trivia: ReadonlySet<number> = new Set([12, 13, 14, 15]);

/** The text without the member at `path`; the same text when there is none. */
export function removeMember(text: string, path: Path): string {
  const tree = parseTree(text, [], { allowTrailingComma: true });
  const property = tree === undefined ? undefined : findNodeAtLocation(tree, [...path])?.parent;
  if (property?.type !== 'property') return text;
  const start = property.offset;
  const end = property.offset + property.length;
  const after = commaAfter(text, end);
  if (after !== undefined) return cut(text, start, after + 1);
  // The last member: the comma before it would be left hanging.
  const siblings = property.parent?.children ?? [];
  const before = siblings[siblings.indexOf(property) - 1];
  const hanging = before === undefined ? undefined : commaAfter(text, before.offset + before.length);
  const rest = cut(text, start, end);
  return hanging === undefined ? rest : rest.slice(0, hanging) + rest.slice(hanging + 1);
}

/** The text with the value at `path`; objects on the way there are made. The same text when something else stands in the way. */
export function putMember(text: string, path: readonly string[], value: unknown): string {
  const tree = parseTree(text, [], { allowTrailingComma: true });
  const there = tree === undefined ? undefined : findNodeAtLocation(tree, [...path]);
  const style = styleOf(text);
  if (there !== undefined) {
    const inner = valueText(value, indentAt(text, there.parent?.offset ?? there.offset), style);
    return text.slice(0, there.offset) + inner + text.slice(there.offset + there.length);
  }
  const key = path.at(-1);
  if (tree === undefined || key === undefined) return text;
  const holder = findNodeAtLocation(tree, path.slice(0, -1));
  // The objects that are missing are made together with what is put into them.
  if (holder === undefined) return path.length < 2 ? text : putMember(text, path.slice(0, -1), { [key]: value });
  return holder.type === 'object' ? insert(text, holder, key, value, style) : text;
}

type Style = { readonly indent: string; readonly eol: string };

function styleOf(text: string): Style {
  return { indent: /\n([ \t]+)\S/.exec(text)?.[1] ?? '  ', eol: text.includes('\r\n') ? '\r\n' : '\n' };
}

function insert(text: string, holder: Node, key: string, value: unknown, style: Style): string {
  const { eol, indent } = style;
  const close = holder.offset + holder.length - 1;
  const last = holder.children?.at(-1);
  const outer = indentAt(text, holder.offset);
  const inner = last === undefined ? outer + indent : indentAt(text, last.offset);
  const member = `${inner}${JSON.stringify(key)}: ${valueText(value, inner, style)}`;
  const before = text.slice(0, close);
  const head = before.trimEnd();
  // Whatever stands between the last member and the brace, comments and a comma among it, stays where it is.
  const rest = close === head.length ? '' : text.slice(head.length, close);
  const tail = rest.includes('\n') ? rest.slice(rest.lastIndexOf('\n')) : `${eol}${outer}`;
  if (last === undefined) return `${head}${eol}${member}${tail.replace(/^\r?\n/, eol)}${text.slice(close)}`;
  const end = last.offset + last.length;
  const hasComma = commaAfter(text, end) !== undefined;
  return `${text.slice(0, end)}${hasComma ? '' : ','}${head.slice(end)}${eol}${member}${tail.replace(/^\r?\n/, eol)}${text.slice(close)}`;
}

/** Blanks at the beginning of the line of an offset. */
function indentAt(text: string, offset: number): string {
  return /^[ \t]*/.exec(text.slice(text.lastIndexOf('\n', offset - 1) + 1))?.[0] ?? '';
}

function valueText(value: unknown, outer: string, { indent, eol }: Style): string {
  return JSON.stringify(value, null, indent).replaceAll('\n', `${eol}${outer}`);
}

/** Offset of the comma that comes next, comments and blanks skipped. */
function commaAfter(text: string, from: number): number | undefined {
  const scanner = createScanner(text, false);
  scanner.setPosition(from);
  for (let token: number = scanner.scan(); ; token = scanner.scan()) {
    if (token === comma) return scanner.getTokenOffset();
    if (!trivia.has(token)) return undefined;
  }
}

/** Cuts a range, and the line (with a comment at its end) when nothing else stands on it. */
function cut(text: string, start: number, end: number): string {
  const lineStart = text.lastIndexOf('\n', start - 1) + 1;
  const lineEnd = text.indexOf('\n', end);
  const isAlone =
    text.slice(lineStart, start).trim() === '' && /^[ \t\r]*(?:\/\/.*)?$/.test(text.slice(end, Math.max(end, lineEnd)));
  if (isAlone && lineEnd !== -1) return text.slice(0, lineStart) + text.slice(lineEnd + 1);
  const blanks = /^[ \t]*/.exec(text.slice(end))?.[0].length ?? 0;
  return text.slice(0, start) + text.slice(end + blanks);
}
