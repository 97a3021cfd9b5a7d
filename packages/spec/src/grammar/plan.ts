/**
 * The grammar of `plan.md` (spec-kit 1.0): summary, the nine fields of the technical context, the gates of the constitution,
 * project structure with its decision, complexity tracking. Whether a gate's verdict is true is for people and models to say;
 * here it is checked that every gate has one, and that a broken one is justified.
 */
import type { Problem } from '../errors.ts';
import { clarificationMarks, leftoverProblems } from './leftovers.ts';
import {
  fieldsIn,
  type Heading,
  headingsIn,
  itemsIn,
  type Outline,
  outlineOf,
  proseOf,
  sectionOf,
  tableRowsIn,
} from './markdown.ts';

export interface Gate {
  readonly text: string;
  readonly line: number;
  readonly verdict: 'pass' | 'fail' | 'open';
}

export interface Plan {
  readonly summary: string;
  /** Values of the technical context by field, in lower case. */
  readonly context: ReadonlyMap<string, { readonly text: string; readonly line: number }>;
  readonly gates: readonly Gate[];
  /** Rows of complexity tracking: what breaks a principle, why it is needed, what was rejected. */
  readonly complexity: readonly { readonly cells: readonly string[]; readonly line: number }[];
  readonly marks: readonly { readonly question: string; readonly line: number }[];
  readonly outline: Outline;
  readonly problems: readonly Problem[];
}

/** The fields of the technical context, as they are written. */
const CONTEXT_FIELDS: readonly string[] = [
  'Language/Version',
  'Primary Dependencies',
  'Storage',
  'Testing',
  'Target Platform',
  'Project Type',
  'Performance Goals',
  'Constraints',
  'Scale/Scope',
];

const error = (rule: string, line: number, message: string): Problem => ({
  rule: `plan.${rule}`,
  line,
  message,
  severity: 'error',
});

/** How a verdict is written on purpose; the first one counts, whatever else the gate tells of passing and failing. */
const VERDICT = /❌|✅|✓|\b(?:FAIL|PASS)(?:ED|ES|S)?\b/;
const FAIL = /❌|\b(?:fail(?:s|ed)?|violat(?:ion|ed|es)|breaks)\b/i;
const PASS = /✅|✓|\b(?:pass(?:es|ed)?|ok|compl(?:ies|iant)|n\/a|not applicable)\b/i;

function gateOf(whole: string, line: number): Gate {
  // What stands in brackets is to be filled in yet, or the words of a link.
  const text = whole.replaceAll(/\[[^[\]]{2,}\]/g, '');
  const box = /^\[([ xX])\]/.exec(text)?.[1];
  const ticked = box !== undefined && box !== ' ';
  const said = VERDICT.exec(text)?.[0];
  if (said !== undefined)
    return { text: whole, line, verdict: said === '❌' || said.startsWith('FAIL') ? 'fail' : 'pass' };
  if (FAIL.test(text) && !/\bno violations?\b|\bviolations?\W*none\b/i.test(text))
    return { text: whole, line, verdict: 'fail' };
  if (PASS.test(text) || ticked) return { text: whole, line, verdict: 'pass' };
  return { text: whole, line, verdict: 'open' };
}

function gatesOf(outline: Outline, section: Heading | undefined): Gate[] {
  if (section === undefined) return [];
  const headed = headingsIn(outline, section).map(({ title, line, end }) =>
    gateOf(`${title}: ${proseOf(outline, line, end).replaceAll(/\s+/g, ' ')}`, line),
  );
  // Below a heading of its own, items and rows belong to that gate.
  const end = headed[0] === undefined ? section.end : headed[0].line - 1;
  const items = itemsIn(outline, section.line, end).map(({ text, line }) => gateOf(text, line));
  const rows = tableRowsIn(outline, section.line, end).map(({ cells, line }) => gateOf(cells.join(' | '), line));
  const paragraphs = outline.lines
    .slice(section.line, end)
    .filter(({ text, code }) => !code && /^\*\*[^*]+\*\*/.test(text))
    .map(({ text, number }) => gateOf(text, number));
  return [...items, ...rows, ...paragraphs, ...headed].toSorted((a, b) => a.line - b.line);
}

