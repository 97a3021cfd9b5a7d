/**
 * The parentheses at the end of a task: `(depends on T012, T013)`, and DinCoder's `(phase: setup, depends: T001 T002, tags: a
 * b)`. A comma parts pairs there and ids as well; an id after a comma belongs to the list before it.
 */

export interface TaskTail {
  /** What is left of the line. */
  readonly text: string;
  readonly dependsOn: readonly string[];
  readonly metadata: ReadonlyMap<string, string>;
}

const DEPENDS = /\(\s*depends on:?\s+([^()]*)\)/i;
const PAIRS = /\(\s*((?:phase|type|depends|priority|effort|tags)\s*:[^()]*)\)\s*$/i;

const idsIn = (text: string | undefined): readonly string[] => text?.match(/\bT\d{3,5}\b/g) ?? [];

function pairsOf(text: string): Map<string, string> {
  const pairs = new Map<string, string>();
  let last: string | undefined;
  for (const part of text.split(',')) {
    const found = /^\s*([A-Za-z][\w-]{0,39})\s*:\s*(.*)$/.exec(part);
    if (found !== null) {
      last = (found[1] ?? '').toLowerCase();
      pairs.set(last, (found[2] ?? '').trim());
    } else if (last !== undefined) {
      pairs.set(last, `${pairs.get(last) ?? ''} ${part.trim()}`.trim());
    }
  }
  return pairs;
}

const PLAIN: ReadonlyMap<string, string> = new Map();
const NONE: readonly string[] = [];

export function metadataOf(body: string): TaskTail {
  if (!body.includes('(')) return { text: body.trim(), dependsOn: NONE, metadata: PLAIN };
  const depends = DEPENDS.exec(body);
  const without = depends === null ? body : body.replace(DEPENDS, '');
  // A line that ends otherwise has none, however many parentheses it has.
  const pairs = without.trimEnd().endsWith(')') ? PAIRS.exec(without) : null;
  const metadata = pairs === null ? PLAIN : pairsOf(pairs[1] ?? '');
  const left = pairs === null ? without : without.slice(0, pairs.index);
  const text = (/\s{2}/.test(left) ? left.replaceAll(/\s{2,}/g, ' ') : left).trim();
  const named = idsIn(depends?.[1]);
  const keyed = idsIn(metadata.get('depends'));
  const dependsOn = named.length + keyed.length === 0 ? NONE : [...new Set([...named, ...keyed])];
  return { text, dependsOn, metadata };
}
