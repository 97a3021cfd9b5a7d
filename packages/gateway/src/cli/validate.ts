/**
 * `sallyport validate [FILE]`: every problem of a configuration at once. It starts nothing and needs no trust. What `--server` looks
 * at is in `validate-server.ts`.
 */
import type { Command } from 'commander';
import type { DetailedConfig } from '../config/load.ts';
import { configError, ConfigError, formatProblem } from '../config/problems.ts';
import type { Problem } from '../config/types.ts';
import { loadToLook } from './configuration.ts';
import { globalsOf, type CliContext, type GlobalOptions } from './context.ts';
import { CliError, exitCodes } from './exit.ts';
import { collectHeaders } from './header-words.ts';
import { printResult, printWarnings, problemRecord } from './output.ts';
import { count } from './text.ts';

interface ValidateOptions {
  readonly server?: string | true;
  readonly header?: readonly string[];
}

export function register(program: Command, context: CliContext): void {
  program
    .command('validate')
    .summary('check a configuration, or a server')
    .description(
      'Checks a configuration and prints every problem with file, line and key. Exit code 3 when there are any. With --server it starts or reaches a server instead and checks what it offers: names, descriptions, annotations, schemas, tokens. Exit code 1 when there are errors.',
    )
    .argument(
      '[FILE...]',
      'the configuration; else the one that `serve` would use. With --server: a command or arguments, after --',
    )
    .option('--server [FILE|URL]', 'check a server: a file of its code, a URL, or -- COMMAND')
    .option('--header <NAME: VALUE>', 'sent to the URL; ${NAME} is of the environment; repeatable', collectHeaders)
    .action(async (words: readonly string[], { header = [], server }: ValidateOptions, command: Command) => {
      const globals = globalsOf(command, context);
      if (server !== undefined) {
        const { validateServer } = await import('./validate-server.ts');
        const target = server === true ? undefined : server;
        return await validateServer(context, globals, { target, words, header });
      }
      if (header.length > 0) throw new CliError('--header is for --server URL', exitCodes.usage);
      const [file, ...more] = words;
      if (more.length > 0) throw new CliError('too many arguments: one configuration at a time', exitCodes.usage);
      await validateConfiguration(context, globals, file);
    });
}

async function validateConfiguration(
  context: CliContext,
  globals: GlobalOptions,
  file: string | undefined,
): Promise<void> {
  try {
    const loaded = await loadToLook(context, globals, file);
    const { path, config } = loaded;
    const documents = await documentsOf(context, loaded);
    if (documents.problems.length > 0) throw configError(documents.problems);
    const warnings = [...loaded.warnings, ...documents.warnings];
    if (!globals.json) printWarnings(context, warnings);
    const value = {
      valid: true,
      path,
      servers: config.servers.length,
      problems: [],
      warnings: warnings.map(problemRecord),
    };
    const tools = Object.keys(config.tools).length;
    const programs = tools === 0 ? '' : `, ${count(tools, 'program')}`;
    printResult(context, globals, value, `${path}: valid, ${count(config.servers.length, 'server')}${programs}`);
  } catch (error) {
    if (!(error instanceof ConfigError) || !globals.json) throw error;
    const problems = error.problems.length > 0 ? error.problems.map(problemRecord) : [{ message: error.message }];
    printResult(context, globals, { valid: false, problems, warnings: [] }, '');
    throw new CliError(error.problems.map(formatProblem).join('\n') || error.message, exitCodes.configuration);
  }
}

/** Their reader is loaded when there are some. */
async function documentsOf(
  context: CliContext,
  loaded: DetailedConfig,
): Promise<{ readonly problems: readonly Problem[]; readonly warnings: readonly Problem[] }> {
  if (!loaded.config.servers.some(({ target }) => target.kind === 'openapi')) return { problems: [], warnings: [] };
  const { checkDocuments } = await import('./openapi-document.ts');
  return await checkDocuments(context, loaded);
}
