/**
 * Brings what DinCoder left into today's layout: features of `.dincoder/specs` move to `specs/`, old task lines become today's,
 * a constitution inside a feature becomes the project's, the research beside the features goes to the newest. All of it is one change, which `undo` takes back, and every file that
 * is moved or rewritten is copied to `.dincoder/backup-…` first.
 */
import { parseConstitution } from '../grammar/constitution.ts';
import { appendLines } from '../grammar/edit.ts';
import { parseTasks, type Task, type Tasks } from '../grammar/tasks.ts';
import { type Feature, listFeatures, nextFeature } from '../layout/features.ts';
import { CONSTITUTION, OLD_SPECS, SPECS } from '../layout/paths.ts';
import type { Project } from '../workflow/project.ts';
import type { Draft } from '../workspace/change.ts';
import type { Workspace } from '../workspace/workspace.ts';

export interface Upgraded {
  /** Empty when there was nothing to do. */
  readonly backup: string;
  readonly moved: readonly { readonly from: string; readonly to: string }[];
  /** Files of tasks whose lines were rewritten. */
  readonly rewritten: readonly string[];
  readonly constitution: boolean;
}

const OLD_LINE = /^(\s*[-*] \[[ xX~]\] )(T\d{3,5}):\s+(.*)$/m;
const PAIRS = /\(\s*(?:phase|type|depends|priority|effort|tags)\s*:[^()]*\)\s*$/i;

function taskLine(task: Task, story: number | undefined): string {
  const box = { pending: '[ ]', in_progress: '[~]', completed: '[X]' }[task.status];
  const kept = [...task.metadata]
    .filter(([key]) => key !== 'depends' && key !== 'phase')
    .map(([key, value]) => `${key}: ${value}`);
  return [
    `- ${box} ${task.id}`,
    ...(task.parallel ? ['[P]'] : []),
    ...(story === undefined ? [] : [`[US${story}]`]),
    task.text,
    ...(task.dependsOn.length === 0 ? [] : [`(depends on ${task.dependsOn.join(', ')})`]),
    ...(kept.length === 0 ? [] : [`(${kept.join(', ')})`]),
  ].join(' ');
}

const ORDER = ['setup', 'foundational', 'core', 'implementation', 'integration', 'testing', 'polish'];

/** A list without phases gets them from the tasks' own words. */
function grouped({ tasks, title }: Tasks): string {
  const rank = (name: string): number => (ORDER.indexOf(name) === -1 ? ORDER.length - 1.5 : ORDER.indexOf(name));
  const groups = [...Map.groupBy(tasks, (task) => task.metadata.get('phase')?.toLowerCase() ?? 'work')].toSorted(
    ([a], [b]) => rank(a) - rank(b),
  );
  const lines = [`# Tasks: ${title}`];
  for (const [index, [name, group]] of groups.entries()) {
    lines.push(
      '',
      `## Phase ${index + 1}: ${name.charAt(0).toUpperCase()}${name.slice(1)}`,
      '',
      ...group.map((task) => taskLine(task, task.story)),
    );
  }
  return `${lines.join('\n')}\n`;
}

/** Today's form of a list of tasks; the same text when it is today's already. */
function upgradeTasks(text: string): string {
  const lines = text.split('\n');
  const parsed = parseTasks(text);
  const old = parsed.tasks.filter(
    (task) => OLD_LINE.test(lines[task.line - 1] ?? '') || PAIRS.test((lines[task.line - 1] ?? '').trimEnd()),
  );
  if (!old.some((task) => OLD_LINE.test(lines[task.line - 1] ?? ''))) return text;
  if (parsed.phases.length === 0) return grouped(parsed);
  for (const task of old) lines[task.line - 1] = taskLine(task, task.story);
  return lines.join('\n');
}

async function filesOf(workspace: Workspace, folder: string, depth = 4): Promise<string[]> {
  const files: string[] = [];
  for (const { name, kind } of await workspace.list(folder)) {
    if (kind === 'file') files.push(`${folder}/${name}`);
    else if (depth > 0) files.push(...(await filesOf(workspace, `${folder}/${name}`, depth - 1)));
  }
  return files;
}

function stampOf(ms: number): string {
  const text = new Date(ms).toISOString();
  return `${text.slice(0, 10).replaceAll('-', '')}-${text.slice(11, 19).replaceAll(':', '')}`;
}

