/**
 * The grammar of `tasks.md` (spec-kit 1.0): phases, and in them lines `- [ ] T001 [P] [US1] Do it in path/file (depends on
 * T000)`. The older form `- [ ] T001: Do it (phase: setup, depends: T000, priority: high)` is read too. Which tasks wait for
 * which is the matter of tasks/graph.ts.
 */
import type { Problem } from '../errors.ts';
import { leftoverProblems } from './leftovers.ts';
import { type Heading, type Outline, outlineOf } from './markdown.ts';
import { metadataOf } from './task-metadata.ts';

export type TaskStatus = 'pending' | 'in_progress' | 'completed';

export interface Task {
  readonly id: string;
  readonly line: number;
  readonly status: TaskStatus;
  readonly parallel: boolean;
  /** The n of `[USn]`. */
  readonly story: number | undefined;
  /** Without labels, dependencies and metadata. */
  readonly text: string;
  readonly phase: number;
  /** Ids it names in `(depends on …)` or `depends: …`. */
  readonly dependsOn: readonly string[];
  readonly paths: readonly string[];
  /** The old form's keys: type, priority, effort, tags and others, in lower case. */
  readonly metadata: ReadonlyMap<string, string>;
}

export type PhaseKind = 'setup' | 'foundational' | 'story' | 'polish' | 'convergence' | 'other';

export interface Phase {
  /** Place in the file, from 0: what `Task.phase` names. */
  readonly index: number;
  /** The number in its heading; 0 when it has none. */
  readonly number: number;
  readonly title: string;
  readonly kind: PhaseKind;
  readonly story: number | undefined;
  readonly line: number;
  readonly end: number;
}

export interface Tasks {
  readonly title: string;
  readonly phases: readonly Phase[];
  readonly tasks: readonly Task[];
  readonly outline: Outline;
  readonly problems: readonly Problem[];
}

const error = (rule: string, line: number, message: string): Problem => ({
  rule: `tasks.${rule}`,
  line,
  message,
  severity: 'error',
});
const warning = (rule: string, line: number, message: string): Problem => ({
  ...error(rule, line, message),
  severity: 'warning',
});

const BOX = /^\s*[-*] \[([ xX~])\] (.*)$/;
const HEAD = /^(T\d{3,5})(:?)(?: +|$)((?:\[[^\]\n]{1,20}\] *)*)(.*)$/;
const PATH = /^(?:(?:\.{1,2}\/)?(?:[\w@.+-]+\/)+[\w@.+*[\]-]*|[\w@+-][\w@.+-]*\.[A-Za-z][A-Za-z0-9]{0,7})$/;
const NO_PATH = /^(?:e\.g|i\.e|etc|vs|node\.js|and\/or|n\/a|https?)/i;
const STATUS: Readonly<Record<string, TaskStatus>> = {
  ' ': 'pending',
  '~': 'in_progress',
  x: 'completed',
  X: 'completed',
};

