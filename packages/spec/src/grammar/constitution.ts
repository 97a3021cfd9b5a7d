/**
 * The grammar of `.specify/memory/constitution.md` (spec-kit 1.0): principles, governance and the version line at its end.
 * Which version a change needs is decided in workflow/constitution.ts.
 */
import type { Problem } from '../errors.ts';
import { leftoverProblems } from './leftovers.ts';
import { headingsIn, type Outline, outlineOf, proseOf, sectionOf } from './markdown.ts';

export interface Principle {
  readonly name: string;
  readonly line: number;
  readonly text: string;
}

/** A sentence with MUST or SHOULD, of a principle or another section. */
export interface Norm {
  readonly principle: string;
  readonly strength: 'must' | 'should';
  readonly text: string;
  readonly line: number;
}

export interface Constitution {
  readonly principles: readonly Principle[];
  /** Titles of the other sections of the second level. */
  readonly sections: readonly string[];
  readonly norms: readonly Norm[];
  readonly version: string;
  readonly ratified: string;
  readonly amended: string;
  readonly outline: Outline;
  readonly problems: readonly Problem[];
}

const error = (rule: string, line: number, message: string): Problem => ({
  rule: `constitution.${rule}`,
  line,
  message,
  severity: 'error',
});

const VERSION_LINE =
  /^\*\*Version\*\*:\s*(\S+)\s*\|\s*\*\*Ratified\*\*:\s*(\S+)\s*\|\s*\*\*Last Amended\*\*:\s*(\S+)\s*$/;
const SEMVER = /^\d{1,5}\.\d{1,5}\.\d{1,5}$/;
const DAY = /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])$/;
const REPORT = /^\u{FEFF}?\s*<!--\s*\n?\s*Sync Impact Report[\s\S]*?-->[ \t]*\r?\n*/iu;

/** The text without a sync report at its top. */
export const withoutSyncReport = (text: string): string => text.replace(REPORT, '');

function normsOf(outline: Outline): Norm[] {
  const norms: Norm[] = [];
  let principle = '';
  const headings = new Map(outline.headings.map((heading) => [heading.line, heading]));
  for (const { text, number, code } of outline.lines) {
    const heading = headings.get(number);
    if (heading !== undefined) principle = heading.level > 1 ? heading.title : principle;
    else if (!code && /\b(?:MUST|SHALL|SHOULD|REQUIRED|NON-NEGOTIABLE)\b/.test(text)) {
      const strength = /\b(?:MUST|SHALL|REQUIRED|NON-NEGOTIABLE)\b/.test(text) ? 'must' : 'should';
      norms.push({ principle, strength, text: text.replace(/^[-*\s]+/, '').trim(), line: number });
    }
  }
  return norms;
}

function versionProblems(found: RegExpExecArray | undefined, line: number): Problem[] {
  if (found === undefined) {
    const form = '"**Version**: 1.0.0 | **Ratified**: 2026-01-31 | **Last Amended**: 2026-01-31"';
    return [error('version-line', line, `The last line must be ${form}.`)];
  }
  const [, version = '', ratified = '', amended = ''] = found;
  const problems: Problem[] = [];
  if (!SEMVER.test(version))
    problems.push(error('version-form', line, `The version "${version}" is not MAJOR.MINOR.PATCH.`));
  for (const day of [ratified, amended]) {
    if (!DAY.test(day)) problems.push(error('date-form', line, `"${day}" is not a date of the form 2026-01-31.`));
  }
  if (DAY.test(ratified) && DAY.test(amended) && amended < ratified) {
    problems.push(error('date-order', line, `It was amended (${amended}) before it was ratified (${ratified}).`));
  }
  return problems;
}

function headProblems(outline: Outline): Problem[] {
  const problems: Problem[] = [];
  const title = outline.headings.find(({ level }) => level === 1);
  if (title === undefined || !/\bConstitution$/i.test(title.title)) {
    problems.push(error('title', title?.line ?? 1, 'The title must be "# PROJECT Constitution".'));
  }
  for (const name of ['Core Principles', 'Governance']) {
    if (sectionOf(outline, name.toLowerCase(), 2) !== undefined) continue;
    problems.push(error('section-missing', 0, `The section "## ${name}" is missing.`));
  }
  return problems;
}

function principlesOf(outline: Outline, problems: Problem[]): Principle[] {
  const core = sectionOf(outline, 'core principles', 2);
  if (core === undefined) return [];
  const principles = headingsIn(outline, core)
    .filter(({ level }) => level === 3)
    .map(({ title, line, end }) => ({ name: title, line, text: proseOf(outline, line, end) }));
  if (principles.length === 0) {
    const message = 'There is no principle. Add "### I. Name" with what it demands.';
    problems.push(error('principle-missing', core.line, message));
  }
  for (const { name, line, text } of principles) {
    if (text === '') problems.push(error('principle-empty', line, `The principle "${name}" says nothing.`));
  }
  return principles;
}

export function parseConstitution(text: string): Constitution {
  const outline = outlineOf(text);
  const problems = headProblems(outline);
  const principles = principlesOf(outline, problems);
  const footer = outline.lines.findLast(({ text: line, code }) => !code && line.startsWith('**Version**'));
  const found = VERSION_LINE.exec(footer?.text.trim() ?? '') ?? undefined;
  const [, version = '', ratified = '', amended = ''] = found ?? [];
  problems.push(
    ...versionProblems(found, footer?.number ?? outline.lines.length),
    ...leftoverProblems(outline, 'constitution'),
  );
  return {
    principles,
    sections: outline.headings
      .filter(({ level, key }) => level === 2 && key !== 'core principles')
      .map(({ title: name }) => name),
    norms: normsOf(outline),
    version,
    ratified,
    amended,
    outline,
    problems: problems.toSorted((a, b) => a.line - b.line),
  };
}
