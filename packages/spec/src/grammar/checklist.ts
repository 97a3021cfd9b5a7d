/**
 * The grammar of files in `checklists/` (spec-kit 1.0): boxes with or without `CHK001` ids. A checklist asks about the
 * specification itself ("are the limits named?"), not whether the program works.
 */
import type { Problem } from '../errors.ts';
import { outlineOf } from './markdown.ts';

export interface CheckItem {
  readonly line: number;
  readonly checked: boolean;
  /** `CHK001`; empty in the requirements checklist, whose items have none. */
  readonly id: string;
  readonly text: string;
}

export interface Checklist {
  readonly items: readonly CheckItem[];
  readonly problems: readonly Problem[];
}

const ITEM = /^[ \t]*[-*] \[([ xX])\] (?:(CHK\d{3,5})\s+)?(\S.*)$/;
/** The dimension a question asks about, or the passage or gap it points at. */
export const CHECK_TAG: RegExp =
  /\[[^\]]*(?:Completeness|Clarity|Consistency|Coverage|Measurability|Gap|Ambiguity|Conflict|Assumption|Spec §)[^\]]*\]/;

export function parseChecklist(text: string): Checklist {
  const problems: Problem[] = [];
  const items: CheckItem[] = [];
  const ids = new Set<string>();
  for (const { text: line, number, code } of outlineOf(text).lines) {
    const [, mark, id = '', body = ''] = (code ? null : ITEM.exec(line)) ?? [];
    if (mark === undefined) continue;
    if (id !== '' && ids.has(id)) {
      const message = `${id} is used twice. Continue the numbering.`;
      problems.push({ rule: 'checklist.duplicate-id', line: number, message, severity: 'error' });
    }
    ids.add(id);
    items.push({ line: number, checked: mark !== ' ', id, text: body.trim() });
  }
  if (items.length === 0) {
    const message = 'There is no item. Add "- [ ] CHK001 …?" lines.';
    problems.push({ rule: 'checklist.empty', line: 0, message, severity: 'error' });
  }
  return { items, problems };
}
