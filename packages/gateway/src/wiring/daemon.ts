/**
 * How verbs find the gateways that are running: each HTTP gateway has a record in `daemons/` of the state, and
 * `daemon.json` is that of the newest. A record is only a hint. A challenge proves that who answers at its address holds this
 * state's master key, and is the process that the record names, before a verb shows it a key or sends it a signal.
 * Nothing here starts or ends a process.
 */

import { createHash, createHmac, timingSafeEqual, type KeyObject } from 'node:crypto';
import { readlinkSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ensurePrivateDirectory, readFileBounded, tightenOrRefuse, writeFileAtomic } from '@sallyport/host';
import { isObject } from '@sallyport/wire';

/** A process, as its number alone does not name it: a container counts its own. */
export interface Who {
  readonly pid: number;
  /** The name space of the pid; empty where the system has but one. */
  readonly place: string;
}

export interface DaemonRecord extends Who {
  /** Names the record's file; of the characters `[a-z0-9-]`. */
  readonly id: string;
  /** Of the MCP endpoint. */
  readonly url: string;
  /** Milliseconds since 1970. */
  readonly startedMs: number;
  /** Absolute path of the configuration; undefined when it was given on the command line. */
  readonly configPath: string | undefined;
  readonly configHash: string | undefined;
  /** Where its output goes; undefined when it runs in the foreground. */
  readonly logPath: string | undefined;
  /** What follows `sallyport` to run it again in the folder `cwd`. */
  readonly words: readonly string[];
  readonly cwd: string;
  /** What a change of the file does: `auto`, `confirm` or `off`. */
  readonly reload: string;
}

export const CHALLENGE_PATH = '/api/v1/challenge';

const MAX_BYTES = 64 * 1024;
const RECORD = /^([a-z0-9-]{1,64})\.json$/;

/** The folder of the records: what changes in it tells of gateways that come and go. */
export function daemonsDirectory(state: string): string {
  return join(state, 'daemons');
}

function newestPath(state: string): string {
  return join(state, 'daemon.json');
}

/** Writes the record of a gateway that listens. Gives what takes it back. */
export async function announceDaemon(state: string, record: DaemonRecord): Promise<() => Promise<void>> {
  const text = `${JSON.stringify(record, null, 2)}\n`;
  const directory = await ensurePrivateDirectory(daemonsDirectory(state));
  await writeFileAtomic(newestPath(state), text);
  await writeFileAtomic(join(directory, `${record.id}.json`), text);
  return () => removeDaemon(state, record);
}

/** Removes a record; `daemon.json` then speaks of the newest that is left, if there is any. */
export async function removeDaemon(state: string, { id, pid }: Pick<DaemonRecord, 'id' | 'pid'>): Promise<void> {
  if (id !== '') await rm(join(daemonsDirectory(state), `${id}.json`), { force: true });
  const newest = await readRecord(newestPath(state));
  if (newest === undefined || newest.id !== id || newest.pid !== pid) return;
  const [next] = await readFolder(state);
  if (next === undefined) await rm(newestPath(state), { force: true });
  else await writeFileAtomic(newestPath(state), `${JSON.stringify(next, null, 2)}\n`);
}

/** All records, the newest first. What cannot be read as one is passed over. */
export async function readDaemons(state: string): Promise<readonly DaemonRecord[]> {
  const [newest, others] = await Promise.all([readRecord(newestPath(state)), readFolder(state)]);
  if (newest === undefined || others.some(({ id }) => id === newest.id)) return others;
  return [newest, ...others];
}

async function readFolder(state: string): Promise<readonly DaemonRecord[]> {
  const directory = daemonsDirectory(state);
  const names = await readdir(directory).catch((): string[] => []);
  const records = await Promise.all(
    names.filter((name) => RECORD.test(name)).map((name) => readRecord(join(directory, name))),
  );
  return records
    .filter((record) => record !== undefined)
    .toSorted((one, other) => other.startedMs - one.startedMs || (one.id < other.id ? -1 : 1));
}

async function readRecord(path: string): Promise<DaemonRecord | undefined> {
  try {
    if ((await tightenOrRefuse(path)) === 'absent') return undefined;
    return asRecord(JSON.parse((await readFileBounded(path, MAX_BYTES)).toString('utf8')));
  } catch {
    return undefined;
  }
}

function asRecord(value: unknown): DaemonRecord | undefined {
  if (!isObject(value)) return undefined;
  const { url, pid, startedMs, words } = value;
  if (typeof url !== 'string' || !isPid(pid) || typeof startedMs !== 'number') return undefined;
  const text = (name: string): string | undefined => (typeof value[name] === 'string' ? value[name] : undefined);
  return {
    id: RECORD.test(`${text('id')}.json`) ? (text('id') ?? '') : '',
    url,
    pid,
    place: text('place') ?? '',
    startedMs,
    configPath: text('configPath'),
    configHash: text('configHash'),
    logPath: text('logPath'),
    words: Array.isArray(words) ? words.filter((word) => typeof word === 'string') : [],
    cwd: text('cwd') ?? '',
    reload: text('reload') ?? 'off',
  };
}

/** 0 and negative numbers mean groups of processes to the system. */
function isPid(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0;
}

/** This process. */
export function thisProcess(): Who {
  return { pid: process.pid, place: placeOf() };
}

function placeOf(): string {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return '';
  }
}

/** What tells the configurations of one state apart in the names of files. */
export function configurationId(configPath: string): string {
  return createHash('sha256').update(configPath).digest('hex').slice(0, 8);
}

/**
 * The port is part of what is signed: whoever listens elsewhere cannot pass the question on. So is the process that answers:
 * the record of a gateway that is gone names none of those that run.
 */
export function answerChallenge(key: KeyObject, nonce: string, port: number, who: Who = thisProcess()): string {
  return createHmac('sha256', key).update(`${port} ${who.pid} ${who.place} ${nonce}`).digest('base64url');
}

/** Whether the answer was given by the process `who`, listening on `port`, with the key. */
export function checkChallenge(key: KeyObject, nonce: string, port: number, who: Who, answer: string): boolean {
  const expected = Buffer.from(answerChallenge(key, nonce, port, who));
  const given = Buffer.from(answer);
  return expected.length === given.length && timingSafeEqual(expected, given);
}
