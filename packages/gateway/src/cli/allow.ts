/** `sallyport allow NAME HOST|PATH`: lets a sandboxed server reach one host or path more, by an entry in the configuration. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { Allow } from '../config/edit-allow.ts';
import { globalsOf, type CliContext } from './context.ts';
import { changeFile } from './edit.ts';
import { CliError, exitCodes } from './exit.ts';
import { printResult } from './output.ts';

/** Where a project's folder goes in. */
const ROOT = /^\{root\}(?:$|\/)/;

export function register(program: Command, context: CliContext): void {
  program
    .command('allow')
    .summary('let a sandboxed server reach a host or path')
    .description(
      'Adds a host to `sandbox.network` of a server, or a path to `sandbox.read`. A path begins with / or with a dot.',
    )
    .argument('<NAME>', 'the server')
    .argument('<HOST|PATH>', 'api.example.com, *.example.com, db.example:5432; /data, ./data, {root}/data')
    .option('--write', 'a path that it may write to as well')
    .action(async (name: string, text: string, options: { readonly write?: boolean }, command: Command) => {
      const globals = globalsOf(command, context);
      const entry = await entryOf(text, options.write === true, context);
      const edit: Allow = { kind: 'allow', name, ...entry };
      const { path, changed } = await changeFile(context, globals, edit);
      const told = changed
        ? `allowed ${name} ${entry.value} (sandbox.${entry.key} in ${path})\n` +
          'A running gateway takes it at `sallyport restart`: a reload opens nothing.'
        : `${name} is allowed ${entry.value} already (sandbox.${entry.key} in ${path})`;
      printResult(context, globals, { path, name, key: `sandbox.${entry.key}`, value: entry.value, changed }, told);
    });
}

async function entryOf(
  text: string,
  write: boolean,
  { cwd, files }: CliContext,
): Promise<Pick<Allow, 'key' | 'value'>> {
  if (/^\.{0,2}\/|^\.{1,2}$/.test(text) || ROOT.test(text)) {
    const value = ROOT.test(text) ? text : resolve(cwd, text);
    if (value === '/') throw wrong('expected a folder or file: the whole file system would be no sandbox');
    if (!ROOT.test(text) && !(await files.exists(value))) throw wrong(`${value} does not exist: make it first`);
    return { key: write ? 'write' : 'read', value };
  }
  const { hostProblem } = await import('@sallyport/client/egress');
  const problem = hostProblem(text);
  if (problem !== undefined) throw wrong(`${problem} A path begins with / or ./`);
  if (write) throw wrong('--write is for a path, not for a host');
  return { key: 'network', value: text };
}

function wrong(message: string): CliError {
  return new CliError(message, exitCodes.usage);
}