/** Words that look like files or folders; a version number is none, nor is an address. */
export function pathsIn(text: string): string[] {
  const paths: string[] = [];
  if (!text.includes('/') && !text.includes('.')) return paths;
  for (const word of text.split(/[\s()`"',;]+/)) {
    if (!word.includes('/') && !word.includes('.')) continue;
    const path = word.replace(/[.:]+$/, '');
    if (PATH.test(path) && !NO_PATH.test(path) && !paths.includes(path)) paths.push(path);
  }
  return paths;
}

/** How many tasks there are, and how many are done: what the whole parse would say, for less. */
export function countTasks(text: string): { readonly done: number; readonly total: number } {
  let done = 0;
  let total = 0;
  for (const { text: line, code } of outlineOf(text).lines) {
    const box = code ? null : BOX.exec(line);
    if (box === null || !HEAD.test((box[2] ?? '').trim())) continue;
    total += 1;
    if (STATUS[box[1] ?? ''] === 'completed') done += 1;
  }
  return { done, total };
}

function phaseKind(title: string, number: number): { kind: PhaseKind; story: number | undefined } {
  const story = /\buser story (\d{1,4})\b/i.exec(title)?.[1];
  if (story !== undefined) return { kind: 'story', story: Number(story) };
  const kinds: [RegExp, PhaseKind][] = [
    [/\bconvergence\b/i, 'convergence'],
    [/\bpolish\b|cross-cutting/i, 'polish'],
    [/\bfoundation/i, 'foundational'],
    [/\bset-?up\b/i, 'setup'],
  ];
  const kind = kinds.find(([pattern]) => pattern.test(title))?.[1] ?? (number === 1 ? 'setup' : 'other');
  return { kind, story: undefined };
}

/** "Phase 1", "Phase N: …", "Phase: …"; not "Phase Dependencies", which every list of spec-kit has. */
const PHASE = /^phase(?:\s+(?:\d|N\b|\w+\s*[:–—])|\s*:)/i;

function phasesOf(outline: Outline): Phase[] {
  const found: Heading[] = outline.headings.filter(({ level, title }) => level <= 3 && PHASE.test(title));
  return found.map(({ title, line, end }, index) => {
    const parts = /^phase\s+([\dN]+[\d.]*)?\s*[:.–—-]?\s*(.*)$/i.exec(title);
    const number = Number.parseInt(parts?.[1] ?? '0', 10) || 0;
    const name = parts?.[2] === undefined || parts[2] === '' ? title : parts[2];
    return { index, number, title: name, line, end, ...phaseKind(name, number) };
  });
}

interface Labels {
  readonly parallel: boolean;
  readonly story: number | undefined;
  readonly unknown: readonly string[];
}

/** Lines of one file carry the same few labels: `known` keeps what was read. */
function labelsOf(text: string, known: Map<string, Labels>): Labels {
  const before = known.get(text);
  if (before !== undefined) return before;
  const labels = Array.from(text.matchAll(/\[([^\]]+)\]/g), ([, label = '']) => label);
  const story = labels.map((label) => /^US(\d{1,4})$/.exec(label)?.[1]).find((number) => number !== undefined);
  const found = {
    parallel: labels.includes('P'),
    story: story === undefined ? undefined : Number(story),
    unknown: labels.filter((label) => label !== 'P' && !/^US\d{1,4}$/.test(label)),
  };
  known.set(text, found);
  return found;
}

interface Reading {
  readonly problems: Problem[];
  readonly labels: Map<string, Labels>;
}

function taskOf(
  line: number,
  mark: string,
  rest: string,
  phase: Phase | undefined,
  reading: Reading,
): Task | undefined {
  const { problems } = reading;
  const parts = HEAD.exec(rest.trim());
  if (parts === null) {
    if (phase !== undefined) {
      problems.push(
        error('line-form', line, 'A task begins "- [ ] T001 ", with an id of at least three digits after the box.'),
      );
    }
    return undefined;
  }
  const [, id = '', , labelText = '', body = ''] = parts;
  const labels = labelsOf(labelText, reading.labels);
  for (const label of labels.unknown) {
    problems.push(
      error('label', line, `${id} has the label [${label}]. Only [P] and [US1] stand before the description.`),
    );
  }
  const { text, dependsOn, metadata } = metadataOf(body);
  if (text === '') problems.push(error('empty', line, `${id} says nothing.`));
  return {
    id,
    line,
    status: STATUS[mark] ?? 'pending',
    parallel: labels.parallel,
    story: labels.story,
    text,
    phase: phase?.index ?? -1,
    dependsOn,
    paths: pathsIn(text),
    metadata,
  };
}

function labelProblem(task: Task, phase: Phase | undefined): Problem | undefined {
  if (phase?.kind === 'story') {
    if (task.story === undefined) {
      return error(
        'story-label',
        task.line,
        `${task.id} stands in the phase of User Story ${phase.story} and needs [US${phase.story}].`,
      );
    }
    return task.story === phase.story
      ? undefined
      : error(
          'story-label',
          task.line,
          `${task.id} is labelled [US${task.story}] but stands in the phase of User Story ${phase.story}.`,
        );
  }
  const plain = phase?.kind === 'setup' || phase?.kind === 'foundational' || phase?.kind === 'polish';
  return plain && task.story !== undefined
    ? error('story-label', task.line, `${task.id} has [US${task.story}], but "${phase.title}" belongs to no story.`)
    : undefined;
}

function taskProblems(tasks: readonly Task[], phases: readonly Phase[]): Problem[] {
  const problems: Problem[] = [];
  const lines = new Map<string, number>();
  let last = 0;
  for (const task of tasks) {
    const twin = lines.get(task.id);
    if (twin !== undefined)
      problems.push(error('duplicate-id', task.line, `${task.id} stands in line ${twin} already.`));
    lines.set(task.id, twin ?? task.line);
    const number = Number(task.id.slice(1));
    if (number < last)
      problems.push(
        warning(
          'order',
          task.line,
          `${task.id} stands after T${String(last).padStart(3, '0')}. Number tasks in their order.`,
        ),
      );
    last = Math.max(last, number);
    const label = labelProblem(task, phases[task.phase]);
    if (label !== undefined) problems.push(label);
    if (phases[task.phase]?.kind === 'story' && task.paths.length === 0) {
      problems.push(warning('path', task.line, `${task.id} names no file. Say where the work is done.`));
    }
  }
  for (const task of tasks) {
    for (const id of task.dependsOn) {
      if (!lines.has(id))
        problems.push(
          error('unknown-dependency', task.line, `${task.id} depends on ${id}, which is not in this file.`),
        );
    }
  }
  return problems;
}

function readTasks(outline: Outline, phases: readonly Phase[], problems: Problem[]): Task[] {
  const tasks: Task[] = [];
  const reading: Reading = { problems, labels: new Map() };
  let at = -1;
  for (const { text: line, number, code } of outline.lines) {
    const box = code ? null : BOX.exec(line);
    if (box === null) continue;
    while ((phases[at + 1]?.line ?? Number.POSITIVE_INFINITY) <= number) at += 1;
    const phase = phases[at];
    const inside = phase !== undefined && number <= phase.end ? phase : undefined;
    const task = taskOf(number, box[1] ?? ' ', box[2] ?? '', inside, reading);
    if (task !== undefined) tasks.push(task);
  }
  return tasks;
}

/** What is wrong with a list as a whole, and with its tasks beside each other. */
function listProblems(outline: Outline, phases: readonly Phase[], tasks: readonly Task[]): Problem[] {
  const hasTitle = outline.headings.some(({ level }) => level === 1);
  const missing: [boolean, Problem][] = [
    [!hasTitle, error('title', 1, 'The title is missing. Begin with "# Tasks: NAME".')],
    [phases.length === 0, error('phase-missing', 0, 'There is no phase. Add "## Phase 1: Setup" and the others.')],
    [tasks.length === 0, error('empty-list', 0, 'There is no task. Add lines "- [ ] T001 …".')],
  ];
  return [...missing.filter(([isMissing]) => isMissing).map(([, problem]) => problem), ...taskProblems(tasks, phases)];
}

/** `tokens` are those of the template, see `templateTokens`. Problems are looked for when they are asked for. */
export function parseTasks(text: string, tokens?: ReadonlySet<string>): Tasks {
  const outline = outlineOf(text);
  const found: Problem[] = [];
  const phases = phasesOf(outline);
  const tasks = readTasks(outline, phases, found);
  let problems: readonly Problem[] | undefined;
  return {
    title: (outline.headings.find(({ level }) => level === 1)?.title ?? '').replace(/^Tasks:\s*/i, ''),
    phases,
    tasks,
    outline,
    get problems() {
      problems ??= [
        ...found,
        ...listProblems(outline, phases, tasks),
        ...leftoverProblems(outline, 'tasks', tokens),
      ].toSorted((a, b) => a.line - b.line);
      return problems;
    },
  };
}
