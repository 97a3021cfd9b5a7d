/**
 * The errors of the specification server in one table: a stable code, and a message that says what is wrong, where, and what
 * to do next. Paths in messages are relative to the workspace. What the operating system says is translated at the workspace.
 */

/** One broken rule of a grammar, and where. Lines count from 1; 0 means the file as a whole. */
export interface Problem {
  /** `artifact.rule`, stable. */
  readonly rule: string;
  readonly line: number;
  readonly message: string;
  /** An error refuses a write; a warning is told. */
  readonly severity: 'error' | 'warning';
}

export type SpecErrorCode =
  | 'outside_workspace'
  | 'restricted'
  | 'not_found'
  | 'missing_step'
  | 'invalid_input'
  | 'grammar'
  | 'conflict'
  | 'too_large'
  | 'not_text'
  | 'busy'
  | 'gate'
  | 'command_failed';

/** A refusal that a client may read. `problems` is filled for the code `grammar`. */
export class SpecError extends Error {
  readonly code: SpecErrorCode;
  readonly problems: readonly Problem[];

  constructor(code: SpecErrorCode, message: string, problems: readonly Problem[] = []) {
    super(message);
    this.name = 'SpecError';
    this.code = code;
    this.problems = problems;
  }
}

/** Throws when any of the problems is an error; `path` is the file they were found in. */
export function refuseErrors(path: string, problems: readonly Problem[]): void {
  const errors = problems.filter(({ severity }) => severity === 'error');
  if (errors.length === 0) return;
  const shown = errors.slice(0, 20).map(({ line, rule, message }) => `line ${line}: ${message} [${rule}]`);
  const rest = errors.length > shown.length ? `\n… and ${errors.length - shown.length} more` : '';
  throw new SpecError(
    'grammar',
    `${path} was not written: ${errors.length} broken ${errors.length === 1 ? 'rule' : 'rules'}.\n${shown.join('\n')}${rest}`,
    problems,
  );
}
