/** `sallyport validate --server`: starts or reaches a server, looks at all that it offers, and says what is amiss. */
import type { Client, ConnectTarget } from '@sallyport/client';
import type { Era } from '@sallyport/wire';
import type { CliContext, GlobalOptions } from './context.ts';
import { loadTokens } from './cost.ts';
import { definedOf, ownServer } from './dev-own.ts';
import { CliError, exitCodes } from './exit.ts';
import { headersOf, reasonOf } from './header-words.ts';
import { note, printResult } from './output.ts';
import { checkServer, type Seen, type ServerReport } from './server-check.ts';
import { count, oneLine, table } from './text.ts';

export interface ServerWords {
  /** What stood behind `--server`, if anything did; else `words` are a command. With a file they are its arguments. */
  readonly target: string | undefined;
  readonly words: readonly string[];
  readonly header: readonly string[];
}

export async function validateServer(
  context: CliContext,
  globals: GlobalOptions,
  { target, words, header }: ServerWords,
): Promise<void> {
  const seen = await look(context, await targetOf(context, target, words, headersOf(header, context.env)));
  const report = checkServer(seen, await loadTokens());
  const errors = report.findings.filter(({ level }) => level === 'error');
  const [server] = seen.servers;
  const value = {
    valid: errors.length === 0,
    server: { name: server?.name, version: server?.version, instructions: server?.instructions },
    revisions: seen.servers.map(({ revision }) => revision),
    ...report,
  };
  for (const { level, where, message } of globals.json ? [] : report.findings) {
    note(context, `${level}: ${oneLine(where)} ${oneLine(message)}`);
  }
  printResult(context, globals, value, reportText(seen, report, context.columns()));
  if (errors.length > 0) context.exit(exitCodes.failed);
}

async function targetOf(
  context: CliContext,
  target: string | undefined,
  words: readonly string[],
  headers: Readonly<Record<string, string>>,
): Promise<ConnectTarget> {
  if (target !== undefined && /^(?:https?|wss?):\/\//i.test(target)) {
    if (words.length === 0) return { url: target, headers };
    throw new CliError('give --server FILE, --server URL or --server -- COMMAND, one of them', exitCodes.usage);
  }
  if (Object.keys(headers).length > 0) throw new CliError('--header is for a URL', exitCodes.usage);
  if (target !== undefined) return await ownServer(context, target, words);
  const [command, ...args] = words;
  if (command === undefined) throw new CliError('--server: which one? A FILE, a URL or -- COMMAND', exitCodes.usage);
  return { command, args, cwd: context.cwd, env: definedOf(context.env) };
}

const ERAS: readonly Era[] = ['session', 'stateless'];

/** In each era that it speaks; rejects when it speaks none. Of the offers, what is listed in the last of them. */
async function look(context: CliContext, target: ConnectTarget): Promise<Seen> {
  const { connect } = await import('@sallyport/client');
  const found: Seen[] = [];
  const failures: string[] = [];
  for (const era of ERAS) {
    try {
      const clientInfo = { name: 'sallyport-validate', version: context.version };
      await using client = await connect(target, { era, clientInfo, reconnect: false });
      found.push(await offersOf(client));
    } catch (error) {
      failures.push(reasonOf(error));
    }
  }
  const last = found.at(-1);
  if (last === undefined) throw new CliError(oneLine(failures[0] ?? ''), exitCodes.unreachable);
  return { ...last, servers: found.flatMap(({ servers }) => servers) };
}

async function offersOf(client: Client): Promise<Seen> {
  return {
    servers: [client.server],
    tools: await client.listTools(),
    prompts: await client.listPrompts(),
    resources: await client.listResources(),
    templates: await client.listResourceTemplates(),
  };
}

function reportText(seen: Seen, { findings, tokens, tools }: ServerReport, columns: number | undefined): string {
  const [server] = seen.servers;
  const errors = findings.filter(({ level }) => level === 'error').length;
  const right = true;
  const rows = [...tools.map((tool) => [oneLine(tool.name), String(tool.tokens)]), ['all', String(tokens)]];
  return [
    `${oneLine(server?.name ?? '')} ${oneLine(server?.version ?? '')}, ${seen.servers.map(({ revision }) => revision).join(' and ')}`,
    `${count(seen.tools.length, 'tool')}, ${count(seen.prompts.length, 'prompt')}, ${count(seen.resources.length + seen.templates.length, 'resource')}`,
    '',
    ...(tools.length === 0 ? [] : [...table([{ title: 'TOOL' }, { title: 'TOKENS', right }], rows, columns), '']),
    `${count(errors, 'error')}, ${count(findings.length - errors, 'warning')}`,
  ].join('\n');
}
