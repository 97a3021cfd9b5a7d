/**
 * TOML 1.0. The parser gives values only, so the places of keys are found by reading the lines once more: exact for tables
 * and `key = value` lines, the line of the key for what stands inside an inline table or a list.
 */
import { parse, TomlDate, TomlError } from 'smol-toml';
import type { Path, Source } from './source-tree.ts';
import { bounded, createTree, maxDepth, type Tree } from './source-tree.ts';
import type { Position } from './types.ts';

export function readToml(text: string): Source {
  return bounded(() => {
    const tree = createTree();
    try {
      const value = parse(text, { maxDepth });
      return tree.finish(build(value, [], tree, tomlPositions(text)));
    } catch (error) {
      if (!(error instanceof TomlError)) throw error;
      const message = error.message.split('\n')[0]?.replace('Invalid TOML document: ', '') ?? 'not TOML';
      tree.problem({ position: { line: error.line, column: error.column }, path: [], message });
      return tree.finish(undefined);
    }
  });
}

function build(value: unknown, path: Path, tree: Tree, places: ReadonlyMap<string, Position>): unknown {
  const position = nearest(path, places);
  tree.place(path, position);
  if (Array.isArray(value)) return value.map((item, index) => build(item, [...path, index], tree, places));
  // As it would be in the other formats.
  if (value instanceof TomlDate) return value.toISOString();
  if (typeof value !== 'object' || value === null) return value;
  const target: Record<string, unknown> = {};
  for (const [key, member] of Object.entries(value)) {
    const inner = [...path, key];
    if (tree.member(target, key, inner, nearest(inner, places))) target[key] = build(member, inner, tree, places);
  }
  return target;
}

function nearest(path: Path, places: ReadonlyMap<string, Position>): Position {
  for (let length = path.length; length > 0; length -= 1) {
    const place = places.get(JSON.stringify(path.slice(0, length)));
    if (place !== undefined) return place;
  }
  return { line: 1, column: 1 };
}

/** Places of tables and keys, by `JSON.stringify(path)`. Expects text that the parser has accepted. */
function tomlPositions(text: string): Map<string, Position> {
  const places = new Map<string, Position>();
  const counts = new Map<string, number>();
  let table: Path = [];
  let inside: string | undefined;
  for (const [index, whole] of text.split('\n').entries()) {
    // A key stands at the start of its line; the rest would only cost the expressions time.
    const line = whole.slice(0, 1000);
    if (inside !== undefined) {
      if (whole.includes(inside)) inside = undefined;
      continue;
    }
    const header = /^\s*(\[\[?)\s*(.*?)\s*\]\]?\s*(?:#.*)?$/.exec(line);
    const keys = header === null ? keyOf(line) : splitKey(header[2] ?? '');
    if (keys.length === 0) continue;
    const position = { line: index + 1, column: line.length - line.trimStart().length + 1 };
    if (header === null) mark(places, [...table, ...keys], table.length, position);
    else {
      table = header[1] === '[[' ? element(keys, counts) : keys;
      mark(places, table, 0, position);
    }
    inside = openString(whole);
  }
  return places;
}

function mark(places: Map<string, Position>, path: Path, from: number, position: Position): void {
  for (let length = from + 1; length <= path.length; length += 1) {
    const key = JSON.stringify(path.slice(0, length));
    if (!places.has(key)) places.set(key, position);
  }
}

function element(keys: readonly string[], counts: Map<string, number>): Path {
  const key = JSON.stringify(keys);
  const count = counts.get(key) ?? 0;
  counts.set(key, count + 1);
  return [...keys, count];
}

function keyOf(line: string): string[] {
  const match =
    /^\s*((?:"(?:[^"\\]|\\.)*"|'[^']*'|[A-Za-z0-9_-]+)(?:\s*\.\s*(?:"(?:[^"\\]|\\.)*"|'[^']*'|[A-Za-z0-9_-]+))*)\s*=/.exec(
      line,
    );
  return match === null ? [] : splitKey(match[1] ?? '');
}

function splitKey(text: string): string[] {
  return [...text.matchAll(/"((?:[^"\\]|\\.)*)"|'([^']*)'|([A-Za-z0-9_-]+)/g)].map(
    ([, double, single, bare]) => bare ?? single ?? double ?? '',
  );
}

/** The delimiter of a multi-line string that this line opens and does not close. */
function openString(line: string): string | undefined {
  for (const delimiter of ['"""', "'''"]) {
    if ((line.split(delimiter).length - 1) % 2 === 1) return delimiter;
  }
  return undefined;
}
