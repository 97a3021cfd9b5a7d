/** `sallyport add NAME -- CMD…` and `sallyport add NAME URL`: puts a server into the configuration, comments kept. */
import type { Command } from 'commander';
import type { PlainServer } from '../config/edit.ts';
import { globalsOf, type CliContext } from './context.ts';
import { editFile } from './edit.ts';
import { CliError, exitCodes } from './exit.ts';
import { printResult } from './output.ts';

type Options = {
  readonly env: readonly string[];
  readonly header: readonly string[];
  readonly description?: string;
  readonly openapi?: string;
};

export function register(program: Command, context: CliContext): void {
  program
    .command('add')
    .summary('put a server into the configuration')
    .description(
      'Adds a server: a command to start (after `--`), or the URL of a remote one. The text is taken literally.',
    )
    .argument('<NAME>', 'its name')
    .argument('[WORDS...]', 'a URL, or after `--` a command and its arguments')
    .option('--env <NAME=VALUE>', 'environment of the command; repeatable', collect, [])
    .option('--header <NAME: VALUE>', 'header for the URL; repeatable', collect, [])
    .option('--description <TEXT>', 'what it is for')
    .option('--openapi <FILE>', 'a server made from an OpenAPI document')
    .action(async (name: string, words: readonly string[], options: Options, command: Command) => {
      const globals = globalsOf(command, context);
      const server = serverOf(words, options);
      const path = await editFile(context, globals, { kind: 'add', name, server });
      printResult(context, globals, { path, name }, `added ${name} to ${path}`);
    });
}

function serverOf([first, ...rest]: readonly string[], options: Options): PlainServer {
  if (options.openapi !== undefined) {
    throw new CliError('`add --openapi` is not available in this version', exitCodes.configuration);
  }
  if (first === undefined) {
    throw new CliError('expected a URL, or `--` and a command: sallyport add NAME -- npx some-server', exitCodes.usage);
  }
  const description = options.description === undefined ? {} : { description: options.description };
  if (/^https?:\/\//i.test(first) && rest.length === 0) {
    if (options.env.length > 0) throw new CliError('--env is for a command, not for a URL', exitCodes.usage);
    return { url: first, headers: pairs(options.header, ':', '--header'), ...description };
  }
  if (options.header.length > 0) throw new CliError('--header is for a URL, not for a command', exitCodes.usage);
  return { command: first, args: rest, env: pairs(options.env, '=', '--env'), ...description };
}

function pairs(texts: readonly string[], separator: string, option: string): Record<string, string> {
  return Object.fromEntries(
    texts.map((text) => {
      const at = text.indexOf(separator);
      if (at <= 0) throw new CliError(`${option}: expected NAME${separator}VALUE`, exitCodes.usage);
      return [text.slice(0, at).trim(), separator === ':' ? text.slice(at + 1).trim() : text.slice(at + 1)];
    }),
  );
}

function collect(value: string, before: readonly string[]): string[] {
  return [...before, value];
}
