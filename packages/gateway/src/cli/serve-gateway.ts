/** What `serve` makes before it opens a door: the log, and the gateway of a configuration. */
import { killAllOnExit } from '@sallyport/host';
import type { Config } from '../config/index.ts';
import type { Gateway, GatewayOptions } from '../gateway.ts';
import { createLog, type Log, type LogLevel, type LogOptions } from '../telemetry/index.ts';
import type { Redactor } from '../telemetry/redact.ts';
import type { CliContext, GlobalOptions } from './context.ts';

/** What is served, and with which words it was asked for. */
export interface Serving {
  readonly context: CliContext;
  readonly globals: GlobalOptions;
  readonly config: Config;
  /** The configuration file, and how to read it again; undefined when it was given on the command line. */
  readonly file: GatewayOptions['file'];
  /** What runs it again. */
  readonly words: readonly string[];
  readonly cwd: string;
  /** Behind the log; it learns the secrets of the configuration. */
  readonly redactor: Redactor;
}

export function openLog(
  { config, globals, context, redactor }: Serving,
  format: LogOptions['format'],
  stream: LogOptions['stream'],
): Log {
  const wanted = globals.logLevel ?? context.env['LOG_LEVEL'] ?? config.telemetry.log.level;
  return createLog({
    redactor,
    level: wanted as LogLevel,
    format,
    stream,
    color: globals.color && stream.isTTY === true,
  });
}

/** Provisioned, not open yet. What a gateway is made of is loaded only here: a client that joins one needs none of it. */
export async function gatewayFor({ config, context, file, redactor }: Serving, log: Log): Promise<Gateway> {
  const { createGateway } = await import('../gateway.ts');
  const gateway = await createGateway({
    config,
    stateDirectory: await context.files.stateDirectory(),
    log,
    redactor,
    env: context.env,
    version: context.version,
    now: context.now,
    ...(file !== undefined && { file }),
  });
  killAllOnExit([gateway]);
  return gateway;
}
