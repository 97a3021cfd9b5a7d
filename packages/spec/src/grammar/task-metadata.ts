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

const idsIn = (text: string): string[] => Array.from(text.matchAll(/\bT\d{3,5}\b/g), ([id]) => id);

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

export function metadataOf(body: string): TaskTail {
  if (!body.includes('(')) return { text: body.trim(), dependsOn: [], metadata: PLAIN };
  const depends = DEPENDS.exec(body);
  const without = depends === null ? body : body.replace(DEPENDS, '');
  const pairs = PAIRS.exec(without);
  const metadata = pairs === null ? new Map<string, string>() : pairsOf(pairs[1] ?? '');
  const text = (pairs === null ? without : without.slice(0, pairs.index)).replaceAll(/\s{2,}/g, ' ').trim();
  const dependsOn = [...idsIn(depends?.[1] ?? ''), ...idsIn(metadata.get('depends') ?? '')];
  return { text, dependsOn: [...new Set(dependsOn)], metadata };
}
