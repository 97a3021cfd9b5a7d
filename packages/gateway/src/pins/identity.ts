/**
 * What stands behind a server's name, as the configuration says it: never what the server says of itself. The same on every
 * machine that has the same configuration, so that pins can be kept in a repository: no folders, no versions, no arguments of
 * the program. A new version is judged by what it offers.
 */

import { basename } from 'node:path';
import { packageRun } from '@sallyport/host';

/** As far as it is looked at here. */
export type IdentityTarget =
  | { readonly kind: 'stdio'; readonly command: string; readonly args: readonly string[] }
  | { readonly kind: 'http' | 'sse' | 'ws'; readonly url: string }
  | { readonly kind: 'openapi'; readonly document: string; readonly source?: string; readonly server?: string }
  /** Of the configuration itself: each is in the definition of its tool. */
  | { readonly kind: 'programs' };

export function identityOf(target: IdentityTarget): string {
  if (target.kind === 'programs') return 'programs';
  if (target.kind === 'openapi') {
    const { document, server, source = basename(document) } = target;
    return ['openapi', source.replace(/[?#].*$/s, ''), ...(server === undefined ? [] : [server])].join(' ');
  }
  if (target.kind !== 'stdio') {
    const { host, pathname, protocol } = new URL(target.url);
    return `${protocol}//${host}${pathname}`;
  }
  const { args, command } = target;
  const run = packageRun(command, args);
  // By the registry: `npx` and `pnpm dlx` run the same.
  if (run?.name !== undefined)
    return `${run.registry}:${run.name}${run.program === undefined ? '' : ` ${run.program}`}`;
  const program = basename(command);
  const words = args.filter((arg) => !arg.startsWith('-'));
  // Options of theirs have values of all kinds: what is of this machine alone is left out.
  if (CONTAINERS.has(program)) return [program, ...words.filter((word) => !/^[/~.{]|=/.test(word))].join(' ');
  return [program, ...words.slice(0, 1).map((word) => basename(word))].join(' ');
}

const CONTAINERS: ReadonlySet<string> = new Set(['docker', 'podman', 'nerdctl']);
