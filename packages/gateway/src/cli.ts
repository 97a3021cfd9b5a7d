/**
 * The command line's frame: global options, verbs, exit codes. A verb lives in `cli/<verb>.ts`; only the one that is used is
 * loaded. Results go to stdout, all else to stderr.
 */
import { Command, CommanderError } from 'commander';
import type { CliContext, CliSystem } from './cli/context.ts';
import { CliError, exitCodeOf, exitCodes, type ExitCode } from './cli/exit.ts';
import { note } from './cli/output.ts';
import { realSystem } from './cli/system.ts';
import { laterVerbs, verbs, type Verb } from './cli/verbs.ts';
import { didYouMean } from './config/problems.ts';

/** Runs this process's command line and sets its exit code. */
export async function main(): Promise<void> {
  // A reader that has seen enough (`| head`) is no failure, and nobody is left to tell.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    process.exit(error.code === 'EPIPE' ? exitCodes.done : exitCodes.failed);
  });
  process.stderr.on('error', () => undefined);
  process.exitCode = await run(process.argv.slice(2), realSystem());
}

/** Runs one command line; gives the exit code. Never throws. */
export async function run(argv: readonly string[], system: CliSystem): Promise<ExitCode> {
  const outcome: { code: ExitCode } = { code: exitCodes.done };
  const context: CliContext = { ...system, exit: (code) => void (outcome.code = code) };
  try {
    const { verb, words } = splitVerb(argv);
    const program = createProgram(context);
    if (verb === undefined) describeVerbs(program);
    else (await loadVerb(verb)).register(program, context);
    program.commands.forEach(confine);
    await program.parseAsync([...words], { from: 'user' });
    return outcome.code;
  } catch (error) {
    return report(context, error);
  }
}

function report(context: CliContext, error: unknown): ExitCode {
  // Commander has printed its own message (or the help that was asked for) by now.
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.usage;
  const message = error instanceof Error ? error.message : String(error);
  if (message !== '') note(context, `sallyport: ${message}`);
  return exitCodeOf(error);
}

function createProgram(context: CliContext): Command {
  return confine(
    new Command('sallyport')
      .description('One guarded door between AI clients and all the MCP servers they use.')
      .usage('[options] [verb] …')
      .configureOutput({
        writeOut: (text) => void context.stdout.write(text),
        writeErr: (text) => void context.stderr.write(text.replace(/^error: /, 'sallyport: ')),
      })
      .option('--config <FILE>', 'the configuration file')
      .option('--log-level <LEVEL>', 'trace, debug, info, warn, error, fatal or silent')
      .option('--json', 'results as JSON')
      .option('--no-color', 'no colours')
      .version(context.version, '-V, --version', 'the version'),
  );
}

/** No `process.exit` from below: every end is an exception that `run` turns into a code. */
function confine(command: Command): Command {
  command.exitOverride();
  for (const inner of command.commands) confine(inner.copyInheritedSettings(command));
  return command;
}

/** For the help: all verbs by name, none loaded. */
function describeVerbs(program: Command): void {
  for (const { name, summary } of verbs) program.command(name).summary(summary).description(summary);
  program.addHelpText('after', '\nWithout a verb: serve. `sallyport VERB --help` says more of one.');
}

const optionsWithValue = new Set(['--config', '--log-level']);

/**
 * The verb of a command line, and the words for the parser. The first word that is no global option decides; none, or an
 * option of `serve`, means `serve`; a request for help or the version means no verb.
 */
export function splitVerb(argv: readonly string[]): {
  readonly verb: string | undefined;
  readonly words: readonly string[];
} {
  for (let index = 0; index < argv.length; index += 1) {
    const word = argv[index] ?? '';
    if (optionsWithValue.has(word)) index += 1;
    else if (['-h', '--help', '-V', '--version'].includes(word)) return { verb: undefined, words: argv };
    else if (word === 'help') return { verb: undefined, words: ['--help'] };
    else if (!/^(--json|--no-color|--config=.*|--log-level=.*)$/s.test(word)) {
      const isVerb = !word.startsWith('-');
      return {
        verb: isVerb ? word : 'serve',
        words: isVerb ? argv : [...argv.slice(0, index), 'serve', ...argv.slice(index)],
      };
    }
  }
  return { verb: 'serve', words: [...argv, 'serve'] };
}

async function loadVerb(name: string): Promise<Awaited<ReturnType<NonNullable<Verb['load']>>>> {
  const verb = verbs.find((one) => one.name === name);
  if (verb?.load !== undefined) return verb.load();
  if (verb !== undefined || laterVerbs.includes(name)) {
    throw new CliError(`\`${name}\` is not available in this version`, exitCodes.configuration);
  }
  const hint = didYouMean(
    name,
    verbs.map((one) => one.name),
  );
  throw new CliError(`there is no verb \`${name}\`${hint}\nSee \`sallyport --help\``, exitCodes.usage);
}
