/** `sallyport config show|schema|convert|encrypt|export`: looks at configurations and rewrites them. Starts nothing, needs no trust. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { Document, isNode, stringify } from 'yaml';
import { convertConfig } from '../config/convert.ts';
import { masked, withPlaceholders } from '../config/describe.ts';
import { effectiveView } from '../config/effective.ts';
import { configFormat, type DetailedConfig } from '../config/load.ts';
import { ConfigError } from '../config/problems.ts';
import { asWritten } from '../config/secrets.ts';
import { maxFileBytes, type Path } from '../config/source.ts';
import { registerEncrypt } from './config-encrypt.ts';
import { loadToLook } from './configuration.ts';
import { globalsOf, type CliContext } from './context.ts';
import { CliError, exitCodes } from './exit.ts';
import { note, printResult, printWarnings } from './output.ts';

export function register(program: Command, context: CliContext): void {
  const config = program.command('config').summary('show, describe, convert or export the configuration');
  config
    .command('show')
    .summary('what is in effect: file, variables and defaults; secrets masked')
    .action(async (_options: unknown, command: Command) => show(context, command));
  config
    .command('schema')
    .summary('the JSON Schema of the configuration file')
    .action(async () => {
      const { configJsonSchemaText } = await import('../config/json-schema.ts');
      context.stdout.write(configJsonSchemaText());
    });
  config
    .command('export')
    .summary('the file as one to give away: secrets become ${VARIABLES}')
    .action(async (_options: unknown, command: Command) => exportConfig(context, command));
  config
    .command('convert')
    .summary("rewrite another program's file, such as dynamic-mcp's or Only1MCP's, as ours")
    .argument('<FILE>', 'the file to read; it stays as it is')
    .option('--format <FORMAT>', 'yaml or json; else by the name of the output, else yaml')
    .option('-o, --output <FILE>', 'where to write; a file that is there is not replaced')
    .action(async (file: string, options: ConvertOptions, command: Command) =>
      convert(context, file, options, command),
    );
  registerEncrypt(config, context);
}

async function show(context: CliContext, command: Command): Promise<void> {
  const globals = globalsOf(command, context);
  const loaded = await loadToLook(context, globals);
  printWarnings(context, loaded.warnings);
  const view = asWritten(masked(effectiveView(loaded.config)), loaded.secrets);
  printResult(
    context,
    globals,
    { path: loaded.path, hash: loaded.hash, config: view, origins: originsOf(loaded) },
    `# ${loaded.path}\n${withOrigins(view, loaded.profiled)}`,
  );
}

/** Where values come from: a profile, or the file. What is not named is everybody's default. */
function originsOf({ expanded, profiled }: DetailedConfig): Record<string, 'file' | 'profile'> {
  const from = (paths: readonly Path[], origin: 'file' | 'profile'): [string, 'file' | 'profile'][] =>
    paths.map((path) => [path.join('.'), origin]);
  return Object.fromEntries([...from(leafPaths(expanded), 'file'), ...from(profiled, 'profile')]);
}

/** Values that are no objects; lists as a whole. */
function leafPaths(value: unknown, path: Path = []): Path[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [path];
  return Object.entries(value).flatMap(([key, member]) => leafPaths(member, [...path, key]));
}

/** As YAML; what nobody wrote and the profile set is marked. */
function withOrigins(view: unknown, profiled: readonly Path[]): string {
  const document = new Document(view);
  for (const path of profiled) {
    const node = document.getIn(path, true);
    if (isNode(node)) node.comment = ' profile';
  }
  return document.toString({ lineWidth: 0 });
}

async function exportConfig(context: CliContext, command: Command): Promise<void> {
  const globals = globalsOf(command, context);
  const loaded = await loadToLook(context, globals);
  printWarnings(context, loaded.warnings);
  const { value, variables } = withPlaceholders(loaded.written);
  if (variables.length > 0) note(context, `set these where it is used: ${variables.join(', ')}`);
  printResult(context, globals, value, stringify(value, { lineWidth: 0 }));
}

type ConvertOptions = { readonly format?: string; readonly output?: string };

async function convert(context: CliContext, file: string, options: ConvertOptions, command: Command): Promise<void> {
  const globals = globalsOf(command, context);
  const path = resolve(context.cwd, file);
  if (!(await context.files.exists(path))) throw new ConfigError(`${path} does not exist`);
  const bytes = await context.files.read(path, maxFileBytes);
  const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  const format = outputFormat(options, globals.json);
  const result = await convertConfig(path, text, configFormat(path), format);
  printWarnings(context, result.notes);
  if (options.output === undefined) context.stdout.write(result.text);
  else await writeOutput(context, resolve(context.cwd, options.output), result.text);
}

function outputFormat({ format, output }: ConvertOptions, json: boolean): 'yaml' | 'json' {
  const byName = output === undefined ? undefined : configFormat(output);
  const wanted = format ?? byName ?? (json ? 'json' : 'yaml');
  if (wanted === 'yaml' || wanted === 'json') return wanted;
  throw new CliError(`${wanted}: expected yaml or json`, exitCodes.usage);
}

async function writeOutput(context: CliContext, path: string, text: string): Promise<void> {
  if (await context.files.exists(path)) throw new CliError(`${path} exists; remove it first`, exitCodes.failed);
  await context.files.replace(path, text);
  note(context, `wrote ${path}`);
}
