/**
 * Finds the gateways that are running for this state. A record in the state says where one should be; whoever answers there
 * has to prove that it holds this state's master key before it is shown a key. Records of gateways that are gone are removed.
 * It starts and ends nothing.
 */
import { randomBytes } from 'node:crypto';
import { resolve } from 'node:path';
import { isObject } from '@sallyport/wire';
import { findConfig } from '../config/find.ts';
import { configHash, lockPath } from '../config/trust.ts';
import { deriveKey, openMasterKey } from '../credentials/index.ts';
import {
  CHALLENGE_PATH,
  checkChallenge,
  readDaemons,
  removeDaemon,
  thisProcess,
  type DaemonRecord,
} from '../wiring/daemon.ts';
import type { CliContext, GlobalOptions } from './context.ts';
import { CliError, exitCodes } from './exit.ts';
import { note } from './output.ts';
import { requestJson } from './request-json.ts';
import { oneLine } from './text.ts';

/** Of a configuration or its lock. */
const MAX_BYTES = 8 * 1024 * 1024;
/** For the proof: the gateway is on this machine and computes one hash. */
const CHALLENGE_MS = 10_000;

/** The gateway that a verb should use, proven to be ours; undefined when there is none. Throws when that leaves a choice. */
export async function findRunning(context: CliContext, globals: GlobalOptions): Promise<DaemonRecord | undefined> {
  const record = await findDaemon(context, globals);
  // Without `reload: off` the gateway looks at the file itself, and `status` tells what came of it.
  if (record?.reload === 'off' && (await hasChanged(context, record))) {
    note(
      context,
      `note: ${record.configPath} has changed since the gateway at ${record.url} read it: \`sallyport restart\` takes it over`,
    );
  }
  return record;
}

/** The gateway of exactly this configuration. `timeoutMs` bounds the proof. */
export async function findRunningOf(
  context: CliContext,
  path: string,
  timeoutMs: number = CHALLENGE_MS,
): Promise<DaemonRecord | undefined> {
  return await firstProven(context, ({ configPath }) => configPath === path, timeoutMs);
}

/**
 * The one gateway that a verb of the daemon is about: that of the configuration that is named, the only one there is, or of
 * several that of the configuration that this folder would use. Throws when that leaves a choice.
 */
export async function findDaemon(context: CliContext, globals: GlobalOptions): Promise<DaemonRecord | undefined> {
  const named = namedConfig(context, globals);
  if (named !== undefined) return await findRunningOf(context, named);
  const running = await findAll(context);
  if (running.length < 2) return running[0];
  const here = await findConfig({ ...context, exists: context.files.exists }).then(
    ({ path }) => path,
    () => undefined,
  );
  const own = running.find(({ configPath }) => configPath !== undefined && configPath === here);
  if (own !== undefined) return own;
  const lines = running.map(({ url, configPath }) => `  ${url}  ${oneLine(configPath ?? '(no configuration)')}`);
  throw new CliError(`several gateways are running: say which with --config\n${lines.join('\n')}`, exitCodes.usage);
}

/** Every gateway of this state that is running, the newest first. */
export async function findAll(context: CliContext): Promise<readonly DaemonRecord[]> {
  const state = await context.files.stateDirectory();
  const records = await readDaemons(state);
  const proven = await Promise.all(records.map((record) => isProven(context, state, record, CHALLENGE_MS)));
  return records.filter((_record, index) => proven[index]);
}

/** The path of the configuration that was asked for by name; undefined when none was. */
function namedConfig({ env, cwd }: CliContext, { config }: GlobalOptions): string | undefined {
  const named = config ?? env['SALLYPORT_CONFIG'] ?? '';
  return named === '' ? undefined : resolve(cwd, named);
}

async function firstProven(
  context: CliContext,
  wanted: (record: DaemonRecord) => boolean,
  timeoutMs: number = CHALLENGE_MS,
): Promise<DaemonRecord | undefined> {
  const state = await context.files.stateDirectory();
  for (const record of await readDaemons(state)) {
    if (wanted(record) && (await isProven(context, state, record, timeoutMs))) return record;
  }
  return undefined;
}

async function isProven(context: CliContext, state: string, record: DaemonRecord, timeoutMs: number): Promise<boolean> {
  const answer = await challenge(context, state, record, timeoutMs);
  if (answer === 'ours') return true;
  if (answer === 'foreign') {
    note(
      context,
      `warning: what answers at ${record.url} is not the gateway of ${state}: it is not used and gets no key`,
    );
  }
  // A gateway removes its record before it stops to listen. Of another container's loopback nothing is known here.
  if (record.place !== thisProcess().place) return false;
  if (answer === 'refused' || !context.processes.isAlive(record.pid)) await removeDaemon(state, record);
  else if (answer === 'silent') {
    note(
      context,
      `warning: the gateway at ${record.url} (pid ${record.pid}) cannot be asked who it is: it is not used`,
    );
  }
  return false;
}

async function challenge(
  { env }: CliContext,
  directory: string,
  record: DaemonRecord,
  timeoutMs: number,
): Promise<'ours' | 'foreign' | 'silent' | 'refused'> {
  if (!URL.canParse(record.url)) return 'silent';
  const address = new URL(record.url);
  const nonce = randomBytes(24).toString('base64url');
  const target = new URL(`${CHALLENGE_PATH}?nonce=${nonce}`, address);
  let body: unknown;
  try {
    ({ body } = await requestJson(target, { timeoutMs }));
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'ECONNREFUSED' ? 'refused' : 'silent';
  }
  const key = deriveKey(await openMasterKey({ directory, env }), 'daemon-challenge');
  const answer = isObject(body) ? body['answer'] : undefined;
  const port = Number(address.port || (address.protocol === 'https:' ? 443 : 80));
  return typeof answer === 'string' && checkChallenge(key, nonce, port, record, answer) ? 'ours' : 'foreign';
}

/** Whether the file is another one than the gateway read. A file that is gone or unreadable now is. */
export async function hasChanged(
  { files }: CliContext,
  { configPath, configHash: before }: Pick<DaemonRecord, 'configPath' | 'configHash'>,
): Promise<boolean> {
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
