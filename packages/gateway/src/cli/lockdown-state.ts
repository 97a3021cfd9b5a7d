/** What a lockdown does to the state, with nobody using it any more: who may come in, who is logged in, what is remembered. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { KeyObject } from 'node:crypto';
import { auditFolder } from '../wiring/audit-trail.ts';
import { listChains, lockPath } from '../audit/folder.ts';
import { acquireLock, LockTimeoutError } from '@sallyport/host';
import type { Config } from '../config/types.ts';
import { deriveKey, sealing } from '../credentials/index.ts';
import type { DaemonRecord } from '../wiring/daemon.ts';
import { removeDaemon, thisProcess } from '../wiring/daemon.ts';
import { revokeLogins, type RevokedGrant } from '../logins/revocation.ts';
import { loginServers } from '../servers.ts';
import type { Store } from '../store/index.ts';
import { recordsOf } from '../store/records.ts';
import type { CliContext } from './context.ts';

/** By what the operator calls them, the collections of the store that a lockdown empties. */
const EMPTIED: Readonly<Record<'keys' | 'sessions' | 'logins' | 'caches', readonly string[]>> = {
  keys: ['client-keys', 'client-key-uses'],
  sessions: ['browser', 'oauth-clients', 'oauth-grants', 'approval'],
  logins: ['upstream-oauth', 'upstream-asked', 'upstream-browsers'],
  caches: ['catalog', 'catalog-owned', 'verdicts'],
};

type Emptied = keyof typeof EMPTIED;

/** Gives how many records there were. */
export async function empty(store: Store, what: Emptied): Promise<number> {
  let count = 0;
  for (const collection of EMPTIED[what])
    for (const { key } of await store.list(collection)) if (await store.delete(collection, key)) count++;
  return count;
}

const REVOCATION_MS = 30_000;

/** Without a configuration no server can be told: the logins are gone here all the same. */
export async function revokeAll(
  store: Store,
  master: KeyObject,
  config: Config | undefined,
  { env, now }: CliContext,
): Promise<readonly RevokedGrant[]> {
  return await revokeLogins({
    servers: config === undefined ? [] : loginServers(config),
    allow: config?.egress.allow ?? [],
    env,
    records: recordsOf(store, 'upstream-oauth'),
    sealing: sealing(deriveKey(master, 'upstream-oauth')),
    timeoutMs: REVOCATION_MS,
    now,
  });
}

/** The next one is made when it is asked for: clients that hold this one are strangers. */
export async function dropLocalKey(state: string): Promise<void> {
  await rm(join(state, 'local.key'), { force: true });
}

/** Gateways see the lockdown themselves and have some time to end. */
const END_MS = 10_000;
const LOOK_MS = 100;

/** Waits for all that use the state; gateways that have proven themselves and stay are killed. Gives who is left: process ids. */
export async function untilGone(
  context: CliContext,
  state: string,
  running: readonly DaemonRecord[],
): Promise<readonly number[]> {
  const { now, processes } = context;
  const own = running.filter(({ place }) => place === thisProcess().place);
  const left = async (): Promise<readonly number[]> => {
    const alive = own.filter(({ pid }) => processes.isAlive(pid)).map(({ pid }) => pid);
    return [...new Set([...alive, ...(await writers(state))])];
  };
  const endMs = now() + END_MS;
  while ((await left()).length > 0 && now() < endMs) await processes.delay(LOOK_MS);
  for (const { pid } of own) if (processes.isAlive(pid)) await processes.run(['kill', '-9', String(pid)]);
  const lastMs = now() + END_MS / 5;
  while ((await left()).length > 0 && now() < lastMs) await processes.delay(LOOK_MS);
  for (const record of own) if (!processes.isAlive(record.pid)) await removeDaemon(state, record);
  return await left();
}

/** Processes that write the trail, whatever their doors. In another container they count their own ids. */
async function writers(state: string): Promise<readonly number[]> {
  const folder = auditFolder(state);
  const pids: number[] = [];
  for (const { chain, isOpen } of await listChains(folder)) {
    if (!isOpen) continue;
    try {
      (await acquireLock(lockPath(folder, chain), { timeoutMs: 0 })).release();
    } catch (error) {
      if (!(error instanceof LockTimeoutError)) throw error;
      pids.push(Number(chain.split('-').at(-1)));
    }
  }
  return pids;
}
