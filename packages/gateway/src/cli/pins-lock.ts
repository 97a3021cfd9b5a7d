/** `sallyport pins lock`: writes what stands into `sallyport.lock` beside the configuration, for everybody who has it. */
import { resolveCommand } from '@sallyport/host';
import type { Command } from 'commander';
import { lockPath } from '../config/trust.ts';
import { canonicalId } from '../canonical-id.ts';
import { installedPackage } from '../installs/index.ts';
import { lockedFor } from '../installs/locked.ts';
import { installsBase } from '../installs/place.ts';
import { pinHash } from '../pins/canonical.ts';
import { lockText, type LockedPackage } from '../pins/lock.ts';
import { standing } from '../pins/observing.ts';
import type { ServerRecord } from '../pins/record.ts';
import { loadToLook, trustStore } from './configuration.ts';
import { globalsOf, type CliContext, type GlobalOptions } from './context.ts';
import { note, printResult } from './output.ts';
import { withPins, type OpenPins, type ServerPinsFound } from './pin-store.ts';
import { count, oneLine } from './text.ts';

export function registerLock(pins: Command, context: CliContext): void {
  pins
    .command('lock')
    .summary('write them into `sallyport.lock`, for a repository')
    .description(
      'Writes the definitions that stand into `sallyport.lock` beside the configuration. Whoever has that file holds servers against it from the first use on. What waits for a word is not written: see `pins diff`.',
    )
    .action(async (_options: unknown, command: Command) => lock(context, globalsOf(command, context)));
}

async function lock(context: CliContext, globals: GlobalOptions): Promise<void> {
  const { path, written, tools, waiting } = await withPins(context, globals, async (open) => {
    const { audited, loaded, servers } = open;
    const file = lockPath(loaded.path);
    const found = servers
      .map((each) => ({ ...each, record: standingOf(each) }))
      .filter(({ record }) => record.size > 0);
    const locked = new Map(
      await Promise.all(
        found.map(async (each) => {
          const { identity, record, server } = each;
          return [server, { identity, record, package: await packageOf(context, open, each) }] as const;
        }),
      ),
    );
    await audited({ action: 'pins.lock', target: file }, async () => {
      await write(context, file, lockText(locked));
      await keepTrust(context, globals, loaded.path, loaded.hash);
    });
    return {
      path: file,
      written: [...locked.keys()],
      tools: found.reduce((sum, { record }) => sum + record.size, 0),
      waiting: servers.flatMap(({ record }) => [...record.values()]).filter(({ pending }) => pending.length > 0).length,
    };
  });
  if (waiting > 0) {
    note(context, `note: what waits for a word is not in it (${count(waiting, 'tool')}): see \`sallyport pins diff\``);
  }
  const text = `${oneLine(path)}: ${count(tools, 'tool')} of ${count(written.length, 'server')}. A gateway that runs takes it over with \`sallyport reload\`.`;
  printResult(context, globals, { path, servers: written, tools, waiting }, text);
}

/** What nobody wants any more is not carried on: a definition that was written before counts until another is approved. */
function standingOf({ identity, locked, record, server }: ServerPinsFound): ServerRecord {
  const names = new Set([...record.keys(), ...(locked?.keys() ?? [])]);
  const entries = [...names].map((name) => {
    const pins = record.get(name) ?? { accepted: [], pending: [] };
    const approvals = pins.accepted.filter(({ by }) => by === 'approval');
    const stands = locked !== undefined && approvals.length > 0 ? approvals : standing(pins, name, locked);
    // What stood when something else was behind the server's name has to be approved first.
    const accepted = stands.filter(({ hash, tool }) => hash === pinHash(identity, canonicalId(server, name), tool));
    return [name, { accepted, pending: [] }] as const;
  });
  return new Map(entries.filter(([, { accepted }]) => accepted.length > 0));
}

/** What a server's command fetches: as it is locked, or else installed; undefined: nobody knows. */
async function packageOf(
  { env, now }: CliContext,
  { directory, setup }: OpenPins,
  { server, target }: ServerPinsFound,
): Promise<LockedPackage | undefined> {
  if (target.kind !== 'stdio') return undefined;
  const { args, command, cwd } = target;
  const { path } = await resolveCommand(command, { path: env['PATH'] ?? '', cwd, platform: process.platform }).catch(
    () => ({ path: command }),
  );
  const child = { command: path, args, cwd, env: { PATH: env['PATH'] ?? '' } };
  const locked = lockedFor(child, setup.lock.get(server)?.package);
  if (locked !== undefined) return locked;
  const base = installsBase(directory, env, process.getuid?.() === 0);
  return await installedPackage(server, child, { base, env, now });
}

async function write({ files }: CliContext, path: string, text: string): Promise<void> {
  if (await files.exists(path)) await files.replace(path, text);
  else await files.create(path, text);
}

/** Whoever trusted the file before trusts it with the lock that was just written. */
async function keepTrust(context: CliContext, globals: GlobalOptions, path: string, before: string): Promise<void> {
  const store = await trustStore(context);
  if (!(await store.isTrusted(path, before))) return;
  await store.trust(path, (await loadToLook(context, globals)).hash);
}
