/** `sallyport add NAME -- CMD…`, `add NAME URL` and `add io.github.owner/name`: puts a server into the configuration, comments kept. */
import { dirname, isAbsolute, resolve } from 'node:path';
import { packageRun } from '@sallyport/host';
import type { Command } from 'commander';
import { unpinnedText } from '../config/children.ts';
import type { PlainServer } from '../config/edit.ts';
import { addListed, isListedName } from './add-listed.ts';
import { globalsOf, type CliContext, type GlobalOptions } from './context.ts';
import { editFile } from './edit.ts';
import { CliError, exitCodes } from './exit.ts';
import { note, printResult } from './output.ts';
import { oneLine } from './text.ts';

type Options = {
  readonly env: readonly string[];
  readonly header: readonly string[];
  readonly description?: string;
  readonly openapi?: string;
  readonly operations?: readonly string[];
  readonly server?: string;
  readonly registry?: string;
  readonly as?: string;
  readonly via?: string;
};

export function register(program: Command, context: CliContext): void {
  program
    .command('add')
    .summary('put a server into the configuration')
    .description(
      'Adds a server: a command to start (after `--`), the URL of a remote one, an API that an OpenAPI document describes, or one of the MCP registry by its name there, its version pinned. The text is taken literally.',
    )
    .argument('<NAME>', 'its name; or io.github.owner/name, perhaps with @VERSION')
    .argument('[WORDS...]', 'a URL, or after `--` a command and its arguments')
    .option('--env <NAME=VALUE>', 'environment of the command; repeatable', collect, [])
    .option('--header <NAME: VALUE>', 'header for the URL; repeatable', collect, [])
    .option('--description <TEXT>', 'what it is for')
    .option('--openapi <FILE|URL>', 'an OpenAPI document, whose operations become tools')
    .option('--operations <GLOB...>', 'of the document: which, such as "GET *" or createPet; else those that only read')
    .option('--server <URL>', 'of the document: where the API is')
    .option('--registry <URL>', 'of the registry: another one')
    .option('--as <NAME>', 'of the registry: the name to give it here')
    .option('--via <KIND>', 'of the registry: remote, npm, pypi, oci or nuget')
    .action(async (name: string, words: readonly string[], options: Options, command: Command) => {
      const globals = globalsOf(command, context);
      if (options.openapi !== undefined) {
        const { addOpenApi } = await import('./add-openapi.ts');
        return await addOpenApi(context, globals, name, { ...options, document: options.openapi, words });
      }
      refuseOpenApiOptions(options);
      if (words.length === 0 && isListedName(name)) return await fromRegistry(context, globals, name, options);
      refuseRegistryOptions(options);
      const plain = serverOf(words, options);
      const server = 'command' in plain ? await caged(context, name, plain) : plain;
      const path = await editFile(context, globals, { kind: 'add', name, server });
      printResult(context, globals, { path, name }, `added ${name} to ${path}`);
      if ('command' in server) for (const hint of await hintsFor(context, name, server, path)) note(context, hint);
    });
}

async function fromRegistry(
  context: CliContext,
  globals: GlobalOptions,
  wanted: string,
  { env, header, openapi: _openapi, ...options }: Options,
): Promise<void> {
  if (header.length > 0)
    throw new CliError('--header is for a URL: give values of the registry with --env', exitCodes.usage);
  const added = await addListed(context, globals, wanted, { ...options, given: pairs(env, '=', '--env') });
  const { name, path, server, version } = added;
  const { command, args, url } = server;
  const words = typeof command === 'string' ? [command, ...(args as readonly string[])].join(' ') : String(url);
  const value = { path, name, version, ...(command === undefined ? { url } : { command, args }) };
  printResult(context, globals, value, `added ${name} ${oneLine(version)} to ${path}\n  ${oneLine(words)}`);
  if (typeof command === 'string') {
    for (const flag of (await openings(context, { command, args: args as readonly string[] })) ?? [])
      note(context, `hint: ${oneLine(flag)} opens the container to this machine`);
  }
}

