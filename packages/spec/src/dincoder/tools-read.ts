/** DinCoder's tools of the workflow that read: validation, analysis, texts. */
import { analyze } from '../analyze/analyze.ts';
import { type Problem, SpecError } from '../errors.ts';
import { parsePlan } from '../grammar/plan.ts';
import { parseSpec } from '../grammar/spec.ts';
import { parseTasks } from '../grammar/tasks.ts';
import { PROBLEMS } from '../tools/results.ts';
import { bool, choice, closed, flag, list, many, num, object, optional, str } from '../tools/shape.ts';
import { FEATURE, type Tool, tool } from '../tools/tool.ts';
import { artifactPath, featureOf, type Project, readArtifact, tokensOf } from '../workflow/project.ts';
import { tasksProblems } from '../workflow/tasks.ts';
import { featureOfPath, SPEC_PATH } from './paths.ts';

const CHECKS: Readonly<Record<string, RegExp>> = {
  completeness:
    /^spec\.(?:section-missing|title|story-missing|requirement-|leftover|duplicate-id|story-number|story-heading|story-priority|story-why|story-test|criterion-)/,
  acceptanceCriteria: /^spec\.(?:story-scenarios|scenario-form)/,
  clarifications: /^spec\.too-many-questions/,
};
const IMPLEMENTATION =
  /\b(?:React|Vue|Angular|Django|Flask|Rails|Spring|Express|FastAPI|PostgreSQL|MySQL|MongoDB|Redis|Kubernetes|Docker|GraphQL|TypeScript|JavaScript|Python|SQL)\b/;

const specValidate = tool({
  name: 'spec_validate',
  title: 'Validate the specification',
  description:
    'Checks the specification by the grammar of its own template: sections, ids, scenarios, open questions, technology named too early.',
  reads: true,
  input: {
    checks: optional(
      closed({
        completeness: optional(flag('Default true.')),
        acceptanceCriteria: optional(flag('Default true.')),
        clarifications: optional(flag('Default true.')),
        prematureImplementation: optional(flag('Default true.')),
      }),
    ),
    specPath: SPEC_PATH,
  },
  output: object({ path: str, passed: bool, problems: PROBLEMS }),
  async run(project, { checks = {}, specPath }) {
    const feature = await featureOf(project, featureOfPath(project, specPath));
    const spec = parseSpec(
      await readArtifact(project.workspace, feature, 'spec'),
      await tokensOf(project, 'spec-template'),
    );
    const on = new Map(Object.entries(checks));
    const problems = spec.problems.filter(({ rule }) =>
      Object.entries(CHECKS).some(([name, pattern]) => on.get(name) !== false && pattern.test(rule)),
    );
    const open = on.get('clarifications') === false ? [] : spec.marks;
    const early = on.get('prematureImplementation') === false ? [] : [...spec.requirements, ...spec.criteria];
    const all = [
      ...problems,
      ...open.map(({ line, question }) => ({
        rule: 'spec.open-question',
        line,
        message: `Open: ${question}`,
        severity: 'warning' as const,
      })),
      ...early.flatMap(({ id, text: said, line }) => {
        const word = IMPLEMENTATION.exec(said)?.[0];
        const message = `${id} names ${word}: say what, not with what.`;
        return word === undefined ? [] : [{ rule: 'spec.implementation', line, message, severity: 'warning' as const }];
      }),
    ];
    return {
      path: artifactPath(feature, 'spec'),
      passed: all.every(({ severity }) => severity !== 'error'),
      problems: all,
    };
  },
});

const CHAIN: readonly ('spec' | 'plan' | 'tasks')[] = ['spec', 'plan', 'tasks'];

interface Checked {
  readonly artifact: string;
  readonly exists: boolean;
  readonly problems: readonly Problem[];
}

async function artifactProblems(
  project: Project,
  feature: { directory: string },
  artifact: 'spec' | 'plan' | 'tasks',
): Promise<Checked> {
  const source = await project.workspace.read(artifactPath(feature, artifact));
  if (source === undefined) return { artifact, exists: false, problems: [] };
  const tokens = await tokensOf(project, `${artifact}-template`);
  if (artifact === 'spec') return { artifact, exists: true, problems: parseSpec(source, tokens).problems };
  if (artifact === 'plan') return { artifact, exists: true, problems: parsePlan(source, tokens).problems };
  const spec = await project.workspace.read(artifactPath(feature, 'spec'));
  return {
    artifact,
    exists: true,
    problems: tasksProblems(parseTasks(source, tokens), spec === undefined ? undefined : parseSpec(spec)),
  };
}

const artifactsAnalyze = tool({
  name: 'artifacts_analyze',
  title: 'Analyse the artifacts',
  description:
    'Problems of each artifact, and what requirements are covered by tasks. The full analysis is in analyze.',
  reads: true,
  input: {
    artifacts: optional(list(choice('An artifact.', ['spec', 'plan', 'tasks']), 'Default all.')),
    feature: FEATURE,
  },
  output: object({
    feature: str,
    artifacts: many(object({ artifact: str, exists: bool, problems: PROBLEMS })),
    /** Percent; -1 while an artifact is missing. */
    coverage: num,
  }),
  async run(project, { artifacts = CHAIN, feature: named }) {
    const feature = await featureOf(project, named);
    const checked: Checked[] = [];
    for (const artifact of artifacts) checked.push(await artifactProblems(project, feature, artifact));
    const coverage = await analyze(project, feature.directory).then(
      ({ metrics }) => metrics.coverage,
      (error: unknown) => {
        if (error instanceof SpecError && error.code === 'missing_step') return -1;
        throw error;
      },
    );
    return { feature: feature.name, artifacts: checked, coverage };
  },
});

const artifactsRead = tool({
  name: 'artifacts_read',
  title: 'Read artifacts',
  description: 'The texts of specification, plan and tasks, and what is left of DinCoder’s own JSON files.',
  reads: true,
  input: { artifactType: choice('Which.', ['spec', 'plan', 'tasks', 'all']), feature: FEATURE },
  output: object({ feature: str, files: many(object({ path: str, text: str })) }),
  async run(project, { artifactType, feature: named }) {
    const feature = await featureOf(project, named);
    const wanted = artifactType === 'all' ? CHAIN : [artifactType];
    const files: { path: string; text: string }[] = [];
    for (const artifact of wanted) {
      for (const path of [artifactPath(feature, artifact), `.dincoder/${artifact}.json`]) {
        const found = await project.workspace.read(path);
        if (found !== undefined) files.push({ path, text: found });
      }
    }
    return { feature: feature.name, files };
  },
});

export const DINCODER_READ_TOOLS: readonly Tool[] = [specValidate, artifactsAnalyze, artifactsRead];
