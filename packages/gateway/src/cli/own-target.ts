/** How a client of this machine reaches the gateway of a configuration: its address, or the command that joins it. */
import { loadToLook } from './configuration.ts';
import type { CliContext, GlobalOptions } from './context.ts';
import { CliError, exitCodes } from './exit.ts';
import { findRunningOf } from './running.ts';

export interface OwnTarget {
  /** Of its MCP endpoint. */
  readonly url: string;
  /** All paths absolute. */
  readonly command: readonly string[];
  readonly configPath: string;
  /** It lets clients in by keys. */
  readonly takesKeys: boolean;
  readonly isRunning: boolean;
}

/** Wildcards of a listener: a client of this machine takes loopback. */
const ANY: ReadonlySet<string> = new Set(['0.0.0.0', '::', '[::]']);

export async function ownTarget(context: CliContext, globals: GlobalOptions): Promise<OwnTarget> {
  const { config, path } = await loadToLook(context, globals);
  const { host, port, publicUrl, tls, path: endpoint } = config.listen;
  const running = await findRunningOf(context, path);
  if (port === 0 && running === undefined) {
    throw new CliError(
      `${path} has \`listen.port: 0\`, another one at every start: write a port that stays, so that a client finds it`,
      exitCodes.configuration,
    );
  }
  const name = ANY.has(host) ? '127.0.0.1' : host.includes(':') ? `[${host.replaceAll(/[[\]]/g, '')}]` : host;
  const written = publicUrl ?? running?.url ?? `${tls === undefined ? 'http' : 'https'}://${name}:${port}`;
  const url = new URL(written);
  url.pathname = publicUrl === undefined ? endpoint : `${url.pathname.replace(/\/$/, '')}${endpoint}`;
  return {
    url: url.href,
    command: [...context.processes.self, 'serve', '--stdio', '--config', path],
    configPath: path,
    takesKeys: config.auth.modes.includes('key'),
    isRunning: running !== undefined,
  };
}