function refuseOpenApiOptions({ operations, server }: Options): void {
  if (operations === undefined && server === undefined) return;
  throw new CliError('--operations and --server are for --openapi', exitCodes.usage);
}

function refuseRegistryOptions({ registry, as, via }: Options): void {
  const given = registry ?? as ?? via;
  if (given !== undefined) {
    throw new CliError(
      '--registry, --as and --via are for a name of the registry, io.github.owner/name',
      exitCodes.usage,
    );
  }
}

type Child = Extract<PlainServer, { readonly command: string }>;

/** Asks how the server may use the folders that it names, where a person sits there. */
async function caged(context: CliContext, name: string, server: Child): Promise<Child> {
  const folders = context.isTerminal ? await foldersOf(context, server) : [];
  if (folders.length === 0) return server;
  const answer = await context.prompts.choose({
    message: `${name} names folders of this machine: ${folders.map(oneLine).join(', ')}. How may it use them?`,
    choices: [
      { value: 'standard', label: 'read and write them, and its working folder, with a network (standard)' },
      { value: 'write', label: 'read and write them and nothing else, without a network (strict)' },
      { value: 'read', label: 'read them and nothing else, without a network (strict)' },
    ],
    initial: 'standard',
  });
  if (answer === undefined) throw new CliError('nothing was added', exitCodes.failed);
  if (answer === 'standard') return server;
  return { ...server, sandbox: { level: 'strict', [answer === 'write' ? 'write' : 'read']: folders } };
}

/** Folders that are there, among the arguments. A relative path is meant from the folder of the configuration. */
async function foldersOf({ files }: CliContext, { args }: Child): Promise<readonly string[]> {
  const paths = [...new Set(args.filter((arg) => isAbsolute(arg)))];
  // Of a folder alone there is something below it.
  const are = await Promise.all(paths.map((path) => files.exists(`${path}/.`)));
  return paths.filter((_path, index) => are[index]);
}

/** What is worth a word before the server runs for the first time. */
async function hintsFor(context: CliContext, name: string, server: Child, path: string): Promise<readonly string[]> {
  const { args, command, sandbox } = server;
  const folders = sandbox === undefined && !context.isTerminal ? await foldersOf(context, server) : [];
  const astray = await astrayIn(context, server, path);
  const run = packageRun(command, args);
  const isMoving = run !== undefined && run.pin !== 'exact' && run.pin !== 'local';
  const opens = (await openings(context, server)) ?? [];
  return [
    ...(folders.length === 0
      ? []
      : [
          `hint: ${name} may read and write ${folders.map(oneLine).join(', ')}, and use the network. To cage it further, write in ${path}:\n  sandbox: { level: strict, read: ${JSON.stringify(folders)} }`,
        ]),
    ...astray.map(
      (arg) => `hint: ${oneLine(arg)} is looked for in ${dirname(path)}; write its whole path to mean the one here`,
    ),
    ...(isMoving ? [`hint: ${unpinnedText(run)}`] : []),
    ...opens.map((flag) => `hint: ${oneLine(flag)} opens the container to this machine`),
  ];
}

/** Relative paths that are there from here, but not from the folder of the configuration, where the server starts. */
async function astrayIn({ cwd, files }: CliContext, { args }: Child, path: string): Promise<readonly string[]> {
  if (dirname(path) === cwd) return [];
  // `src/server.ts` and `server.ts` as well as `./server.ts`; what is no file here is none of them.
  const relative = args.filter((arg) => /^(?!-)[^:]*[./]/.test(arg) && !isAbsolute(arg));
  const are = await Promise.all(
    relative.map(
      async (arg) => (await files.exists(resolve(cwd, arg))) && !(await files.exists(resolve(dirname(path), arg))),
    ),
  );
  return relative.filter((_arg, index) => are[index]);
}

/** Of a server that is a container: the flags that open it. */
async function openings({ cwd }: CliContext, { args, command }: Child): Promise<readonly string[] | undefined> {
  const { containerRun } = await import('@sallyport/host/sandbox');
  return containerRun({ command, args, cwd, hidden: [] })?.opens;
}

function serverOf([first, ...rest]: readonly string[], options: Options): PlainServer {
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
