/** The beginning of a step: template as it is resolved here, the texts it builds on, the rules, and the hooks around it. */
import { type Hook, hooksFor } from '../layout/hooks.ts';
import { type Artifact, ARTIFACT_NAMES, CONSTITUTION } from '../layout/paths.ts';
import { type Layer, resolveTemplate } from '../layout/templates.ts';
import { artifactPath, featureOf, type Project, readArtifact, revisionOf } from './project.ts';
import { type Step, STEP_RULES, type StepRules } from './rules.ts';

export interface Beginning extends Omit<StepRules, 'template'> {
  readonly step: Step;
  /** Undefined for steps without a feature. */
  readonly feature: string | undefined;
  readonly template: { readonly name: string; readonly content: string; readonly layers: readonly Layer[] } | undefined;
  readonly context: readonly { readonly path: string; readonly text: string; readonly revision: string }[];
  readonly before: readonly Hook[];
  readonly after: readonly Hook[];
}

/** What a step cannot do without, and what it reads when it is there. */
const NEEDS: Readonly<Partial<Record<Step, readonly Artifact[]>>> = {
  clarify: ['spec'],
  plan: ['spec'],
  checklist: ['spec'],
  tasks: ['spec', 'plan'],
  analyze: ['spec', 'plan', 'tasks'],
  implement: ['plan', 'tasks'],
  converge: ['spec', 'plan', 'tasks'],
  taskstoissues: ['tasks'],
};
const READS: Readonly<Partial<Record<Step, readonly Artifact[]>>> = {
  ...NEEDS,
  plan: ['spec', 'plan', 'research', 'data-model', 'quickstart'],
  checklist: ['spec', 'plan', 'tasks'],
  tasks: ['spec', 'plan', 'research', 'data-model', 'quickstart', 'tasks'],
  implement: ARTIFACT_NAMES,
};

async function contextOf(project: Project, step: Step, directory: string | undefined): Promise<Beginning['context']> {
  const paths = [CONSTITUTION];
  if (directory !== undefined) {
    for (const artifact of READS[step] ?? []) paths.push(artifactPath({ directory }, artifact));
    if (step === 'tasks' || step === 'implement') {
      for (const { name, kind } of await project.workspace.list(`${directory}/contracts`)) {
        if (kind === 'file') paths.push(`${directory}/contracts/${name}`);
      }
    }
  }
  const texts: { path: string; text: string; revision: string }[] = [];
  for (const path of paths) {
    const text = await project.workspace.read(path);
    if (text !== undefined) texts.push({ path, text, revision: revisionOf(text) });
  }
  return texts;
}

/** A SpecError `missing_step` when something the step cannot do without is not there. */
export async function beginStep(project: Project, step: Step, named?: string): Promise<Beginning> {
  const { template, ...rules } = STEP_RULES[step];
  const needs = NEEDS[step];
  const feature = needs === undefined ? undefined : await featureOf(project, named);
  if (feature !== undefined)
    for (const artifact of needs ?? []) await readArtifact(project.workspace, feature, artifact);
  const resolved = template === undefined ? undefined : await resolveTemplate(project.workspace, template);
  return {
    step,
    feature: feature?.name,
    ...rules,
    template: resolved,
    context: await contextOf(project, step, feature?.directory),
    before: await hooksFor(project.workspace, 'before', step),
    after: await hooksFor(project.workspace, 'after', step),
  };
}
