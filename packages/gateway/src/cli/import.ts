/**
 * `sallyport import CLIENT`: takes the servers of an AI client over into the configuration. It adds and never overwrites; what
 * is dropped is named; literal secrets go to the secret store. The client's own file is left as it is: `connect` is for that.
 */
import { Option, type Command } from 'commander';
import { isDeepStrictEqual } from 'node:util';
import type { AiClient, Scope } from '../clients/index.ts';
import { draftOf } from '../config/check-text.ts';
import { masked } from '../config/describe.ts';
import { planMoves, withMoves, type Move } from '../config/encrypt.ts';
import { findConfig } from '../config/find.ts';
import { configFormat } from '../config/load.ts';
import { maxFileBytes } from '../config/source.ts';
import { clientNamed, existing, findClients, machineOf } from './client-choice.ts';
import { readClientFile, type ClientFile } from './client-file.ts';
import { storedValues } from './config-encrypt.ts';
import { globalsOf, type CliContext, type GlobalOptions } from './context.ts';
import { changeAll, createFirst } from './edit.ts';
import { CliError, exitCodes } from './exit.ts';
import { askInputs } from './import-inputs.ts';
import { planImport, type Imported, type ImportOutcome, type ImportPlan, type Planned } from './import-plan.ts';
import { hintsOf, importText } from './import-text.ts';
import { note, printResult } from './output.ts';
import { newSecrets } from './secret-new.ts';
import { openSecrets } from './secret-store.ts';
import { secretUses } from './secret-uses.ts';
import { oneLine } from './text.ts';

export interface ImportOptions {
  readonly project: boolean;
  readonly yes: boolean;
  readonly dryRun: boolean;
  readonly keepSecrets: boolean;
  readonly clientHome?: string;
}

export function register(program: Command, context: CliContext): void {
  program
    .command('import')
    .summary('take over the servers of an AI client')
    .description(
      'Adds the servers of an AI client to the configuration, variables and disabled ones as they are. What is there already stays; what has no meaning here is named. Without a CLIENT it lists those that are on this machine.',
    )
    .argument('[CLIENT]', 'cursor, claude-code, claude-desktop, vscode, codex, gemini …')
    .option('--project', 'the files of the project in this folder instead of those of the user', false)
    .option('--dry-run', 'only say what would be done', false)
    .option('--keep-secrets', 'leave literal secrets in the configuration', false)
    .option('--yes', 'ask nothing', false)
    .addOption(new Option('--client-home <DIR>', 'look for clients in another home folder'))
    .action(async (name: string | undefined, options: ImportOptions, command: Command) => {
      const globals = globalsOf(command, context);
      if (name === undefined) return await listClients(context, globals, options);
      const outcome = await importFrom(context, globals, clientNamed(name), options);
      printResult(context, globals, shown(outcome), importText(outcome));
      for (const hint of await hintsOf(context, outcome)) note(context, hint);
    });
}

/** Also what stays literal is never printed. */
function shown(outcome: ImportOutcome): ImportOutcome {
  const servers = outcome.servers.map((server): ImportOutcome['servers'][number] => {
    const { mcpServers } = masked({ mcpServers: { one: server.value } }) as {
      readonly mcpServers: { readonly one: typeof server.value };
    };
    return { ...server, value: mcpServers.one };
  });
  return { ...outcome, servers };
}

async function listClients(context: CliContext, globals: GlobalOptions, options: ImportOptions): Promise<void> {
  const found = await findClients(context, machineOf(context, options.clientHome));
  const records = found.map(({ client, files }) => ({
    client: client.id,
    files: [...new Set(files.map(({ path }) => path))],
  }));
  const lines = records.map(
    ({ client, files }) => `${client}${files.length === 0 ? '' : `  ${files.map(oneLine).join(', ')}`}`,
  );
  printResult(
    context,
    globals,
    records,
    lines.length === 0
      ? 'No AI client was found here.'
      : ['Found here (`sallyport import CLIENT`):', ...lines].join('\n'),
  );
}

/** Reads, asks and writes; prints notes alone. `choose` says which of the servers are wanted. */
export async function importFrom(
  context: CliContext,
  globals: GlobalOptions,
  client: AiClient,
  options: ImportOptions,
): Promise<ImportOutcome> {
  const scope: Scope = options.project ? 'project' : 'user';
  const machine = machineOf(context, options.clientHome);
  const places = client.places(machine).filter((place) => place.scope === scope);
  const files = await readAll(context, await existing(context, places));
  if (files.length === 0) {
    const tried = places.map(({ path }) => `  ${path}`).join('\n');
    const hint = scope === 'user' ? '\nFor the files of a project: --project' : '';
    throw new CliError(
      places.length === 0
        ? `${client.title} has no files of a project`
        : `${client.title} has no file of servers here. Looked for\n${tried}${hint}`,
      exitCodes.failed,
    );
  }
  const asks = context.isTerminal && !options.yes && !options.dryRun;
  const { inputs, secrets } = await askInputs(
    context,
    files,
    asks ? (await newSecrets(context, globals)).nameFor : undefined,
  );
  const plan = await planImport(files, machine, inputs);
  const wanted = asks ? await choose(context, client, plan) : plan.servers;
  const keeping = await keepingOf(context, globals, wanted, options);
  const servers = keeping.servers.filter(({ action }) => action === 'added');
  let path = keeping.path;
  if (!options.dryRun && servers.length > 0) {
    const values = new Map([...secrets, ...keeping.moves.map(({ name, value }): [string, string] => [name, value])]);
    path = await write(context, globals, servers, values);
  }
  return {
    client: client.id,
    files: files.map(({ place }) => place.path),
    path,
    dryRun: options.dryRun,
    servers: keeping.servers,
    left: plan.left,
  };
}

