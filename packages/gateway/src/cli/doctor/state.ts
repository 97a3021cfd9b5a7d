/** The state: who may see it, what a gateway that was killed left in it, and whether its key and secrets open. */
import { join } from 'node:path';
import { openMasterKey } from '../../credentials/index.ts';
import { readDaemons, removeDaemon, thisProcess } from '../../wiring/daemon.ts';
import type { SecretBackend } from '../../secrets/index.ts';
import { openSecrets } from '../secret-store.ts';
import { count, shellWord } from '../text.ts';
import { fail, fixedBy, ok, warn, type Finding } from './report.ts';
import type { Seen } from './system.ts';
import type { Visit } from './visit.ts';

/** What children use, which is theirs. */
const CHILDREN: ReadonlySet<string> = new Set(['homes', 'installs', 'empty', 'sandbox']);
/** Folders of files, looked into; nothing of ours lies deeper. */
const DEPTH = 2;
const SHARED_BITS = 0o077;

export async function checkState(visit: Visit, backend: SecretBackend): Promise<readonly Finding[]> {
  const { state, system } = visit;
  const folder = await system.look(state);
  if (folder === undefined) return [await absent(visit)];
  const directory = await checkFolder(visit, folder);
  if (directory.verdict === 'fail') return [directory];
  return [
    directory,
    await files(visit),
    ...(await staleRecords(visit)),
    ...(await masterKey(visit)),
    ...(await secrets(visit, backend)),
  ];
}

async function absent({ fix, state, system }: Visit): Promise<Finding> {
  const found = ok('directory', `${state}: not there yet, made at the first start`);
  if (!fix) return found;
  await system.makeFolder(state);
  return fixedBy(found, `mkdir -m 700 ${shellWord(state)}`);
}

async function checkFolder({ context, fix, state, system }: Visit, folder: Seen): Promise<Finding> {
  const { uid } = context.processes;
  const place = shellWord(state);
  if (folder.kind === 'file' || folder.kind === 'other') {
    return fail('directory', `${state} is no directory`, 'move it away, or set SALLYPORT_HOME');
  }
  if (uid !== undefined && folder.uid !== uid && folder.kind === 'folder') {
    const text = `${state} belongs to uid ${folder.uid}, and this is uid ${uid}`;
    return fail('directory', text, `sudo chown -R ${uid} ${place}, or set SALLYPORT_HOME`);
  }
  if (folder.kind === 'link' || context.processes.platform === 'win32' || (folder.mode & SHARED_BITS) === 0) {
    return ok('directory', `${state}, yours alone`);
  }
  const found = warn('directory', `${state} is open to others (mode ${octal(folder.mode)})`, `chmod 700 ${place}`);
  if (!fix) return found;
  await system.setMode(state, 0o700);
  return fixedBy(found, `chmod 700 ${place}`);
}

const octal = (mode: number): string => `0${mode.toString(8)}`;

async function files(visit: Visit): Promise<Finding> {
  const { context, fix, state, system } = visit;
  if (context.processes.platform === 'win32') return ok('files', 'their owners are the system’s matter here');
  const { loose, foreign } = await faults(visit, state, DEPTH);
  const [first] = foreign;
  if (first !== undefined) {
    const text = `${count(foreign.length, 'file')} of another user or kind, such as ${first}`;
    return fail('files', text, 'move it away; Sallyport follows no links in its own state');
  }
  if (loose.length === 0) return ok('files', 'yours alone');
  const told = warn(
    'files',
    `${count(loose.length, 'file')} open to others, such as ${loose[0]?.path ?? ''}`,
    'sallyport doctor --fix',
  );
  if (!fix) return told;
  for (const { path, kind } of loose) await system.setMode(path, kind === 'folder' ? 0o700 : 0o600);
  return fixedBy(told, `took the rights of others from ${count(loose.length, 'file')}`);
}

