/** DinCoder's tools of the workflow that read: validation, analysis, texts. */
import { coverageOf, percentCovered } from '../analyze/coverage.ts';
import type { Problem } from '../errors.ts';
import { parsePlan, type Plan } from '../grammar/plan.ts';
import { parseSpec, type Spec } from '../grammar/spec.ts';
import { leftoverProblems } from '../grammar/leftovers.ts';
import { graphOfText, type TaskGraph } from '../tasks/graph.ts';
import { PROBLEMS } from '../tools/results.ts';
import { bool, choice, closed, flag, list, many, num, object, optional, str } from '../tools/shape.ts';
import { FEATURE, type Tool, tool } from '../tools/tool.ts';
import { artifactPath, featureOf, type Project, readArtifact, revisionOf, tokensOf } from '../workflow/project.ts';
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
  readonly artifact: 'spec' | 'plan' | 'tasks';
  readonly exists: boolean;
  readonly problems: readonly Problem[];
}

interface Parsed {
  readonly spec: Spec | undefined;
  readonly plan: Plan | undefined;
  readonly graph: TaskGraph | undefined;
  /** What the template left in the tasks. */
  readonly leftovers: readonly Problem[];
}

/** Each artifact that is there, read and parsed once. */
async function parsedArtifacts(project: Project, feature: { directory: string }): Promise<Parsed> {
  const parsed = async <T>(
    artifact: Checked['artifact'],
    parse: (text: string, tokens: ReadonlySet<string>) => T,
  ): Promise<T | undefined> => {
    const source = await project.workspace.read(artifactPath(feature, artifact));
    return source === undefined ? undefined : parse(source, await tokensOf(project, `${artifact}-template`));
  };
  return {
    spec: await parsed('spec', parseSpec),
    plan: await parsed('plan', parsePlan),
    ...(await taskGraph(project, feature)),
  };
}

/** The list may be long, and so is read once for all tools. */
async function taskGraph(
  project: Project,
  feature: { directory: string },
): Promise<Pick<Parsed, 'graph' | 'leftovers'>> {
  const { workspace } = project;
  const source = await workspace.read(artifactPath(feature, 'tasks'));
  if (source === undefined) return { graph: undefined, leftovers: [] };
  const graph = workspace.derive(source, graphOfText);
  const tokens = await tokensOf(project, 'tasks-template');
  const known = new Set(graph.source.problems.map(({ line, message }) => `${line} ${message}`));
  const leftovers = leftoverProblems(graph.source.outline, 'tasks', tokens);
  return { graph, leftovers: leftovers.filter(({ line, message }) => !known.has(`${line} ${message}`)) };
}

function problemsOf(
  { spec, plan, graph, leftovers }: Parsed,
  artifact: Checked['artifact'],
): readonly Problem[] | undefined {
  if (artifact === 'spec') return spec?.problems;
  if (artifact === 'plan') return plan?.problems;
  return graph && [...tasksProblems(graph.source, spec, graph), ...leftovers].toSorted((a, b) => a.line - b.line);
}

/** Percent of the requirements with a task. */
function coveredPercent({ spec, plan, graph }: Parsed): number {
  if (spec === undefined || plan === undefined || graph === undefined) return -1;
  return percentCovered(coverageOf(spec, graph.tasks));
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
    const parsed = await parsedArtifacts(project, feature);
    const checked = artifacts.map((artifact): Checked => {
      const problems = problemsOf(parsed, artifact);
      return { artifact, exists: problems !== undefined, problems: problems ?? [] };
    });
    return { feature: feature.name, artifacts: checked, coverage: coveredPercent(parsed) };
  },
});

const artifactsRead = tool({
  name: 'artifacts_read',
  title: 'Read artifacts',
  description: 'The texts of specification, plan and tasks, and what is left of DinCoder’s own JSON files.',
  reads: true,
  input: { artifactType: choice('Which.', ['spec', 'plan', 'tasks', 'all']), feature: FEATURE },
  output: object({ feature: str, files: many(object({ path: str, text: str, revision: str })) }),
  async run(project, { artifactType, feature: named }) {
    const feature = await featureOf(project, named);
    const wanted = artifactType === 'all' ? CHAIN : [artifactType];
    const files: { path: string; text: string; revision: string }[] = [];
    for (const artifact of wanted) {
      for (const path of [artifactPath(feature, artifact), `.dincoder/${artifact}.json`]) {
        const found = await project.workspace.read(path);
        if (found !== undefined) files.push({ path, text: found, revision: revisionOf(found) });
      }
    }
    return { feature: feature.name, files };
  },
});

export const DINCODER_READ_TOOLS: readonly Tool[] = [specValidate, artifactsAnalyze, artifactsRead];
