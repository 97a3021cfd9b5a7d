/** Writes the list of tasks and ticks them. Ticking changes the mark between the brackets and no other byte. */
import { type Problem, refuseErrors, SpecError } from '../errors.ts';
import { parseSpec, type Spec } from '../grammar/spec.ts';
import { parseTasks, type Tasks, type TaskStatus } from '../grammar/tasks.ts';
import { graphOf, graphOfText, type TaskGraph } from '../tasks/graph.ts';
import { listFeatures } from '../layout/features.ts';
import {
  artifactPath,
  featureOf,
  insidePath,
  type Project,
  readArtifact,
  type Reader,
  refuseStale,
  tokensOf,
} from './project.ts';

export interface TasksWritten {
  readonly feature: string;
  readonly path: string;
  readonly total: number;
  readonly parallel: number;
  readonly perStory: readonly { readonly story: number; readonly title: string; readonly tasks: number }[];
  readonly problems: readonly Problem[];
  readonly changed: readonly string[];
}

const error = (rule: string, line: number, message: string): Problem => ({
  rule: `tasks.${rule}`,
  line,
  message,
  severity: 'error',
});

/** What only the specification can tell of a list of tasks. */
export function storyProblems(tasks: Tasks, spec: Spec): Problem[] {
  const known = new Set(spec.stories.map(({ number }) => number));
  const problems: Problem[] = [];
  for (const task of tasks.tasks) {
    if (task.story !== undefined && !known.has(task.story)) {
      problems.push(
        error('unknown-story', task.line, `${task.id} names [US${task.story}], which the specification does not have.`),
      );
    }
  }
  const served = new Set(tasks.tasks.map(({ story }) => story));
  for (const { number, title } of spec.stories) {
    if (!served.has(number))
      problems.push(error('story-uncovered', 0, `User Story ${number} (${title}) has no task [US${number}].`));
  }
  const order = tasks.phases.flatMap(({ story, line }) => {
    const priority = spec.stories.find(({ number }) => number === story)?.priority;
    return priority === undefined ? [] : [{ priority, line }];
  });
  for (const [index, { priority, line }] of order.entries()) {
    if (priority < (order[index - 1]?.priority ?? 0)) {
      problems.push({
        ...error('phase-order', line, 'A story of higher priority comes after one of lower.'),
        severity: 'warning',
      });
    }
  }
  return problems;
}

function cycleProblems({ cycle, byId }: TaskGraph): Problem[] {
  if (cycle === undefined) return [];
  const line = byId.get(cycle[0] ?? '')?.line ?? 0;
  return [error('cycle', line, `These tasks wait for each other: ${cycle.join(' → ')}. Phases and order count too.`)];
}

/** All problems of a list of tasks, with or without its specification. */
export function tasksProblems(tasks: Tasks, spec: Spec | undefined, graph: TaskGraph = graphOf(tasks)): Problem[] {
  return [...tasks.problems, ...(spec === undefined ? [] : storyProblems(tasks, spec)), ...cycleProblems(graph)];
}

/** Tasks that were done must stay in the list, done. */
function lostWork(before: Tasks, after: Tasks): Problem[] {
  const now = new Map(after.tasks.map((task) => [task.id, task]));
  return before.tasks
    .filter(({ id, status }) => status === 'completed' && now.get(id)?.status !== 'completed')
    .map(({ id }) =>
      error('lost-work', now.get(id)?.line ?? 0, `${id} was done, and is not any more. Keep it ticked.`),
    );
}

/** Throws a SpecError: `missing_step` without specification or plan, `grammar` with line and rule. */
export async function writeTasks(
  project: Project,
  content: string,
  named?: string,
  basedOn?: string,
): Promise<TasksWritten> {
  const feature = await featureOf(project, named);
  const path = artifactPath(feature, 'tasks');
  const spec = parseSpec(await readArtifact(project.workspace, feature, 'spec'));
  await readArtifact(project.workspace, feature, 'plan');
  const tasks = parseTasks(content, await tokensOf(project, 'tasks-template'));
  const problems = tasksProblems(tasks, spec);
  refuseErrors(path, problems);
  const { changed } = await project.workspace.change(feature.name, 'tasks', async (draft) => {
    const old = await draft.read(path);
    refuseStale(path, old, basedOn);
    if (old !== undefined) refuseErrors(path, lostWork(parseTasks(old), tasks));
    draft.write(path, content);
  });
  return {
    feature: feature.name,
    path,
    total: tasks.tasks.length,
    parallel: tasks.tasks.filter(({ parallel }) => parallel).length,
    perStory: spec.stories.map(({ number, title }) => ({
      story: number,
      title,
      tasks: tasks.tasks.filter(({ story }) => story === number).length,
    })),
    problems,
    changed,
  };
}

