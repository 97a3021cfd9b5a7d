/** `sallyport version`. */
import type { Command } from 'commander';
import { globalsOf, type CliContext } from './context.ts';
import { CliError, exitCodes } from './exit.ts';
import { printResult } from './output.ts';

export function register(program: Command, context: CliContext): void {
  program
    .command('version')
    .summary('the version of Sallyport and of Node')
    .option('--check', 'whether a newer one is out')
    .action((options: { readonly check?: boolean }, command: Command) => {
      if (options.check === true)
        throw new CliError('`version --check` is not available in this version', exitCodes.configuration);
      const globals = globalsOf(command, context);
      const value = { version: context.version, node: context.nodeVersion };
      printResult(context, globals, value, `sallyport ${context.version} (node ${context.nodeVersion})`);
    });
}
