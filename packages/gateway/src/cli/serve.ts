/** `sallyport serve`: the gateway in the foreground, over HTTP or over this process's stdio. */
import { resolve } from 'node:path';
import { isLoopbackHost } from '@sallyport/server';
import type { Command } from 'commander';
import { configForServer, type Config } from '../config/index.ts';
import type { DetailedConfig } from '../config/load.ts';
import { ConfigError } from '../config/problems.ts';
import { commandsOf, type KnownSecret } from '../config/secrets.ts';
import type { SecretCommands } from '../secrets/index.ts';
import { createRedactor, type Redactor } from '../telemetry/redact.ts';
import { loadDraft, loadToRun } from './configuration.ts';
import { globalsOf, type CliContext, type GlobalOptions } from './context.ts';
import { planOf } from './daemon-start.ts';
import { CliError, exitCodes } from './exit.ts';
import { keptCommands } from './secret-store.ts';
import type { Serving } from './serve-gateway.ts';

interface ServeOptions {
  readonly url?: string;
  readonly host?: string;
  readonly port?: string;
  readonly stdio: boolean;
}

export function register(program: Command, context: CliContext): void {
  program
    .command('serve')
    .summary('run the gateway in the foreground')
    .description(
      'Runs the gateway in front of the servers of a configuration, of one URL, or of one command after `--`. With --stdio, it joins the gateway of the same configuration if one is running.',
    )
    .argument('[WORDS...]', 'a configuration file, or after `--` a command and its arguments')
    .option('--url <URL>', 'serve this one server, without a configuration; with --stdio, $SALLYPORT_KEY opens it')
    .option('--host <HOST>', 'listen on this address instead of the configured one')
    .option('--port <PORT>', 'listen on this port instead of the configured one')
    .option('--stdio', 'serve one client over stdin and stdout; no port is opened', false)
    .action(async (words: readonly string[], options: ServeOptions, command: Command) => {
      const globals = globalsOf(command, context);
      const commands = await keptCommands(context);
      const loaded = await configurationOf(words, options, command, { context, globals, commands });
      const config = withListen(loaded.config, options);
      const redactor = createRedactor();
      const serving = {
        context,
        globals,
        config,
        redactor,
        ...fileOf(loaded, options, { context, globals, commands }, redactor),
      };
      if (options.stdio) await (await import('./serve-stdio.ts')).serveStdio(serving);
      else await (await import('./serve-http.ts')).serveHttp(serving);
    });
}

/** A configuration file, or what stands on the command line for one. */
type Loaded = DetailedConfig | Pick<DetailedConfig, 'config'>;

/** What a configuration is read with, the first time and later. */
interface Surroundings {
  readonly context: CliContext;
  readonly globals: GlobalOptions;
  readonly commands: SecretCommands;
}

/** The file of what is served, how it is read again, and the words that run it again. */
function fileOf(
  loaded: Loaded,
  options: ServeOptions,
  { context, globals, commands }: Surroundings,
  redactor: Redactor,
): Pick<Serving, 'file' | 'words' | 'cwd'> {
  if (!('path' in loaded)) return { file: undefined, words: [], cwd: context.cwd };
  const { path, hash, origin } = loaded;
  let { written } = loaded;
  const known: KnownSecret[] = [];
  const learn = (secrets: readonly KnownSecret[]): void => {
    known.push(...secrets.filter(({ value }) => !known.some((one) => one.value === value)));
    redactor.learn(secrets.map(({ value }) => value));
  };
  learn(loaded.secrets);
  // Nobody is asked while a gateway runs: what needs trust anew stays unused.
  const unasked = { ...context, isTerminal: false };
  const load = async (anew: boolean, draft?: Uint8Array): Promise<DetailedConfig> => {
    if (draft !== undefined) {
      const next = await loadDraft(unasked, globals, path, { bytes: draft, commands });
      learn(next.secrets);
      return { ...next, config: withListen(next.config, options), secrets: known };
    }
    if (anew) commands.forget();
    const next = await loadToRun(unasked, globals, origin === 'directory' ? undefined : path, commands);
    if (next.path !== path) throw new ConfigError(`${next.path} stands before ${path} now: a restart takes it`);
    learn(next.secrets);
    written = next.written;
    return { ...next, config: withListen(next.config, options), secrets: known };
  };
  const renew = (server: string): boolean | undefined => {
    const names = commandsOf(written, server);
    return names.length === 0 ? undefined : commands.renew(names);
  };
  const secrets = (): readonly string[] => known.map(({ value }) => value);
  return { file: { path, hash, load, renew, secrets }, ...planOf(loaded, options, globals, context.cwd) };
}

async function configurationOf(
  words: readonly string[],
  options: ServeOptions,
  command: Command,
  { context, globals, commands }: Surroundings,
): Promise<Loaded> {
  const dashes = hasDashes(command);
  if (options.url !== undefined) {
    if (words.length > 0) throw new CliError('--url stands for a configuration: leave the other out', exitCodes.usage);
    return { config: options.stdio ? remoteConfig(options.url, context) : oneServer({ url: options.url }, context) };
  }
  const [first, ...rest] = words;
  if (dashes && first !== undefined) return { config: oneServer({ command: first, args: rest }, context) };
  if (rest.length > 0) throw new CliError('one configuration at a time; a command comes after `--`', exitCodes.usage);
  return await loadToRun(context, globals, first === undefined ? undefined : resolve(context.cwd, first), commands);
}

function oneServer(server: Parameters<typeof configForServer>[1], { cwd }: CliContext): Config {
  return configForServer('server', server, cwd);
}

/** Longer than any name that a server gives. */
const MAX_NAME = 4096;

/** One remote server, such as the gateway of a team, for one client: its names stay as they are. */
function remoteConfig(url: string, context: CliContext): Config {
  const key = context.env['SALLYPORT_KEY'] ?? '';
  const server = { url, ...(key !== '' && { headers: { Authorization: `Bearer ${key}` } }) };
  if (key !== '' && URL.canParse(url)) refuseOpenWire(new URL(url));
  return { ...oneServer(server, context), naming: { mode: 'plain', maxLength: MAX_NAME } };
}

/** A key is shown to nobody on the way. */
function refuseOpenWire({ protocol, hostname, origin }: URL): void {
  if (protocol === 'https:' || protocol === 'wss:' || isLoopbackHost(hostname.replaceAll(/[[\]]/g, ''))) return;
  throw new CliError(
    `$SALLYPORT_KEY is not sent to ${origin}: everybody on the way could read it. Use an https URL, or unset SALLYPORT_KEY to go without`,
    exitCodes.refused,
  );
}

/** Commander drops `--`; the words as they were typed tell. */
function hasDashes(command: Command): boolean {
  let root: Command = command;
  while (root.parent !== null) root = root.parent;
  return (root as Command & { readonly rawArgs: readonly string[] }).rawArgs.includes('--');
}

function withListen(config: Config, { host, port }: ServeOptions): Config {
  const number = port === undefined ? config.listen.port : Number(port);
  if (!Number.isInteger(number) || number < 0 || number > 65_535) {
    throw new CliError(`--port: expected a number from 0 to 65535, not ${port}`, exitCodes.usage);
  }
  return { ...config, listen: { ...config.listen, port: number, ...(host !== undefined && { host }) } };
}
