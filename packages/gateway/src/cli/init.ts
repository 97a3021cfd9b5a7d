/**
 * `sallyport init`: from nothing to a gateway that AI clients use. It writes a first configuration where there is none, takes
 * over what clients have, starts the gateway, connects the clients, asks every server once and makes one call. Each step can be
 * left out, and each is a verb of its own.
 */
import { dirname, resolve } from 'node:path';
import { Option, type Command } from 'commander';
import { findConfig, firstConfigPath } from '../config/find.ts';
import { findClients, machineOf, type FoundClient } from './client-choice.ts';
import { loadToRun } from './configuration.ts';
import { connectClient, untilTaken, type Connected } from './connect-client.ts';
import { withGateway } from './connection.ts';
import { globalsOf, type CliContext, type GlobalOptions } from './context.ts';
import { planOf, startDaemon } from './daemon-start.ts';
import { CliError, exitCodes } from './exit.ts';
import { importFrom } from './import.ts';
import type { ImportOutcome } from './import-plan.ts';
import { importText } from './import-text.ts';
import { roleOf, TEMPLATES, templateText, type Template } from './init-templates.ts';
import { prove, warm, type Proof, type Warmed } from './init-warm.ts';
import { note, printResult } from './output.ts';
import { count, oneLine } from './text.ts';

interface InitOptions {
  readonly template?: Template;
  readonly yes: boolean;
  readonly start: boolean;
  readonly clientHome?: string;
}

export function register(program: Command, context: CliContext): void {
  program
    .command('init')
    .summary('a first configuration, out of what AI clients have')
    .description(
      'Writes a first configuration, takes over the servers of the AI clients on this machine, connects them to the gateway and proves that it works. With --yes it asks nothing, takes over all and connects all.',
    )
    .addOption(new Option('--template <NAME>', 'what to begin with').choices(TEMPLATES.map(({ value }) => value)))
    .option('--yes', 'ask nothing', false)
    .option('--no-start', 'leave the gateway stopped')
    .addOption(new Option('--client-home <DIR>', 'look for clients in another home folder'))
    .action(async (options: InitOptions, command: Command) => init(context, globalsOf(command, context), options));
}

/** A conversation, step by step; what a step gives is the next one's. */
async function init(context: CliContext, globals: GlobalOptions, options: InitOptions): Promise<void> {
  const asks = context.isTerminal && !options.yes;
  if (!asks && !options.yes) {
    throw new CliError('init asks its questions on a terminal; with --yes it asks none', exitCodes.usage);
  }
  const template = options.template ?? (asks ? await chooseTemplate(context) : 'solo');
  const { path, isNew } = await configuration(context, globals, template);
  // From here on this very file is meant, wherever it was found.
  const step: Step = { context, globals: { ...globals, config: path }, options, asks };
  const found = await findClients(context, machineOf(context, options.clientHome));
  const imported = await importAll(step, found.filter(hasFile));
  if (options.start && (!asks || (await wantsStart(context)))) await start(context, step.globals);
  const connected = await connectAll(step, found, isNew ? roleOf(template) : undefined);
  const { warmed, proof } = await withGateway(
    context,
    step.globals,
    async (gateway) => {
      note(context, 'Asking every server once…');
      const all = await warm(context, gateway);
      return { warmed: all, proof: await prove(context, step.globals, gateway, all.tools) };
    },
    { logLevel: 'silent' },
  );
  report(context, globals, { path, isNew, imported, connected, warmed, proof });
}

/** What each step has at hand. */
interface Step {
  readonly context: CliContext;
  /** With the configuration that is meant. */
  readonly globals: GlobalOptions;
  readonly options: InitOptions;
  readonly asks: boolean;
}

async function importAll(
  { context, globals, options, asks }: Step,
  found: readonly FoundClient[],
): Promise<ImportOutcome[]> {
  const imported: ImportOutcome[] = [];
  for (const { client } of await chooseClients(context, 'Whose servers shall be taken over?', found, asks)) {
    const wishes = { project: false, yes: !asks, dryRun: false, keepSecrets: false, ...home(options) };
    try {
      const outcome = await importFrom(context, globals, client, wishes);
      imported.push(outcome);
      note(context, importText(outcome));
    } catch (error) {
      failed(context, client.title, error);
    }
  }
  return imported;
}

/** `role`: of the keys of clients that get one. */
async function connectAll(
  { context, globals, options, asks }: Step,
  found: readonly FoundClient[],
  role: string | undefined,
): Promise<Connected[]> {
  const connected: Connected[] = [];
  const machine = machineOf(context, options.clientHome);
  for (const { client } of await chooseClients(context, 'Which of them shall use the gateway?', found, asks)) {
    const getsKey = client.places(machine)[0]?.dialect.http !== undefined;
    const roles = role === undefined || !getsKey ? [] : [role];
    try {
      const wishes = { project: false, role: roles, stdio: false, dryRun: false, ...home(options) };
      const one = await connectClient(context, globals, client, wishes);
      connected.push(one);
      note(context, `${client.title}: ${one.action}, ${oneLine(one.path)}; ${client.after}`);
    } catch (error) {
      failed(context, client.title, error);
    }
  }
  await untilTaken(context, connected);
  return connected;
}

