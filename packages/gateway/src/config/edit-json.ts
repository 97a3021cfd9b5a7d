/**
 * Takes a member out of JSON with comments, and touches nothing else: jsonc-parser's own removal takes neighbouring comments with
 * it.
 */
import { createScanner, findNodeAtLocation, parseTree } from 'jsonc-parser';
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
