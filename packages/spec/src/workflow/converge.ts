/**
 * Appends what is still lacking as a new phase of `tasks.md`, and only appends: without findings the file keeps every byte.
 * The model looks at the code; the server checks that each finding has a source, and adds what it sees itself.
 */
import { type Problem, refuseErrors } from '../errors.ts';
import { parseConstitution } from '../grammar/constitution.ts';
import { appendLines } from '../grammar/edit.ts';
import { parseSpec, type Spec } from '../grammar/spec.ts';
import { parseTasks } from '../grammar/tasks.ts';
import { CONSTITUTION } from '../layout/paths.ts';
import { missingFiles } from './implement.ts';
import { artifactPath, featureOf, type Project, readArtifact } from './project.ts';

export const GAPS = ['missing', 'partial', 'contradicts', 'unrequested'] as const;
export const SEVERITIES = ['CRITICAL', 'HIGH', 'MEDIUM', 'LOW'] as const;

export interface Finding {
  /** `FR-001`, `SC-001`, `US1/AC2`, `plan: …` or `Constitution: …`. */
  readonly source: string;
  readonly gap: (typeof GAPS)[number];
  readonly severity: (typeof SEVERITIES)[number];
  /** What is to be done, as an order, with the file. */
  readonly work: string;
}

export interface Converged {
  readonly feature: string;
  readonly outcome: 'converged' | 'tasks_appended';
  readonly phase: number | null;
  readonly added: readonly string[];
  /** What the server itself sees: ticked tasks whose files are not there. */
  readonly observed: readonly { readonly task: string; readonly path: string }[];
  readonly checked: { readonly requirements: number; readonly criteria: number; readonly scenarios: number };
  readonly changed: readonly string[];
}

/** Each kind of source: what it looks like, and whether the artifacts have it. */
function isKnown(source: string, spec: Spec, principles: readonly string[]): boolean | undefined {
  const id = /^(?:FR|NFR|SC)-\d{3,5}$/.exec(source)?.[0];
  if (id !== undefined) return [...spec.requirements, ...spec.criteria].some((entry) => entry.id === id);
  const [, number, scenario = '1'] = /^US(\d{1,4})(?:\/AC([1-9]\d{0,3}))?$/.exec(source) ?? [];
  if (number !== undefined) {
    const story = spec.stories.find((one) => one.number === Number(number));
    return story !== undefined && (scenario === '1' || Number(scenario) <= story.scenarios.length);
  }
  const principle = /^Constitution:?\s+(.+)$/i.exec(source)?.[1]?.toLowerCase();
  if (principle === undefined) return /^plan:\s*\S/.test(source) ? true : undefined;
  const names = principles.map((name) => name.toLowerCase());
  return names.some((name) => name.includes(principle) || principle.includes(name) || name.startsWith(`${principle}.`));
}

function sourceProblem(source: string, spec: Spec, principles: readonly string[]): string | undefined {
  const known = isKnown(source, spec, principles);
  if (known === undefined) return 'A source is FR-001, SC-001, US1/AC2, "plan: …" or "Constitution: …".';
  return known ? undefined : `${source.slice(0, 80)} is in neither the specification nor the constitution.`;
}

function findingProblems(findings: readonly Finding[], spec: Spec, principles: readonly string[]): Problem[] {
  return findings.flatMap(({ source, work }, index): Problem[] => {
    const problems: Problem[] = [];
    const add = (rule: string, message: string): void => {
      problems.push({
        rule: `converge.${rule}`,
        line: 0,
        message: `Finding ${index + 1}: ${message}`,
        severity: 'error',
      });
    };
    const why = sourceProblem(source, spec, principles);
    if (why !== undefined) add('source', why);
    if (/[\r\n]/.test(work) || /[\r\n]/.test(source)) add('one-line', 'it holds a line break.');
    if (work.trim() === '') add('work', 'it does not say what is to be done.');
    return problems;
  });
}

const rank = (severity: Finding['severity']): number => SEVERITIES.indexOf(severity);
const isConstitution = ({ source }: Finding): boolean => /^constitution/i.test(source);

function inOrder(findings: readonly Finding[]): readonly Finding[] {
  return findings.toSorted(
    (a, b) => Number(isConstitution(b)) - Number(isConstitution(a)) || rank(a.severity) - rank(b.severity),
  );
}

/** Throws a SpecError `grammar` when a finding has no source in the artifacts. */
export async function converge(project: Project, findings: readonly Finding[], named?: string): Promise<Converged> {
  const feature = await featureOf(project, named);
  const spec = parseSpec(await readArtifact(project.workspace, feature, 'spec'));
  await readArtifact(project.workspace, feature, 'plan');
  const constitution = await project.workspace.read(CONSTITUTION);
  const principles =
    constitution === undefined ? [] : parseConstitution(constitution).principles.map(({ name }) => name);
  const path = artifactPath(feature, 'tasks');
  refuseErrors(path, findingProblems(findings, spec, principles));
  const before = parseTasks(await readArtifact(project.workspace, feature, 'tasks'));
  const observed = await missingFiles(project, before.tasks);
  const checked = {
    requirements: spec.requirements.length,
    criteria: spec.criteria.length,
    scenarios: spec.stories.reduce((sum, { scenarios }) => sum + scenarios.length, 0),
  };
  if (findings.length === 0) {
    return { feature: feature.name, outcome: 'converged', phase: null, added: [], observed, checked, changed: [] };
  }
  const { value, changed } = await project.workspace.change(feature.name, 'convergence', async (draft) => {
    const text = await readArtifact(draft, feature, 'tasks');
    const { tasks, phases } = parseTasks(text);
    const phase = Math.max(0, ...phases.map(({ number }) => number)) + 1;
    let last = Math.max(0, ...tasks.map(({ id }) => Number(id.slice(1))));
    const added: string[] = [];
    const lines = inOrder(findings).map((finding) => {
      last += 1;
      const id = `T${String(last).padStart(3, '0')}`;
      added.push(id);
      const critical = isConstitution(finding) || finding.severity === 'CRITICAL' ? 'CRITICAL: ' : '';
      return `- [ ] ${id} ${critical}${finding.work.trim()} per ${finding.source} (${finding.gap})`;
    });
    draft.write(path, appendLines(text, ['', `## Phase ${phase}: Convergence`, '', ...lines]));
    return { phase, added };
  });
  return { feature: feature.name, outcome: 'tasks_appended', ...value, observed, checked, changed };
}
