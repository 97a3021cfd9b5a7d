/**
 * Writes the constitution: checks its grammar, the version its changes need and its dates, and puts the sync report in front,
 * which tells what changed and which templates still speak of what is gone.
 */
import { type Problem, refuseErrors } from '../errors.ts';
import { type Constitution, parseConstitution, withoutSyncReport } from '../grammar/constitution.ts';
import { CONSTITUTION, dayOf } from '../layout/paths.ts';
import { resolveTemplate } from '../layout/templates.ts';
import { type Project, refuseStale } from './project.ts';

export type Bump = 'none' | 'patch' | 'minor' | 'major';

export interface ConstitutionWritten {
  readonly path: string;
  readonly version: string;
  readonly previousVersion: string;
  readonly bump: Bump;
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly modified: readonly string[];
  readonly changed: boolean;
  readonly problems: readonly Problem[];
}

interface Difference {
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly modified: readonly string[];
}

const BUMPS: readonly Bump[] = ['none', 'patch', 'minor', 'major'];

function differenceOf(before: Constitution, after: Constitution): Difference {
  const old = new Map(before.principles.map(({ name, text }) => [name, text]));
  const names = new Set(after.principles.map(({ name }) => name));
  const oldSections = new Set(before.sections);
  return {
    added: [
      ...after.principles.filter(({ name }) => !old.has(name)).map(({ name }) => name),
      ...after.sections.filter((name) => !oldSections.has(name)).map((name) => `section ${name}`),
    ],
    removed: [
      ...before.principles.filter(({ name }) => !names.has(name)).map(({ name }) => name),
      ...before.sections.filter((name) => !after.sections.includes(name)).map((name) => `section ${name}`),
    ],
    modified: after.principles
      .filter(({ name, text }) => old.has(name) && old.get(name) !== text)
      .map(({ name }) => name),
  };
}

/** What the change needs at least. A changed wording may be more than PATCH: that is for its writer to say. */
function neededBump(difference: Difference, sameText: boolean): Bump {
  if (sameText) return 'none';
  if (difference.removed.some((name) => !name.startsWith('section '))) return 'major';
  return difference.added.length > 0 || difference.removed.length > 0 ? 'minor' : 'patch';
}

const numbersOf = (version: string): number[] => version.split('.').map(Number);

function bumpBetween(before: string, after: string): Bump | 'backwards' {
  const old = numbersOf(before);
  const next = numbersOf(after);
  for (const [index, bump] of (['major', 'minor', 'patch'] as const).entries()) {
    const step = (next[index] ?? 0) - (old[index] ?? 0);
    if (step !== 0) return step > 0 ? bump : 'backwards';
  }
  return 'none';
}

function versionProblems(before: Constitution, after: Constitution, needed: Bump, today: string): Problem[] {
  const line = after.outline.lines.findLast(({ text }) => text.startsWith('**Version**'))?.number ?? 0;
  const error = (rule: string, message: string): Problem => ({
    rule: `constitution.${rule}`,
    line,
    message,
    severity: 'error',
  });
  const problems: Problem[] = [];
  const bump = bumpBetween(before.version, after.version);
  if (bump === 'backwards')
    problems.push(error('version-backwards', `The version goes back from ${before.version} to ${after.version}.`));
  else if (BUMPS.indexOf(bump) < BUMPS.indexOf(needed)) {
    const reason = {
      major: 'A principle is gone',
      minor: 'Something was added',
      patch: 'The wording changed',
      none: '',
    }[needed];
    problems.push(
      error('version-bump', `${reason}, so the version after ${before.version} rises by ${needed.toUpperCase()}.`),
    );
  }
  if (before.ratified !== '' && after.ratified !== before.ratified) {
    problems.push(error('ratified', `The date of ratification was ${before.ratified} and stays.`));
  }
  if (needed !== 'none' && after.amended !== today) {
    problems.push(error('amended', `"Last Amended" is ${today} when something changes.`));
  }
  return problems;
}

async function templatesToRevise(project: Project, gone: readonly string[]): Promise<string[]> {
  const lines: string[] = [];
  for (const name of ['spec-template', 'plan-template', 'tasks-template']) {
    const { content } = await resolveTemplate(project.workspace, name);
    const named = gone.filter((principle) => content.toLowerCase().includes(principle.toLowerCase()));
    lines.push(named.length === 0 ? `- ${name}: ok` : `- ${name}: revise, it speaks of ${named.join(', ')}`);
  }
  return lines;
}

async function syncReport(
  project: Project,
  before: Constitution | undefined,
  after: Constitution,
  difference: Difference,
): Promise<string> {
  const list = (names: readonly string[]): string => (names.length === 0 ? 'none' : names.join('; '));
  const old = before === undefined || before.version === '' ? 'none' : before.version;
  const lines = [
    '<!--',
    'Sync Impact Report',
    `Version change: ${old} -> ${after.version}`,
    `Modified principles: ${list(difference.modified)}`,
    `Added: ${list(difference.added)}`,
    `Removed: ${list(difference.removed)}`,
    'Templates:',
    ...(await templatesToRevise(project, difference.removed)),
    '-->',
  ];
  // A comment ends at its first "-->", wherever that comes from.
  return `${lines.map((line, index) => (index === lines.length - 1 ? line : line.replaceAll('-->', '→'))).join('\n')}\n\n`;
}

/** A template that was only copied is not a version anybody agreed on. */
function agreed(text: string | undefined): Constitution | undefined {
  const parsed = text === undefined ? undefined : parseConstitution(text);
  return parsed?.problems.some(({ rule }) => rule === 'constitution.leftover') === true ? undefined : parsed;
}

/** Throws a SpecError `grammar` with line and rule when the text must not be written. */
export async function writeConstitution(
  project: Project,
  content: string,
  basedOn?: string,
): Promise<ConstitutionWritten> {
  const text = withoutSyncReport(content).replace(/\s*$/, '\n');
  const after = parseConstitution(text);
  refuseErrors(CONSTITUTION, after.problems);
  const today = dayOf(project.workspace.now());
  const { value, changed } = await project.workspace.change('workspace', 'constitution', async (draft) => {
    const old = await draft.read(CONSTITUTION);
    refuseStale(CONSTITUTION, old, basedOn);
    const before = agreed(old);
    const difference = differenceOf(before ?? parseConstitution(''), after);
    const same = before !== undefined && withoutSyncReport(old ?? '') === text;
    const needed = before === undefined ? 'none' : neededBump(difference, same);
    if (before !== undefined && before.version !== '') {
      refuseErrors(CONSTITUTION, versionProblems(before, after, needed, today));
    }
    if (!same) draft.write(CONSTITUTION, (await syncReport(project, before, after, difference)) + text);
    return { ...difference, bump: needed, previousVersion: before?.version ?? '' };
  });
  return {
    path: CONSTITUTION,
    version: after.version,
    ...value,
    changed: changed.length > 0,
    problems: after.problems,
  };
}
