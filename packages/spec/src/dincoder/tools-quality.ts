/** DinCoder's quality and metrics tools. Commands of the project run as the user of this server, without a shell. */
import { SpecError } from '../errors.ts';
import { metricsCsv, metricsMarkdown, type MetricsReport, metricsReport } from '../metrics/report.ts';
import { ALLOWED_LICENCES, checkLicences } from '../quality/licences.ts';
import { type CheckResult, runCheck } from '../quality/run.ts';
import { type Check, CHECKS } from '../quality/tables.ts';
import { NAMES } from '../tools/results.ts';
import {
  bool,
  choice,
  flag,
  list,
  many,
  nullable,
  num,
  object,
  oneOf,
  optional,
  type OptionalShape,
  type Shape,
  str,
  text,
  whole,
} from '../tools/shape.ts';
import { type Tool, tool } from '../tools/tool.ts';
import { writeOutput } from '../workflow/output.ts';
import { COMMAND_MS, MOST_COMMAND_MS, outputPath, type Project } from '../workflow/project.ts';

const RESULT: Shape<CheckResult> = object({
  check: oneOf(...CHECKS),
  kind: str,
  command: str,
  passed: bool,
  exitCode: nullable(num),
  output: str,
});

const told = ({ command, passed, exitCode, output }: CheckResult): string =>
  `${passed ? 'Passed' : 'Failed'}: ${command} (exit ${exitCode ?? 'by a signal'})\n\n${output}`;

const TIMEOUT: OptionalShape<number> = optional(
  whole(`Milliseconds that the command may take. Default ${COMMAND_MS}.`, 1, MOST_COMMAND_MS),
);

/** What the tools say of the time of a command, where it was said. */
const timed = (timeoutMs: number | undefined): { readonly timeoutMs?: number } =>
  timeoutMs === undefined ? {} : { timeoutMs };

function qualityTool(name: string, title: string, description: string, check: Check): Tool {
  return tool({
    name,
    title,
    description: `${description} The command of the project’s own kind (Node, Python, Rust, Go, Java), with a time limit and a clean environment.`,
    runs: true,
    input: { fix: optional(flag('Change files too. Default false.')), timeoutMs: TIMEOUT },
    output: RESULT,
    run: async (project, { fix = false, timeoutMs }, { signal, progress }) =>
      runCheck(project, check, { fix }, { signal, progress, ...timed(timeoutMs) }),
    text: told,
  });
}

const test = tool({
  name: 'quality_test',
  title: 'Run the tests',
  description: 'The test command of the project, with CI=true, a time limit and a clean environment.',
  runs: true,
  input: { coverage: optional(flag('Measure coverage. Default false.')), timeoutMs: TIMEOUT },
  output: RESULT,
  run: async (project, { coverage = false, timeoutMs }, { signal, progress }) =>
    runCheck(project, 'test', { coverage }, { signal, progress, ...timed(timeoutMs) }),
  text: told,
});

const depsUpdate = tool({
  name: 'quality_deps_update',
  title: 'Outdated dependencies',
  description: 'What is outdated; with check: false, what an update would do. Nothing is installed.',
  runs: true,
  input: { check: optional(flag('Only look. Default true.')), timeoutMs: TIMEOUT },
  output: RESULT,
  run: async (project, { check = true, timeoutMs }, { signal, progress }) =>
    runCheck(project, 'outdated', { fix: !check }, { signal, progress, ...timed(timeoutMs) }),
  text: told,
});

const licences = tool({
  name: 'quality_license_check',
  title: 'Check licences',
  description:
    'Licences of all packages, by SPDX expression: of Node out of package-lock.json or node_modules, of Python, Rust and Go by pip-licenses, cargo-license, go-licenses. A licence that is not known is not allowed.',
  reads: true,
  runs: true,
  input: {
    allowedLicenses: optional(list(text('An SPDX id.', { maxLength: 60 }), `Default ${ALLOWED_LICENCES.join(', ')}.`)),
    timeoutMs: TIMEOUT,
  },
  output: object({ passed: bool, total: num, refused: many(object({ name: str, licence: str })) }),
  async run(project, { allowedLicenses, timeoutMs }, { signal, progress }) {
    const { passed, packages } = await checkLicences(
      project,
      { signal, progress, ...timed(timeoutMs) },
      allowedLicenses,
    );
    const refused = packages.filter(({ allowed }) => !allowed).map(({ name, licence }) => ({ name, licence }));
    return { passed, total: packages.length, refused };
  },
});

