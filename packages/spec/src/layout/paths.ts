/** Names and places of spec-kit 1.0's layout, relative to the workspace. Touches no file. */

export const SPECS = 'specs';
export const CONSTITUTION = '.specify/memory/constitution.md';
export const POINTER = '.specify/feature.json';
export const INIT_OPTIONS = '.specify/init-options.json';
export const EXTENSIONS_FILE = '.specify/extensions.yml';
/** Where DinCoder kept features when its own folder was there. */
export const OLD_SPECS = '.dincoder/specs';

/** The artifacts of a feature that have a file of their own. */
export const ARTIFACTS = {
  spec: 'spec.md',
  plan: 'plan.md',
  tasks: 'tasks.md',
  research: 'research.md',
  'data-model': 'data-model.md',
  quickstart: 'quickstart.md',
} as const;

export type Artifact = keyof typeof ARTIFACTS;

export const ARTIFACT_NAMES: readonly Artifact[] = ['spec', 'plan', 'tasks', 'research', 'data-model', 'quickstart'];

export const isArtifact = (name: string): name is Artifact => Object.hasOwn(ARTIFACTS, name);

/** `2026-01-31` in UTC, from milliseconds since the epoch. */
export const dayOf = (ms: number): string => new Date(ms).toISOString().slice(0, 10);

/** A file name made of letters, digits, `.`, `_` and `-` that hides nothing and leads nowhere else. */
export const isPlainName = (name: string): boolean =>
  /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/.test(name) && !name.includes('..');
