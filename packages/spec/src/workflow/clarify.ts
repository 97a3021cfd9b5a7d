/**
 * Open decisions of a specification: what is said about each heading of spec-kit's list, the next question, and an answer that
 * is noted under Clarifications and worked into its section in one write. At most five answers a day and feature.
 */
import { SpecError } from '../errors.ts';
import { addBullet, insertLines, replaceOnce } from '../grammar/edit.ts';
import { outlineOf, proseOf, sectionOf } from '../grammar/markdown.ts';
import { parseSpec, type Spec } from '../grammar/spec.ts';
import { dayOf } from '../layout/paths.ts';
import { featureOf, type Project, readArtifact } from './project.ts';
import { editSpec, type SpecWritten } from './specify.ts';

export type Coverage = 'clear' | 'partial' | 'missing';

export interface ClarifyScan {
  readonly feature: string;
  readonly categories: readonly { readonly category: string; readonly status: Coverage }[];
  readonly open: Spec['marks'];
  /** How many answers may still be noted today. */
  readonly left: number;
}

const MOST_ANSWERS = 5;

/** Words of which a specification says some when it speaks of a heading. */
const TAXONOMY: readonly [string, readonly RegExp[]][] = [
  [
    'Functional Scope & Behavior',
    [
      /\bMUST\b/,
      /\bout of scope\b|\bnot (?:part|included|covered)\b/i,
      /\b(?:role|admin|visitor|customer|member|owner)s?\b/i,
    ],
  ],
  ['Domain & Data Model', [/key entities/i, /\bunique\b|\bidentif/i, /\bstates?\b|\bstatus\b|\blifecycle\b/i]],
  [
    'Interaction & UX Flow',
    [
      /user story/i,
      /\bempty\b|\berrors?\b|\bloading\b|\bmessage\b/i,
      /\baccessib|\blocali[sz]|\blanguages?\b|\bkeyboard\b/i,
    ],
  ],
  [
    'Non-Functional Quality Attributes',
    [
      /\bseconds?\b|\bms\b|\bminutes?\b/i,
      /\bavailab|\brecover|\buptime\b/i,
      /\bprivacy\b|\bpassword\b|\bencrypt|\bpermission|\bsecur/i,
      /\blog(?:s|ged|ging)?\b|\bmetrics?\b|\baudit\b/i,
    ],
  ],
  [
    'Integration & External Dependencies',
    [/\bexternal\b|\bthird[- ]party\b|\bintegrat/i, /\bimport|\bexport|\bformat\b/i],
  ],
  [
    'Edge Cases & Failure Handling',
    [
      /edge cases/i,
      /\bfails?\b|\binvalid\b|\brefus|\breject/i,
      /\bsimultaneous|\bconcurrent|\bat once\b|\bconflict|\blimit/i,
    ],
  ],
  [
    'Constraints & Tradeoffs',
    [/\bconstraints?\b|\bmust not\b|\bat most\b|\bno more than\b/i, /\binstead of\b|\btrade-?offs?\b|\brejected\b/i],
  ],
  ['Terminology & Consistency', [/\bglossary\b|\bmeans\b|\bcalled\b|\bdefined as\b|\*\*[A-Z][\w ]+\*\*:/]],
  ['Completion Signals', [/\bSC-\d{3}/, /\*\*Then\*\*/]],
];

function statusOf(text: string, patterns: readonly RegExp[]): Coverage {
  const met = patterns.filter((pattern) => pattern.test(text)).length;
  if (met === patterns.length) return 'clear';
  return met === 0 ? 'missing' : 'partial';
}

const answersToday = (spec: Spec, today: string): number =>
  spec.clarifications.filter(({ session }) => session === today).length;

export async function scanClarity(project: Project, named?: string): Promise<ClarifyScan> {
  const feature = await featureOf(project, named);
  const text = await readArtifact(project.workspace, feature, 'spec');
  const spec = parseSpec(text);
  const said = proseOf(spec.outline, 0, spec.outline.lines.length);
  const vague = /\bTODO\b|\bTBD\b|\?\?\?/.test(said) || spec.marks.length > 0;
  const categories = TAXONOMY.map(([category, patterns]) => ({ category, status: statusOf(said, patterns) }));
  return {
    feature: feature.name,
    categories: [...categories, { category: 'Misc / Placeholders', status: vague ? 'partial' : 'clear' }],
    open: spec.marks,
    left: Math.max(0, MOST_ANSWERS - answersToday(spec, dayOf(project.workspace.now()))),
  };
}

