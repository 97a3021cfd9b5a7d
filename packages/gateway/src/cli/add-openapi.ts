/**
 * `sallyport add NAME --openapi FILE|URL`: an API that an OpenAPI document describes, as a server. A person at a terminal chooses
 * which operations become tools; else `--operations` says it, or it is those that only read.
 */
import { dirname, isAbsolute, relative, resolve } from 'node:path';
import { draftOf } from '../config/check-text.ts';
import { findConfig } from '../config/find.ts';
import { configFormat } from '../config/load.ts';
import { copyPath } from '../config/openapi-files.ts';
import { badName, isDocumentUrl, lowerCase } from '../config/servers.ts';
import { serverNamePattern } from '../config/schema.ts';
import { present } from '../config/schema-parts.ts';
import { maxFileBytes } from '../config/source.ts';
import { DocumentError, listOperations, survey, type Operation, type Survey } from '../openapi/index.ts';
import type { CliContext, GlobalOptions } from './context.ts';
import { createFirst, editFile } from './edit.ts';
import { CliError, exitCodes } from './exit.ts';
import { keepCopy, takeDocument, tell } from './openapi-document.ts';
import { note, printResult } from './output.ts';
import { oneLine } from './text.ts';

export interface AddOpenApi {
  /** A file or a URL. */
  readonly document: string;
  /** Globs. */
  readonly operations?: readonly string[];
  readonly server?: string;
  readonly description?: string;
  readonly header: readonly string[];
  /** What has no meaning here. */
  readonly words: readonly string[];
  readonly env: readonly string[];
}

/** More than that nobody chooses from on a terminal. */
const MAX_CHOICES = 300;

export async function addOpenApi(
  context: CliContext,
  globals: GlobalOptions,
  name: string,
  options: AddOpenApi,
): Promise<void> {
  refuseOthers(name, options);
  await createFirst(context, globals);
  const directory = await placeFor(context, globals, name);
  const { copy, document, hash } = await takeDocument(context, options.document);
  const isUrl = isDocumentUrl(options.document);
  const about = { headers: {}, ...present({ server: options.server, source: isUrl ? options.document : undefined }) };
  const { operations } = reading(() => listOperations(document, name));
  const allow = options.operations ?? (await choose(context, operations));
  const choice = { ...present({ allow }), deny: [] };
  const found = reading(() => survey(document, name, { ...about, operations: choice }));
  if (found.tools.length === 0) throw nothing(operations, found, allow);
  if (copy !== undefined) await keepCopy(context, copyPath(directory, name), copy);
  const openapi = {
    document: isUrl ? options.document : fileFrom(directory, resolve(context.cwd, options.document)),
    ...present({ sha256: isUrl ? hash : undefined, server: options.server, operations: allow && { allow } }),
  };
  const server = { openapi, ...present({ description: options.description }) };
  const path = await editFile(context, globals, { kind: 'add', name, server });
  const tools = found.tools.map(({ operation }) => operation.name);
  printResult(context, globals, { path, name, tools }, `added ${name} to ${path}: ${tools.length} tools`);
  if (allow === undefined) note(context, readingText(operations));
  tell(context, name, found, options.server !== undefined);
}

/** What is wrong with a document as a whole is a failure of the verb. */
function reading<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof DocumentError) throw new CliError(oneLine(error.message), exitCodes.failed);
    throw error;
  }
}

function readingText(operations: readonly Operation[]): string {
  const rest = operations.filter(({ reads }) => !reads).length;
  const others = rest === 0 ? '' : ` ${rest} others change something: choose with --operations GLOB…, or "*" for all.`;
  return `only operations that read (GET, HEAD) become tools.${others}`;
}

function refuseOthers(name: string, { env, header, server, words }: AddOpenApi): void {
  const wrong = (text: string): CliError => new CliError(text, exitCodes.usage);
  if (words.length > 0) throw wrong('--openapi stands instead of a URL or command');
  if (env.length > 0) throw wrong('--env is for a command, not for an OpenAPI document');
  if (header.length > 0)
    throw wrong('write headers into `openapi.headers` of the configuration, as `${secret:NAME}` where they are secret');
  if (server !== undefined && !/^https?:\/\//i.test(server)) throw wrong('--server: expected an http or https URL');
  if (!serverNamePattern.test(name)) throw wrong(badName(name, new Set()));
}

/** The folder of the configuration, in which nothing of another server is overwritten. */
async function placeFor({ cwd, env, files, home }: CliContext, globals: GlobalOptions, name: string): Promise<string> {
  const { path } = await findConfig({ cwd, env, home, file: globals.config, exists: files.exists });
  const bytes = await files.read(path, maxFileBytes);
  const { order } = await draftOf(path, new TextDecoder().decode(bytes), configFormat(path));
  if (lowerCase(order).has(name.toLowerCase())) {
    throw new CliError(
      `there is a server \`${name}\` already; remove it first, or take another name`,
      exitCodes.configuration,
    );
  }
  return dirname(path);
}

/** Undefined: those that read. */
async function choose(context: CliContext, operations: readonly Operation[]): Promise<readonly string[] | undefined> {
  if (!context.isTerminal || operations.length === 0) return undefined;
  if (operations.length > MAX_CHOICES) {
    note(context, `${operations.length} operations are too many to choose from here: take --operations GLOB…`);
    return undefined;
  }
  const keys = new Map(operations.map((operation) => [globOf(operation), operation]));
  const answer = await context.prompts.chooseMany({
    message: 'Which operations become tools?',
    choices: [...keys].map(([value, operation]) => ({ value, label: labelOf(operation) })),
    initial: [...keys].filter(([, { reads }]) => reads).map(([value]) => value),
  });
  if (answer === undefined || answer.length === 0) throw new CliError('nothing was added', exitCodes.failed);
  return answer;
}

/** What names this operation alone. */
function globOf({ id, key }: Operation): string {
  return id !== undefined && /^[\w.-]+$/.test(id) ? id : key;
}

function labelOf({ key, reads, summary }: Operation): string {
  const label = `${oneLine(key)}${summary === undefined ? '' : `  ${oneLine(summary)}`}`;
  return reads ? label : `${label}  (changes something)`;
}

function nothing(
  operations: readonly Operation[],
  { refused }: Survey,
  allow: readonly string[] | undefined,
): CliError {
  const [first] = refused;
  if (first !== undefined)
    return new CliError(
      `no operation can be a tool; ${oneLine(first.key)}: ${oneLine(first.reason)}`,
      exitCodes.failed,
    );
  const what =
    allow === undefined
      ? 'no operation of the document only reads: choose with --operations GLOB…'
      : 'no operation matches --operations';
  return new CliError(operations.length === 0 ? 'the document has no operations' : what, exitCodes.failed);
}

/** From the folder of the configuration where it is below it. */
function fileFrom(directory: string, path: string): string {
  const below = relative(directory, path);
  return below.startsWith('..') || isAbsolute(below) ? path : `./${below}`;
}
