/** `sallyport trust [FILE]`: allows a configuration that is found in the current directory to be used, as it is now. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { commandLines, loadToLook, trustStore } from './configuration.ts';
import { globalsOf, type CliContext } from './context.ts';
import { note, printResult, printWarnings } from './output.ts';

export function register(program: Command, context: CliContext): void {
  program
    .command('trust')
    .summary('allow the configuration in this folder to be used')
    .description(
      'Records the present content of a configuration and of the sallyport.lock beside it. After any change it must be trusted again.',
    )
    .argument('[FILE]', 'the configuration; else the one that `serve` would use')
    .action(async (file: string | undefined, _options: unknown, command: Command) => {
      const globals = globalsOf(command, context);
      const loaded = await loadToLook(context, globals, file === undefined ? undefined : resolve(context.cwd, file));
      const { path, hash, warnings } = loaded;
      printWarnings(context, warnings);
      await (await trustStore(context)).trust(path, hash);
      note(context, `It uses:\n${commandLines(loaded)}`);
      printResult(
        context,
        globals,
        { path, hash, trusted: true },
        `trusted: ${path}\nA gateway that runs on it takes it over with \`sallyport reload\`.`,
      );
    });
}
