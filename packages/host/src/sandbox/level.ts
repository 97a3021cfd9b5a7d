/** What a level asks for, given a specification and the machine: whom the child runs as, whether it has a network. Pure. */
import type { SandboxFacts, SandboxLevel, SandboxSpec, SandboxUser, Tool } from './spec.ts';

/** Whom root's children run as when nobody is named. */
export const NOBODY: SandboxUser = { uid: 65_534, gid: 65_534 };

export const BWRAP_LEAST: Tool['version'] = [0, 4];
/** From this version on bubblewrap can bound a tmpfs. */
export const BWRAP_SIZES: Tool['version'] = [0, 7];

export type Caged = 'strict' | 'standard';
export const isCaged = (level: SandboxLevel): level is Caged => level === 'strict' || level === 'standard';

/** Has a network; under `strict`, and with an empty list of hosts, there is none. */
export const isOnline = (level: SandboxLevel, { network }: SandboxSpec): boolean =>
  level === 'standard' && network === undefined;
/** Reaches the hosts that are named, and them alone. */
export const isProxied = (level: SandboxLevel, { network = [] }: SandboxSpec): boolean =>
  isCaged(level) && network.length > 0;

/** Undefined: as this process. */
export function userOf({ user }: SandboxSpec, facts: SandboxFacts, level: SandboxLevel): SandboxUser | undefined {
  const chosen = user ?? (facts.user.uid === 0 && level !== 'none' ? NOBODY : undefined);
  return chosen?.uid === facts.user.uid && chosen.gid === facts.user.gid ? undefined : chosen;
}

export function isAtLeast(tool: Tool | undefined, [major, minor]: Tool['version']): boolean {
  if (tool === undefined) return false;
  return tool.version[0] > major || (tool.version[0] === major && tool.version[1] >= minor);
}