/** One client that does not work stops no other. */
function failed(context: CliContext, title: string, error: unknown): void {
  note(context, `warning: ${title}: ${error instanceof Error ? error.message : String(error)}`);
}

function home({ clientHome }: InitOptions): { readonly clientHome?: string } {
  return clientHome === undefined ? {} : { clientHome };
}

function hasFile({ files }: FoundClient): boolean {
  return files.some(({ scope }) => scope === 'user');
}

async function chooseTemplate({ prompts }: CliContext): Promise<Template> {
  const chosen = await prompts.choose({ message: 'Whom is the gateway for?', choices: TEMPLATES, initial: 'solo' });
  const template = TEMPLATES.find(({ value }) => value === chosen)?.value;
  if (template === undefined) throw new CliError('nothing was done', exitCodes.failed);
  return template;
}

async function chooseClients(
  { prompts }: CliContext,
  message: string,
  found: readonly FoundClient[],
  asks: boolean,
): Promise<readonly FoundClient[]> {
  if (!asks || found.length === 0) return found;
  const choices = found.map(({ client }) => ({ value: client.id, label: client.title }));
  const chosen = await prompts.chooseMany({ message, choices, initial: choices.map(({ value }) => value) });
  if (chosen === undefined) throw new CliError('stopped; what was done so far stays', exitCodes.failed);
  return found.filter(({ client }) => chosen.includes(client.id));
}

/** The configuration there is, or a new one. One that is there is never replaced. */
async function configuration(
  context: CliContext,
  globals: GlobalOptions,
  template: Template,
): Promise<{ readonly path: string; readonly isNew: boolean }> {
  const { files, cwd, env } = context;
  const named = globals.config ?? env['SALLYPORT_CONFIG'] ?? '';
  const wanted = named === '' ? firstConfigPath({ ...context, file: undefined }) : resolve(cwd, named);
  const exists = { ...context, file: globals.config, exists: files.exists };
  const found = await findConfig(exists).then(
    ({ path }) => path,
    () => undefined,
  );
  if (found !== undefined || wanted === undefined) return { path: found ?? wanted ?? '', isNew: false };
  if (!/\.ya?ml$/i.test(wanted)) {
    throw new CliError(`${wanted} is not there: init writes YAML, so name a .yaml file`, exitCodes.usage);
  }
  await files.create(wanted, templateText(template));
  note(context, `wrote ${wanted}`);
  return { path: wanted, isNew: true };
}

async function wantsStart({ prompts }: CliContext): Promise<boolean> {
  const choices = [
    { value: 'yes', label: 'yes, in the background' },
    { value: 'no', label: 'no, I start it myself' },
  ];
  return (await prompts.choose({ message: 'Start the gateway now?', choices, initial: 'yes' })) === 'yes';
}

async function start(context: CliContext, globals: GlobalOptions): Promise<void> {
  const loaded = await loadToRun(context, globals);
  const { record, isNew } = await startDaemon(context, planOf(loaded, {}, globals, dirname(loaded.path)));
  note(context, `${isNew ? 'started' : 'running already'}: ${record.url} (pid ${record.pid})`);
}

interface Result {
  readonly path: string;
  readonly isNew: boolean;
  readonly imported: readonly ImportOutcome[];
  readonly connected: readonly Connected[];
  readonly warmed: Warmed;
  readonly proof: Proof;
}

function report(
  context: CliContext,
  globals: GlobalOptions,
  { path, isNew, imported, connected, warmed, proof }: Result,
): void {
  const servers = warmed.servers.filter(({ enabled }) => enabled);
  const lines = servers.map(({ name, known, tools, state, error }) =>
    known
      ? `  ${name}  ${count(tools, 'tool')}`
      : `  ${name}  ${state}${error === undefined ? '' : `: ${oneLine(error)}`}`,
  );
  const proven =
    proof.tool === undefined
      ? 'No tool that only reads and needs nothing was there to be called.'
      : `Called ${oneLine(proof.tool)}: ${proof.failed ? 'it failed' : 'it works'}.`;
  const text = [
    `${path}: ${count(servers.length, 'server')}, ${count(warmed.tools.length, 'tool')}`,
    ...lines,
    proven,
    connected.length === 0
      ? 'No client is connected: `sallyport connect CLIENT`'
      : `Connected: ${connected.map(({ client }) => client.title).join(', ')}. \`sallyport connect --status\` says who still has servers beside the gateway.`,
  ].join('\n');
  const value = {
    path,
    created: isNew,
    imported: imported.map(({ client, servers: all }) => ({
      client,
      servers: all.map(({ name, action }) => ({ name, action })),
    })),
    connected: connected.map(({ client, path: file, action }) => ({ client: client.id, path: file, action })),
    servers: servers.map(({ name, known, tools, state }) => ({ name, known, tools, state })),
    call: proof.tool ?? null,
    ok: !proof.failed,
  };
  printResult(context, globals, value, text);
  if (proof.failed) context.exit(exitCodes.failed);
}
