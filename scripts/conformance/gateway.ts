/** Starts the gateway for the scripts: the one place of theirs that knows its command and its configuration. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort, untilListening } from '../../test/support/port.ts';
import { start } from '../../test/support/process.ts';
import type { Running } from '../../test/support/process.ts';
import { ROOT } from './suite.ts';

/** The program that `--gateway` replaces. */
export const GATEWAY: string = join(ROOT, 'packages/gateway/bin/sallyport.js');

const START_MS = 15_000;

export interface Gateway {
  /** Where it serves MCP. */
  readonly url: string;
  readonly running: Running;
}

export interface GatewayOptions {
  /** The gateway's program, run by this Node. */
  readonly program: string;
  /** A folder of one's own for its configuration. */
  readonly folder: string;
  /** Its whole environment, with an empty HOME. */
  readonly env: Readonly<Record<string, string>>;
  /** How the server is logged in at; absent: as the gateway does it by itself. */
  readonly oauth?: object;
  /** How callers are known; absent: anybody on this machine may call. */
  readonly auth?: object;
  /** False where whoever ends the caller's process group is to end the gateway too. */
  readonly ownGroup: boolean;
}

/** Writes a configuration that no other user can read, and returns its path. */
export async function writeConfiguration(folder: string, configuration: object): Promise<string> {
  const file = join(folder, 'sallyport.json');
  await writeFile(file, JSON.stringify(configuration, undefined, 2), { mode: 0o600 });
  return file;
}

/** Resolves once the port that `file` names accepts connections; rejects with what the gateway printed. */
export async function serveGateway(file: string, port: number, options: GatewayOptions): Promise<Gateway> {
  const { program, folder, env, ownGroup } = options;
  const running = start(process.execPath, [program, 'serve', '--config', file], { cwd: folder, env, ownGroup });
  const ended = new AbortController();
  void running.exit.then(() => ended.abort());
  try {
    await untilListening(port, ended.signal, START_MS);
  } catch (cause) {
    await running.stop();
    throw new Error(`the gateway did not listen on port ${port}; it said:\n${running.lines.join('\n')}`, { cause });
  }
  return { url: `http://127.0.0.1:${port}/mcp`, running };
}

/** A gateway in front of one upstream, whose names it leaves as they are. */
export async function startGateway(upstreamUrl: string, options: GatewayOptions): Promise<Gateway> {
  const port = await freePort();
  const file = await writeConfiguration(options.folder, {
    mcpServers: { up: { url: upstreamUrl, ...(options.oauth !== undefined && { oauth: options.oauth }) } },
    listen: { port },
    naming: 'plain',
    auth: options.auth ?? { mode: 'none' },
    store: 'memory',
  });
  return serveGateway(file, port, options);
}
