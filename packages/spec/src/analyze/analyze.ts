/**
 * Six passes over the artifacts of a feature, and the matrix of requirements, stories and tasks. Reads only. The same files
 * give the same answer, word for word.
 */
import { parseConstitution } from '../grammar/constitution.ts';
import { parseDataModel } from '../grammar/design.ts';
import { parsePlan } from '../grammar/plan.ts';
import { parseSpec } from '../grammar/spec.ts';
import { CONSTITUTION } from '../layout/paths.ts';
import { graphOfText } from '../tasks/graph.ts';
import { ungatedPrinciples } from '../workflow/plan.ts';
import { artifactPath, featureOf, type Project, readArtifact } from '../workflow/project.ts';
import { type Coverage, coverageOf, percentCovered } from './coverage.ts';
import type { AnalyzeFinding, Category, Material, Pass, RawFinding, Severity } from './finding.ts';
import { constitution, coverage, inconsistency } from './link-passes.ts';
import { ambiguity, duplication, underspecification } from './text-passes.ts';

export interface Analysis {
  readonly feature: string;
  /** At most 50, worst first. */
  readonly findings: readonly AnalyzeFinding[];
  /** How many more there are, by category. */
  readonly overflow: Readonly<Partial<Record<Category, number>>>;
  readonly coverage: Coverage['rows'];
  readonly unmappedTasks: readonly string[];
  readonly metrics: {
    readonly requirements: number;
    readonly tasks: number;
    /** Percent of the requirements with a task. */
    readonly coverage: number;
    readonly ambiguities: number;
    readonly duplications: number;
    readonly critical: number;
  };
  readonly nextActions: readonly string[];
}

const PASSES: readonly Pass[] = [duplication, ambiguity, underspecification, constitution, coverage, inconsistency];
const LETTERS: Readonly<Record<Category, string>> = {
  Duplication: 'D',
  Ambiguity: 'A',
  Underspecification: 'U',
  Constitution: 'C',
  Coverage: 'G',
  Inconsistency: 'I',
};
const ORDER: readonly Severity[] = ['CRITICAL', 'HIGH', 'MEDIUM', 'LOW'];
const MOST_FINDINGS = 50;

async function materialOf(project: Project, directory: string): Promise<Material> {
  const feature = { directory };
  const spec = parseSpec(await readArtifact(project.workspace, feature, 'spec'));
  const plan = parsePlan(await readArtifact(project.workspace, feature, 'plan'));
  const graph = project.workspace.derive(await readArtifact(project.workspace, feature, 'tasks'), graphOfText);
  const tasks = graph.source;
  const model = await project.workspace.read(artifactPath(feature, 'data-model'));
  const text = await project.workspace.read(CONSTITUTION);
  return {
    spec,
    plan,
    tasks,
    graph,
    entities: model === undefined ? [] : parseDataModel(model).entities,
    constitution: text === undefined ? undefined : parseConstitution(text),
    ungated: await ungatedPrinciples(project.workspace, plan),
    coverage: coverageOf(spec, tasks.tasks),
  };
}

function numbered(found: readonly RawFinding[]): AnalyzeFinding[] {
  const counts = new Map<Category, number>();
  return found.map((finding) => {
    const count = (counts.get(finding.category) ?? 0) + 1;
    counts.set(finding.category, count);
    return { id: `${LETTERS[finding.category]}${count}`, ...finding };
  });
}

function actionsOf(findings: readonly AnalyzeFinding[]): string[] {
  const has = (severity: Severity): boolean => findings.some((finding) => finding.severity === severity);
  if (findings.length === 0) return ['Nothing was found: go on with implement_next.'];
  const actions = new Set<string>();
  if (has('CRITICAL')) actions.add('Settle what is CRITICAL before implement_next.');
  else actions.add('Nothing is CRITICAL: implement_next may begin, better after the HIGH ones.');
  for (const { category } of findings.filter(({ severity }) => severity !== 'LOW')) {
    if (category === 'Coverage' || category === 'Inconsistency')
      actions.add('Correct the list of tasks with tasks_write.');
    else if (category === 'Constitution') actions.add('Correct the plan with plan_write.');
    else actions.add('Correct the specification with spec_write or clarify_answer.');
  }
  return [...actions];
}

/** Throws a SpecError `missing_step` unless specification, plan and tasks are there. */
export async function analyze(project: Project, named?: string): Promise<Analysis> {
  const feature = await featureOf(project, named);
  const material = await materialOf(project, feature.directory);
  const found = numbered(PASSES.flatMap((pass) => pass(material)));
  const worst = found.toSorted((a, b) => ORDER.indexOf(a.severity) - ORDER.indexOf(b.severity));
  const overflow: Partial<Record<Category, number>> = {};
  for (const { category } of worst.slice(MOST_FINDINGS)) overflow[category] = (overflow[category] ?? 0) + 1;
  const { rows, unmapped } = material.coverage;
  const count = (category: Category): number => found.filter((finding) => finding.category === category).length;
  return {
    feature: feature.name,
    findings: worst.slice(0, MOST_FINDINGS),
    overflow,
    coverage: rows,
    unmappedTasks: unmapped,
    metrics: {
      requirements: rows.length,
      tasks: material.tasks.tasks.length,
      coverage: percentCovered(material.coverage),
      ambiguities: count('Ambiguity'),
      duplications: count('Duplication'),
      critical: found.filter(({ severity }) => severity === 'CRITICAL').length,
    },
    nextActions: actionsOf(worst),
  };
}

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll(/\s+/g, ' ');

/** The report as Markdown. */
export function analysisReport(analysis: Analysis): string {
  const { metrics } = analysis;
  const rows = analysis.findings.map(
    ({ id, category, severity, locations, summary, recommendation }) =>
      `| ${id} | ${category} | ${severity} | ${locations.join(', ')} | ${cell(summary)} | ${cell(recommendation)} |`,
  );
  const covered = analysis.coverage.map(
    ({ id, tasks, stories, by }) =>
      `| ${id} | ${by === 'none' ? 'no' : 'yes'} | ${stories.map((n) => `US${n}`).join(', ')} | ${tasks.slice(0, 20).join(', ')} | ${by === 'words' ? 'by its words' : ''} |`,
  );
  return [
    `## Specification Analysis Report: ${analysis.feature}`,
    '',
    '| ID | Category | Severity | Location(s) | Summary | Recommendation |',
    '|----|----------|----------|-------------|---------|----------------|',
    ...rows,
    '',
    '| Requirement | Has Task? | Stories | Tasks | Notes |',
    '|-------------|-----------|---------|-------|-------|',
    ...covered,
    '',
    `Unmapped tasks: ${analysis.unmappedTasks.slice(0, 50).join(', ') || 'none'}`,
    '',
    `Requirements ${metrics.requirements} · tasks ${metrics.tasks} · coverage ${metrics.coverage} % · ambiguities ${metrics.ambiguities} · duplications ${metrics.duplications} · critical ${metrics.critical}`,
    '',
    ...analysis.nextActions.map((action) => `- ${action}`),
  ].join('\n');
}
