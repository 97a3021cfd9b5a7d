/** `sallyport start`: the gateway in the background, now and, if wanted, whenever the user logs in. */
import type { Command } from 'commander';
import type { DaemonRecord } from '../wiring/daemon.ts';
import { installAtLogin, startBySystem } from './at-login.ts';
import { loadToRun } from './configuration.ts';
import { globalsOf, type CliContext, type GlobalOptions } from './context.ts';
import { planOf, startDaemon, type ListenOptions } from './daemon-start.ts';
import { printResult } from './output.ts';
import { oneLine, shellWord } from './text.ts';

interface StartOptions extends ListenOptions {
  readonly atLogin: boolean;
}

export function register(program: Command, context: CliContext): void {
  program
    .command('start')
    .summary('run the gateway in the background')
    .description(
      'Runs the gateway of a configuration in the background, one for each configuration. It goes on when the terminal is closed; `sallyport stop` ends it.',
    )
    .option('--host <HOST>', 'listen on this address instead of the configured one')
    .option('--port <PORT>', 'listen on this port instead of the configured one')
    .option('--at-login', 'also start it whenever you log in; `sallyport stop --at-login` takes that back', false)
    .action(async ({ atLogin, ...listen }: StartOptions, command: Command) => {
      const globals = globalsOf(command, context);
      const loaded = await loadToRun(context, globals);
      const plan = planOf(loaded, listen, globals, context.cwd);
      const item = atLogin ? await installAtLogin(context, plan) : undefined;
      const { record, isNew } = await startDaemon(context, plan, async () => startBySystem(context, item));
      printStarted(context, globals, record, isNew ? 'started' : 'running');
    });
}

/** Says where the gateway is. */
export function printStarted(
  context: CliContext,
  globals: GlobalOptions,
  record: DaemonRecord,
  how: 'started' | 'running' | 'restarted',
): void {
  const { url, pid, configPath, logPath } = record;
  const first = {
    started: 'Sallyport runs in the background',
    running: 'Sallyport is running already',
    restarted: 'Sallyport was restarted',
  }[how];
  const text = [
    `${first} at ${url} (pid ${pid})`,
    ...(configPath === undefined ? [] : [`  file     ${oneLine(configPath)}`]),
    `  log      ${logPath === undefined ? 'in the terminal where it runs' : oneLine(logPath)}`,
    ...(configPath === undefined
      ? []
      : [`  clients  let them start: sallyport --config ${shellWord(oneLine(configPath))} serve --stdio`]),
    ...(how === 'running' ? [] : ['See `sallyport status` and `sallyport logs -f`; `sallyport stop` ends it.']),
  ].join('\n');
  const value = { running: true, started: how !== 'running', url, pid, config: configPath, log: logPath };
  printResult(context, globals, value, text);
}