async function readAll(context: CliContext, places: Awaited<ReturnType<typeof existing>>): Promise<ClientFile[]> {
  const files: ClientFile[] = [];
  for (const place of places) {
    const file = await readClientFile(context, place);
    if (file !== undefined) files.push(file);
  }
  return files;
}

async function choose(context: CliContext, client: AiClient, { servers }: ImportPlan): Promise<readonly Planned[]> {
  if (servers.length === 0) return servers;
  const chosen = await context.prompts.chooseMany({
    message: `Which servers of ${client.title}?`,
    choices: servers.map(({ name, value }) => ({ value: name, label: `${name}  ${oneLine(targetOf(value))}` })),
    initial: servers.map(({ name }) => name),
  });
  if (chosen === undefined) throw new CliError('nothing was imported', exitCodes.failed);
  return servers.filter(({ name }) => chosen.includes(name));
}

/** The program or the host: never arguments or a whole address, in which a secret may stand. */
function targetOf({ command, url }: Planned['value']): string {
  if (typeof command === 'string') return command;
  return typeof url === 'string' && URL.canParse(url) ? new URL(url).origin : '';
}

interface Keeping {
  readonly servers: readonly Imported[];
  readonly moves: readonly Move[];
  readonly path: string | undefined;
}

/** Which of them are new, and what stands for their secrets. */
async function keepingOf(
  context: CliContext,
  globals: GlobalOptions,
  servers: readonly Planned[],
  { keepSecrets, dryRun, yes }: ImportOptions,
): Promise<Keeping> {
  const { path, servers: before } = await configured(context, globals);
  const { backend } = await secretUses(context, globals);
  const value = { mcpServers: Object.fromEntries(servers.map((one) => [one.name, one.value])) };
  const stored =
    backend === undefined ? new Map<string, string>() : await storedValues(await openSecrets(context, backend));
  const all = planMoves(value, stored);
  const isNew = ({ name }: Planned): boolean =>
    !Object.keys(before).some((one) => one.toLowerCase() === name.toLowerCase());
  const fresh = new Set(servers.filter(isNew).map(({ name }) => name));
  const found = all.moves.filter((move) => fresh.has(String(move.path[1])));
  for (const left of all.left)
    note(context, `left: ${left.slice(1).join('.')} is only partly literal: it stays as it is`);
  const isMoved = found.length > 0 && !keepSecrets && (dryRun || yes || (await mayMove(context, found)));
  const moved = withMoves(value, all.moves) as typeof value;
  const result = isMoved ? moved : value;
  return {
    path,
    moves: isMoved ? found : [],
    servers: servers.map((one): Imported => {
      const now = { ...one, value: result.mcpServers[one.name] ?? one.value };
      const names = isMoved ? found.filter((move) => move.path[1] === one.name).map(({ name }) => name) : [];
      if (fresh.has(one.name)) return { ...now, action: 'added', secrets: names };
      const there = Object.entries(before).find(([name]) => name.toLowerCase() === one.name.toLowerCase())?.[1];
      const isSame = isDeepStrictEqual(there, moved.mcpServers[one.name]) || isDeepStrictEqual(there, one.value);
      return { ...now, action: isSame ? 'there already' : 'kept', secrets: [] };
    }),
  };
}

async function mayMove(context: CliContext, moves: readonly Move[]): Promise<boolean> {
  if (!context.isTerminal) return true;
  const answer = await context.prompts.choose({
    message: `${moves.length} literal ${moves.length === 1 ? 'secret' : 'secrets'}: ${moves.map(({ path }) => path.slice(1).join('.')).join(', ')}. Where to?`,
    choices: [
      { value: 'store', label: 'the secret store; the configuration says ${secret:NAME}' },
      { value: 'file', label: 'the configuration, as they are' },
    ],
    initial: 'store',
  });
  if (answer === undefined) throw new CliError('nothing was imported', exitCodes.failed);
  return answer === 'store';
}

/** The servers that there are, foreign keys mapped. None without a configuration. */
async function configured(
  context: CliContext,
  globals: GlobalOptions,
): Promise<{ readonly path: string | undefined; readonly servers: Readonly<Record<string, unknown>> }> {
  const { files } = context;
  const found = await findConfig({ ...context, file: globals.config, exists: files.exists }).catch(() => undefined);
  if (found === undefined) return { path: undefined, servers: {} };
  const text = new TextDecoder().decode(await files.read(found.path, maxFileBytes));
  const { value } = await draftOf(found.path, text, configFormat(found.path));
  const servers = (value as { readonly mcpServers?: Readonly<Record<string, unknown>> } | undefined)?.mcpServers ?? {};
  return { path: found.path, servers };
}

/** First the secrets, then the file that needs them. */
async function write(
  context: CliContext,
  globals: GlobalOptions,
  servers: readonly Imported[],
  secrets: ReadonlyMap<string, string>,
): Promise<string> {
  await createFirst(context, globals);
  if (secrets.size > 0) await (await newSecrets(context, globals)).set(secrets);
  const edits = servers.map(({ name, value }) => ({ kind: 'put' as const, name, server: value }));
  return (await changeAll(context, globals, edits)).path;
}
