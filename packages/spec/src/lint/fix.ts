/** Mends what the linter calls fixable: spaces, tabs, blank lines, the end of the file, languages of code blocks. No words. */
import type { LintFinding } from './rules.ts';

const LINE_FIXES: Readonly<Record<string, (line: string) => string | undefined>> = {
  MD009: (line) => line.trimEnd(),
  MD010: (line) => line.replaceAll('\t', '    '),
  MD012: () => undefined,
  'spec-code-block-language': (line) => `${line.trimEnd()}text`,
};

/** The line ends of the text are kept. */
export function fixText(text: string, findings: readonly LintFinding[]): string {
  const eol = text.includes('\r\n') ? '\r\n' : '\n';
  const lines: (string | undefined)[] = text.split(/\r?\n/);
  for (const { rule, line, fixable } of findings) {
    const fix = fixable ? LINE_FIXES[rule] : undefined;
    const old = lines[line - 1];
    if (fix !== undefined && old !== undefined) lines[line - 1] = fix(old);
  }
  const fixed = lines.filter((line) => line !== undefined).join(eol);
  return findings.some(({ rule }) => rule === 'MD047') && !fixed.endsWith(eol) ? fixed + eol : fixed;
}
