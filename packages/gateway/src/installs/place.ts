/** Where the packages lie that are installed for servers. Nothing is made here. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';

/**
 * Below the state. The children of root are another user's, to whom the state is shut: theirs lie where the system keeps
 * caches. Undefined: there is no state.
 */
export function installsBase(
  stateDirectory: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
  isRoot: boolean,
): string | undefined {
  if (stateDirectory === undefined) return undefined;
  if (!isRoot) return join(stateDirectory, 'installs');
  // systemd names a list of them.
  const [own = ''] = (env['CACHE_DIRECTORY'] ?? '').split(':');
  const digest = createHash('sha256').update(stateDirectory).digest('hex').slice(0, 24);
  return join(own === '' ? '/var/cache/sallyport' : own, 'installs', digest);
}
