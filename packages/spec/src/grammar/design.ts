/**
 * The grammars of the design documents beside the plan: `research.md` (decision, rationale, alternatives), `data-model.md`
 * (an entity a heading) and `quickstart.md`.
 */
import type { Problem } from '../errors.ts';
import { clarificationMarks, leftoverProblems } from './leftovers.ts';
import { itemsIn, type Outline, outlineOf, tableRowsIn } from './markdown.ts';

export interface Field {
  readonly name: string;
  /** As written, `string` when nothing is. */
  readonly type: string;
  readonly required: boolean;
}

export interface Entity {
  readonly name: string;
  readonly line: number;
  readonly fields: readonly Field[];
}

const error = (rule: string, line: number, message: string): Problem => ({ rule, line, message, severity: 'error' });

/** Every decision of a research file must say what, why and what else; no question may stay open. */
export function researchProblems(text: string): Problem[] {
  const outline = outlineOf(text);
  const problems = clarificationMarks(outline).map(({ line }) =>
    error('research.open-question', line, 'Research ends with no question open. Decide it and say why.'),
  );
  const said = (label: string): number[] =>
    outline.lines.filter(({ text: line, code }) => !code && labelPattern(label).test(line)).map(({ number }) => number);
  const decisions = said('decision');
  if (decisions.length === 0) {
    problems.push(
      error(
        'research.decision-missing',
        0,
        'There is no decision. Add "**Decision**: …" with "**Rationale**: …" and "**Alternatives considered**: …".',
      ),
    );
  }
  for (const [index, line] of decisions.entries()) {
    const next = decisions[index + 1] ?? Number.POSITIVE_INFINITY;
    const within = (label: string): boolean => said(label).some((at) => at > line && at < next);
    if (!within('rationale'))
      problems.push(error('research.rationale', line, 'This decision has no "**Rationale**: …".'));
    if (!within('alternatives(?: considered)?')) {
      problems.push(error('research.alternatives', line, 'This decision has no "**Alternatives considered**: …".'));
    }
  }
  return [...problems, ...leftoverProblems(outline, 'research')];
}

/** `**Decision**: …`, `- Decision: …`, or a heading `### Decision`. */
const labelPattern = (label: string): RegExp =>
  new RegExp(
    `^(?:\\s*(?:[-*]\\s+)?\\*{0,2}${label}\\*{0,2}\\s*:|#{2,6}\\s+\\*{0,2}${label}(?:\\s+\\d+)?\\*{0,2}\\s*(?::|$))`,
    'i',
  );

const NOT_ENTITIES =
  /^(?:entities|relationships?|overview|validation(?: rules)?|state transitions?|notes|indexes|enums?|summary|fields?|attributes?)$/i;

function fieldsOf(outline: Outline, from: number, to: number): Field[] {
  const rows = tableRowsIn(outline, from, to).map(({ cells }): Field => {
    const [name = '', type = '', ...rest] = cells.map((cell) => cell.replaceAll('`', '').replaceAll('**', ''));
    const isOptional = /optional|nullable|\bno\b/i.test([type, ...rest].join(' '));
    return { name, type: type === '' ? 'string' : type, required: !isOptional };
  });
  const bullets = itemsIn(outline, from, to).flatMap(({ text, indent }): Field[] => {
    const [, name, inParentheses, rest = ''] =
      /^[`*]*([A-Za-z_][\w-]{0,79})[`*]*\s*(?:\(([^)]{1,80})\))?\s*:\s*(.*)$/.exec(text) ?? [];
    if (name === undefined || indent > 3) return [];
    const type = inParentheses ?? /^`?([A-Za-z][\w<>[\]|]{0,39})`?/.exec(rest)?.[1] ?? 'string';
    return [{ name, type: type.split(',')[0]?.trim() ?? 'string', required: !/optional|nullable/i.test(text) }];
  });
  return [...rows, ...bullets].filter(({ name }) => /^[A-Za-z_][\w-]*$/.test(name));
}

/** The entities of a data model: headings of the second or third level that list fields. */
export function parseDataModel(text: string): {
  readonly entities: readonly Entity[];
  readonly problems: readonly Problem[];
} {
  const outline = outlineOf(text);
  const entities: Entity[] = [];
  for (const [index, { level, title, line }] of outline.headings.entries()) {
    if (level === 1 || level > 3 || NOT_ENTITIES.test(title)) continue;
    // Sub-headings such as "Fields" belong to the entity above them.
    const next = outline.headings.slice(index + 1).find((other) => other.level <= 3 && !NOT_ENTITIES.test(other.title));
    const fields = fieldsOf(outline, line, (next?.line ?? outline.lines.length + 1) - 1);
    const name = title
      .replace(/^(?:entity|\d+\.)\s*:?\s*/i, '')
      .replaceAll(/[`*]/g, '')
      .trim();
    if (fields.length > 0) entities.push({ name, line, fields });
  }
  return { entities, problems: leftoverProblems(outline, 'data-model') };
}
