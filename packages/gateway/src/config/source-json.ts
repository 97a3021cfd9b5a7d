/** JSON with comments and trailing commas. The nesting is counted before the recursive parser sees the text. */
import { createScanner, parseTree, printParseErrorCode, type Node, type ParseError } from 'jsonc-parser';
import type { Path, Source } from './source-tree.ts';
import {
  bounded,
  createTree,
  maxDepth,
  maxValues,
  positionsOf,
  SourceLimit,
  tooDeep,
  type Tree,
} from './source-tree.ts';
import type { Position } from './types.ts';

// SyntaxKind of jsonc-parser; its const enum cannot be imported under verbatimModuleSyntax.
const open: ReadonlySet<number> = new Set([1, 3]);
const close: ReadonlySet<number> = new Set([2, 4]);
const endOfFile = 17;

const expectations: Readonly<Record<string, string>> = {
  InvalidSymbol: 'this is no JSON value',
  InvalidNumberFormat: 'this is no number',
  PropertyNameExpected: 'expected a key in double quotes',
  ValueExpected: 'expected a value',
  ColonExpected: 'expected `:`',
  CommaExpected: 'expected `,`',
  CloseBraceExpected: 'expected `}`',
  CloseBracketExpected: 'expected `]`',
  EndOfFileExpected: 'expected the end of the file',
  UnexpectedEndOfComment: 'this comment does not end',
  UnexpectedEndOfString: 'this text does not end',
  UnexpectedEndOfNumber: 'this number does not end',
  InvalidUnicode: 'expected four hex digits after \\u',
  InvalidEscapeCharacter: 'unknown escape in a text',
  InvalidCharacter: 'this character must be written as an escape',
};

export function readJson(text: string): Source {
  return bounded(() => {
    const at = positionsOf(text);
    checkNesting(text, at);
    const errors: ParseError[] = [];
    const root = parseTree(text, errors, { allowTrailingComma: true });
    const tree = createTree();
    for (const { error, offset } of errors.slice(0, 20)) {
      const code = printParseErrorCode(error);
      const isEmpty = root === undefined && code === 'ValueExpected';
      tree.problem({
        position: at(offset),
        path: [],
        message: isEmpty ? 'the file is empty; expected an object with `mcpServers`' : (expectations[code] ?? code),
      });
    }
    if (errors.length > 0 || root === undefined) return tree.finish(undefined);
    return tree.finish(build(root, [], at(root.offset), tree, at));
  });
}

function checkNesting(text: string, at: (offset: number) => Position): void {
  const scanner = createScanner(text, true);
  let depth = 0;
  let tokens = 0;
  for (let token: number = scanner.scan(); token !== endOfFile; token = scanner.scan()) {
    tokens += 1;
    if (open.has(token)) depth += 1;
    else if (close.has(token)) depth -= 1;
    if (depth > maxDepth) throw new SourceLimit(tooDeep(at(scanner.getTokenOffset())));
    // A value takes at most four tokens: key, colon, itself, comma.
    if (tokens > maxValues * 4) throw new SourceLimit({ path: [], message: `more than ${maxValues} values` });
  }
}

function build(node: Node, path: Path, position: Position, tree: Tree, at: (offset: number) => Position): unknown {
  tree.place(path, position);
  if (node.type === 'array') {
    return (node.children ?? []).map((child, index) => build(child, [...path, index], at(child.offset), tree, at));
  }
  if (node.type !== 'object') return node.value;
  const target: Record<string, unknown> = {};
  for (const property of node.children ?? []) {
    const [key, value] = property.children ?? [];
    if (key === undefined || value === undefined) continue;
    const name = String(key.value);
    const place = at(key.offset);
    if (tree.member(target, name, [...path, name], place))
      target[name] = build(value, [...path, name], place, tree, at);
  }
  return target;
}
