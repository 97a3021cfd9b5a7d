/**
 * How many clients may have registered themselves, and which one gives way when there are so many: of those that nobody ever
 * approved, the oldest of the network that most of them came from. So a newcomer is served, and whoever fills the table
 * mostly loses his own.
 *
 * Nothing is listed in order to count. Every write raises the version of the collection, so there are at most as many as at
 * the last listing and writes since. Where that is too many it is listed, and then it is known for a while who gives way.
 */

import { createTurns } from '../auth/turns.ts';
import type { Records } from '../records.ts';
import { OAuthError } from './oauth-error.ts';

const MAX_CLIENTS = 1000;
/** Registrations that wait for those before. */
const MAX_WAITING = 100;
/** For how many registrations, and for how long, it is known who gives way. */
const MAX_LINE = 64;
const LINE_MS = 60_000;

/** A client as far as it matters here. */
export interface PlaceHolder {
  readonly key: string;
  readonly createdMs: number;
  readonly network: string;
  readonly isApproved: boolean;
}

export interface ClientPlacesOptions {
  readonly records: Pick<Records, 'version'>;
  readonly list: () => Promise<readonly PlaceHolder[]>;
  /** Removes one that nobody has approved meanwhile. False: it was approved, or is gone. */
  readonly remove: (key: string) => Promise<boolean>;
  readonly now: () => number;
}

export interface ClientPlaces {
  /** Makes room and writes one more client, under this key. Rejects with an {@link OAuthError} when nobody can give way. */
  take(key: string, write: () => Promise<void>): Promise<void>;
}

/** What was found out by listing. */
interface Listed {
  readonly atMs: number;
  readonly version: number;
  readonly count: number;
  /** Who gives way, in order; nobody while there is room. */
  readonly line: string[];
  /** The line has all in it that may give way: who comes goes to its end. */
  readonly isWhole: boolean;
  /** All are approved. */
  readonly isHopeless: boolean;
}

export function createClientPlaces(options: ClientPlacesOptions): ClientPlaces {
  const turns = createTurns(1, MAX_WAITING);
  let listed: Listed | undefined;
  const makeRoom = async (): Promise<void> => {
    const { list, now, records, remove } = options;
    const [version, nowMs] = [await records.version(), now()];
    if (listed !== undefined && listed.count + version - listed.version < MAX_CLIENTS) return;
    if (listed !== undefined && listed.count >= MAX_CLIENTS && nowMs - listed.atMs < LINE_MS) {
      if (listed.isHopeless) throw tooManyClients();
      if (await giveWay(listed.line, 1, remove)) return;
    }
    const all = await list();
    const superfluous = Math.max(0, all.length - MAX_CLIENTS + 1);
    const length = superfluous === 0 ? 0 : superfluous + MAX_LINE;
    const line = lineOf(all, length);
    const [isWhole, isHopeless] = [line.length < length, line.length < superfluous];
    listed = { atMs: nowMs, version, count: all.length, line, isWhole, isHopeless };
    if (!(await giveWay(line, superfluous, remove))) throw tooManyClients();
  };
  return {
    take: (key, write) => {
      const taken = turns.take(async () => {
        await makeRoom();
        await write();
        if (listed?.isWhole === true) listed.line.push(key);
      });
      return taken ?? Promise.reject(tooManyClients());
    },
  };
}

/** False: the line ended before so many had given way. */
async function giveWay(line: string[], count: number, remove: ClientPlacesOptions['remove']): Promise<boolean> {
  for (let left = count; left > 0;) {
    const key = line.shift();
    if (key === undefined) return false;
    if (await remove(key)) left--;
  }
  return true;
}

/** The first of those that give way: each time the oldest of the network that has most of them then. */
function lineOf(all: readonly PlaceHolder[], length: number): string[] {
  const oldestFirst = all.filter(({ isApproved }) => !isApproved).toSorted((a, b) => a.createdMs - b.createdMs);
  const networks = [...Map.groupBy(oldestFirst, ({ network }) => network).values()];
  const line: string[] = [];
  while (line.length < length) {
    const busiest = networks.reduce<PlaceHolder[]>((most, each) => (isBefore(each, most) ? each : most), []);
    const next = busiest.shift();
    if (next === undefined) break;
    line.push(next.key);
  }
  return line;
}

function isBefore(one: readonly PlaceHolder[], other: readonly PlaceHolder[]): boolean {
  if (one.length !== other.length) return one.length > other.length;
  return (one[0]?.createdMs ?? 0) < (other[0]?.createdMs ?? 0);
}

function tooManyClients(): OAuthError {
  return new OAuthError('temporarily_unavailable', 'There are too many clients. Try again later.', {
    status: 503,
    headers: { 'retry-after': String(LINE_MS / 1000) },
  });
}