/** The sections an answer may add a bullet to; requirements and criteria get the next id. */
export const ANSWER_SECTIONS = ['requirements', 'entities', 'edge-cases', 'success-criteria', 'assumptions'] as const;
export type AnswerSection = (typeof ANSWER_SECTIONS)[number];

export interface Answer {
  readonly question: string;
  readonly answer: string;
  /** A passage of the specification, exactly once there, and what it says now. */
  readonly replace?: { readonly find: string; readonly with: string };
  readonly add?: { readonly section: AnswerSection; readonly text: string };
}

const oneLine = (text: string): string => text.replaceAll(/\s*\r?\n\s*/g, ' ').trim();

function nextId(entries: readonly { id: string }[], prefix: string): string {
  const numbers = entries.filter(({ id }) => id.startsWith(`${prefix}-`)).map(({ id }) => Number(id.split('-')[1]));
  return `${prefix}-${String(Math.max(0, ...numbers) + 1).padStart(3, '0')}`;
}

/** The heading a bullet goes under; another that stands for it where the template has none. */
const HEADINGS: Readonly<Record<AnswerSection, readonly [string, string]>> = {
  requirements: ['functional requirements', 'requirements'],
  entities: ['key entities', 'key entities'],
  'edge-cases': ['edge cases', 'edge cases'],
  'success-criteria': ['measurable outcomes', 'success criteria'],
  assumptions: ['assumptions', 'assumptions'],
};

function addTo(text: string, { section, text: body }: NonNullable<Answer['add']>): string {
  const spec = parseSpec(text);
  const [usual, other] = HEADINGS[section];
  const key = sectionOf(spec.outline, usual) === undefined ? other : usual;
  if (section === 'requirements') return addBullet(text, key, `**${nextId(spec.requirements, 'FR')}**: ${body}`);
  if (section === 'success-criteria') return addBullet(text, key, `**${nextId(spec.criteria, 'SC')}**: ${body}`);
  return addBullet(text, key, body);
}

/** Notes an answer under today's session; the section stands before the user scenarios. */
export function noteAnswer(text: string, question: string, answer: string, today: string): string {
  const bullet = `Q: ${oneLine(question)} → A: ${oneLine(answer)}`;
  const outline = outlineOf(text);
  const section = sectionOf(outline, 'clarifications', 2);
  const session = outline.headings.find(
    ({ key, line }) =>
      key === `session ${today}` && section !== undefined && line > section.line && line <= section.end,
  );
  if (session !== undefined) return addBullet(text, session.key, bullet);
  if (section !== undefined) return insertLines(text, section.line, ['', `### Session ${today}`, '', `- ${bullet}`]);
  const first = outline.headings.find(({ level }) => level === 2)?.line ?? outline.lines.length;
  return insertLines(text, first - 1, ['## Clarifications', '', `### Session ${today}`, '', `- ${bullet}`, '']);
}

/** The text with one answer noted and worked in. Refused after the fifth of a day. */
function answered(text: string, answer: Answer, today: string): string {
  if (answer.replace === undefined && answer.add === undefined) {
    const how = 'Give "replace" (a passage that is decided now) or "add" (a bullet), so that it is worked in.';
    throw new SpecError('invalid_input', `An answer must change a section too. ${how}`);
  }
  if (answersToday(parseSpec(text), today) >= MOST_ANSWERS) {
    throw new SpecError(
      'gate',
      `${MOST_ANSWERS} answers are noted today already. Go on with the plan, and tell what is open.`,
    );
  }
  let edited =
    answer.replace === undefined ? text : replaceOnce(text, answer.replace.find, oneLine(answer.replace.with));
  if (answer.add !== undefined) edited = addTo(edited, answer.add);
  return noteAnswer(edited, answer.question, answer.answer, today);
}

/** Throws what `answerClarification` would: before a user is asked, so that no answer is lost. */
export async function checkClarification(project: Project, answer: Answer, named?: string): Promise<void> {
  const text = await readArtifact(project.workspace, await featureOf(project, named), 'spec');
  answered(text, answer, dayOf(project.workspace.now()));
}

/** Notes one answer and works it in. */
export async function answerClarification(project: Project, answer: Answer, named?: string): Promise<SpecWritten> {
  const today = dayOf(project.workspace.now());
  return await editSpec(project, 'clarification', named, (text) => answered(text, answer, today));
}
