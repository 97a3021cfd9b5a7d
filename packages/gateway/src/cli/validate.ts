/** `sallyport validate [FILE]`: every problem of a configuration at once. It starts nothing and needs no trust. */
import type { Command } from 'commander';
import { ConfigError, formatProblem } from '../config/problems.ts';
import { loadToLook } from './configuration.ts';
import { globalsOf, type CliContext } from './context.ts';
import { CliError, exitCodes } from './exit.ts';
import { printResult, printWarnings, problemRecord } from './output.ts';

export function register(program: Command, context: CliContext): void {
  program
    .command('validate')
    .summary('check a configuration without starting it')
    .description(
      'Checks a configuration and prints every problem with file, line and key. Exit code 3 when there are any.',
    )
    .argument('[FILE]', 'the configuration; else the one that `serve` would use')
    .action(async (file: string | undefined, _options: unknown, command: Command) => {
      const globals = globalsOf(command, context);
      try {
        const { path, config, warnings } = await loadToLook(context, globals, file);
        if (!globals.json) printWarnings(context, warnings);
        const value = {
          valid: true,
          path,
          servers: config.servers.length,
          problems: [],
          warnings: warnings.map(problemRecord),
        };
        const count = config.servers.length === 1 ? '1 server' : `${config.servers.length} servers`;
        printResult(context, globals, value, `${path}: valid, ${count}`);
      } catch (error) {
        if (!(error instanceof ConfigError) || !globals.json) throw error;
        const problems = error.problems.length > 0 ? error.problems.map(problemRecord) : [{ message: error.message }];
        printResult(context, globals, { valid: false, problems, warnings: [] }, '');
        throw new CliError(error.problems.map(formatProblem).join('\n') || error.message, exitCodes.configuration);
      }
    });
}
