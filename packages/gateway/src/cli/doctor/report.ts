/** What the doctor found, and how that looks on a terminal. It looks at nothing itself. */
import { count, oneLine, painter, wrap } from '../text.ts';

/** `warn`: it works, but not as well or as safely as it could. */
export type Verdict = 'ok' | 'warn' | 'fail';

export interface Finding {
  /** One or two words. */
  readonly check: string;
  readonly verdict: Verdict;
  /** What was found; foreign text in it is not cleaned yet. */
  readonly text: string;
  /** What mends it: a command, or what to write. */
  readonly remedy?: string;
  /** What was done about it just now. */
  readonly fixed?: string;
}

export interface Section {
  readonly title: string;
  readonly findings: readonly Finding[];
}

export const ok = (check: string, text: string): Finding => ({ check, verdict: 'ok', text });
export const warn = (check: string, text: string, remedy?: string): Finding => finding('warn', check, text, remedy);
export const fail = (check: string, text: string, remedy?: string): Finding => finding('fail', check, text, remedy);

function finding(verdict: Verdict, check: string, text: string, remedy: string | undefined): Finding {
  return { check, verdict, text, ...(remedy !== undefined && { remedy }) };
}

/** What was wrong and is not any more. */
export function fixedBy(before: Finding, fixed: string): Finding {
  return { check: before.check, verdict: 'ok', text: before.text, fixed };
}

/** The findings as a program reads them. */
export function reportRecord(sections: readonly Section[]): object {
  const findings = sections.flatMap(({ title, findings: found }) => found.map((one) => ({ section: title, ...one })));
  const counts = countsOf(sections);
  return { ok: counts.fail === 0, counts, findings };
}

export function countsOf(sections: readonly Section[]): Readonly<Record<Verdict, number>> {
  const all = sections.flatMap(({ findings }) => findings);
  const number = (verdict: Verdict): number => all.filter((one) => one.verdict === verdict).length;
  return { ok: number('ok'), warn: number('warn'), fail: number('fail') };
}

export interface Layout {
  /** Undefined: no terminal. */
  readonly columns: number | undefined;
  readonly color: boolean;
}

const MARKS = { ok: ['✓', 'green'], warn: ['!', 'yellow'], fail: ['✗', 'red'] } as const;

export function reportText(sections: readonly Section[], { color, columns }: Layout): string {
  const paint = painter(color);
  const width = columns ?? Number.POSITIVE_INFINITY;
  const checkWidth = Math.max(...sections.flatMap(({ findings }) => findings.map(({ check }) => check.length)), 0);
  const lines = sections.flatMap(({ title, findings }) => [
    paint('bold', oneLine(title)),
    ...findings.flatMap((one) => findingLines(one, { checkWidth, width, paint })),
    '',
  ]);
  return [...lines, summary(sections)].join('\n');
}

interface Cells {
  readonly checkWidth: number;
  readonly width: number;
  readonly paint: ReturnType<typeof painter>;
}

function findingLines({ check, verdict, text, remedy, fixed }: Finding, { checkWidth, width, paint }: Cells): string[] {
  const [mark, style] = MARKS[verdict];
  const indent = ' '.repeat(checkWidth + 6);
  const [first = '', ...rest] = wrap(oneLine(text), width - indent.length);
  return [
    `  ${paint(style, mark)} ${check.padEnd(checkWidth)}  ${first}`,
    ...rest.map((line) => indent + line),
    ...arrow(remedy, '→', indent, width),
    ...arrow(fixed, 'fixed:', indent, width).map((line) => paint('green', line)),
  ];
}

function arrow(text: string | undefined, mark: string, indent: string, width: number): string[] {
  if (text === undefined) return [];
  const inner = indent.length + mark.length + 1;
  return wrap(oneLine(text), width - inner).map((line, index) =>
    index === 0 ? `${indent}${mark} ${line}` : ' '.repeat(inner) + line,
  );
}

function summary(sections: readonly Section[]): string {
  const { fail: failed, ok: fine, warn: warned } = countsOf(sections);
  const rest = [
    ...(warned === 0 ? [] : [count(warned, 'warning')]),
    ...(failed === 0 ? [] : [`${count(failed, 'check')} failed`]),
  ];
  const all = count(fine + warned + failed, 'check');
  return rest.length === 0 ? `${all}, all is well.` : `${all}: ${rest.join(', ')}.`;
}
