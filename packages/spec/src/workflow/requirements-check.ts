/**
 * The requirements checklist of a specification: what the parser can tell of its items is ticked or unticked, the rest stays
 * as the reviewer left it.
 */
import { parseChecklist } from '../grammar/checklist.ts';
import type { Spec } from '../grammar/spec.ts';

export interface ChecklistCount {
  readonly total: number;
  readonly checked: number;
}

const ruleOf = (spec: Spec, ...rules: readonly string[]): boolean =>
  !spec.problems.some(({ rule }) => rules.includes(rule.replace('spec.', '')));

/** By the words an item begins with, for a project may have its own list. */
const TELLERS: readonly [RegExp, (spec: Spec) => boolean][] = [
  [
    /^all mandatory sections/i,
    (spec) => ruleOf(spec, 'section-missing', 'story-missing', 'requirement-missing', 'leftover'),
  ],
  [/^no \[?needs clarification/i, (spec) => spec.marks.length === 0],
  [
    /^success criteria (?:are measurable|can be measured)/i,
    (spec) => spec.criteria.length > 0 && ruleOf(spec, 'criterion-measurable'),
  ],
  [/^all acceptance scenarios/i, (spec) => spec.stories.length > 0 && ruleOf(spec, 'story-scenarios', 'scenario-form')],
  [/^edge cases are identified/i, (spec) => spec.edgeCases.length > 0],
  [/^dependencies and assumptions/i, (spec) => spec.assumptions.length > 0],
];

/** The checklist's text with the marks of what can be told; other characters stay as they are. */
export function tickRequirements(
  text: string,
  spec: Spec,
): { text: string; before: ChecklistCount; after: ChecklistCount } {
  const { items } = parseChecklist(text);
  const lines = text.split('\n');
  let checked = 0;
  for (const item of items) {
    const teller = TELLERS.find(([pattern]) => pattern.test(item.text))?.[1];
    const ticked = teller === undefined ? item.checked : teller(spec);
    if (ticked) checked += 1;
    const line = lines[item.line - 1];
    if (ticked !== item.checked && line !== undefined)
      lines[item.line - 1] = line.replace(/\[[ xX]\]/, ticked ? '[x]' : '[ ]');
  }
  const before = items.filter((item) => item.checked).length;
  return {
    text: lines.join('\n'),
    before: { total: items.length, checked: before },
    after: { total: items.length, checked },
  };
}
