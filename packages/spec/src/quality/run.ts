/** Runs a check of the project and says how it went. The exit code decides, and for tools that only list, whether they list. */
import { type Ran, runCommand } from '../commands/run.ts';
import { SpecError } from '../errors.ts';
import { commandMs, type Project } from '../workflow/project.ts';
import { type CheckCommand, detectProject, KNOWN_FILES, type ProjectKind } from './detect.ts';
import type { Check, Wishes } from './tables.ts';

export interface CheckResult {
  readonly check: Check;
  readonly kind: string;
  readonly command: string;
  readonly passed: boolean;
  readonly exitCode: number | null;
  /** The end of what it wrote. */
  readonly output: string;
}

/** How a check is carried out. */
export interface Running {
  readonly signal: AbortSignal;
  /** Milliseconds; the usual time of a command when left out. */
  readonly timeoutMs?: number;
  /** Told of what it writes, once a second at most. */
  readonly progress: (done: number, total?: number, message?: string) => void;
}

const SHOWN_CHARACTERS = 20_000;
const TELL_EVERY_MS = 1000;
const MESSAGE_CHARACTERS = 200;

/** A SpecError `missing_step` when the folder is no project of a known kind. */
export async function knownKind(project: Project): Promise<ProjectKind> {
  const found = await detectProject(project);
  if (found !== undefined) return found;
  throw new SpecError(
    'missing_step',
    `This is no project of Node, Python, Rust, Go or Java: the workspace has none of ${KNOWN_FILES}. Name its folder as workspacePath.`,
  );
}

export function noCommand({ kind, file }: ProjectKind, check: Check, { fix }: Wishes): SpecError {
  const how =
    kind === 'node'
      ? `Add a script to package.json, or the tool to its devDependencies.`
      : `Name a tool for it in ${file}${fix ? ', or leave fix out' : ''}.`;
  return new SpecError(
    'missing_step',
    `This project has no command for ${check}${fix ? ' that changes files' : ''}. ${how}`,
  );
}

/** Runs a command of the project in its folder, telling what it writes. */
export async function runTelling(project: Project, command: CheckCommand, running: Running): Promise<Ran> {
  const { progress, signal, timeoutMs } = running;
  let heard = 0;
  let toldAt = Number.NEGATIVE_INFINITY;
  progress(heard, undefined, `${command.program} is running`);
  return await runCommand(command, {
    cwd: project.workspace.path,
    env: project.env,
    timeoutMs: commandMs(project, timeoutMs),
    signal,
    heard(text) {
      heard += 1;
      const now = project.workspace.now();
      const line = text.trim().split('\n').at(-1)?.trim() ?? '';
      if (line === '' || now - toldAt < TELL_EVERY_MS) return;
      toldAt = now;
      progress(heard, undefined, line.slice(0, MESSAGE_CHARACTERS));
    },
  });
}

/** A SpecError `missing_step` when the project has no such command, `command_failed` when it did not end. */
export async function runCheck(
  project: Project,
  check: Check,
  { fix = false, coverage = false }: Partial<Wishes>,
  running: Running,
): Promise<CheckResult> {
  const found = await knownKind(project);
  const command = found.command(check, { fix, coverage });
  if (command === undefined) throw noCommand(found, check, { fix, coverage });
  const { code, stdout, stderr } = await runTelling(project, command, running);
  const output = `${stdout}${stderr === '' ? '' : `\n${stderr}`}`.trim();
  return {
    check,
    kind: found.kind,
    command: [command.program, ...command.args].join(' '),
    passed: code === 0 && !(command.lists && stdout.trim() !== ''),
    exitCode: code,
    output: output.length > SHOWN_CHARACTERS ? `…${output.slice(-SHOWN_CHARACTERS)}` : output,
  };
}
