/**
 * Writes the plan and its design documents in one change. Checked: the grammar of each, that every principle of the
 * constitution is a gate, that gates that fail are justified, and that no question is open.
 */
import { type Problem, refuseErrors, SpecError } from '../errors.ts';
import { parseConstitution } from '../grammar/constitution.ts';
import { parseDataModel, researchProblems } from '../grammar/design.ts';
import { parsePlan, type Plan } from '../grammar/plan.ts';
import { CONSTITUTION, isPlainName } from '../layout/paths.ts';
import { artifactPath, featureOf, type Project, readArtifact, type Reader, refuseStale, tokensOf } from './project.ts';

export interface PlanFiles {
  readonly plan: string;
  readonly research?: string;
  readonly dataModel?: string;
  readonly quickstart?: string;
  /** File names in `contracts/` and their texts. */
  readonly contracts?: Readonly<Record<string, string>>;
}

export interface PlanWritten {
  readonly feature: string;
  readonly path: string;
  readonly gates: readonly { readonly text: string; readonly verdict: string }[];
  /** Design documents that are not there yet. */
  readonly missing: readonly string[];
  readonly problems: readonly Problem[];
  readonly changed: readonly string[];
}

const plain = (text: string): string =>
  text
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}]+/gu, ' ')
    .trim();

/** `I. Library-First (NON-NEGOTIABLE)` is named by "Library-First" as well. */
const shortOf = (name: string): string => plain(name.replace(/^[IVXLC\d]+\.\s*/, '').replace(/\s*\([^)]*\)\s*$/, ''));

/** Principles that no gate of the plan speaks of. */
export async function ungatedPrinciples(reader: Reader, plan: Plan): Promise<readonly string[]> {
  const text = await reader.read(CONSTITUTION);
  if (text === undefined) return [];
  const { principles, problems } = parseConstitution(text);
  if (problems.some(({ rule }) => rule === 'constitution.leftover')) return [];
  const gates = plan.gates.map((gate) => ` ${plain(gate.text)} `);
  return principles
    .map(({ name }) => name)
    .filter((name) => !gates.some((gate) => gate.includes(` ${shortOf(name)} `) || gate.includes(` ${plain(name)} `)));
}

async function planProblems(reader: Reader, plan: Plan): Promise<Problem[]> {
  const line = plan.outline.headings.find(({ key }) => key === 'constitution check')?.line ?? 0;
  const missing = (await ungatedPrinciples(reader, plan)).map((name): Problem => {
    const message = `The principle "${name}" has no gate. Add "- ${name}: PASS", or FAIL and justify it.`;
    return { rule: 'plan.gate-missing', line, message, severity: 'error' };
  });
  const open = plan.marks.map(({ line: at }): Problem => {
    const message = 'NEEDS CLARIFICATION is left. Decide it in research.md and write the decision here.';
    return { rule: 'plan.open-question', line: at, message, severity: 'error' };
  });
  const words = [...plan.context].filter(([, { text }]) => /NEEDS CLARIFICATION/.test(text) && !text.includes('['));
  return [
    ...plan.problems,
    ...missing,
    ...open,
    ...words.map(([field, { line: at }]): Problem => {
      const message = `"${field}" still says NEEDS CLARIFICATION. Decide it in research.md first.`;
      return { rule: 'plan.open-question', line: at, message, severity: 'error' };
    }),
  ];
}

function checkDesign(directory: string, files: PlanFiles): Problem[] {
  const problems: Problem[] = [];
  if (files.research !== undefined) {
    const found = researchProblems(files.research);
    refuseErrors(`${directory}/research.md`, found);
    problems.push(...found);
  }
  if (files.dataModel !== undefined) {
    const { entities, problems: found } = parseDataModel(files.dataModel);
    const none: Problem = {
      rule: 'data-model.entity-missing',
      line: 0,
      message:
        'No entity with fields was found. Write "## Name" and its fields as a table or as "- name (type): rules".',
      severity: 'error',
    };
    refuseErrors(`${directory}/data-model.md`, entities.length === 0 ? [...found, none] : found);
  }
  for (const name of Object.keys(files.contracts ?? {})) {
    if (!isPlainName(name))
      throw new SpecError('invalid_input', `${JSON.stringify(name)} is no file name for contracts/.`);
  }
  return problems;
}

/** Throws a SpecError: `missing_step` without a specification, `grammar` with line and rule for the rest. */
export async function writePlan(
  project: Project,
  files: PlanFiles,
  named?: string,
  basedOn?: string,
): Promise<PlanWritten> {
  const feature = await featureOf(project, named);
  await readArtifact(project.workspace, feature, 'spec');
  const path = artifactPath(feature, 'plan');
  const plan = parsePlan(files.plan, await tokensOf(project, 'plan-template'));
  const problems = await planProblems(project.workspace, plan);
  refuseErrors(path, problems);
  problems.push(...checkDesign(feature.directory, files));
  const { value, changed } = await project.workspace.change(feature.name, 'plan', async (draft) => {
    refuseStale(path, await draft.read(path), basedOn);
    draft.write(path, files.plan);
    if (files.research !== undefined) draft.write(artifactPath(feature, 'research'), files.research);
    if (files.dataModel !== undefined) draft.write(artifactPath(feature, 'data-model'), files.dataModel);
    if (files.quickstart !== undefined) draft.write(artifactPath(feature, 'quickstart'), files.quickstart);
    for (const [name, text] of Object.entries(files.contracts ?? {})) {
      draft.write(`${feature.directory}/contracts/${name}`, text);
    }
    const missing: string[] = [];
    for (const artifact of ['research', 'data-model', 'quickstart'] as const) {
      if ((await draft.read(artifactPath(feature, artifact))) === undefined) missing.push(artifact);
    }
    return missing;
  });
  const gates = plan.gates.map(({ text, verdict }) => ({ text, verdict }));
  return { feature: feature.name, path, gates, missing: value, problems, changed };
}