interface Faults {
  readonly loose: readonly { readonly path: string; readonly kind: Seen['kind'] }[];
  readonly foreign: readonly string[];
}

async function faults(visit: Visit, folder: string, depth: number): Promise<Faults> {
  const { context, state, system } = visit;
  const { uid } = context.processes;
  const names = (await system.names(folder)).filter((name) => folder !== state || !CHILDREN.has(name));
  const found = await Promise.all(
    names.map(async (name): Promise<Faults> => {
      const path = join(folder, name);
      const seen = await system.look(path);
      if (seen === undefined) return NO_FAULTS;
      const { kind, mode } = seen;
      if ((kind !== 'file' && kind !== 'folder') || (uid ?? seen.uid) !== seen.uid) {
        return { loose: [], foreign: [path] };
      }
      const inner = kind === 'folder' && depth > 1 ? await faults(visit, path, depth - 1) : NO_FAULTS;
      return (mode & SHARED_BITS) === 0 ? inner : { ...inner, loose: [{ path, kind }, ...inner.loose] };
    }),
  );
  return { loose: found.flatMap(({ loose }) => loose), foreign: found.flatMap(({ foreign }) => foreign) };
}

const NO_FAULTS: Faults = { loose: [], foreign: [] };

/** Those of gateways that are gone: a pid that is used again proves nothing, but one that is free does. */
async function staleRecords({ context, fix, state }: Visit): Promise<readonly Finding[]> {
  const { place } = thisProcess();
  const stale = (await readDaemons(state)).filter(
    (record) => record.place === place && !context.processes.isAlive(record.pid),
  );
  if (stale.length === 0) return [];
  const pids = stale.map(({ pid }) => pid).join(', ');
  const found = warn('records', `of gateways that are gone (pid ${pids})`, 'sallyport doctor --fix');
  if (!fix) return [found];
  for (const record of stale) await removeDaemon(state, record);
  return [fixedBy(found, 'removed them')];
}

/** It is not made here: the first start does that. */
async function masterKey({ context, state, system }: Visit): Promise<readonly Finding[]> {
  const { env } = context;
  const fromEnv = ['SALLYPORT_MASTER_KEY', 'SALLYPORT_MASTER_KEY_FILE'].find((name) => env[name] !== undefined);
  const isThere = (await system.look(join(state, 'master.key'))) !== undefined;
  if (fromEnv === undefined && !isThere) return [ok('master key', 'none yet, made at the first start')];
  try {
    await openMasterKey({ directory: state, env });
    return [ok('master key', `from ${fromEnv ?? 'the state'}`)];
  } catch (error) {
    return [fail('master key', messageOf(error))];
  }
}

async function secrets(visit: Visit, backend: SecretBackend): Promise<readonly Finding[]> {
  const { context, state, system } = visit;
  const findings: Finding[] = [];
  if ((await system.look(join(state, 'secrets'))) !== undefined) findings.push(await placed(visit, 'file'));
  if (backend === 'file') return findings;
  const kept = await openSecrets(context, 'keychain');
  const answers = await kept.list().then(
    (all) => ok('keychain', `it answers, ${count(all.length, 'secret')}`),
    (error: unknown) =>
      backend === 'keychain'
        ? fail('keychain', messageOf(error))
        : ok('keychain', 'none answers: secrets are kept in the state, sealed'),
  );
  return [...findings, answers];
}

async function placed({ context }: Visit, place: 'file'): Promise<Finding> {
  try {
    const all = await (await openSecrets(context, place)).list();
    const broken = all.filter(({ isBroken }) => isBroken);
    if (broken.length === 0) return ok('secrets', `${count(all.length, 'secret')} in the state, all open`);
    const names = broken.map(({ name }) => name ?? '(no name)').join(', ');
    return fail('secrets', `cannot be opened: ${names}`, `sallyport secret set ${broken[0]?.name ?? 'NAME'}`);
  } catch (error) {
    return fail('secrets', messageOf(error));
  }
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