/** A file of tasks: that of a feature, or any one in the workspace. */
export interface TaskFile {
  readonly path: string;
  /** The lock it is written under. */
  readonly scope: string;
  /** Empty for a file of no feature. */
  readonly feature: string;
}

/** The file of a feature when `path` is left out or names one; else the file itself. */
export async function taskFile(project: Project, path?: string, named?: string): Promise<TaskFile> {
  if (path === undefined || path === '') {
    const feature = await featureOf(project, named);
    return { path: artifactPath(feature, 'tasks'), scope: feature.name, feature: feature.name };
  }
  const inside = insidePath(project, path);
  const parent = inside.split('/').slice(0, -1).join('/');
  const feature = (await listFeatures(project.workspace)).find(({ directory }) => directory === parent);
  if (named !== undefined && named !== '' && (await featureOf(project, named)).directory !== parent) {
    throw new SpecError('invalid_input', `${inside} is not in the feature that is named. Give one of both.`);
  }
  return { path: inside, scope: feature?.name ?? 'workspace', feature: feature?.name ?? '' };
}

export async function textOfTasks(reader: Reader, { path }: TaskFile): Promise<string> {
  const text = await reader.read(path);
  if (text !== undefined) return text;
  throw new SpecError('missing_step', `${path} does not exist yet. Make it first: tasks_write.`);
}

export interface Ticked {
  readonly feature: string;
  readonly ticked: readonly string[];
  /** Had that mark before. */
  readonly already: readonly string[];
  readonly missing: readonly string[];
  readonly done: number;
  readonly total: number;
  /** Ids that can be begun now, at most ten. */
  readonly next: readonly string[];
  readonly changed: readonly string[];
}

const MARKS: Readonly<Record<TaskStatus, string>> = { pending: '[ ]', in_progress: '[~]', completed: '[X]' };
const MOST_IDS = 1000;

/** `T001`, `T003-T007` and lists of them with commas, in order, each once. */
function expandIds(ids: readonly string[]): string[] {
  const expanded = new Set<string>();
  for (const part of ids.flatMap((text) => text.split(/[\s,]+/)).filter((text) => text !== '')) {
    const range = /^T(\d{3,5})(?:(?:-|\.\.|–)T?(\d{3,5}))?$/.exec(part);
    if (range === null)
      throw new SpecError(
        'invalid_input',
        `${JSON.stringify(part.slice(0, 40))} is neither a task id nor a range T001-T005.`,
      );
    const [, first = '', last = first] = range;
    if (Number(last) < Number(first)) throw new SpecError('invalid_input', `The range ${part} goes backwards.`);
    if (Number(last) - Number(first) >= MOST_IDS)
      throw new SpecError('invalid_input', `The range ${part} is too long.`);
    for (let number = Number(first); number <= Number(last); number += 1) {
      expanded.add(`T${String(number).padStart(first.length, '0')}`);
    }
  }
  if (expanded.size === 0 || expanded.size > MOST_IDS)
    throw new SpecError('invalid_input', `Name 1 to ${MOST_IDS} tasks.`);
  return [...expanded];
}

/** Marks tasks. With `strict`, a missing id refuses all. */
export async function markTasks(
  project: Project,
  { ids, status, strict = false }: { ids: readonly string[]; status: TaskStatus; strict?: boolean },
  target: TaskFile,
): Promise<Ticked> {
  const { path } = target;
  const wanted = expandIds(ids);
  const { value, changed } = await project.workspace.change(target.scope, `tasks ${status}`, async (draft) => {
    const text = await textOfTasks(draft, target);
    const { byId } = project.workspace.derive(text, graphOfText);
    const missing = wanted.filter((id) => !byId.has(id));
    if (missing.length > 0 && (strict || missing.length === wanted.length)) {
      throw new SpecError('not_found', `${path} has no ${missing.slice(0, 20).join(', ')}. Nothing was changed.`);
    }
    const lines = text.split('\n');
    const ticked: string[] = [];
    const already: string[] = [];
    for (const id of wanted) {
      const task = byId.get(id);
      const line = task === undefined ? undefined : lines[task.line - 1];
      if (task === undefined || line === undefined) continue;
      if (task.status === status) already.push(id);
      else {
        lines[task.line - 1] = line.replace(/\[[ xX~]\]/, MARKS[status]);
        ticked.push(id);
      }
    }
    const marked = lines.join('\n');
    draft.write(path, marked);
    // What is asked next is mostly about this text.
    const after = project.workspace.derive(marked, graphOfText);
    const done = after.tasks.filter((task) => task.status === 'completed').length;
    const next = after.ready.slice(0, 10).map(({ id }) => id);
    return { ticked, already, missing, done, total: after.tasks.length, next };
  });
  return { feature: target.feature, ...value, changed };
}
