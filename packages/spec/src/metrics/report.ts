/**
 * Metrics out of history and tasks: DORA, SPACE, cycle time, trends, burndown. They are what git can tell: a tag (or a merge)
 * stands for a deployment, a fix or revert for a failure. The report says so.
 */
import { countTasks } from '../grammar/tasks.ts';
import { listFeatures } from '../layout/features.ts';
import { artifactPath, type Project } from '../workflow/project.ts';
import { type Commit, type History, readHistory, type Release } from './history.ts';

const DAY_MS = 86_400_000;

export interface MetricsReport {
  readonly from: string;
  readonly to: string;
  readonly dora: {
    readonly deployments: number;
    readonly deploymentsPerWeek: number;
    /** Hours from a commit to the release that holds it, in the middle. */
    readonly leadTimeHours: number;
    /** Percent of the releases that a fix followed before the next one. */
    readonly changeFailureRate: number;
    /** Hours from such a release to its fix, in the middle. */
    readonly timeToRestoreHours: number;
  };
  readonly space: {
    readonly commits: number;
    readonly authors: number;
    readonly activeDays: number;
    readonly commitsPerActiveDay: number;
    /** Percent of the commits that touch specifications. */
    readonly specificationShare: number;
    /** Percent of the specified files that more than one author changed. */
    readonly sharedFiles: number;
  };
  /** Days from the first to the last commit of a feature's folder. */
  readonly cycleTime: readonly {
    readonly feature: string;
    readonly days: number;
    readonly done: number;
    readonly total: number;
  }[];
  /** By week, oldest first. */
  readonly trends: readonly { readonly week: string; readonly commits: number; readonly fixes: number }[];
  readonly burndown: {
    readonly total: number;
    readonly done: number;
    readonly open: number;
    readonly daysLeft: number | null;
  };
}

const FIX = /^(?:revert|hotfix|fix)\b/i;
const round = (value: number): number => Math.round(value * 100) / 100;
const share = (part: number, whole: number): number => (whole === 0 ? 0 : round((part / whole) * 100));

function middle(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const half = Math.floor(sorted.length / 2);
  const upper = sorted[half] ?? 0;
  return sorted.length % 2 === 0 ? ((sorted[half - 1] ?? 0) + upper) / 2 : upper;
}

function leadTimes(commits: readonly Commit[], releases: readonly Release[]): number[] {
  return commits
    .filter(({ merge }) => !merge)
    .flatMap(({ at }) => {
      const release = releases.find((one) => one.at >= at);
      return release === undefined ? [] : [(release.at - at) / 3_600_000];
    });
}

function failures(commits: readonly Commit[], releases: readonly Release[]): number[] {
  const fixes = commits.filter(({ subject }) => FIX.test(subject)).toReversed();
  return releases.flatMap(({ at }, index) => {
    const next = releases[index + 1]?.at ?? Number.POSITIVE_INFINITY;
    const fix = fixes.find((one) => one.at > at && one.at <= next);
    return fix === undefined ? [] : [(fix.at - at) / 3_600_000];
  });
}

const isSpecification = (file: string): boolean => /^(?:specs|\.specify|\.dincoder)\//.test(file);

function spaceOf(commits: readonly Commit[]): MetricsReport['space'] {
  const days = new Set(commits.map(({ at }) => Math.floor(at / DAY_MS)));
  const byFile = new Map<string, Set<number>>();
  for (const { files, author } of commits) {
    for (const file of files) byFile.set(file, (byFile.get(file) ?? new Set()).add(author));
  }
  return {
    commits: commits.length,
    authors: new Set(commits.map(({ author }) => author)).size,
    activeDays: days.size,
    commitsPerActiveDay: days.size === 0 ? 0 : round(commits.length / days.size),
    specificationShare: share(commits.filter(({ files }) => files.some(isSpecification)).length, commits.length),
    sharedFiles: share([...byFile.values()].filter((authors) => authors.size > 1).length, byFile.size),
  };
}

/** The Monday of a time, in UTC. */
function weekOf(ms: number): string {
  const day = Math.floor(ms / DAY_MS);
  return new Date((day - ((day + 3) % 7)) * DAY_MS).toISOString().slice(0, 10);
}

function trendsOf(commits: readonly Commit[]): MetricsReport['trends'] {
  return [...Map.groupBy(commits.toReversed(), ({ at }) => weekOf(at))]
    .map(([week, group]) => ({
      week,
      commits: group.length,
      fixes: group.filter(({ subject }) => FIX.test(subject)).length,
    }))
    .toSorted((a, b) => (a.week < b.week ? -1 : 1));
}

