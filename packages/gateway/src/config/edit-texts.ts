/**
 * Puts other texts in the place of single values of a configuration file and leaves every other byte as it is: comments, order,
 * formatting. Text in, text out. TOML is never rewritten.
 */
import { findNodeAtLocation, parseTree } from 'jsonc-parser';
import { isAlias, isNode } from 'yaml';
import { readDocument } from './edit-yaml.ts';
import type { Format, Path } from './source.ts';

export type TextChange = { readonly path: Path; readonly text: string };

/** The file with the changes; undefined when a value is not to be found, or shares its text with others. */
export function editTexts(
  text: string,
  format: Exclude<Format, 'toml'>,
  changes: readonly TextChange[],
): string | undefined {
  const rangeOf = format === 'json' ? jsonRanges(text) : yamlRanges(text);
  const edits = changes.map((change) => ({ range: rangeOf(change.path), text: JSON.stringify(change.text) }));
  let result = text;
  for (const { range, text: inner } of edits.toSorted((a, b) => (b.range?.start ?? 0) - (a.range?.start ?? 0))) {
    if (range === undefined) return undefined;
    result = result.slice(0, range.start) + inner + result.slice(range.end);
  }
  return result;
}

type Range = { readonly start: number; readonly end: number };

function jsonRanges(text: string): (path: Path) => Range | undefined {
  const tree = parseTree(text, [], { allowTrailingComma: true });
  return (path) => {
    const node = tree === undefined ? undefined : findNodeAtLocation(tree, [...path]);
    return node && { start: node.offset, end: node.offset + node.length };
  };
}

function yamlRanges(text: string): (path: Path) => Range | undefined {
  const document = readDocument(text);
  return (path) => {
    const node: unknown = document.getIn(path, true);
    // What others refer to would change in their places too, and a comment may stand inside a block.
    if (!isNode(node) || isAlias(node) || !node.range || ('anchor' in node && node.anchor !== undefined))
      return undefined;
    const [start, end] = node.range;
    const blanks = /\s*$/.exec(text.slice(start, end))?.[0].length ?? 0;
    return { start, end: end - blanks };
  };
}
