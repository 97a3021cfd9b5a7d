/**
 * Finds the gateway that is running for this state. A record in the state says where it should be; whoever answers there has
 * to prove that it holds this state's master key before it is shown a key. It starts nothing.
 */
import { randomBytes } from 'node:crypto';
import { resolve } from 'node:path';
import { isObject } from '@sallyport/wire';
import { configHash, lockPath } from '../config/trust.ts';
import { deriveKey, openMasterKey } from '../credentials/index.ts';
import { CHALLENGE_PATH, checkChallenge, readDaemonFile, type DaemonRecord } from '../daemon.ts';
import type { CliContext, GlobalOptions } from './context.ts';
import { getJson } from './get-json.ts';
import { note } from './output.ts';

/** Of a configuration or its lock. */
const MAX_BYTES = 8 * 1024 * 1024;

/** The gateway that this command line should use, proven to be ours; undefined when there is none. */
export async function findRunning(context: CliContext, globals: GlobalOptions): Promise<DaemonRecord | undefined> {
  const state = await context.files.stateDirectory();
  const record = await readDaemonFile(state);
  if (record === undefined || !isWanted(record, context, globals)) return undefined;
  const answer = await challenge(context, state, record);
  if (answer === 'foreign') {
    note(
      context,
      `warning: what answers at ${record.url} is not the gateway of ${state}: it is not used and gets no key`,
    );
  }
  if (answer !== 'ours') return undefined;
  if (await hasChanged(context, record)) {
    note(
      context,
      `note: ${record.configPath} has changed since the gateway at ${record.url} read it: restart it to use the new one`,
    );
  }
  return record;
}

/** Without a configuration by name any gateway will do. */
function isWanted({ configPath }: DaemonRecord, { env, cwd }: CliContext, { config }: GlobalOptions): boolean {
  const named = config ?? env['SALLYPORT_CONFIG'];
  return named === undefined || named === '' || (configPath !== undefined && resolve(cwd, named) === configPath);
}

async function challenge(
  context: CliContext,
  directory: string,
  { url }: DaemonRecord,
): Promise<'ours' | 'foreign' | 'gone'> {
  if (!URL.canParse(url)) return 'gone';
  const address = new URL(url);
  const nonce = randomBytes(24).toString('base64url');
  const target = new URL(`${CHALLENGE_PATH}?nonce=${nonce}`, address);
  const answered = await getJson(target, {}).catch(() => undefined);
  if (answered === undefined) return 'gone';
  const key = deriveKey(await openMasterKey({ directory, env: context.env }), 'daemon-challenge');
  const answer = isObject(answered.body) ? answered.body['answer'] : undefined;
  const port = Number(address.port === '' ? 80 : address.port);
  return typeof answer === 'string' && checkChallenge(key, nonce, port, answer) ? 'ours' : 'foreign';
}

/** Whether the file is another one than the gateway read. A file that is gone or unreadable now is. */
async function hasChanged({ files }: CliContext, { configPath, configHash: before }: DaemonRecord): Promise<boolean> {
  if (configPath === undefined || before === undefined) return false;
  try {
    const read = async (path: string): Promise<Uint8Array> =>
      files.read((await files.checkTrusted(path)).realPath, MAX_BYTES);
    const lock = lockPath(configPath);
    return configHash(await read(configPath), (await files.exists(lock)) ? await read(lock) : undefined) !== before;
  } catch {
    return true;
  }
}
