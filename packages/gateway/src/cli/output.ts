/** Results on stdout, as text for people or JSON for programs. Control characters of foreign text never reach a terminal. */
import { formatProblem } from '../config/problems.ts';
import type { Problem } from '../config/types.ts';
import type { CliContext, GlobalOptions } from './context.ts';
import { plain } from './text.ts';

/** Prints a result: `value` as JSON under `--json`, else `text`. Ends with one line break. */
export function printResult(context: CliContext, globals: GlobalOptions, value: unknown, text: string): void {
  const body = globals.json ? JSON.stringify(value, null, 2) : text;
  context.stdout.write(body.endsWith('\n') ? body : `${body}\n`);
}

/** Lines for the person, on stderr: whatever stands in them drives no terminal. */
export function note(context: CliContext, text: string): void {
  context.stderr.write(`${plain(text).replace(/\n$/, '')}\n`);
}

/** The warnings of a configuration, one line each, on stderr. */
export function printWarnings(context: CliContext, warnings: readonly Problem[]): void {
  for (const warning of warnings) note(context, `warning: ${formatProblem(warning)}`);
}

/** A problem as programs read it. */
export function problemRecord({ file, position, path, message }: Problem): Record<string, unknown> {
  return { file, ...(position !== undefined && { line: position.line, column: position.column }), path, message };
}
