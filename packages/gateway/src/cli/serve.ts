/** `sallyport serve`: the gateway in the foreground, over HTTP or over this process's stdio. */

import { join, resolve } from 'node:path';
import { killAllOnExit } from '@sallyport/host';
import type { Command } from 'commander';
import { configForServer, type LoadedConfig } from '../config/index.ts';
import type { Config } from '../config/index.ts';
import { removeDaemonFile, writeDaemonFile } from '../daemon.ts';
import { createGateway, type Gateway } from '../gateway.ts';
import { createLog, type Log, type LogLevel } from '../telemetry/index.ts';
import { loadToRun } from './configuration.ts';
import { globalsOf, type CliContext, type GlobalOptions } from './context.ts';
import { CliError, exitCodes } from './exit.ts';
import { note } from './output.ts';
import { welcome } from './welcome.ts';

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
      'Runs the gateway in front of the servers of a configuration, of one URL, or of one command after `--`.',
    )
    .argument('[WORDS...]', 'a configuration file, or after `--` a command and its arguments')
    .option('--url <URL>', 'serve this one server, without a configuration')
    .option('--host <HOST>', 'listen on this address instead of the configured one')
    .option('--port <PORT>', 'listen on this port instead of the configured one')
    .option('--stdio', 'serve one client over stdin and stdout; no port is opened', false)
    .action(async (words: readonly string[], options: ServeOptions, command: Command) => {
      const globals = globalsOf(command, context);
      const loaded = await configurationOf(words, options, command, context, globals);
      const config = withListen(loaded.config, options);
      const log = await logFor(config, globals, context, options.stdio);
      if (options.stdio) await serveStdio(config, context, log);
      else await serveHttp(config, loaded, context, log);
    });
}

type Loaded = Pick<LoadedConfig, 'config'> & Partial<Pick<LoadedConfig, 'path' | 'hash'>>;

async function configurationOf(
  words: readonly string[],
  options: ServeOptions,
  command: Command,
  context: CliContext,
  globals: GlobalOptions,
): Promise<Loaded> {
  const dashes = hasDashes(command);
  if (options.url !== undefined) {
    if (words.length > 0) throw new CliError('--url stands for a configuration: leave the other out', exitCodes.usage);
    return { config: configForServer('server', { url: options.url }, context.cwd) };
  }
  const [first, ...rest] = words;
  if (dashes && first !== undefined) {
    return { config: configForServer('server', { command: first, args: rest }, context.cwd) };
  }
  if (rest.length > 0) throw new CliError('one configuration at a time; a command comes after `--`', exitCodes.usage);
  return await loadToRun(context, globals, first === undefined ? undefined : resolve(context.cwd, first));
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

async function logFor(config: Config, globals: GlobalOptions, context: CliContext, stdio: boolean): Promise<Log> {
  const { level, format } = config.telemetry.log;
  const wanted = globals.logLevel ?? context.env['LOG_LEVEL'] ?? level;
  return createLog({
    level: wanted as LogLevel,
    // A client shows what a stdio server writes to stderr; lines for people are what it expects.
    format: stdio && format === 'auto' ? 'pretty' : format,
    stream: process.stderr,
    color: globals.color && process.stderr.isTTY,
  });
}

async function start(config: Config, context: CliContext, log: Log): Promise<Gateway> {
  const stateDirectory = await context.files.stateDirectory();
  const gateway = await createGateway({
    config,
    stateDirectory,
    log,
    env: context.env,
    version: context.version,
    now: context.now,
  });
  killAllOnExit([gateway]);
  const bare = config.servers.filter(({ enabled, target }) => enabled && target.kind === 'stdio');
  if (bare.length > 0) {
    const names = bare.map(({ name }) => name).join(', ');
    log('warn', 'children run without a sandbox in this version: as you, with your files and network', {
      servers: names,
    });
  }
  return gateway;
}

async function serveStdio(config: Config, context: CliContext, log: Log): Promise<void> {
  const gateway = await start(config, context, log);
  const door = gateway.serveStdio(process.stdin, process.stdout);
  const stopped = untilSignal();
  await Promise.race([door.done, stopped.signal]);
  stopped.forget();
  await gateway.close();
}

async function serveHttp(config: Config, loaded: Loaded, context: CliContext, log: Log): Promise<void> {
  refuseOpenListener(config);
  const gateway = await start(config, context, log);
  const stopped = untilSignal();
  const stateDirectory = await context.files.stateDirectory();
  try {
    const { port } = await gateway.listen();
    const url = `http://${reachableHost(config.listen.host)}:${port}${config.listen.path}`;
    await writeDaemonFile(stateDirectory, {
      url,
      pid: process.pid,
      startedMs: context.now(),
      configPath: loaded.path,
      configHash: loaded.hash,
    });
    note(
      context,
      welcome({
        url,
        key: gateway.localKey,
        keyFile: join(stateDirectory, 'local.key'),
        terminal: process.stderr.isTTY,
        servers: config.servers,
        configPath: loaded.path,
      }),
    );
    await stopped.signal;
    log('info', 'stopping: calls under way may end', { within: `${config.limits.drainMs / 1000} s` });
  } catch (error) {
    throw listenProblem(error, config);
  } finally {
    stopped.forget();
    await removeDaemonFile(stateDirectory, process.pid);
    await gateway.close();
  }
}

/** A plain listener that others reach would carry keys in the clear. */
function refuseOpenListener({ listen, auth }: Config): void {
  if (isLoopback(listen.host)) return;
  if (auth.mode === 'none') {
    throw new CliError(
      `listen.host ${listen.host} with auth none would let anybody in: only loopback goes without keys`,
      exitCodes.configuration,
    );
  }
  if (!listen.plainBehindProxy) {
    throw new CliError(
      `listen.host ${listen.host} is reachable from elsewhere and the listener is plain HTTP.\n` +
        'Listen on 127.0.0.1, or put a TLS proxy in front and set listen.plainBehindProxy: true',
      exitCodes.configuration,
    );
  }
}

/** As it stands in a URL of this machine: all addresses is none that can be called. */
function reachableHost(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') ? `[${host}]` : host;
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.');
}

function listenProblem(error: unknown, { listen }: Config): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'EADDRINUSE') {
    return new CliError(
      `port ${listen.port} is taken on ${listen.host}: perhaps by another gateway (\`sallyport list\` tells). Choose one with --port`,
      exitCodes.failed,
    );
  }
  if (code === 'EACCES')
    return new CliError(`port ${listen.port} needs more rights: choose one above 1023`, exitCodes.failed);
  if (code === 'EADDRNOTAVAIL')
    return new CliError(`this machine has no address ${listen.host}`, exitCodes.configuration);
  return error;
}

/** The first SIGINT or SIGTERM asks to stop; a second one ends the process at once. */
function untilSignal(): { readonly signal: Promise<void>; readonly forget: () => void } {
  const { promise, resolve: done } = Promise.withResolvers<void>();
  let asked = false;
  const onSignal = (): void => {
    if (asked) process.exit(exitCodes.failed);
    asked = true;
    done();
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  return {
    signal: promise,
    forget: () => {
      process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
    },
  };
}
