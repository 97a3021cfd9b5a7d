/**
 * Finds the literal secrets of a file and what to write in their place. It decides nothing about where they go, and reads and
 * writes nothing. What is a secret is what describe.ts masks.
 */
import { isSecretName, isVariable, placeholderName, secretPaths, valueAt } from './describe.ts';
import { pieces } from './expand.ts';
import type { Path } from './source.ts';

/** One literal secret, and what stands for it. */
export type Move = {
  /** In the file's value, foreign keys mapped. */
  readonly path: Path;
  /** Of the secret. */
  readonly name: string;
  readonly value: string;
  /** What is written in the place of the text: `Bearer ${secret:NAME}`. */
  readonly text: string;
};

export type MovePlan = {
  readonly moves: readonly Move[];
  /** What looks like a secret and cannot be moved, since it is only partly literal. */
  readonly left: readonly Path[];
};

/** `stored`: the secrets there are, by name. A value that is there already is not kept twice. */
export function planMoves(value: unknown, stored: ReadonlyMap<string, string>): MovePlan {
  const byName = new Map(stored);
  const moves: Move[] = [];
  const left: Path[] = [];
  for (const path of secretPaths(value)) {
    const written = valueAt(value, path);
    const text = typeof written === 'number' ? String(written) : written;
    if (typeof text !== 'string' || text === '' || isVariable(text)) continue;
    const literal = literalOf(text);
    if (literal === undefined) {
      left.push(path);
      continue;
    }
    const prefix = prefixOf(literal, path);
    const secret = literal.slice(prefix.length);
    const name = nameFor(secret, path, byName);
    byName.set(name, secret);
    moves.push({ path, name, value: secret, text: `${prefix}\${secret:${name}}` });
  }
  return { moves, left };
}

/** The value as it will be read once the moves are written. */
export function withMoves(value: unknown, moves: readonly Move[]): unknown {
  const result = structuredClone(value);
  for (const { path, text } of moves) {
    const holder = valueAt(result, path.slice(0, -1)) as Record<string | number, unknown>;
    holder[path.at(-1) ?? ''] = text;
  }
  return result;
}

/** The text without its `$$`; undefined when a variable stands in it: a kept value is never expanded. */
function literalOf(text: string): string | undefined {
  const parts = pieces(text);
  return parts.every(({ kind }) => kind === 'text')
    ? parts.map((piece) => (piece.kind === 'text' ? piece.text : '')).join('')
    : undefined;
}

/** What is no secret in front of it, and helps a reader: a flag, the name of a header, the scheme of a credential. */
function prefixOf(text: string, path: Path): string {
  if (/^[A-Za-z][A-Za-z0-9+.-]*:\/\//.test(text)) return '';
  const [flag = '', dashes, name = ''] =
    path[2] === 'args' ? (/^(--?)?([A-Za-z][A-Za-z0-9_-]*)(?:=|:\s*)(?=\S)/.exec(text) ?? []) : [];
  const kept = dashes !== undefined || isSecretName(name) ? flag : '';
  return kept + (/^(?:bearer|basic|token)\s+(?=\S)/i.exec(text.slice(kept.length))?.[0] ?? '');
}

function nameFor(secret: string, path: Path, byName: ReadonlyMap<string, string>): string {
  const base = placeholderName(path, []).slice(0, 100);
  for (let number = 1; ; number += 1) {
    const name = number === 1 ? base : `${base}_${number}`;
    const taken = byName.get(name);
    if (taken === undefined || taken === secret) return name;
  }
}
