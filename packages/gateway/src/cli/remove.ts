/** `sallyport remove NAME`: takes a server out of the configuration, comments of the others kept. */
import type { Command } from 'commander';
import { globalsOf, type CliContext } from './context.ts';
import { editFile } from './edit.ts';
import { printResult } from './output.ts';

export function register(program: Command, context: CliContext): void {
  program
    .command('remove')
    .summary('take a server out of the configuration')
    .argument('<NAME>', 'its name')
    .action(async (name: string, _options: unknown, command: Command) => {
      const globals = globalsOf(command, context);
      const path = await editFile(context, globals, { kind: 'remove', name });
      printResult(context, globals, { path, name }, `removed ${name} from ${path}`);
    });
}
