/**
 * Logins that dynamic-mcp has made: it kept a token for each server as plain text below the home. Such a token does not say
 * which authorization server gave it, nor for which resource, so it is not sent anywhere; whoever had logged in there is told
 * to log in here. The files stay as they are.
 */

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** The folder, and those of the servers that have a token in it. A folder that is not there, or not ours to read, has none. */
export async function loginsOfDynamicMcp(
  home: string,
  servers: readonly string[],
): Promise<{ readonly folder: string; readonly servers: readonly string[] }> {
  const folder = join(home, '.dynamic-mcp', 'oauth-servers');
  const files = new Set(await readdir(folder).catch(() => []));
  return { folder, servers: servers.filter((name) => files.has(`${name}.json`)) };
}
