/**
 * The folders of features: which there are, which one is meant, and the name of the next. Order of the meaning, as in
 * spec-kit: what the caller names, SPECIFY_FEATURE_DIRECTORY, `.specify/feature.json`, SPECIFY_FEATURE; when none of them says
 * one, the newest folder.
 */
import { isAbsolute, relative, sep } from 'node:path';
import { SpecError } from '../errors.ts';
import type { Workspace } from '../workspace/workspace.ts';
import { readJson } from './json.ts';
import { INIT_OPTIONS, OLD_SPECS, POINTER, SPECS } from './paths.ts';

export interface Feature {
  /** The name of its folder, such as `001-user-login`. */
  readonly name: string;
  /** Relative to the workspace. */
  readonly directory: string;
}

export interface FoundFeature extends Feature {
  /** What said so. */
  readonly by: 'argument' | 'SPECIFY_FEATURE_DIRECTORY' | 'feature.json' | 'SPECIFY_FEATURE' | 'newest';
}

export type Environment = Readonly<Record<string, string | undefined>>;

export type Numbering = 'sequential' | 'timestamp';

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,149}$/;
const DATED = /^(\d{8}-\d{6})-/;
const NUMBERED = /^(\d{3,})-/;
const MOST_FEATURES = 10_000;

/** Dated folders come after numbered ones, as spec-kit orders them. */
function compareFeatures(a: Feature, b: Feature): number {
  const key = ({ name }: Feature): [number, number, string] => {
    const dated = DATED.exec(name);
    if (dated !== null) return [2, 0, dated[1] ?? ''];
    const numbered = NUMBERED.exec(name);
    return numbered === null ? [0, 0, name] : [1, Number(numbered[1]), name];
  };
  const [kindA, numberA, textA] = key(a);
  const [kindB, numberB, textB] = key(b);
  return kindA - kindB || numberA - numberB || (textA < textB ? -1 : Number(textA > textB));
}

/** All features, oldest first. */
export async function listFeatures(workspace: Workspace): Promise<readonly Feature[]> {
  const features: Feature[] = [];
  for (const parent of [SPECS, OLD_SPECS]) {
    for (const { name, kind } of await workspace.list(parent)) {
      if (kind !== 'folder' || !NAME.test(name) || features.length >= MOST_FEATURES) continue;
      const directory = `${parent}/${name}`;
      // An upgrade leaves the old folders behind, empty.
      if (parent === OLD_SPECS && (await workspace.list(directory)).length === 0) continue;
      features.push({ name, directory });
    }
  }
  return features.toSorted(compareFeatures);
}

