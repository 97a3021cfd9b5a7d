/**
 * How verbs find the gateway that is running: `daemon.json` in the state says where it listens, and a challenge proves
 * that who answers there holds this state's master key, before a verb shows it a key of its own.
 */

import { createHmac, timingSafeEqual, type KeyObject } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { readFileBounded, tightenOrRefuse, writeFileAtomic } from '@sallyport/host';
import { isObject } from '@sallyport/wire';

export interface DaemonRecord {
  /** Of the MCP endpoint. */
  readonly url: string;
  readonly pid: number;
  /** Milliseconds since 1970. */
  readonly startedMs: number;
  /** Absolute path of the configuration; undefined when it was given on the command line. */
  readonly configPath: string | undefined;
  readonly configHash: string | undefined;
}

export const CHALLENGE_PATH = '/api/v1/challenge';

const MAX_BYTES = 64 * 1024;

function pathIn(directory: string): string {
  return join(directory, 'daemon.json');
}

export async function writeDaemonFile(directory: string, record: DaemonRecord): Promise<void> {
  await writeFileAtomic(pathIn(directory), `${JSON.stringify(record, null, 2)}\n`);
}

/** Undefined when there is none, or it cannot be read as one. */
export async function readDaemonFile(directory: string): Promise<DaemonRecord | undefined> {
  const path = pathIn(directory);
  try {
    if ((await tightenOrRefuse(path)) === 'absent') return undefined;
    const value: unknown = JSON.parse((await readFileBounded(path, MAX_BYTES)).toString('utf8'));
    return isObject(value) && typeof value['url'] === 'string' && typeof value['pid'] === 'number'
      ? (value as unknown as DaemonRecord)
      : undefined;
  } catch {
    return undefined;
  }
}

/** Removes the file, when it still speaks of this process. */
export async function removeDaemonFile(directory: string, pid: number): Promise<void> {
  if ((await readDaemonFile(directory))?.pid === pid) await rm(pathIn(directory), { force: true });
}

/** The port is part of what is signed: whoever listens elsewhere cannot pass the question on. */
export function answerChallenge(key: KeyObject, nonce: string, port: number): string {
  return createHmac('sha256', key).update(`${port} ${nonce}`).digest('base64url');
}

export function checkChallenge(key: KeyObject, nonce: string, port: number, answer: string): boolean {
  const expected = Buffer.from(answerChallenge(key, nonce, port));
  const given = Buffer.from(answer);
  return expected.length === given.length && timingSafeEqual(expected, given);
}
