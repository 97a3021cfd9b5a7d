/** Analysis, implementation, convergence, issues and undo as tools. */
import { analysisReport, analyze } from '../analyze/analyze.ts';
import { converge, GAPS, SEVERITIES } from '../workflow/converge.ts';
import { implementNext, verifyImplementation } from '../workflow/implement.ts';
import { tasksToIssues } from '../workflow/issues.ts';
import { NAMES, TASK } from './results.ts';
import {
  bool,
  choice,
  closed,
  list,
  many,
  map,
  nullable,
  num,
  object,
  oneOf,
  optional,
  str,
  text,
  whole,
} from './shape.ts';
import { FEATURE, type Tool, tool } from './tool.ts';

const analysis = tool({
  name: 'analyze',
  title: 'Analyse specification, plan and tasks',
  description:
    'Read-only. Six passes (duplication, ambiguity, underspecification, constitution, coverage, inconsistency) and the matrix of ' +
    'requirements, stories and tasks. Whether words that look alike mean the same is for you to judge.',
  reads: true,
  input: { feature: FEATURE },
  output: object({
    feature: str,
    findings: many(
      object({
        id: str,
        category: str,
        severity: oneOf(...SEVERITIES),
        locations: NAMES,
        summary: str,
        recommendation: str,
      }),
    ),
    overflow: map(num, 'How many more findings there are, by category.'),
    coverage: many(
      object({ id: str, line: num, tasks: NAMES, stories: many(num), by: oneOf('reference', 'words', 'none') }),
    ),
    unmappedTasks: NAMES,
    metrics: object({
      requirements: num,
      tasks: num,
      coverage: num,
      ambiguities: num,
      duplications: num,
      critical: num,
    }),
    nextActions: NAMES,
  }),
  run: async (project, { feature }) => {
    const found = await analyze(project, feature);
    return { ...found, overflow: { ...found.overflow } };
  },
  text: (value) =>
    analysisReport({ ...value, findings: value.findings as Parameters<typeof analysisReport>[0]['findings'] }),
});

const next = tool({
  name: 'implement_next',
  title: 'What can be worked on now',
  description:
    'The gate of the checklists and the tasks that can be begun. When "passed" is false, ask the user before you begin. Also tells ' +
    'which ignore files the plan’s technology asks for.',
  reads: true,
  input: { feature: FEATURE, limit: optional(whole('Most tasks.', 1, 200)) },
  output: object({
    feature: str,
    gate: many(object({ checklist: str, total: num, completed: num, incomplete: num, passed: bool })),
    passed: bool,
    next: many(TASK),
    done: num,
    total: num,
    ignoreFiles: many(object({ file: str, patterns: NAMES, there: bool })),
  }),
  run: async (project, { feature, limit }) => implementNext(project, feature, limit),
});

const verify = tool({
  name: 'implement_verify',
  title: 'Whether everything is done',
  description: 'Open tasks, and files that ticked tasks name but that are not there.',
  reads: true,
  input: { feature: FEATURE },
  output: object({
    feature: str,
    complete: bool,
    open: many(TASK),
    missingFiles: many(object({ task: str, path: str })),
  }),
  run: async (project, { feature }) => verifyImplementation(project, feature),
});

const convergence = tool({
  name: 'converge',
  title: 'Append what is still lacking',
  description:
    'Compare the code with the artifacts yourself and pass what you found. Each finding becomes a task in a new phase at the end ' +
    'of tasks.md. Without findings the file keeps every byte.',
  input: {
    findings: list(
      closed({
        source: text('FR-001, SC-001, US1/AC2, "plan: …" or "Constitution: …".', { maxLength: 200, minLength: 1 }),
        gap: choice('What kind of gap.', GAPS),
        severity: choice('How bad.', SEVERITIES),
        work: text('What is to be done, as an order, with the file.', { maxLength: 500, minLength: 1 }),
      }),
    ),
    feature: FEATURE,
  },
  output: object({
    feature: str,
    outcome: oneOf('converged', 'tasks_appended'),
    phase: nullable(num),
    added: NAMES,
    observed: many(object({ task: str, path: str })),
    checked: object({ requirements: num, criteria: num, scenarios: num }),
    changed: NAMES,
  }),
  run: async (project, { feature, findings }) => converge(project, findings, feature),
});

const issues = tool({
  name: 'tasks_to_issues',
  title: 'Tasks as a list of issues',
  description: 'One issue per open task, for a repository on GitHub. Nothing is created and no network is used.',
  reads: true,
  input: {
    existingTitles: optional(
      list(text('A title.', { maxLength: 500 }), 'Titles of the issues there are: their tasks are skipped.'),
    ),
    feature: FEATURE,
  },
  output: object({
    feature: str,
    repository: str,
    issues: many(object({ title: str, body: str, labels: NAMES })),
    skipped: NAMES,
  }),
  run: async (project, { existingTitles, feature }) => tasksToIssues(project, existingTitles ?? [], feature),
});

const undo = tool({
  name: 'undo',
  title: 'Take the last change back',
  description:
    'Restores the files of the last change, of one feature or of all. Refused when one of them was changed since.',
  input: {
    scope: optional(
      text('A feature folder name, or "workspace". The last change of all when left out.', { maxLength: 200 }),
    ),
  },
  output: object({ scope: str, label: str, restored: NAMES }),
  run: async (project, { scope }) => project.workspace.undo(scope),
});

export const WORKING_TOOLS: readonly Tool[] = [analysis, next, verify, convergence, issues, undo];
