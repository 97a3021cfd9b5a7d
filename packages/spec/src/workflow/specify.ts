/** Makes features and writes their specification, with the pointer to the feature in work and the requirements checklist. */
import { type Problem, refuseErrors, SpecError } from '../errors.ts';
import { parseSpec } from '../grammar/spec.ts';
import {
  type Feature,
  isShortName,
  listFeatures,
  nextFeature,
  type Numbering,
  numberingOf,
  pointerText,
  shortNameOf,
  wantedFeature,
} from '../layout/features.ts';
import { dayOf, POINTER } from '../layout/paths.ts';
import { resolveTemplate } from '../layout/templates.ts';
import type { Draft } from '../workspace/change.ts';
import { artifactPath, featureOf, type Project, readArtifact, refuseStale, tokensOf } from './project.ts';
import { type ChecklistCount, tickRequirements } from './requirements-check.ts';

export interface SpecWritten {
  readonly feature: string;
  readonly directory: string;
  readonly path: string;
  /** `before`: how many were ticked before. */
  readonly checklist: ChecklistCount & { readonly before: number };
  /** Open questions: `[NEEDS CLARIFICATION: …]`. */
  readonly questions: readonly { readonly question: string; readonly line: number }[];
  readonly problems: readonly Problem[];
  readonly changed: readonly string[];
}

export interface NewFeature {
  readonly description: string;
  /** Two to four words with hyphens; made from the description when left out. */
  readonly shortName?: string;
  /** The whole specification; the resolved template, its head filled in, when left out. */
  readonly content?: string;
  readonly numbering?: Numbering;
}

const IGNORED = 'feature.json\n.sallyport/\n';

function filled(template: string, name: string, feature: Feature, description: string, today: string): string {
  return template
    .replaceAll('[FEATURE NAME]', name)
    .replaceAll('[###-feature-name]', feature.name)
    .replaceAll('[###-feature]', feature.name)
    .replaceAll('[DATE]', today)
    .replaceAll('$ARGUMENTS', description.replaceAll(/\s+/g, ' ').replaceAll('"', "'").trim());
}

const titleOf = (shortName: string): string => {
  const words = shortName.replaceAll('-', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
};

async function checklistText(
  project: Project,
  draft: Draft,
  directory: string,
  name: string,
): Promise<[string, string]> {
  const path = `${directory}/checklists/requirements.md`;
  const there = await draft.read(path);
  if (there !== undefined) return [path, there];
  const { content } = await resolveTemplate(project.workspace, 'requirements-checklist-template');
  const today = dayOf(project.workspace.now());
  return [path, content.replaceAll('[FEATURE NAME]', name).replaceAll('[DATE]', today)];
}

async function putSpec(
  project: Project,
  draft: Draft,
  feature: Feature,
  text: string,
): Promise<Omit<SpecWritten, 'changed'>> {
  const path = artifactPath(feature, 'spec');
  const spec = parseSpec(text, await tokensOf(project, 'spec-template'));
  draft.write(path, text);
  const [listPath, list] = await checklistText(project, draft, feature.directory, spec.title);
  const ticked = tickRequirements(list, spec);
  draft.write(listPath, ticked.text);
  return {
    feature: feature.name,
    directory: feature.directory,
    path,
    checklist: { ...ticked.after, before: ticked.before.checked },
    questions: spec.marks,
    problems: spec.problems,
  };
}

/** Throws a SpecError `grammar` when `content` is given and breaks a rule; nothing is made then. */
export async function createFeature(project: Project, wanted: NewFeature): Promise<SpecWritten> {
  const shortName = wanted.shortName ?? shortNameOf(wanted.description);
  if (!isShortName(shortName)) {
    throw new SpecError(
      'invalid_input',
      `The short name ${JSON.stringify(shortName)} must be lower-case words with hyphens.`,
    );
  }
  if (wanted.content !== undefined) {
    refuseErrors('spec.md', parseSpec(wanted.content, await tokensOf(project, 'spec-template')).problems);
  }
  const numbering = wanted.numbering ?? (await numberingOf(project.workspace));
  const { value, changed } = await project.workspace.change('workspace', `feature ${shortName}`, async (draft) => {
    const now = project.workspace.now();
    const wantedOne = wantedFeature(project.workspace, project.env);
    const feature = wantedOne ?? nextFeature(await listFeatures(project.workspace), shortName, numbering, now);
    // The folder that the environment names may be there, without a specification.
    const there = wantedOne === undefined ? feature.directory : artifactPath(feature, 'spec');
    if ((await project.workspace.kind(there)) !== undefined) {
      const how =
        wantedOne === undefined ? 'Choose another short name.' : 'SPECIFY_FEATURE_DIRECTORY says so: use spec_write.';
      throw new SpecError('conflict', `${there} exists already. ${how}`);
    }
    const template = await resolveTemplate(project.workspace, 'spec-template');
    const text =
      wanted.content ?? filled(template.content, titleOf(shortName), feature, wanted.description, dayOf(now));
    draft.write(POINTER, pointerText(feature.directory));
    if ((await draft.read('.specify/.gitignore')) === undefined) draft.write('.specify/.gitignore', IGNORED);
    return await putSpec(project, draft, feature, text);
  });
  return { ...value, changed };
}

/** Replaces the specification of a feature; a SpecError `grammar` names line and rule when it must not. */
export async function writeSpec(
  project: Project,
  content: string,
  named?: string,
  basedOn?: string,
): Promise<SpecWritten> {
  const feature = await featureOf(project, named);
  const path = artifactPath(feature, 'spec');
  refuseErrors(path, parseSpec(content, await tokensOf(project, 'spec-template')).problems);
  const { value, changed } = await project.workspace.change(feature.name, 'specification', async (draft) => {
    refuseStale(path, await draft.read(path), basedOn);
    return await putSpec(project, draft, feature, content);
  });
  return { ...value, changed };
}

/** Makes a feature the one in work. */
export async function useFeature(project: Project, named: string): Promise<{ feature: string; directory: string }> {
  const { name, directory } = await featureOf(project, named);
  await project.workspace.change('workspace', `feature ${name} in work`, async (draft) => {
    draft.write(POINTER, pointerText(directory));
  });
  return { feature: name, directory };
}

/** Changes the text of the specification by a function, under its lock, and ticks its checklist. */
export async function editSpec(
  project: Project,
  label: string,
  named: string | undefined,
  edit: (text: string) => string,
): Promise<SpecWritten> {
  const feature = await featureOf(project, named);
  const { value, changed } = await project.workspace.change(feature.name, label, async (draft) => {
    const old = await readArtifact(draft, feature, 'spec');
    const text = edit(old);
    const tokens = await tokensOf(project, 'spec-template');
    const before = new Set(parseSpec(old, tokens).problems.map(({ rule, message }) => `${rule} ${message}`));
    // A file that was broken before may be mended step by step; an edit must not break more.
    const fresh = parseSpec(text, tokens).problems.filter(({ rule, message }) => !before.has(`${rule} ${message}`));
    refuseErrors(artifactPath(feature, 'spec'), fresh);
    return await putSpec(project, draft, feature, text);
  });
  return { ...value, changed };
}