/** A folder as it is named, absolute or relative to the workspace. */
function partsOf(workspace: Workspace, text: string): Feature {
  const inside = isAbsolute(text) ? relative(workspace.path, text).split(sep).join('/') : text;
  const directory = inside.replace(/^\.\//, '').replace(/\/+$/, '');
  return { name: directory.split('/').at(-1) ?? '', directory };
}

async function featureAt(workspace: Workspace, text: string, by: FoundFeature['by']): Promise<FoundFeature> {
  const { name, directory } = partsOf(workspace, text);
  if (!NAME.test(name) || (await workspace.kind(directory)) !== 'folder') {
    const shown = JSON.stringify(text.slice(0, 200));
    throw new SpecError(
      'not_found',
      `There is no feature folder ${shown} (named by ${by}). List the features, or create it.`,
    );
  }
  return { name, directory, by };
}

async function featureNamed(workspace: Workspace, name: string, by: FoundFeature['by']): Promise<FoundFeature> {
  if (name.includes('/')) return await featureAt(workspace, name, by);
  const features = await listFeatures(workspace);
  const exact = features.find((feature) => feature.name === name);
  if (exact !== undefined) return { ...exact, by };
  // A branch of the same number works on the same feature; a bare number means it too.
  const prefix = DATED.exec(name)?.[1] ?? NUMBERED.exec(`${name}-`)?.[1];
  const alike = prefix === undefined ? [] : features.filter((feature) => feature.name.startsWith(`${prefix}-`));
  const [only] = alike;
  if (only !== undefined && alike.length === 1) return { ...only, by };
  const shown = JSON.stringify(name.slice(0, 200));
  if (alike.length > 1) {
    throw new SpecError(
      'conflict',
      `${shown} means several: ${alike.map((feature) => feature.name).join(', ')}. Name one in full.`,
    );
  }
  throw new SpecError('not_found', `There is no feature ${shown} (named by ${by}). List the features, or create it.`);
}

/** The feature that is meant; a SpecError `missing_step` when there is none at all. */
export async function findFeature(workspace: Workspace, env: Environment, named?: string): Promise<FoundFeature> {
  if (named !== undefined && named !== '') return await featureNamed(workspace, named, 'argument');
  const directory = env['SPECIFY_FEATURE_DIRECTORY'];
  if (directory !== undefined && directory !== '') {
    return await featureAt(workspace, directory, 'SPECIFY_FEATURE_DIRECTORY');
  }
  const pointer = await readPointer(workspace);
  if (pointer !== undefined) return await featureAt(workspace, pointer, 'feature.json');
  const branch = env['SPECIFY_FEATURE'];
  if (branch !== undefined && branch !== '') return await featureNamed(workspace, branch, 'SPECIFY_FEATURE');
  const newest = (await listFeatures(workspace)).at(-1);
  if (newest !== undefined) return { ...newest, by: 'newest' };
  throw new SpecError('missing_step', 'There is no feature yet. Create one first: feature_create.');
}

/** What `.specify/feature.json` names; undefined when it is missing, empty or damaged, as spec-kit reads it. */
async function readPointer(workspace: Workspace): Promise<string | undefined> {
  const value = await readJson(workspace, POINTER).catch(() => undefined);
  const directory = value?.['feature_directory'];
  return typeof directory === 'string' && directory !== '' ? directory : undefined;
}

export const pointerText = (directory: string): string =>
  `${JSON.stringify({ feature_directory: directory }, null, 2)}\n`;

/** `sequential` unless the project was set up with dates. */
export async function numberingOf(workspace: Workspace): Promise<Numbering> {
  const options = await readJson(workspace, INIT_OPTIONS);
  const value = options?.['feature_numbering'] ?? options?.['branch_numbering'];
  return value === 'timestamp' ? 'timestamp' : 'sequential';
}

/** Words that say nothing about a feature. */
const FILLER = new Set(
  'a an the i we you to of for in on at by with from and or that this it its is are be as want wants need needs should would can could will must have has let lets us our my your add build create make implement new feature system app application'.split(
    ' ',
  ),
);

/** A short name of two to four words out of a description, when the model gave none. */
export function shortNameOf(description: string): string {
  const words = description
    .normalize('NFKD')
    .toLowerCase()
    .match(/[a-z0-9]+/g);
  const said = (words ?? []).filter((word) => !FILLER.has(word) && word.length > 1);
  return (said.length === 0 ? (words ?? []) : said).slice(0, 4).join('-').slice(0, 60) || 'feature';
}

/** Lower-case letters, digits and single hyphens. */
export const isShortName = (name: string): boolean => /^[a-z0-9]+(?:-[a-z0-9]+){0,7}$/.test(name) && name.length <= 60;

/** The folder that SPECIFY_FEATURE_DIRECTORY wants for a new feature; undefined when it says nothing. */
export function wantedFeature(workspace: Workspace, env: Environment): Feature | undefined {
  const said = env['SPECIFY_FEATURE_DIRECTORY'];
  if (said === undefined || said === '') return undefined;
  const { name, directory } = partsOf(workspace, said);
  if (NAME.test(name)) return { name, directory };
  throw new SpecError(
    'invalid_input',
    `SPECIFY_FEATURE_DIRECTORY names no folder a feature can have: ${JSON.stringify(name)}.`,
  );
}

/** The folder of the next feature. */
export function nextFeature(
  features: readonly Feature[],
  shortName: string,
  numbering: Numbering,
  nowMs: number,
): Feature {
  let prefix: string;
  if (numbering === 'timestamp') {
    const stamp = new Date(nowMs).toISOString();
    prefix = `${stamp.slice(0, 10).replaceAll('-', '')}-${stamp.slice(11, 19).replaceAll(':', '')}`;
  } else {
    const numbers = features
      .filter(({ name }) => !DATED.test(name))
      .map(({ name }) => Number(NUMBERED.exec(name)?.[1] ?? 0));
    prefix = String(Math.max(0, ...numbers) + 1).padStart(3, '0');
  }
  const name = `${prefix}-${shortName}`;
  return { name, directory: `${SPECS}/${name}` };
}
