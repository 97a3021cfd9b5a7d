/** `sallyport restart`: ends the gateway in the background and starts it again with the same words. */
import type { Command } from 'commander';
import type { DaemonRecord } from '../wiring/daemon.ts';
import { loadToLook, loadToRun } from './configuration.ts';
import { globalsOf, type CliContext, type GlobalOptions } from './context.ts';
import { planOf, startDaemon, stopDaemon, type Plan } from './daemon-start.ts';
import { CliError, exitCodes } from './exit.ts';
import { findDaemon } from './running.ts';
import { printStarted } from './start.ts';

export function register(program: Command, context: CliContext): void {
  program
    .command('restart')
    .summary('stop the gateway in the background and start it again')
    .description(
      'Stops the gateway in the background and starts it again, on the same configuration with the same options. A configuration that is not valid leaves it running. With none running it is started.',
    )
    .action(async (_options: unknown, command: Command) => {
      const globals = globalsOf(command, context);
      const found = await findDaemon(context, globals);
      const plan = found === undefined ? await freshPlan(context, globals) : await samePlan(context, globals, found);
      if (found !== undefined) await stopDaemon(context, found);
      const { record } = await startDaemon(context, plan);
      printStarted(context, globals, record, found === undefined ? 'started' : 'restarted');
    });
}

async function freshPlan(context: CliContext, globals: GlobalOptions): Promise<Plan> {
  return planOf(await loadToRun(context, globals), {}, globals, context.cwd);
}

async function samePlan(context: CliContext, globals: GlobalOptions, record: DaemonRecord): Promise<Plan> {
  const { configPath, logPath, words, cwd, url, pid } = record;
  if (configPath === undefined || logPath === undefined || words.length === 0) {
    throw new CliError(
      `the gateway at ${url} (pid ${pid}) runs in the foreground: stop it in its terminal, or with \`sallyport stop\`, and start it again there`,
      exitCodes.failed,
    );
  }
  // What would not start again is not stopped.
  await loadToLook(context, globals, configPath);
  return { words, cwd, configPath };
}
