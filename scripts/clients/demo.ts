/** A gateway on a small configuration, with a key, for clients to connect to. */
import { join } from 'node:path';
import type { TemporaryHome } from '../../test/support/home.ts';
import { freePort } from '../../test/support/port.ts';
import { run, type Finished } from '../../test/support/process.ts';
import { serveGateway, writeConfiguration } from '../conformance/gateway.ts';
import type { Gateway } from '../conformance/gateway.ts';
import { ROOT } from '../conformance/suite.ts';

const KEY_MS = 20_000;
const CALL_MS = 10_000;

export interface Demo extends Gateway {
  readonly key: string;
  /** `sallyport connect CLIENT` for a client whose files are in another home. */
  readonly connect: (client: string, clientHome: string) => Promise<Finished>;
}

/** Writes a configuration with one stdio server into the home and returns its path. */
export function writeDemo(home: TemporaryHome, port: number, level = 'info'): Promise<string> {
  const everything = { command: process.execPath, args: [join(ROOT, 'test/everything/server.ts'), '--stdio'] };
  const telemetry = { log: { level } };
  return writeConfiguration(home.path, { mcpServers: { everything }, listen: { port }, telemetry });
}

/** The command that serves the configuration over stdio. */
export function stdioCommand(program: string, file: string): readonly [string, ...string[]] {
  return [process.execPath, program, 'serve', '--stdio', '--config', file];
}

/** Makes a key and starts the gateway; rejects with what it printed when that does not work. */
export async function startDemo(program: string, home: TemporaryHome): Promise<Demo> {
  const port = await freePort();
  const file = await writeDemo(home, port);
  const { path: folder, env } = home;
  const created = await run(process.execPath, [program, 'key', 'create', 'clients', '--config', file], {
    cwd: folder,
    env,
    timeoutMs: KEY_MS,
  });
  const key = created.stdout.trim();
  if (created.code !== 0 || key === '') throw new Error(`no key could be made: ${created.stderr.trim()}`);
  const connect = (client: string, clientHome: string): Promise<Finished> => {
    const words = ['connect', client, '--client-home', clientHome, '--config', file];
    return run(process.execPath, [program, ...words], { cwd: folder, env, timeoutMs: KEY_MS });
  };
  return { key, connect, ...(await serveGateway(file, port, { program, folder, env, ownGroup: true })) };
}

/** A gateway that clients of one home may join. */
export interface Joinable {
  /** The configuration that it serves. */
  readonly file: string;
  /** Resolves once it has answered a client; rejects when it does not come to that. */
  untilCalled(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts a gateway in the home, where `serve --stdio` with its configuration finds it. */
export async function startJoinable(program: string, home: TemporaryHome): Promise<Joinable> {
  const port = await freePort();
  const file = await writeDemo(home, port, 'debug');
  const { running } = await serveGateway(file, port, { program, folder: home.path, env: home.env, ownGroup: true });
  return {
    file,
    untilCalled: async () => void (await running.untilLine(/"msg":"a call ended"/, CALL_MS)),
    stop: async () => void (await running.stop()),
  };
}
