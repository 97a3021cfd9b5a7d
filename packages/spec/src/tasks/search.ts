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

/** Levenshtein's distance, in one row. */
function distance(a: string, b: string): number {
  const row = Array.from({ length: b.length + 1 }, (_, index) => index);
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

/** How alike two words are, 0 to 1; below `least`, which is not enough anyway, it may say 0 without a look. */
function wordLikeness(part: string, word: string, least: number): number {
  const longer = Math.max(part.length, word.length);
  if (1 - Math.abs(part.length - word.length) / longer < least) return 0;
  return 1 - distance(part, word) / longer;
}

/** Likeness of a text, 0 to 100. Words are measured once, however many texts they stand in. */
function likenessOf(query: string): (text: string) => number {
  const parts = query
    .split(/\s+/)
    .filter((word) => word !== '')
    .map((part) => part.slice(0, MOST_LETTERS));
  const measured = parts.map(() => new Map<string, number>());
  return (text) => {
    const words = text.split(/[^\p{L}\p{N}]+/u).filter((word) => word !== '');
    let sum = 0;
    for (const [index, part] of parts.entries()) {
      let best = 0;
      for (const word of words) {
        const known = measured[index]?.get(word);
        const score = known ?? wordLikeness(part, word.slice(0, MOST_LETTERS), 0.3);
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

function textsOf(graph: TaskGraph, task: Task, fields: readonly string[]): string[] {
  const all = fields.includes('all');
  const texts: [string, string][] = [
    ['description', `${task.id} ${task.text}`],
    ['phase', task.metadata.get('phase') ?? phaseTitle(graph, task)],
    ['type', typeOf(task)],
    ['tags', tagsOf(task).join(' ')],
  ];
  return texts.filter(([field, text]) => text !== '' && (all || fields.includes(field))).map(([, text]) => text);
}

/** Best first; a SpecError `invalid_input` for a pattern that is none. */
export function searchTasks(graph: TaskGraph, search: TaskSearch): readonly TaskHit[] {
  if (search.query.trim() === '') throw new SpecError('invalid_input', 'The query is empty.');
  const score =
    search.useRegex === true ? patternScore(search.query, search.caseSensitive === true) : textScore(search);
  const fields = search.searchFields ?? ['description'];
  return graph.tasks
    .map((task) => ({ task, score: Math.max(0, ...textsOf(graph, task, fields).map(score)) }))
    .filter((hit) => hit.score > 0)
    .toSorted((a, b) => b.score - a.score || Number(a.task.id.slice(1)) - Number(b.task.id.slice(1)))
    .slice(0, search.limit ?? 10);
}
