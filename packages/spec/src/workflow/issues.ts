/** Open tasks as a list of issues. Makes none: it speaks to no network, and says so when the remote is not GitHub. */
import { SpecError } from '../errors.ts';
import { graphOfText } from '../tasks/graph.ts';
import { featureOf, type Project, readArtifact } from './project.ts';

export interface Issue {
  readonly title: string;
  readonly body: string;
  readonly labels: readonly string[];
}

export interface IssueList {
  readonly feature: string;
  /** `owner/name`. */
  readonly repository: string;
  readonly issues: readonly Issue[];
  /** Tasks that an existing title names. */
  readonly skipped: readonly string[];
}

const GITHUB =
  /^(?:https:\/\/(?:[^@/\s]+@)?github\.com\/|(?:ssh:\/\/)?git@github\.com[:/])([\w.-]+\/[\w.-]+?)(?:\.git)?\/?$/;

function remotesOf(config: string): ReadonlyMap<string, string> {
  const remotes = new Map<string, string>();
  let remote: string | undefined;
  for (const line of config.split(/\r?\n/)) {
    const section = /^\s*\[(.*)\]\s*$/.exec(line)?.[1];
    if (section !== undefined) remote = /^remote "(.*)"$/.exec(section)?.[1];
    const url = /^\s*url\s*=\s*(\S+)\s*$/.exec(line)?.[1];
    if (remote !== undefined && url !== undefined) remotes.set(remote, url);
  }
  return remotes;
}

/** `owner/name` of the remote `origin`, or of the only remote there is, on GitHub. */
async function gitHubRepository(project: Project): Promise<string> {
  const remotes = remotesOf((await project.workspace.read('.git/config')) ?? '');
  const url = remotes.get('origin') ?? (remotes.size === 1 ? [...remotes.values()][0] : undefined);
  const repository = GITHUB.exec(url ?? '')?.[1];
  if (repository !== undefined) return repository;
  throw new SpecError(
    'gate',
    'The remote of this repository is not on GitHub, so there is no tracker to list issues for.',
  );
}

export async function tasksToIssues(
  project: Project,
  existingTitles: readonly string[],
  named?: string,
): Promise<IssueList> {
  const repository = await gitHubRepository(project);
  const feature = await featureOf(project, named);
  const graph = project.workspace.derive(await readArtifact(project.workspace, feature, 'tasks'), graphOfText);
  const taken = new Set(existingTitles.flatMap((title) => title.match(/\bT\d{3,}\b/g) ?? []));
  const open = graph.tasks.filter(({ status }) => status !== 'completed');
  const issues = open
    .filter(({ id }) => !taken.has(id))
    .map((task) => {
      const phase = graph.phases[task.phase]?.title;
      const waits = graph.blockers(task).slice(0, 20);
      const lines = [
        task.text,
        '',
        `Feature: ${feature.name}`,
        ...(phase === undefined ? [] : [`Phase: ${phase}`]),
        ...(task.story === undefined ? [] : [`User story: ${task.story}`]),
        ...(waits.length === 0 ? [] : [`Waits for: ${waits.join(', ')}`]),
      ];
      const labels = [...(task.story === undefined ? [] : [`US${task.story}`]), ...(task.parallel ? ['parallel'] : [])];
      return { title: `${task.id}: ${task.text}`.slice(0, 256), body: lines.join('\n'), labels };
    });
  return {
    feature: feature.name,
    repository,
    issues,
    skipped: open.filter(({ id }) => taken.has(id)).map(({ id }) => id),
  };
}
