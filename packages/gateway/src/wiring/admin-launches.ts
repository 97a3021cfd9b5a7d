/**
 * Commands that another configuration would start: what an admin is shown before they are, and what his word is bound to.
 * Pure.
 */

import type { Config } from '../config/index.ts';
import { masked } from '../config/describe.ts';
import { effectiveView } from '../config/effective.ts';

/** What is shown of it. Values of variables are not; they count in the hash all the same. */
export interface StartedCommand {
  readonly server: string;
  readonly command: readonly string[];
  /** Names of variables. */
  readonly environment: readonly string[];
  readonly cwd: string;
  readonly sandbox: unknown;
}

export interface Started {
  readonly commands: readonly StartedCommand[];
  /** All of it, secrets too: to be hashed with a key. */
  readonly exact: unknown;
}

interface View {
  readonly command?: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly sandbox: unknown;
  readonly enabled: boolean;
}

/** Of servers that are on and were off, are new, or are started in another way. */
export function startedBy(before: Config, after: Config): Started {
  const [old, now] = [viewsOf(effectiveView(before)), viewsOf(effectiveView(after))];
  const shown = viewsOf(masked(effectiveView(after)));
  const names = Object.keys(now).filter((name) => {
    const launch = launchOf(name, now[name]);
    return launch !== undefined && JSON.stringify(launch) !== JSON.stringify(launchOf(name, old[name]));
  });
  return {
    commands: names.flatMap((server) => {
      const view = shown[server];
      if (view?.command === undefined) return [];
      const { args, command, cwd, env, sandbox } = view;
      return [{ server, command: [command, ...args], environment: Object.keys(env), cwd, sandbox }];
    }),
    exact: names.map((name) => launchOf(name, now[name])),
  };
}

function viewsOf(view: unknown): Readonly<Record<string, View | undefined>> {
  return (view as { readonly mcpServers: Readonly<Record<string, View>> }).mcpServers;
}

/** Undefined: nothing is started. */
function launchOf(server: string, view: View | undefined): unknown {
  if (view?.command === undefined || !view.enabled) return undefined;
  const { args, command, cwd, env, sandbox } = view;
  return { server, command, args, env, cwd, sandbox };
}