const DATE: OptionalShape<string> = optional(
  text('ISO date or time. The last 30 days when left out.', { maxLength: 40 }),
);
const MONTH_MS = 30 * 86_400_000;

async function reportOf(
  project: Project,
  start: string | undefined,
  end: string | undefined,
  signal: AbortSignal,
): Promise<MetricsReport> {
  const to = end === undefined ? project.workspace.now() : Date.parse(end);
  const from = start === undefined ? to - MONTH_MS : Date.parse(start);
  if (!Number.isFinite(from) || !Number.isFinite(to) || from >= to) {
    throw new SpecError(
      'invalid_input',
      'startDate and endDate are ISO dates, such as 2026-01-31, and the first comes before the last.',
    );
  }
  return await metricsReport(project, from, to, signal);
}

const REPORT: Shape<MetricsReport> = object({
  from: str,
  to: str,
  dora: object({
    deployments: num,
    deploymentsPerWeek: num,
    leadTimeHours: num,
    changeFailureRate: num,
    timeToRestoreHours: num,
  }),
  space: object({
    commits: num,
    authors: num,
    activeDays: num,
    commitsPerActiveDay: num,
    specificationShare: num,
    sharedFiles: num,
  }),
  cycleTime: many(object({ feature: str, days: num, done: num, total: num })),
  trends: many(object({ week: str, commits: num, fixes: num })),
  burndown: object({ total: num, done: num, open: num, daysLeft: nullable(num) }),
});

const metrics = tool({
  name: 'metrics_report',
  title: 'Metrics',
  description: 'DORA, SPACE, cycle time, trends and burndown from git and the lists of tasks.',
  reads: true,
  runs: true,
  input: {
    startDate: DATE,
    endDate: DATE,
    format: optional(choice('Of the text. Default markdown.', ['json', 'markdown'])),
  },
  output: object({ format: str, report: REPORT }),
  async run(project, { startDate, endDate, format = 'markdown' }, { signal }) {
    return { format, report: await reportOf(project, startDate, endDate, signal) };
  },
  text: ({ format, report }) => (format === 'json' ? JSON.stringify(report, null, 2) : metricsMarkdown(report)),
});

const metricsExport = tool({
  name: 'metrics_export',
  title: 'Export metrics',
  description:
    'Writes the metrics to a file in the workspace. A file that it did not write, or that was changed since, stays.',
  runs: true,
  input: {
    outputPath: text('A file in the workspace.', { minLength: 1, maxLength: 4096 }),
    format: choice('Of the file.', ['csv', 'json']),
    startDate: DATE,
    endDate: DATE,
  },
  output: object({ path: str, changed: NAMES }),
  async run(project, { outputPath: wanted, format, startDate, endDate }, { signal }) {
    const path = outputPath(project, wanted, [`.${format}`]);
    const report = await reportOf(project, startDate, endDate, signal);
    const body = format === 'csv' ? metricsCsv(report) : `${JSON.stringify(report, null, 2)}\n`;
    const { changed } = await writeOutput(project, {
      path,
      text: body,
      what: 'metrics',
      form: format,
      scope: 'workspace',
    });
    return { path, changed };
  },
});

export const DINCODER_QUALITY_TOOLS: readonly Tool[] = [
  qualityTool('quality_format', 'Check the format', 'Whether files are formatted, or format them.', 'format'),
  qualityTool('quality_lint', 'Lint the code', 'Runs the linter.', 'lint'),
  test,
  qualityTool('quality_security_audit', 'Audit dependencies', 'Known weaknesses of dependencies.', 'audit'),
  depsUpdate,
  licences,
  metrics,
  metricsExport,
];
