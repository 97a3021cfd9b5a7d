/** What every step works with: the workspace, the environment that names a feature, and the artifacts of one feature. */
import { createHash } from 'node:crypto';
import { isAbsolute, relative } from 'node:path';
import { SpecError } from '../errors.ts';
import { templateTokens } from '../grammar/leftovers.ts';
import { type Environment, findFeature, type FoundFeature } from '../layout/features.ts';
import { type Artifact, ARTIFACTS } from '../layout/paths.ts';
import { resolveTemplate } from '../layout/templates.ts';
import { segmentsOf } from '../workspace/folder.ts';
import type { Workspace } from '../workspace/workspace.ts';

export interface Project {
  readonly workspace: Workspace;
  /** SPECIFY_FEATURE and SPECIFY_FEATURE_DIRECTORY are read. */
  readonly env: Environment;
  /** No command takes longer, whatever it may usually. */
  readonly longestMs?: number | undefined;
}

/** Which step makes an artifact, for messages that say what to do first. */
const MADE_BY: Readonly<Record<Artifact, string>> = {
  spec: 'feature_create',
  plan: 'plan_write',
  tasks: 'tasks_write',
  research: 'plan_write',
  'data-model': 'plan_write',
  quickstart: 'plan_write',
};

/** How long any command may take when its call says nothing. */
export const COMMAND_MS = 30_000;
/** The most that a call may say. */
export const MOST_COMMAND_MS = 600_000;

/** How long a command may take: what its call says, or the usual, and no longer than `longestMs`. */
export const commandMs = ({ longestMs = Infinity }: Project, wantedMs: number = COMMAND_MS): number =>
  Math.min(wantedMs, longestMs);

export const featureOf = async (project: Project, named?: string): Promise<FoundFeature> =>
  findFeature(project.workspace, project.env, named);

export const artifactPath = (feature: { readonly directory: string }, artifact: Artifact): string =>
  `${feature.directory}/${ARTIFACTS[artifact]}`;

/** Where an artifact is read: the workspace, or the draft of a change. */
export interface Reader {
  read(path: string): Promise<string | undefined>;
}

/** The text of an artifact; a SpecError `missing_step` names the step that makes it. */
export async function readArtifact(
  reader: Reader,
  feature: { readonly directory: string },
  artifact: Artifact,
): Promise<string> {
  const path = artifactPath(feature, artifact);
  const text = await reader.read(path);
  if (text !== undefined) return text;
  throw new SpecError('missing_step', `${path} does not exist yet. Make it first: ${MADE_BY[artifact]}.`);
}

/** What tells a text from any other, short enough for a model to hand back. */
export const revisionOf = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 16);

/** Throws a SpecError `conflict` when the text that is there is not the one that a new text builds on. */
export function refuseStale(path: string, there: string | undefined, basedOn: string | undefined): void {
  if (basedOn === undefined || (there !== undefined && revisionOf(there) === basedOn)) return;
  throw new SpecError(
    'conflict',
    `${path} was changed since revision ${basedOn}. Read it again, and work your change into what is there.`,
  );
}

/** A path a client names, absolute or relative, as one relative to the workspace; what it leads to is checked where it is used. */
export function insidePath({ workspace }: Project, path: string): string {
  const inside = isAbsolute(path) ? relative(workspace.path, path) : path;
  return segmentsOf(inside).join('/');
}

/** As `insidePath`, for a file that a client has written where it likes: one of these kinds. */
export function outputPath(project: Project, path: string, endings: readonly string[]): string {
  const inside = insidePath(project, path);
  if (endings.some((ending) => inside.toLowerCase().endsWith(ending))) return inside;
  throw new SpecError('invalid_input', `The file must end with ${endings.join(' or ')}.`);
}

/** The bracketed tokens of a template as it is resolved in this project. */
export async function tokensOf(project: Project, name: string): Promise<ReadonlySet<string>> {
  return templateTokens((await resolveTemplate(project.workspace, name)).content);
}
