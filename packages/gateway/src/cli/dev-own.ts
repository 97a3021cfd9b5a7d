/** How a server's own file is started: by the Node that runs this, with the whole environment, in the folder one stands in. */
import { extname, resolve } from 'node:path';
import type { CommandTarget } from '@sallyport/client';
import type { CliContext } from './context.ts';
import { CliError, exitCodes } from './exit.ts';

type Own = Pick<CliContext, 'cwd' | 'env' | 'files' | 'nodeVersion' | 'processes'>;

/** Rejects with a `CliError` when there is no such file, or Node does not run its like. */
export async function ownServer(
  context: Own,
  file: string,
  args: readonly string[] = [],
): Promise<CommandTarget & { readonly path: string }> {
  const path = resolve(context.cwd, file);
  if (!(await context.files.exists(path))) throw new CliError(`${path}: there is no such file`, exitCodes.usage);
  if (!/^\.[cm]?[jt]s$/.test(extname(path))) {
    throw new CliError(`${path}: expected a file of JavaScript or TypeScript`, exitCodes.usage);
  }
  if (/^\.[cm]?ts$/.test(extname(path)) && !runsTypeScript(context.nodeVersion)) {
    throw new CliError(
      `Node ${context.nodeVersion} does not run TypeScript by itself, which it does from 22.18 on: update it, or build the file and give the JavaScript`,
      exitCodes.usage,
    );
  }
  const [node = 'node'] = context.processes.self;
  return { path, command: node, args: [path, ...args], cwd: context.cwd, env: definedOf(context.env) };
}

/** From 22.18 and 23.6 on types are stripped without a flag. */
export function runsTypeScript(nodeVersion: string): boolean {
  const [major = 0, minor = 0] = nodeVersion.split('.').map(Number);
  if (major === 22) return minor >= 18;
  return major === 23 ? minor >= 6 : major > 23;
}

export function definedOf(env: CliContext['env']): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(env).filter((pair): pair is [string, string] => pair[1] !== undefined));
}