/** The folder a feature moves to: its own name, or the next number when that is taken. */
function targetOf(feature: Feature, taken: readonly Feature[]): Feature {
  if (!taken.some(({ name }) => name === feature.name))
    return { name: feature.name, directory: `${SPECS}/${feature.name}` };
  return nextFeature(taken, feature.name.replace(/^\d+-/, ''), 'sequential', 0);
}

async function moveFeatures(workspace: Workspace, draft: Draft, backup: string): Promise<Upgraded['moved']> {
  const features = await listFeatures(workspace);
  const taken = features.filter(({ directory }) => directory.startsWith(`${SPECS}/`));
  const moved: { from: string; to: string }[] = [];
  for (const feature of features.filter(({ directory }) => directory.startsWith(`${OLD_SPECS}/`))) {
    const target = targetOf(feature, taken);
    taken.push(target);
    for (const file of await filesOf(workspace, feature.directory)) {
      const text = (await draft.read(file)) ?? '';
      const rest = file.slice(feature.directory.length);
      draft.write(`${backup}/${file}`, text);
      draft.write(target.directory + rest, rest === '/tasks.md' ? upgradeTasks(text) : text);
      draft.remove(file);
    }
    moved.push({ from: feature.directory, to: target.directory });
  }
  return moved;
}

const OLD_RESEARCH = '.dincoder/research.md';

/** DinCoder kept one research file for all features: its text goes to the end of the newest feature's. */
async function moveResearch(
  workspace: Workspace,
  draft: Draft,
  backup: string,
  moved: Upgraded['moved'],
): Promise<Upgraded['moved']> {
  const text = await draft.read(OLD_RESEARCH);
  const newest = (await listFeatures(workspace)).at(-1);
  if (text === undefined || newest === undefined) return moved;
  const directory = moved.find(({ from }) => from === newest.directory)?.to ?? newest.directory;
  const to = `${directory}/research.md`;
  const there = (await draft.read(to)) ?? `# Research: ${newest.name}\n`;
  draft.write(`${backup}/${OLD_RESEARCH}`, text);
  draft.write(
    to,
    appendLines(there, [
      '',
      ...text
        .trim()
        .split(/\r?\n/)
        .map((line) => line.replace(/^# /, '## ')),
    ]),
  );
  draft.remove(OLD_RESEARCH);
  return [...moved, { from: OLD_RESEARCH, to }];
}

async function rewriteTasks(workspace: Workspace, draft: Draft, backup: string): Promise<string[]> {
  const rewritten: string[] = [];
  const files = (await listFeatures(workspace))
    .filter(({ directory }) => directory.startsWith(`${SPECS}/`))
    .map(({ directory }) => `${directory}/tasks.md`);
  for (const path of [...files, '.dincoder/tasks.md']) {
    const text = await draft.read(path);
    const upgraded = text === undefined ? undefined : upgradeTasks(text);
    if (text === undefined || upgraded === undefined || upgraded === text) continue;
    draft.write(`${backup}/${path}`, text);
    draft.write(path, upgraded);
    rewritten.push(path);
  }
  return rewritten;
}

/** A constitution that fits today's grammar becomes the project's; another is left for its writer. */
async function liftConstitution(workspace: Workspace, draft: Draft): Promise<boolean> {
  if ((await draft.read(CONSTITUTION)) !== undefined) return false;
  for (const { directory } of (await listFeatures(workspace)).toReversed()) {
    const text = await draft.read(`${directory}/constitution.md`);
    if (text === undefined || parseConstitution(text).problems.some(({ severity }) => severity === 'error')) continue;
    draft.write(CONSTITUTION, text);
    return true;
  }
  return false;
}

export async function upgradeProject(project: Project): Promise<Upgraded> {
  const { workspace } = project;
  const backup = `.dincoder/backup-${stampOf(workspace.now())}`;
  const { value, changed } = await workspace.change('workspace', 'upgrade from DinCoder', async (draft) => {
    const rewritten = await rewriteTasks(workspace, draft, backup);
    const constitution = await liftConstitution(workspace, draft);
    const moved = await moveFeatures(workspace, draft, backup);
    return { moved: await moveResearch(workspace, draft, backup, moved), rewritten, constitution };
  });
  return { ...value, backup: changed.some((path) => path.startsWith(backup)) ? backup : '' };
}
