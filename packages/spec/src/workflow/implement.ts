/**
 * Before, while and after the tasks are done: the gate of the checklists, the batch that can be worked on now, and whether what
 * was ticked is there. Does not run or judge code.
 */
import { parseChecklist } from '../grammar/checklist.ts';
import { parsePlan } from '../grammar/plan.ts';
import type { Task } from '../grammar/tasks.ts';
import { graphOfText } from '../tasks/graph.ts';
import { featureOf, type Project, readArtifact } from './project.ts';

export interface GateRow {
  readonly checklist: string;
  readonly total: number;
  readonly completed: number;
  readonly incomplete: number;
  readonly passed: boolean;
}

export interface TaskView {
  readonly id: string;
  readonly text: string;
  readonly phase: string;
  readonly story: number | null;
  readonly parallel: boolean;
  readonly status: Task['status'];
  readonly paths: readonly string[];
}

export interface ImplementNext {
  readonly feature: string;
  readonly gate: readonly GateRow[];
  /** When false, ask the user whether to go on before any task is begun. */
  readonly passed: boolean;
  /** Tasks that can be begun now. Those of a run of `[P]` may be done at once. */
  readonly next: readonly TaskView[];
  readonly done: number;
  readonly total: number;
  /** Ignore files the plan's technology asks for, and what belongs in them. They are not written. */
  readonly ignoreFiles: readonly {
    readonly file: string;
    readonly patterns: readonly string[];
    readonly there: boolean;
  }[];
}

const IGNORES: readonly [RegExp, string, readonly string[]][] = [
  [
    /\b(?:node|typescript|javascript|react|vue|svelte|next)\b/i,
    '.gitignore',
    ['node_modules/', 'dist/', '*.log', '.env*'],
  ],
  [/\bpython\b/i, '.gitignore', ['__pycache__/', '*.pyc', '.venv/', 'dist/', '*.egg-info/']],
  [/\b(?:java|kotlin)\b/i, '.gitignore', ['target/', 'build/', '.gradle/', '*.class']],
  [/\brust\b/i, '.gitignore', ['target/', '*.rs.bk']],
  [/\bgo(?:lang)?\s*\d|\bgolang\b/i, '.gitignore', ['*.test', '*.out', 'vendor/']],
  [/\b(?:c#|\.net|dotnet)/i, '.gitignore', ['bin/', 'obj/', '*.user']],
  [/\bdocker\b/i, '.dockerignore', ['.git/', 'node_modules/', '*.log', '.env*']],
  [/\bterraform\b/i, '.gitignore', ['.terraform/', '*.tfstate*', '*.tfvars']],
  [/\beslint\b/i, '.eslintignore', ['node_modules/', 'dist/', 'coverage/']],
  [/\bprettier\b/i, '.prettierignore', ['dist/', 'coverage/', 'package-lock.json']],
];

/** The checklists of a feature, counted. */
async function checklistGate(project: Project, directory: string): Promise<readonly GateRow[]> {
  const rows: GateRow[] = [];
  for (const { name, kind } of await project.workspace.list(`${directory}/checklists`)) {
    if (kind !== 'file' || !name.endsWith('.md')) continue;
    const { items } = parseChecklist((await project.workspace.read(`${directory}/checklists/${name}`)) ?? '');
    const completed = items.filter(({ checked }) => checked).length;
    const incomplete = items.length - completed;
    rows.push({ checklist: name, total: items.length, completed, incomplete, passed: incomplete === 0 });
  }
  return rows;
}

export const viewOf = (task: Task, phases: readonly { title: string }[]): TaskView => ({
  id: task.id,
  text: task.text,
  phase: phases[task.phase]?.title ?? '',
  story: task.story ?? null,
  parallel: task.parallel,
  status: task.status,
  paths: task.paths,
});

async function ignoreFiles(project: Project, planText: string): Promise<ImplementNext['ignoreFiles']> {
  const { context } = parsePlan(planText);
  const said = [...context.values()].map(({ text }) => text).join('\n');
  const files = new Map<string, Set<string>>();
  for (const [pattern, file, patterns] of IGNORES) {
    if (!pattern.test(said)) continue;
    const set = files.get(file) ?? new Set<string>();
    for (const one of patterns) set.add(one);
    files.set(file, set);
  }
  const found: { file: string; patterns: string[]; there: boolean }[] = [];
  for (const [file, patterns] of files) {
    const there = await project.workspace.read(file);
    const lacking = [...patterns].filter((pattern) => there === undefined || !there.split(/\r?\n/).includes(pattern));
    if (lacking.length > 0) found.push({ file, patterns: lacking, there: there !== undefined });
  }
  return found;
}

export async function implementNext(project: Project, named?: string, limit = 20): Promise<ImplementNext> {
  const feature = await featureOf(project, named);
  const graph = project.workspace.derive(await readArtifact(project.workspace, feature, 'tasks'), graphOfText);
  const gate = await checklistGate(project, feature.directory);
  return {
    feature: feature.name,
    gate,
    passed: gate.every(({ passed }) => passed),
    next: graph.ready.slice(0, limit).map((task) => viewOf(task, graph.phases)),
    done: graph.tasks.filter(({ status }) => status === 'completed').length,
    total: graph.tasks.length,
    ignoreFiles: await ignoreFiles(project, await readArtifact(project.workspace, feature, 'plan')),
  };
}

export interface ImplementVerified {
  readonly feature: string;
  readonly complete: boolean;
  readonly open: readonly TaskView[];
  /** Files a ticked task names that are not in the workspace. */
  readonly missingFiles: readonly { readonly task: string; readonly path: string }[];
}

const MOST_FILES = 5000;

/** Names in a folder, looked up once however many tasks name a file of it. */
function folderNames({ workspace }: Project): (folder: string) => Promise<ReadonlySet<string>> {
  const known = new Map<string, Promise<ReadonlySet<string>>>();
  return async (folder) => {
    const names =
      known.get(folder) ?? workspace.list(folder).then((entries) => new Set(entries.map(({ name }) => name)));
    known.set(folder, names);
    return await names;
  };
}

/** Files that ticked tasks name and that are not there. Patterns, folders and bare names are not looked for. */
export async function missingFiles(
  project: Project,
  tasks: readonly Task[],
): Promise<ImplementVerified['missingFiles']> {
  const missing: { task: string; path: string }[] = [];
  const namesIn = folderNames(project);
  const done = tasks.filter(({ status }) => status === 'completed');
  const named = done.flatMap(({ id, paths }) => paths.map((path) => ({ task: id, path })));
  for (const { task, path } of named.slice(0, MOST_FILES)) {
    if (/[*[\]]|\/$/.test(path) || path.startsWith('..') || !path.includes('/')) continue;
    const at = path.lastIndexOf('/');
    if ((await namesIn(path.slice(0, at))).has(path.slice(at + 1))) continue;
    // Links are in no list, and lead to what is asked for as long as they stay inside.
    if ((await project.workspace.kind(path)) === undefined) missing.push({ task, path });
  }
  return missing;
}

export async function verifyImplementation(project: Project, named?: string): Promise<ImplementVerified> {
  const feature = await featureOf(project, named);
  const { phases, tasks } = project.workspace.derive(
    await readArtifact(project.workspace, feature, 'tasks'),
    graphOfText,
  );
  const open = tasks.filter(({ status }) => status !== 'completed');
  const missing = await missingFiles(project, tasks);
  return {
    feature: feature.name,
    complete: open.length === 0 && missing.length === 0,
    open: open.slice(0, 200).map((task) => viewOf(task, phases)),
    missingFiles: missing,
  };
}
