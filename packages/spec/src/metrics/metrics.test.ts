import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createBranch } from '../commands/git.ts';
import type { Project } from '../workflow/project.ts';
import { createWorkspaces } from '../workspace/workspace.ts';
import { metricsCsv, metricsMarkdown, metricsReport } from './report.ts';

const DAY_MS = 86_400_000;
const START = Date.UTC(2026, 0, 5);
let at: string;
let project: Project;

/** A commit or tag at a day and hour after the start. */
function git(day: number, author: string, ...args: string[]): void {
  const date = new Date(START + day * DAY_MS).toISOString();
  execFileSync(
    'git',
    ['-c', `user.name=${author}`, '-c', `user.email=${author}@example.com`, '-c', 'init.defaultBranch=main', ...args],
    {
      cwd: at,
      stdio: 'ignore',
      env: { PATH: process.env['PATH'], HOME: at, GIT_AUTHOR_DATE: date, GIT_COMMITTER_DATE: date },
    },
  );
}

function commit(day: number, author: string, path: string, text: string, subject: string): void {
  mkdirSync(join(at, path, '..'), { recursive: true });
  writeFileSync(join(at, path), text);
  git(day, author, 'add', '-A');
  git(day, author, 'commit', '-m', subject);
}

beforeAll(() => {
  at = realpathSync(mkdtempSync(join(tmpdir(), 'spec-metrics-')));
  git(0, 'ada', 'init');
  commit(
    1,
    'ada',
    'specs/001-a/tasks.md',
    '# Tasks: a\n\n## Phase 1: Setup\n\n- [ ] T001 x\n- [ ] T002 y\n',
    'spec: begin',
  );
  commit(2, 'ada', 'src/a.ts', '1', 'feat: a');
  git(3, 'ada', 'tag', '-a', 'v1', '-m', 'v1');
  commit(4, 'bob', 'src/a.ts', '2', 'fix: a');
  commit(5, 'bob', 'specs/001-a/tasks.md', '# Tasks: a\n\n## Phase 1: Setup\n\n- [x] T001 x\n- [ ] T002 y\n', '=cmd|x');
  git(6, 'bob', 'tag', '-a', 'v2', '-m', 'v2');
  project = {
    workspace: createWorkspaces({ roots: [at], now: () => START }).open(),
    env: { PATH: process.env['PATH'], HOME: at },
  };
});

afterAll(() => rmSync(at, { recursive: true, force: true }));

describe('metrics', () => {
  it('are what the history and the tasks say', async () => {
    const report = await metricsReport(project, START, START + 14 * DAY_MS);
    expect(report).toMatchObject({
      // Commits of day 1 and 2 were released on day 3, those of 4 and 5 on day 6; v1 was followed by a fix after a day.
      dora: { deployments: 2, deploymentsPerWeek: 1, leadTimeHours: 36, changeFailureRate: 50, timeToRestoreHours: 24 },
      space: { commits: 4, authors: 2, activeDays: 4, specificationShare: 50, sharedFiles: 100 },
      cycleTime: [{ feature: '001-a', days: 4, done: 1, total: 2 }],
      trends: [{ week: '2026-01-05', commits: 4, fixes: 1 }],
      burndown: { total: 2, done: 1, open: 1, daysLeft: 14 },
    });
    expect(metricsCsv(report)).toContain('\r\ndora,changeFailureRate,50\r\n');
    expect(metricsMarkdown(report)).toContain('| 001-a | 4 (1/2 tasks) |');
  });

  it('are of the time that was asked for', async () => {
    const { space, dora, burndown } = await metricsReport(project, START - 10 * DAY_MS, START);
    expect([space.commits, dora.deployments, burndown.done]).toEqual([0, 0, 1]);
  });
});

describe('git', () => {
  it('runs nothing that the repository names', async () => {
    const touch = (name: string): string => `#!/bin/sh\ntouch ${join(at, name)}\n`;
    writeFileSync(join(at, '.git/monitor.sh'), touch('monitor-ran'), { mode: 0o755 });
    mkdirSync(join(at, '.git/hooks'), { recursive: true });
    writeFileSync(join(at, '.git/hooks/post-checkout'), touch('hook-ran'), { mode: 0o755 });
    git(7, 'bob', 'config', 'core.fsmonitor', join(at, '.git/monitor.sh'));
    expect(await createBranch(project, '002-next', undefined, new AbortController().signal)).toEqual({
      branch: '002-next',
      from: 'HEAD',
    });
    expect([await project.workspace.kind('monitor-ran'), await project.workspace.kind('hook-ran')]).toEqual([
      undefined,
      undefined,
    ]);
    await expect(createBranch(project, '002-next', undefined, new AbortController().signal)).rejects.toMatchObject({
      code: 'conflict',
    });
  });
});
