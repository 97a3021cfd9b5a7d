/**
 * All that a verb may touch of the world, so that a test can hand it another one. The real world is in `system.ts`; this file
 * is types and the global options.
 */
import type { Command } from 'commander';
import type { ConfigFiles } from '../config/load.ts';
import type { ExitCode } from './exit.ts';
import type { Processes } from './processes.ts';

export type Output = { readonly write: (text: string) => unknown };

export type Choice = { readonly value: string; readonly label: string };

/** Questions on the terminal. Each resolves with undefined when the person turns away (Esc, Ctrl+C). */
export type Prompts = {
  /** `problem` gives what is wrong with an answer, or undefined; `initial` can be edited. */
  readonly text: (question: {
    readonly message: string;
    readonly initial?: string;
    readonly problem: (answer: string) => string | undefined;
  }) => Promise<string | undefined>;
  /** What is typed is not shown. */
  readonly hidden: (question: { readonly message: string }) => Promise<string | undefined>;
  readonly choose: (question: {
    readonly message: string;
    readonly choices: readonly Choice[];
    readonly initial?: string;
  }) => Promise<string | undefined>;
  readonly chooseMany: (question: {
    readonly message: string;
    readonly choices: readonly Choice[];
    readonly initial: readonly string[];
  }) => Promise<readonly string[] | undefined>;
};

/** What a link leads to. */
export type Linked = {
  readonly path: string;
  /** Whoever runs this, or as root whoever has the folder of the link. */
  readonly isOwn: boolean;
  /** The folder of a repository that it is in. */
  readonly repository?: string;
};

/** The file system of the command line: what the loader needs, and writing. */
export type CliFiles = ConfigFiles & {
  /** Replaces a file as a whole; its owner and mode stay, or it becomes 0600 where it is to be private. A link is followed. */
  readonly replace: (
    path: string,
    data: string | Uint8Array,
    options?: { readonly isPrivate: boolean },
  ) => Promise<void>;
  /**
   * Writes a new file for the user alone, or as every program of theirs would, and its directory; as root for whose folder it is
   * in. Fails when it is there.
   */
  readonly create: (path: string, text: string, options?: { readonly isPrivate: boolean }) => Promise<void>;
  /** Where a file below a folder is instead, because of links; undefined: it is where its path says, or not there. */
  readonly linked: (path: string, below: string) => Promise<Linked | undefined>;
  /** The same for a file of our own state: 0600, in a directory 0700. undefined = there is none. */
  readonly readState: (path: string) => Promise<string | undefined>;
  readonly writeState: (path: string, text: string) => Promise<void>;
  /** Where state lives; nothing is created. */
  readonly stateDirectory: () => Promise<string>;
};

export type CliSystem = {
  /** Results, and nothing else. */
  readonly stdout: Output;
  /** Everything else. */
  readonly stderr: Output;
  readonly stdin: AsyncIterable<Uint8Array | string>;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly home: string;
  readonly version: string;
  /** Version of Node, `24.1.0`. */
  readonly nodeVersion: string;
  /** A person sits there: stdin and stderr are a terminal. */
  readonly isTerminal: boolean;
  /** Cells of a line of stdout; undefined when stdout is no terminal. */
  readonly columns: () => number | undefined;
  /** The same for stderr, where progress is shown. */
  readonly errorColumns: () => number | undefined;
  /** ms since 1970. */
  readonly now: () => number;
  /** Asks yes or no on the terminal; false when the person turns away. */
  readonly confirm: (question: string) => Promise<boolean>;
  /** All other questions. */
  readonly prompts: Prompts;
  /** Calls `listener` when the person or the system asks to stop, each time; gives the way to take it back. */
  readonly onInterrupt: (listener: () => void) => () => void;
  readonly files: CliFiles;
  readonly processes: Processes;
};

export type CliContext = CliSystem & {
  /** Sets the exit code of a verb that ends without an error. */
  readonly exit: (code: ExitCode) => void;
};

/** Options that every verb takes, before or after its name. */
export type GlobalOptions = {
  readonly config?: string;
  readonly logLevel?: string;
  readonly json: boolean;
  readonly color: boolean;
};

/** The global options as this command line has them. `NO_COLOR` counts as `--no-color`. */
export function globalsOf(command: Command, context: CliContext): GlobalOptions {
  const { config, logLevel, json, color } = command.optsWithGlobals<Partial<GlobalOptions>>();
  return {
    ...(config !== undefined && { config }),
    ...(logLevel !== undefined && { logLevel }),
    json: json === true,
    color: color !== false && (context.env['NO_COLOR'] ?? '') === '',
  };
}

/** What a file `cli/<verb>.ts` exports: adds its command to the program. */
export type Register = (program: Command, context: CliContext) => void;
