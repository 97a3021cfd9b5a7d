/** `sallyport enable NAME` and `sallyport disable NAME`: turns a server on or off in the configuration. */
import type { Command } from 'commander';
import { globalsOf, type CliContext } from './context.ts';
import { editFile } from './edit.ts';
import { printResult } from './output.ts';

export function register(program: Command, context: CliContext): void {
  for (const kind of ['enable', 'disable'] as const) {
    program
      .command(kind)
      .summary(kind === 'enable' ? 'turn a server on' : 'turn a server off, but keep it in the file')
      .argument('<NAME>', 'its name')
      .action(async (name: string, _options: unknown, command: Command) => {
        const globals = globalsOf(command, context);
        const path = await editFile(context, globals, { kind, name });
        printResult(context, globals, { path, name, enabled: kind === 'enable' }, `${kind}d ${name} in ${path}`);
      });
  }
}
