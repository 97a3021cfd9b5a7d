/**
 * Which task serves which requirement: by the id it names, else by the words they share. Words are a guess and are told as
 * one. Looks a task up by its words, so that thousands of tasks cost what they hold and not their product.
 */
import type { Requirement, Spec } from '../grammar/spec.ts';
import type { Task } from '../grammar/tasks.ts';
import { wordsOf } from './words.ts';

export interface CoverageRow {
  readonly id: string;
  readonly line: number;
  readonly tasks: readonly string[];
  readonly stories: readonly number[];
  /** `reference` when a task names the id, `words` when it was guessed. */
  readonly by: 'reference' | 'words' | 'none';
}

export interface Coverage {
  readonly rows: readonly CoverageRow[];
  /** Tasks of no story and no requirement, beyond setup, foundation and polish. */
  readonly unmapped: readonly string[];
}

/** So much of a requirement's words must be in a task, and at least two of them. */
const ENOUGH = 0.4;

interface Entry extends Requirement {
  readonly words: ReadonlySet<string>;
}

function matches(task: Task, byWord: ReadonlyMap<string, readonly Entry[]>): Entry[] {
  const shared = new Map<Entry, number>();
  for (const word of wordsOf(task.text)) {
    for (const entry of byWord.get(word) ?? []) shared.set(entry, (shared.get(entry) ?? 0) + 1);
  }
  return [...shared].filter(([{ words }, count]) => count >= 2 && count / words.size >= ENOUGH).map(([entry]) => entry);
}

/** Words that stand in more than this part of the requirements tell them apart no longer. */
const COMMON = 0.5;

function byWordOf(entries: readonly Entry[]): ReadonlyMap<string, readonly Entry[]> {
  const byWord = new Map<string, Entry[]>();
  for (const entry of entries) {
    for (const word of entry.words) {
      const list = byWord.get(word);
      if (list === undefined) byWord.set(word, [entry]);
      else list.push(entry);
    }
  }
  const most = Math.max(3, entries.length * COMMON);
  return new Map([...byWord].filter(([, list]) => list.length <= most));
}

export function coverageOf(spec: Spec, tasks: readonly Task[]): Coverage {
  const entries = [...spec.requirements, ...spec.criteria].map((entry): Entry => ({
    ...entry,
    words: wordsOf(entry.text),
  }));
  const byWord = byWordOf(entries);
  const byId = new Map(entries.map((entry) => [entry.id, entry]));
  const named = new Map<string, Set<Task>>();
  const guessed = new Map<string, Set<Task>>();
  const put = (map: Map<string, Set<Task>>, id: string, task: Task): void => {
    const set = map.get(id);
    if (set === undefined) map.set(id, new Set([task]));
    else set.add(task);
  };
  const nameless = new Set<Task>();
  for (const task of tasks) {
    const ids = (task.text.match(/\b(?:FR|NFR|SC)-\d{3,5}\b/g) ?? []).filter((id) => byId.has(id));
    for (const id of ids) put(named, id, task);
    if (ids.length === 0) nameless.add(task);
  }
  // Words are looked at where they decide something: for a requirement nobody names, or a task that names nothing.
  const guesses = named.size < byId.size;
  const unmapped: string[] = [];
  for (const task of tasks) {
    const isLost = task.story === undefined && nameless.has(task);
    const alike = guesses || isLost ? matches(task, byWord) : [];
    for (const { id } of alike) put(guessed, id, task);
    if (isLost && alike.length === 0) unmapped.push(task.id);
  }
  const rows = entries.map(({ id, line }): CoverageRow => {
    const found = named.get(id) ?? guessed.get(id) ?? new Set<Task>();
    const by = named.has(id) ? 'reference' : guessed.has(id) ? 'words' : 'none';
    const stories = [...new Set([...found].flatMap(({ story }) => (story === undefined ? [] : [story])))].toSorted(
      (a, b) => a - b,
    );
    return { id, line, tasks: [...found].map((task) => task.id), stories, by };
  });
  return { rows, unmapped };
}

/** Percent of the requirements with a task; 100 when there are none. */
export const percentCovered = ({ rows }: Coverage): number =>
  rows.length === 0 ? 100 : Math.round((rows.filter(({ by }) => by !== 'none').length / rows.length) * 100);
