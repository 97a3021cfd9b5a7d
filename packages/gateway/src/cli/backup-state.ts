/**
 * The state as a backup holds it, copied into a folder of its own while gateways go on writing: the store as of one moment,
 * the audit trail as of a later one, so that every change in the store has its record. Left out is what is of this machine
 * or made anew: logs, locks, which gateways run, caches, the homes of sandboxed servers.
 */
import { createHash, createHmac, type KeyObject } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { chmod, copyFile, mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { auditFolder, auditKeys } from '../wiring/audit-trail.ts';
import { headPath, isAbsent, listChains, lockPath, segmentPath, tornPath, type ChainFiles } from '../audit/folder.ts';
import { verifyTrail, type Verified } from '../audit/verify.ts';
import { deriveKey } from '../credentials/index.ts';
import type { BackupEntry } from './backup-file.ts';

export const AUDIT = 'audit';
const STORE = 'state.db';
/** A running gateway may remove what is too old while it is copied. */
const TRIES = 3;
const BUSY_MS = 5000;

/** Of this process, of this machine, or made anew; and the lockdown, which no restore lifts. */
const LEFT_OUT =
  /^\.|^daemon|^lockdown\.json$|^restore\.json$|^state\.db-|\.(?:lock|gate|tmp|log)(?:-journal)?$|\.lock/;

/** The names of what a backup holds of a state, and of its companions, that are there. */
export async function stateNames(state: string): Promise<readonly string[]> {
  const entries = await readdir(state, { withFileTypes: true }).catch((error: unknown) => {
    if (isAbsent(error)) return [];
    throw error;
  });
  const files = entries.filter((entry) => entry.isFile() && !LEFT_OUT.test(entry.name)).map(({ name }) => name);
  const folders = entries.filter((entry) => entry.isDirectory() && entry.name === AUDIT).map(({ name }) => name);
  return [...files, ...folders].toSorted();
}

/** Copies the state into `staging`, which is there and empty. Gives what is to be said of the trail. */
export async function stageState(state: string, staging: string, master: KeyObject): Promise<Verified> {
  for (const name of await stateNames(state)) {
    const [from, to] = [join(state, name), join(staging, name)];
    if (name === AUDIT) continue;
    if (name === STORE) copyStore(from, to);
    else await copyFile(from, to);
    await chmod(to, 0o600);
  }
  return await stageTrail(auditFolder(state), join(staging, AUDIT), master);
}

/** One read transaction: writers are not kept waiting. Companions of the copy there are none. */
function copyStore(from: string, to: string): void {
  const database = new DatabaseSync(from, { readOnly: true });
  try {
    database.exec(`PRAGMA busy_timeout = ${BUSY_MS}`);
    database.prepare('VACUUM INTO ?').run(to);
  } finally {
    database.close();
  }
}

async function stageTrail(folder: string, to: string, master: KeyObject): Promise<Verified> {
  for (let left = TRIES; ; left -= 1) {
    await rm(to, { recursive: true, force: true });
    await mkdir(to, { mode: 0o700 });
    for (const chain of await listChains(folder)) await stageChain(folder, to, chain);
    const verified = await verifyTrail(to, auditKeys(master));
    if (verified.problems.length === 0 || left <= 1) return verified;
  }
}

/** The head first: what is read afterwards has come at least as far. */
async function stageChain(folder: string, to: string, { chain, isOpen }: ChainFiles): Promise<void> {
  await copyIfThere(headPath(folder, chain), headPath(to, chain));
  await copyIfThere(tornPath(folder, chain), tornPath(to, chain));
  const now = (await listChains(folder)).find((each) => each.chain === chain);
  for (const segment of now?.segments ?? [])
    await copyIfThere(segmentPath(folder, chain, segment), segmentPath(to, chain, segment));
  // Its writer goes on here. There it is one that was killed, and ended like those by the next that opens the trail.
  if (isOpen) await writeFile(lockPath(to, chain), '', { mode: 0o600 });
}

async function copyIfThere(from: string, to: string): Promise<void> {
  try {
    await copyFile(from, to);
    await chmod(to, 0o600);
  } catch (error) {
    if (!isAbsent(error)) throw error;
  }
}

/** What the manifest says of the files of a folder. */
export async function entriesOf(staging: string): Promise<readonly BackupEntry[]> {
  const names = await readdir(staging);
  const paths = names.filter((name) => name !== AUDIT);
  const chains = names.includes(AUDIT) ? await readdir(join(staging, AUDIT)) : [];
  const all = [...paths, ...chains.map((name) => `${AUDIT}/${name}`)].toSorted();
  return await Promise.all(all.map(async (path) => await entryOf(staging, path)));
}

async function entryOf(staging: string, path: string): Promise<BackupEntry> {
  const { size } = await stat(join(staging, path));
  return { path, size, sha256: await fileHash(join(staging, path)) };
}

/** SHA-256, hexadecimal. */
export async function fileHash(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

/** The same for the same master key, and nothing can be told from it. */
export function masterKeyCheck(master: KeyObject): string {
  return createHmac('sha256', deriveKey(master, 'backup')).update('master key').digest('base64url');
}
