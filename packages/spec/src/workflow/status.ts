/** Where a project stands: its features, what each has, and the step that comes next. */
import { countTasks } from '../grammar/tasks.ts';
import { SpecError } from '../errors.ts';
import { type Feature, findFeature, listFeatures } from '../layout/features.ts';
import { type Artifact, ARTIFACT_NAMES, ARTIFACTS, CONSTITUTION } from '../layout/paths.ts';
import { artifactPath, type Project } from './project.ts';
import type { Step } from './rules.ts';

export interface FeatureStatus {
  readonly name: string;
  readonly directory: string;
  readonly artifacts: readonly Artifact[];
  readonly tasks: { readonly done: number; readonly total: number };
  readonly next: Step;
}

export interface ProjectStatus {
  readonly workspace: string;
  readonly constitution: boolean;
  /** Empty when there is none. */
  readonly current: string;
  /** What says that it is the one in work. */
  readonly by: string;
  readonly features: readonly FeatureStatus[];
}

function nextStep(artifacts: readonly Artifact[], done: number, total: number): Step {
  if (!artifacts.includes('spec')) return 'specify';
  if (!artifacts.includes('plan')) return 'plan';
  if (!artifacts.includes('tasks')) return 'tasks';
  return done < total ? 'implement' : 'converge';
}

/** Undefined for what cannot be read: one file must not hide the project. The tools that work with it say why. */
async function readable<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof SpecError) return undefined;
    throw error;
  }
}

/** The artifacts of a feature that are there. */
export async function artifactsOf(project: Project, feature: Feature): Promise<readonly Artifact[]> {
  const names = new Set((await project.workspace.list(feature.directory)).map(({ name }) => name));
  return ARTIFACT_NAMES.filter((artifact) => names.has(ARTIFACTS[artifact]));
}

async function featureStatus(project: Project, feature: Feature): Promise<FeatureStatus> {
  const artifacts = await artifactsOf(project, feature);
  const text = artifacts.includes('tasks')
    ? await readable(project.workspace.read(artifactPath(feature, 'tasks')))
    : undefined;
  const tasks = text === undefined ? { done: 0, total: 0 } : countTasks(text);
  return {
    name: feature.name,
    directory: feature.directory,
    artifacts,
    tasks,
    next: nextStep(artifacts, tasks.done, tasks.total),
  };
}

export async function projectStatus(project: Project): Promise<ProjectStatus> {
  const features: FeatureStatus[] = [];
  for (const feature of await listFeatures(project.workspace)) features.push(await featureStatus(project, feature));
  const current = await findFeature(project.workspace, project.env).catch(() => undefined);
  return {
    workspace: project.workspace.path,
    constitution: (await readable(project.workspace.kind(CONSTITUTION))) === 'file',
    current: current?.name ?? '',
    by: current?.by ?? '',
    features,
  };
}
