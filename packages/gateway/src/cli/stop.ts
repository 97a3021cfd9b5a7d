/** `sallyport stop`: ends the gateway that is running, its calls first. */
import type { Command } from 'commander';
import { removeAtLogin } from './at-login.ts';
import { globalsOf, type CliContext } from './context.ts';
import { stopDaemon } from './daemon-start.ts';
import { printResult } from './output.ts';
import { findDaemon } from './running.ts';

export function register(program: Command, context: CliContext): void {
  program
    .command('stop')
    .summary('stop the gateway that is running')
    .description('Stops the gateway that is running: calls under way may end first. With none, it says so and is done.')
    .option('--at-login', 'also no longer start it when you log in', false)
    .action(async ({ atLogin }: { readonly atLogin: boolean }, command: Command) => {
      const globals = globalsOf(command, context);
      const found = await findDaemon(context, globals);
      // First: what starts it again must not see it end.
      if (atLogin) await removeAtLogin(context);
      if (found === undefined) {
        printResult(context, globals, { stopped: false }, 'No gateway is running: there is nothing to stop.');
        return;
      }
      await stopDaemon(context, found);
      const { url, pid } = found;
      printResult(context, globals, { stopped: true, url, pid }, `Stopped the gateway at ${url} (pid ${pid}).`);
    });
}