async function cycleTimes(project: Project, commits: readonly Commit[]): Promise<MetricsReport['cycleTime']> {
  const times = new Map<string, { first: number; last: number }>();
  for (const { files, at } of commits) {
    for (const file of files) {
      const directory = file.split('/').slice(0, -1).join('/');
      const known = times.get(directory);
      times.set(directory, { first: Math.min(known?.first ?? at, at), last: Math.max(known?.last ?? at, at) });
    }
  }
  const rows: { feature: string; days: number; done: number; total: number }[] = [];
  for (const feature of await listFeatures(project.workspace)) {
    const text = await project.workspace.read(artifactPath(feature, 'tasks'));
    const { done, total } = text === undefined ? { done: 0, total: 0 } : countTasks(text);
    const time = times.get(feature.directory);
    rows.push({
      feature: feature.name,
      days: time === undefined ? 0 : round((time.last - time.first) / DAY_MS),
      done,
      total,
    });
  }
  return rows;
}

function doraOf({ commits, releases }: History, days: number): MetricsReport['dora'] {
  const failed = failures(commits, releases);
  return {
    deployments: releases.length,
    deploymentsPerWeek: round((releases.length / days) * 7),
    leadTimeHours: round(middle(leadTimes(commits, releases))),
    changeFailureRate: share(failed.length, releases.length),
    timeToRestoreHours: round(middle(failed)),
  };
}

export async function metricsReport(
  project: Project,
  fromMs: number,
  toMs: number,
  signal?: AbortSignal,
): Promise<MetricsReport> {
  const history = await readHistory(project, fromMs, toMs, signal);
  const days = Math.max(1, (toMs - fromMs) / DAY_MS);
  const cycleTime = await cycleTimes(project, history.commits);
  const total = cycleTime.reduce((sum, row) => sum + row.total, 0);
  const done = cycleTime.reduce((sum, row) => sum + row.done, 0);
  const perDay = done / days;
  return {
    from: new Date(fromMs).toISOString(),
    to: new Date(toMs).toISOString(),
    dora: doraOf(history, days),
    space: spaceOf(history.commits),
    cycleTime,
    trends: trendsOf(history.commits),
    burndown: {
      total,
      done,
      open: total - done,
      daysLeft: done === 0 || total === done ? null : round((total - done) / perDay),
    },
  };
}

/** One row a value: `group,name,value`. Cells that a spreadsheet would take for a formula are made text. */
export function metricsCsv(report: MetricsReport): string {
  const rows: [string, string, string | number | null][] = [
    ...Object.entries(report.dora).map(([name, value]): [string, string, number] => ['dora', name, value]),
    ...Object.entries(report.space).map(([name, value]): [string, string, number] => ['space', name, value]),
    ...report.cycleTime.map(({ feature, days }): [string, string, number] => ['cycleTimeDays', feature, days]),
    ...report.trends.flatMap(({ week, commits, fixes }): [string, string, number][] => [
      ['commits', week, commits],
      ['fixes', week, fixes],
    ]),
    ...Object.entries(report.burndown).map(([name, value]): [string, string, number | null] => [
      'burndown',
      name,
      value,
    ]),
  ];
  const cell = (value: string | number | null): string => {
    const text = String(value ?? '');
    const safe = /^[=+@\t\r]|^-\D/.test(text) ? `'${text}` : text;
    return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  return `group,name,value\r\n${rows.map((row) => row.map(cell).join(',')).join('\r\n')}\r\n`;
}

export function metricsMarkdown(report: MetricsReport): string {
  const table = (title: string, entries: readonly (readonly [string, string | number | null])[]): string[] => [
    `## ${title}`,
    '',
    '| | |',
    '|---|---|',
    ...entries.map(([name, value]) => `| ${name} | ${value ?? '–'} |`),
    '',
  ];
  return [
    `# Metrics ${report.from.slice(0, 10)} to ${report.to.slice(0, 10)}`,
    '',
    'From git: a tag, or a merge where there are none, stands for a deployment; a fix or revert for a failure.',
    '',
    ...table('DORA', Object.entries(report.dora)),
    ...table('SPACE', Object.entries(report.space)),
    ...table(
      'Cycle time (days)',
      report.cycleTime.map(({ feature, days, done, total }) => [feature, `${days} (${done}/${total} tasks)`]),
    ),
    ...table(
      'Commits by week',
      report.trends.map(({ week, commits, fixes }) => [week, `${commits} (${fixes} fixes)`]),
    ),
    ...table('Burndown', Object.entries(report.burndown)),
  ].join('\n');
}
