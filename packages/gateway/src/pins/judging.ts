/**
 * What follows from the pins of one server for the tools that it lists: made when the pins or the mode change, and then a
 * look into a table. It holds hashes and no definitions.
 */

import { isObject, type JsonObject } from '@sallyport/wire';
import type { LockedTools } from './lock.ts';
import { standing } from './observing.ts';
import type { Accepted, ServerRecord } from './record.ts';

export type PinsMode = 'off' | 'warn' | 'quarantine';

/** As it is told: `new` was believed at first use, or came since; `quarantined` is kept from clients. */
export type PinState = 'new' | 'approved' | 'changed' | 'quarantined';

/** What the pins say of one definition. */
export interface Verdict {
  readonly state: PinState;
  /** For clients to read: it is not the definition that stands. */
  readonly isFlagged: boolean;
  /** Annotations that stand; null: there are none; undefined: nobody has looked, what was seen first counts. */
  readonly annotations: JsonObject | null | undefined;
}

/** `hash`: of the tool as it is listed. */
export type Judge = (name: string, hash: string) => Verdict;

interface Known {
  readonly by: ReadonlyMap<string, Accepted>;
  readonly latest: Accepted | undefined;
  /** Whether a definition that waits is the first of its tool, by hash. */
  readonly pending: ReadonlyMap<string, boolean>;
}

export function createJudge(record: ServerRecord, locked: LockedTools | undefined, mode: PinsMode): Judge {
  const tools = new Map<string, Known>();
  for (const name of new Set([...record.keys(), ...(locked?.keys() ?? [])])) {
    const pins = record.get(name) ?? { accepted: [], pending: [] };
    const stands = standing(pins, name, locked).map((each) => ({ ...each, tool: annotationsAlone(each.tool) }));
    tools.set(name, {
      by: new Map(stands.map((each) => [each.hash, each])),
      latest: stands[0],
      pending: new Map(pins.pending.map(({ hash, isNew }) => [hash, isNew])),
    });
  }
  return (name, hash) => {
    const known = tools.get(name);
    const accepted = known?.by.get(hash);
    if (accepted !== undefined) {
      const isApproved = accepted.by === 'approval';
      return {
        state: isApproved ? 'approved' : 'new',
        isFlagged: false,
        annotations: isApproved ? annotationsOf(accepted) : undefined,
      };
    }
    const isNew = known?.latest === undefined && known?.pending.get(hash) !== false;
    return {
      state: mode === 'quarantine' ? 'quarantined' : isNew ? 'new' : 'changed',
      isFlagged: true,
      annotations: known?.latest && annotationsOf(known.latest),
    };
  };
}

function annotationsOf({ tool: { annotations } }: Accepted): JsonObject | null {
  return isObject(annotations) ? annotations : null;
}

/** Definitions are large, and whoever has them is the store. */
function annotationsAlone({ annotations }: JsonObject): JsonObject {
  return isObject(annotations) ? { annotations } : {};
}
