/** What follows when somebody has logged in at a server or out of it, and when a server first wants logins. */

import type { CatalogRoom, ListKind } from '../catalog/index.ts';
import { LIST_KINDS } from '../catalog/index.ts';
import type { Instance } from '../call.ts';
import { instanceFor } from '../isolation/index.ts';
import type { Announcements } from '../logins/announcements.ts';
import type { LoginChange } from '../logins/index.ts';
import type { RoomOptions } from '../rooms.ts';
import type { UpstreamRoom } from '../upstream/index.ts';

export interface LoginNewsParts {
  readonly options: Pick<RoomOptions, 'log' | 'logins'>;
  readonly announcements: Announcements;
  readonly catalog: CatalogRoom;
  readonly upstreams: UpstreamRoom;
  /** Names of those that are used. */
  readonly servers: () => readonly string[];
  readonly refresh: (server: string, kinds: readonly ListKind[], instance?: Instance) => void;
}

/** From now on. Gives what is to be called after a change of servers. */
export function followLogins(parts: LoginNewsParts): () => void {
  const { catalog, servers, upstreams } = parts;
  const { logins } = parts.options;
  const usePersonal = (): void => catalog.usePersonal(new Set(servers().filter((name) => upstreams.personal(name))));
  logins.onPersonal(usePersonal);
  logins.onChanged((change) => loginChanged(change, parts));
  usePersonal();
  return usePersonal;
}

/** Whoever has logged in sees what the server lists for that account, and nothing of it after a logout. */
function loginChanged({ is, over, owner, server }: LoginChange, parts: LoginNewsParts): void {
  const { announcements, catalog, options, refresh, upstreams } = parts;
  const failed = (error: unknown): void =>
    options.log('debug', 'the lists of a server were not read after a login', { server, error: String(error) });
  const instance = owner && instanceFor(owner);
  // A session that was begun as one account is not gone on with as another.
  if (over) upstreams.end(server, instance?.owner);
  // Whoever logs in may be another account there than before.
  if (is === 'out' || instance !== undefined) catalog.forget(server, instance?.owner).catch(failed);
  if (is === 'out') return;
  announcements.tell(server, owner);
  // What comes up is read anyway.
  if (upstreams.legs(server, instance).length > 0) refresh(server, LIST_KINDS, instance);
  else upstreams.leg(server, 'stateless', instance).catch(failed);
}
