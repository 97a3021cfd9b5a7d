/** The records of this state's audit trail, for the verbs that show them: in the order of their time, over all chains. */
import { join } from 'node:path';
import { auditFolder, auditKeys } from '../wiring/audit-trail.ts';
import { listChains } from '../audit/folder.ts';
import type { Period, Trail } from '../audit/in-order.ts';
import { parseMoment } from '../config/scalars.ts';
import { openMasterKey } from '../credentials/index.ts';
import { identityStorage } from '../wiring/privacy-state.ts';
import {
  keptIdentities,
  nameOf,
  pseudonymsIn,
  readableLine,
  type KeptIdentity,
  type ReadingOptions,
} from '../privacy/index.ts';
import { openSqliteStore } from '../store/sqlite.ts';
import { createRedactor } from '../telemetry/redact.ts';
import type { CliContext } from './context.ts';
import { CliError, exitCodes } from './exit.ts';
import { isSame, isUser, namedPrincipal } from './principal-name.ts';

export const WHO = 'of somebody alone: the name of a key, ISSUER#SUBJECT, or a pseudonym';

/** A trail as the verbs show it. */
export interface OpenTrail extends Trail {
  /** Takes over whom gateways have met since. */
  refresh(): Promise<void>;
}

/** Where the trail is, and what proves it. Fails where there is none: nothing is made by looking. */
export async function findTrail({ env, files }: CliContext): Promise<Pick<Trail, 'chains' | 'folder' | 'keys'>> {
  const directory = await files.stateDirectory();
  const folder = auditFolder(directory);
  const chains = await listChains(folder);
  if (chains.length === 0) throw new CliError(`there is no audit trail in ${folder}`, exitCodes.failed);
  return { folder, keys: auditKeys(await openMasterKey({ directory, env })), chains };
}

/** The same, with the names that its records stand for. `principal`: whose records are wanted; absent: all of them. */
export async function openTrail(context: CliContext, principal?: string): Promise<OpenTrail> {
  const found = await findTrail(context);
  const redactor = createRedactor();
  let people = await metPeople(context);
  const options: ReadingOptions = { find: (pseudonym) => people.get(pseudonym), clean: (text) => redactor.text(text) };
  const wanted = principal === undefined ? undefined : namedPrincipal(principal);
  const isWanted = (line: string): boolean => {
    const [pseudonyms, who] = [pseudonymsIn(line), wanted];
    if (who === undefined || typeof who === 'string') return who === undefined || pseudonyms.includes(who);
    if (isUser(who)) return line.includes(`"principal":"${nameOf(who)}"`);
    return pseudonyms.some((pseudonym) => isSame(people.get(pseudonym)?.who, who));
  };
  return {
    ...found,
    shown: (line) => readableLine(line, options),
    ...(wanted !== undefined && { isWanted }),
    refresh: async () => {
      people = await metPeople(context);
    },
  };
}

/** By their pseudonyms. */
async function metPeople({ env, files, now }: CliContext): Promise<ReadonlyMap<string, KeptIdentity>> {
  const directory = await files.stateDirectory();
  const path = join(directory, 'state.db');
  if (!(await files.exists(path))) return new Map();
  const store = await openSqliteStore({ path, now });
  try {
    const storage = identityStorage(store, await openMasterKey({ directory, env }));
    return new Map((await keptIdentities(storage)).map((identity) => [identity.pseudonym, identity]));
  } finally {
    await store.close();
  }
}

/** `--since` and `--until`: a point in time (ISO 8601), or how long ago. */
export function periodOf({ since, until }: { since?: string; until?: string }, nowMs: number): Period {
  const sinceMs = since === undefined ? undefined : momentIn('--since', since, nowMs);
  const untilMs = until === undefined ? undefined : momentIn('--until', until, nowMs);
  return { ...(sinceMs !== undefined && { sinceMs }), ...(untilMs !== undefined && { untilMs }) };
}

function momentIn(option: string, text: string, nowMs: number): number {
  const ms = parseMoment(text, nowMs);
  if (ms !== undefined) return ms;
  throw new CliError(
    `${option}: expected a time such as 2027-01-31 or 2027-01-31T12:00:00Z, or 24h ago as \`24h\``,
    exitCodes.usage,
  );
}
