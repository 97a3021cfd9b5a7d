/**
 * `sallyport connect CLIENT`: writes Sallyport into the client's own file, over HTTP with a key of its own, or as a command where
 * the client knows no HTTP. A project's file, which others may read, gets a reference to a variable and never a key.
 */
import { Option, type Command } from 'commander';
import type { AiClient } from '../clients/index.ts';
import { clientNamed, findClients, machineOf } from './client-choice.ts';
import { connectClient, untilTaken, type Connected, type ConnectWishes } from './connect-client.ts';
import { connectionStatus, statusText } from './connect-status.ts';
import { globalsOf, type CliContext, type GlobalOptions } from './context.ts';
import { CliError, exitCodes } from './exit.ts';
import { collectRole } from './key-words.ts';
import { note, printResult } from './output.ts';
import { oneLine } from './text.ts';

interface ConnectOptions extends ConnectWishes {
  readonly status: boolean;
}

export function register(program: Command, context: CliContext): void {
  program
    .command('connect')
    .summary('put Sallyport into an AI client')
    .description(
      'Writes Sallyport into the file of an AI client, with a key of its own that `disconnect` revokes. All else of the file stays, and a copy of it as it was is kept in the state. Without a CLIENT it asks, or lists those that are on this machine.',
    )
    .argument('[CLIENT]', 'cursor, claude-code, claude-desktop, vscode, codex, gemini …')
    .option('--project', "the project's file in this folder: it gets a variable, never a key", false)
    .option('--role <ROLE>', 'a role of its key; may be given again', collectRole, [])
    .option('--stdio', 'as a command that joins the gateway, instead of HTTP with a key', false)
    .option('--status', 'only say who is connected, changed, or has servers beside the gateway', false)
    .option('--dry-run', 'only say what would be written', false)
    .addOption(new Option('--client-home <DIR>', 'look for clients in another home folder'))
    .action(async (name: string | undefined, options: ConnectOptions, command: Command) => {
      const globals = globalsOf(command, context);
      const client = name === undefined ? undefined : clientNamed(name);
      if (options.status) return await showStatus(context, globals, options, client);
      const clients = client === undefined ? await choose(context, options) : [client];
      if (clients === undefined) return await showStatus(context, globals, options, undefined);
      const connected: Connected[] = [];
      for (const one of clients) connected.push(await connectClient(context, globals, one, options));
      await untilTaken(context, connected);
      for (const one of connected) report(context, globals, one);
    });
}

/** Undefined: nobody is there to ask. */
async function choose(context: CliContext, options: ConnectOptions): Promise<readonly AiClient[] | undefined> {
  if (!context.isTerminal) return undefined;
  const found = await findClients(context, machineOf(context, options.clientHome));
  if (found.length === 0) return undefined;
  const chosen = await context.prompts.chooseMany({
    message: 'Which clients?',
    choices: found.map(({ client }) => ({ value: client.id, label: client.title })),
    initial: [],
  });
  if (chosen === undefined || chosen.length === 0) throw new CliError('nothing was connected', exitCodes.failed);
  return found.map(({ client }) => client).filter(({ id }) => chosen.includes(id));
}

async function showStatus(
  context: CliContext,
  globals: GlobalOptions,
  { clientHome }: ConnectOptions,
  client: AiClient | undefined,
): Promise<void> {
  const rows = await connectionStatus(context, globals, machineOf(context, clientHome), client);
  printResult(context, globals, rows, statusText(rows, context.columns()));
}

function report(context: CliContext, globals: GlobalOptions, connected: Connected): void {
  const { client, path, leadsTo, scope, target, action, key, backup, variable } = connected;
  const value = {
    client: client.id,
    scope,
    path,
    leadsTo: leadsTo ?? null,
    target,
    action,
    key: key?.name ?? null,
    roles: key?.roles ?? [],
    backup: backup ?? null,
  };
  printResult(context, globals, value, reportText(connected));
  if (variable === undefined || action !== 'connected') return;
  const text = `Whoever uses it sets ${variable} to a key of their own (\`sallyport key create NAME\`): none stands in the file`;
  note(context, text);
}

const ACTIONS: Readonly<Record<Connected['action'], string>> = {
  connected: 'is connected',
  'connected already': 'is connected already',
  'would connect': 'would be connected',
};

function reportText({ client, path, leadsTo, scope, target, action, key, backup, entry }: Connected): string {
  const roles = key === undefined || key.roles.length === 0 ? '' : ` (${key.roles.join(', ')})`;
  const facts: readonly (readonly [string, string | undefined])[] = [
    ['link to', leadsTo],
    ['to', target],
    ['key', key && `${key.name}${roles}`],
    ['before', backup],
    ['entry', action === 'would connect' ? JSON.stringify(entry) : undefined],
    ['now', action === 'connected' ? client.after : undefined],
  ];
  return [
    `${client.title} ${ACTIONS[action]}${scope === 'project' ? ' for this project' : ''}: ${oneLine(path)}`,
    ...facts.flatMap(([title, text]) => (text === undefined ? [] : [`  ${title.padEnd(8)} ${oneLine(text)}`])),
  ].join('\n');
}
