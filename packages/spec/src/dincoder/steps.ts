/** DinCoder's tools of the workflow, by their names and arguments, on the workflow of this package. */
import { SpecError } from '../errors.ts';
import { parseConstitution } from '../grammar/constitution.ts';
import { parseDataModel } from '../grammar/design.ts';
import { appendLines, replaceLines } from '../grammar/edit.ts';
import { headingsIn, outlineOf, sectionOf } from '../grammar/markdown.ts';
import { parsePlan } from '../grammar/plan.ts';
import { parseSpec } from '../grammar/spec.ts';
import { parseTasks } from '../grammar/tasks.ts';
import { findFeature, shortNameOf } from '../layout/features.ts';
import { CONSTITUTION, dayOf } from '../layout/paths.ts';
import { resolveTemplate } from '../layout/templates.ts';
import { type ConstitutionWritten, writeConstitution } from '../workflow/constitution.ts';
import { artifactPath, featureOf, type Project, readArtifact, tokensOf } from '../workflow/project.ts';
import { createFeature, editSpec, type SpecWritten } from '../workflow/specify.ts';
import { type TasksWritten, writeTasks } from '../workflow/tasks.ts';
import { type ConstitutionWords, constitutionText, planDraft, tasksDraft } from './documents.ts';

/** The versions a change may lead to, least first. */
function rises(version: string): string[] {
  const [major = 1, minor = 0, patch = 0] = version.split('.').map(Number);
  return [version, `${major}.${minor}.${patch + 1}`, `${major}.${minor + 1}.0`, `${major + 1}.0.0`];
}

/** Whether the version was refused for rising too little. */
function roseTooLittle(error: unknown): boolean {
  const rules = error instanceof SpecError ? error.problems.filter(({ severity }) => severity === 'error') : [];
  const known = ['constitution.version-bump', 'constitution.amended'];
  return rules.length > 0 && rules.every(({ rule }) => known.includes(rule));
}

/** The version rises by as much as the change needs, and not at all when there is none. */
export async function createConstitution(project: Project, words: ConstitutionWords): Promise<ConstitutionWritten> {
  const text = await project.workspace.read(CONSTITUTION);
  const old = text === undefined ? undefined : parseConstitution(text);
  const today = dayOf(project.workspace.now());
  if (old === undefined || old.version === '') {
    return await writeConstitution(
      project,
      constitutionText(words, { version: '1.0.0', ratified: today, amended: today }),
    );
  }
  const versions = rises(old.version);
  for (const version of versions) {
    const amended = version === old.version ? old.amended : today;
    try {
      return await writeConstitution(project, constitutionText(words, { version, ratified: old.ratified, amended }));
    } catch (error) {
      if (!roseTooLittle(error) || version === versions.at(-1)) throw error;
    }
  }
  throw new SpecError(
    'conflict',
    `The constitution has no version after ${old.version}. Write it with constitution_write.`,
  );
}

export async function startFeature(project: Project, projectName: string): Promise<SpecWritten> {
  return await createFeature(project, { description: projectName, shortName: shortNameOf(projectName) });
}

/** Writes the description into the feature in work; makes one when there is none. */
export async function describeFeature(project: Project, description: string): Promise<SpecWritten> {
  const current = await findFeature(project.workspace, project.env).catch((error: unknown) => {
    if (error instanceof SpecError && error.code === 'missing_step') return undefined;
    throw error;
  });
  if (current === undefined) return await createFeature(project, { description });
  return await editSpec(project, 'description', current.directory, (text) => {
    const line = outlineOf(text).lines.find(({ text: one, code }) => !code && one.startsWith('**Input**'));
    if (line === undefined)
      throw new SpecError('not_found', 'spec.md has no "**Input**" line. Write the text with spec_write.');
    const said = description.replaceAll(/\s+/g, ' ').replaceAll('"', "'").trim();
    return replaceLines(text, line.number, line.number, [`**Input**: User description: "${said}"`]);
  });
}

export interface PlanBegun {
  readonly path: string;
  readonly problems: readonly {
    readonly rule: string;
    readonly line: number;
    readonly message: string;
    readonly severity: 'error' | 'warning';
  }[];
  readonly changed: readonly string[];
}

