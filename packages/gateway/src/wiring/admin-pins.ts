/** Pins as the admin API tells and approves them: what `sallyport pins` does, in the gateway that holds them. */

import { AdminError, type AdminSource } from '../admin/index.ts';
import { canonicalId } from '../canonical-id.ts';
import type { Config } from '../config/index.ts';
import { approve, recordOf } from '../pins/approving.ts';
import type { PinsRoom, PinStore } from '../pins/index.ts';
import type { LockedTools } from '../pins/lock.ts';
import type { ServerRecord, ToolPins } from '../pins/record.ts';
import { diffPins, reportPins } from '../pins/report.ts';
import { pinsSetup } from './pins-state.ts';
import { withOwnServer } from './saved-tools.ts';

export interface PinActsOptions {
  readonly room: PinsRoom;
  readonly store: PinStore;
  readonly config: () => Config;
}

export function pinActs({
  config,
  room,
  store,
}: PinActsOptions): Pick<AdminSource, 'approvePins' | 'pinDiffs' | 'pins'> {
  const pinned = (): ReturnType<typeof withOwnServer> => withOwnServer(config().servers, config().tools);
  const each = async <T>(
    tell: (server: string, record: ServerRecord, locked: LockedTools | undefined, mode: PinsRoom['mode']) => T[],
  ): Promise<T[]> => {
    const { lock, mode } = pinsSetup(config());
    const told = await Promise.all(
      pinned().map(async ({ name }) => tell(name, await recordOf(store, name), lock.get(name)?.tools, mode)),
    );
    return told.flat();
  };
  return {
    pins: async () => ({ pins: await each(reportPins) }),
    pinDiffs: async (id) => ({ pins: (await each(diffPins)).filter((diff) => id === undefined || diff.id === id) }),
    approvePins: async (seen) => {
      const known = new Set((await each(reportPins)).map(({ id }) => id));
      const other = seen.find(({ id }) => !known.has(id));
      if (other !== undefined) throw new AdminError(404, 'not_found', `No tool ${JSON.stringify(other.id)} is pinned.`);
      const hashes = Map.groupBy(seen, ({ id }) => id);
      const approved: { readonly id: string; readonly hash: string }[] = [];
      for (const { name: server } of pinned()) {
        const wants = (name: string, pins: ToolPins): boolean => {
          const looked = hashes.get(canonicalId(server, name));
          return looked !== undefined && openHashes(pins).every((hash) => looked.some((one) => one.hash === hash));
        };
        const done = await approve(store, server, wants);
        approved.push(...done.map(({ hash, name }) => ({ id: canonicalId(server, name), hash })));
      }
      await room.refresh();
      const left = await each((server, record) =>
        [...record].flatMap(([name, pins]) => {
          const id = canonicalId(server, name);
          return hashes.has(id) && openHashes(pins).length > 0 ? [id] : [];
        }),
      );
      if (left.length > 0)
        throw new AdminError(412, 'changed', 'Something else waits than what was looked at: see the differences.', {
          approved: approved.map(({ id }) => id),
          left,
        });
      return { approved };
    },
  };
}

/** Of what waits for a word: else of what was believed at first use. */
function openHashes({ accepted, pending }: ToolPins): readonly string[] {
  if (pending.length > 0) return pending.map(({ hash }) => hash);
  return accepted.filter(({ by }) => by === 'first use').map(({ hash }) => hash);
}
