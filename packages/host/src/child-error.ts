/** The one error of commands and child processes. It carries no arguments and no environment: they may hold secrets. */

/**
 * - `not_found`: no such command, or its interpreter is missing
 * - `not_executable`: the file is there but may not or cannot be run
 * - `cwd`: the working folder is missing, is no folder or may not be entered
 * - `limit`: the system is out of processes, descriptors or memory, or the arguments are too long
 * - `failed`: anything else
 */
export type ChildErrorCode = 'not_found' | 'not_executable' | 'cwd' | 'limit' | 'failed';

/** `message` is one sentence for a person: what is wrong, where, what to do next. */
export class ChildError extends Error {
  override readonly name = 'ChildError';
  readonly code: ChildErrorCode;

  constructor(code: ChildErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