function sectionProblems(outline: Outline): Problem[] {
  const needed: [string, string][] = [
    ['summary', '## Summary'],
    ['technical context', '## Technical Context'],
    ['constitution check', '## Constitution Check'],
    ['project structure', '## Project Structure'],
  ];
  return needed
    .filter(([key]) => sectionOf(outline, key) === undefined)
    .map(([, title]) => error('section-missing', 0, `The section "${title}" is missing.`));
}

function contextProblems(context: Plan['context'], section: Heading | undefined): Problem[] {
  if (section === undefined) return [];
  return CONTEXT_FIELDS.flatMap((field) => {
    const value = context.get(field.toLowerCase());
    if (value === undefined) {
      return [
        error(
          'context-field',
          section.line,
          `The technical context lacks "**${field}**: …". Write N/A where it does not apply.`,
        ),
      ];
    }
    return value.text === ''
      ? [error('context-field', value.line, `"${field}" is empty. Write N/A where it does not apply.`)]
      : [];
  });
}

function gateProblems(gates: readonly Gate[], complexity: Plan['complexity'], section: Heading | undefined): Problem[] {
  if (section === undefined) return [];
  const open = gates
    .filter(({ verdict }) => verdict === 'open')
    .map(({ line }) => ({
      ...error('gate-open', line, 'This gate has no verdict. Write PASS, or FAIL with a row in Complexity Tracking.'),
      severity: 'warning' as const,
    }));
  const failed = gates.filter(({ verdict }) => verdict === 'fail');
  const justified = complexity.filter(({ cells }) => cells.slice(0, 3).filter((cell) => cell !== '').length === 3);
  const [first] = failed.slice(justified.length);
  if (first === undefined) return open;
  const told = `${failed.length} gates fail, and ${justified.length} have a whole row in Complexity Tracking.`;
  return [
    ...open,
    error('gate-unjustified', first.line, `${told} Make the plan simpler, or justify each of them there.`),
  ];
}

function titleProblems(outline: Outline): Problem[] {
  return outline.headings.some(({ level }) => level === 1)
    ? []
    : [error('title', 1, 'The title is missing. Begin with "# Implementation Plan: NAME".')];
}

function decisionProblems(outline: Outline): Problem[] {
  const structure = sectionOf(outline, 'project structure');
  if (structure === undefined) return [];
  const decision = fieldsIn(outline, structure.line, structure.end).get('structure decision')?.text ?? '';
  if (decision !== '') return [];
  return [error('structure-decision', structure.line, 'Project Structure lacks "**Structure Decision**: …".')];
}

/** `tokens` are those of the template, see `templateTokens`. */
export function parsePlan(text: string, tokens?: ReadonlySet<string>): Plan {
  const outline = outlineOf(text);
  const contextSection = sectionOf(outline, 'technical context');
  const checkSection = sectionOf(outline, 'constitution check');
  const summary = sectionOf(outline, 'summary');
  const tracking = sectionOf(outline, 'complexity tracking');
  const context: Plan['context'] =
    contextSection === undefined ? new Map() : fieldsIn(outline, contextSection.line, contextSection.end);
  const gates = gatesOf(outline, checkSection);
  const complexity = tracking === undefined ? [] : tableRowsIn(outline, tracking.line, tracking.end);
  const problems = [
    ...titleProblems(outline),
    ...decisionProblems(outline),
    ...sectionProblems(outline),
    ...contextProblems(context, contextSection),
    ...gateProblems(gates, complexity, checkSection),
    ...leftoverProblems(outline, 'plan', tokens),
  ];
  return {
    summary: summary === undefined ? '' : proseOf(outline, summary.line, summary.end),
    context,
    gates,
    complexity,
    marks: clarificationMarks(outline),
    outline,
    problems: problems.toSorted((a, b) => a.line - b.line),
  };
}
