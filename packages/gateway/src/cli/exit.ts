/** Exit codes of the command line, and the one error that carries them. */
import { ConfigError } from '../config/problems.ts';

/** What the process's exit code says to a script. */
export const exitCodes = {
  done: 0,
  /** Something did not work; also a tool that answered `isError`. */
  failed: 1,
  /** Wrong words on the command line, or Node is too old. */
  usage: 2,
  /** The configuration cannot be used, or asks for what this version does not have. */
  configuration: 3,
  /** Not authenticated, or refused. */
  refused: 4,
  /** A gateway or server cannot be reached. */
  unreachable: 5,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** Ends a verb: the message goes to stderr, the code to the shell. An empty message prints nothing. */
export class CliError extends Error {
  override readonly name = 'CliError';
  readonly exitCode: ExitCode;

  constructor(message: string, exitCode: ExitCode) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** The exit code of whatever a verb threw. */
export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof CliError) return error.exitCode;
  return error instanceof ConfigError ? exitCodes.configuration : exitCodes.failed;
}
