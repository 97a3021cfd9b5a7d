/** A gateway on a small configuration, with a key, for clients to connect to. */
import { join } from 'node:path';
import type { TemporaryHome } from '../../test/support/home.ts';
import { freePort } from '../../test/support/port.ts';
import { run } from '../../test/support/process.ts';
import { serveGateway, writeConfiguration } from '../conformance/gateway.ts';
import type { Gateway } from '../conformance/gateway.ts';
import { ROOT } from '../conformance/suite.ts';

const KEY_MS = 20_000;

export interface Demo extends Gateway {
  readonly key: string;
}

/** Writes a configuration with one stdio server into the home and returns its path. */
export function writeDemo(home: TemporaryHome, port: number): Promise<string> {
  const everything = { command: process.execPath, args: [join(ROOT, 'test/everything/server.ts'), '--stdio'] };
  return writeConfiguration(home.path, { mcpServers: { everything }, listen: { port } });
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
  return { key, ...(await serveGateway(file, port, { program, folder, env, ownGroup: true })) };
}
