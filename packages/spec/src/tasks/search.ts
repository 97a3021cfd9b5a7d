/**
 * Searching tasks: by text, by likeness or by a pattern. Patterns run on RE2, whose time grows with the text only, so no
 * pattern can hang the server.
 */
import { RE2JS } from 're2js';
import { SpecError } from '../errors.ts';
import type { Task } from '../grammar/tasks.ts';
import type { TaskGraph } from './graph.ts';
import { phaseTitle, tagsOf, typeOf } from './select.ts';

export const SEARCH_FIELDS = ['description', 'phase', 'type', 'tags', 'all'] as const;

export interface TaskSearch {
  readonly query: string;
  readonly searchFields?: readonly (typeof SEARCH_FIELDS)[number][];
  readonly caseSensitive?: boolean;
  readonly fuzzy?: boolean;
  /** 0 to 100; 70 when left out. */
  readonly fuzzyThreshold?: number;
  readonly useRegex?: boolean;
  readonly limit?: number;
}

export interface TaskHit {
  readonly task: Task;
  /** 0 to 100. */
  readonly score: number;
}

/** Longest word or query whose likeness is measured. */
const MOST_LETTERS = 64;

/** Levenshtein's distance, in `row`, which is as long as the longest word and one more. */
function distance(a: string, b: string, row: Uint8Array): number {
  for (let index = 0; index <= b.length; index += 1) row[index] = index;
  for (let i = 0; i < a.length; i += 1) {
    let diagonal = i;
    row[0] = i + 1;
    for (let j = 0; j < b.length; j += 1) {
      const above = row[j + 1] ?? 0;
      const swap = diagonal + (a.charCodeAt(i) === b.charCodeAt(j) ? 0 : 1);
      row[j + 1] = Math.min(swap, above + 1, (row[j] ?? 0) + 1);
      diagonal = above;
    }
  }
  return row[b.length] ?? 0;
}

/** The most alike that two words of these lengths can be, 0 to 1. */
const mostLikeness = (a: string, b: string): number => Math.min(a.length, b.length) / Math.max(a.length, b.length);
/** Words that are less alike than this are not alike at all. */
const LEAST_LIKENESS = 0.3;

/** Likeness of a text, 0 to 100. Words are measured once, however many texts they stand in. */
function likenessOf(query: string): (text: string) => number {
  const parts = query
    .split(/\s+/)
    .filter((word) => word !== '')
    .map((part) => part.slice(0, MOST_LETTERS));
  const measured = parts.map(() => new Map<string, number>());
  const row = new Uint8Array(MOST_LETTERS + 1);
  return (text) => {
    const words = text.match(/[\p{L}\p{N}]+/gu) ?? [];
    let sum = 0;
    for (const [index, part] of parts.entries()) {
      let best = 0;
      for (const whole of words) {
        const word = whole.length > MOST_LETTERS ? whole.slice(0, MOST_LETTERS) : whole;
        if (mostLikeness(part, word) <= Math.max(best, LEAST_LIKENESS)) continue;
        const known = measured[index]?.get(word);
        const score = known ?? 1 - distance(part, word, row) / Math.max(part.length, word.length);
        if (known === undefined) measured[index]?.set(word, score);
        best = Math.max(best, score);
      }
      sum += best;
    }
    return parts.length === 0 ? 0 : Math.round((sum / parts.length) * 100);
  };
}

type Score = (text: string) => number;

function patternScore(query: string, caseSensitive: boolean): Score {
  try {
    const pattern = RE2JS.compile(query, caseSensitive ? 0 : RE2JS.CASE_INSENSITIVE);
    return (text) => (pattern.test(text) ? 100 : 0);
  } catch (error) {
    const why = error instanceof Error ? error.message.slice(0, 200) : '';
    throw new SpecError(
      'invalid_input',
      `The pattern cannot be used: ${why}. Lookaround and back references do not exist here.`,
    );
  }
}

function textScore(search: TaskSearch): Score {
  const fold = (text: string): string => (search.caseSensitive === true ? text : text.toLowerCase());
  const query = fold(search.query.trim());
  const threshold = search.fuzzyThreshold ?? 70;
  const likeness = likenessOf(query);
  return (text) => {
    const folded = fold(text);
    if (folded === query) return 100;
    if (folded.startsWith(query)) return 95;
    if (folded.includes(query)) return folded.split(/[^\p{L}\p{N}]+/u).includes(query) ? 90 : 80;
    const score = search.fuzzy === true ? likeness(folded) : 0;
    return score >= threshold ? Math.min(score, 79) : 0;
  };
}

type Field = Exclude<(typeof SEARCH_FIELDS)[number], 'all'>;

const TEXTS: Readonly<Record<Field, (graph: TaskGraph, task: Task) => string>> = {
  description: (_graph, { id, text }) => `${id} ${text}`,
  phase: (graph, task) => task.metadata.get('phase') ?? phaseTitle(graph, task),
  type: (_graph, task) => typeOf(task),
  tags: (_graph, task) => tagsOf(task).join(' '),
};
const FIELDS: readonly Field[] = ['description', 'phase', 'type', 'tags'];

/** Best first; a SpecError `invalid_input` for a pattern that is none. */
export function searchTasks(graph: TaskGraph, search: TaskSearch): readonly TaskHit[] {
  if (search.query.trim() === '') throw new SpecError('invalid_input', 'The query is empty.');
  const score =
    search.useRegex === true ? patternScore(search.query, search.caseSensitive === true) : textScore(search);
  const wanted = search.searchFields ?? ['description'];
  const fields = FIELDS.filter((field) => wanted.includes('all') || wanted.includes(field));
  const best = (task: Task): number => {
    const texts = fields.map((field) => TEXTS[field](graph, task)).filter((text) => text !== '');
    return texts.reduce((most, text) => Math.max(most, score(text)), 0);
  };
  return graph.tasks
    .map((task) => ({ task, score: best(task) }))
    .filter((hit) => hit.score > 0)
    .toSorted((a, b) => b.score - a.score || Number(a.task.id.slice(1)) - Number(b.task.id.slice(1)))
    .slice(0, search.limit ?? 10);
}