/** The beginning of a plan, to be filled in and written with plan_write. A plan somebody worked on is never replaced. */
export async function beginPlan(project: Project, constraints: string, named: string | undefined): Promise<PlanBegun> {
  const feature = await featureOf(project, named);
  const spec = parseSpec(await readArtifact(project.workspace, feature, 'spec'));
  const constitution = await project.workspace.read(CONSTITUTION);
  const template = await resolveTemplate(project.workspace, 'plan-template');
  const tokens = await tokensOf(project, 'plan-template');
  const text = planDraft(template.content, {
    feature: feature.name,
    title: spec.title,
    today: dayOf(project.workspace.now()),
    constraints,
    principles: constitution === undefined ? [] : parseConstitution(constitution).principles,
  });
  const path = artifactPath(feature, 'plan');
  const { changed } = await project.workspace.change(feature.name, 'plan begun', async (draft) => {
    const old = await draft.read(path);
    const isBeginning =
      old === undefined || parsePlan(old, tokens).problems.some(({ rule }) => rule === 'plan.leftover');
    if (!isBeginning) throw new SpecError('conflict', `${path} is written already. Change it with plan_write.`);
    draft.write(path, text);
  });
  return { path, problems: parsePlan(text, tokens).problems, changed };
}

/** A first list out of stories, requirements and entities. A list with work in it is never replaced. */
export async function generateTasks(project: Project, scope: string, named: string | undefined): Promise<TasksWritten> {
  const feature = await featureOf(project, named);
  const spec = parseSpec(
    await readArtifact(project.workspace, feature, 'spec'),
    await tokensOf(project, 'spec-template'),
  );
  if (spec.problems.some(({ rule }) => rule === 'spec.leftover')) {
    throw new SpecError('missing_step', 'The specification is still the template. Write it first: spec_write.');
  }
  const old = await project.workspace.read(artifactPath(feature, 'tasks'));
  if (old !== undefined && parseTasks(old).tasks.some(({ status }) => status !== 'pending')) {
    throw new SpecError('conflict', 'Tasks of this list are in work or done. Change it with tasks_write.');
  }
  const model = await project.workspace.read(artifactPath(feature, 'data-model'));
  const entities = model === undefined ? [] : parseDataModel(model).entities;
  return await writeTasks(project, tasksDraft(spec, entities, feature.name, scope), feature.directory);
}

export const REFINED = ['goals', 'requirements', 'acceptance', 'edge-cases', 'full'] as const;

const SECTIONS: Readonly<Record<Exclude<(typeof REFINED)[number], 'full'>, string>> = {
  goals: 'success criteria',
  requirements: 'requirements',
  acceptance: 'user scenarios & testing',
  'edge-cases': 'edge cases',
};

/** Replaces what stands under a section's heading, or the whole text. The result must not break more than before. */
export async function refineSpec(
  project: Project,
  wanted: { section: (typeof REFINED)[number]; changes: string; reason: string },
  named: string | undefined,
): Promise<SpecWritten> {
  const { section, changes, reason } = wanted;
  return await editSpec(project, `${section} refined: ${reason.slice(0, 200)}`, named, (text) => {
    if (section === 'full') return changes;
    const outline = outlineOf(text);
    const heading = sectionOf(outline, SECTIONS[section]);
    if (heading === undefined)
      throw new SpecError('not_found', `spec.md has no section "${SECTIONS[section]}". Write it with spec_write.`);
    // Edge cases stand inside the scenarios: replacing those without naming them would lose them.
    const kept = headingsIn(outline, heading).find(({ key }) => key === 'edge cases' && section === 'acceptance');
    const end = kept === undefined || changes.toLowerCase().includes('### edge cases') ? heading.end : kept.line - 1;
    const body = changes.replace(/^\s*#{1,3} [^\n]*\n/, (line) =>
      outlineOf(line).headings[0]?.key === heading.key ? '' : line,
    );
    return replaceLines(text, heading.line + 1, end, ['', ...body.trim().split(/\r?\n/), '']);
  });
}

/** Adds a topic to the research of the feature in work. */
export async function appendResearch(
  project: Project,
  topic: string,
  content: string,
): Promise<{ path: string; changed: readonly string[] }> {
  const feature = await featureOf(project);
  const path = artifactPath(feature, 'research');
  const { changed } = await project.workspace.change(feature.name, 'research', async (draft) => {
    const old = (await draft.read(path)) ?? `# Research: ${feature.name}\n`;
    const title = topic.replaceAll(/\s+/g, ' ').trim();
    draft.write(path, appendLines(old, ['', `## ${title}`, '', ...content.trim().split(/\r?\n/)]));
  });
  return { path, changed };
}
