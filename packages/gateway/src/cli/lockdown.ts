/**
 * `sallyport lockdown`: everything closed, now. Gateways end themselves when they see the note that it writes, and none starts
 * while it is there; so it needs none that runs, and reaches those that have no listener too. What fails stops nothing of the
 * rest. `--lift` opens again.
 */
import { execFile } from 'node:child_process';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ensurePrivateDirectory, writeFileAtomic } from '@sallyport/host';
import type { Command } from 'commander';
import { rm } from 'node:fs/promises';
import { SYSTEM_PATH } from '../wiring/admin-endpoints.ts';
import { auditKeys, auditFolder } from '../wiring/audit-trail.ts';
import { verifyTrail } from '../audit/verify.ts';
import { masked } from '../config/describe.ts';
import { effectiveView } from '../config/effective.ts';
import type { DetailedConfig } from '../config/load.ts';
import { asWritten } from '../config/secrets.ts';
import { lockPath } from '../config/trust.ts';
import { openMasterKey } from '../credentials/index.ts';
import type { DaemonRecord } from '../wiring/daemon.ts';
import { isLockedDown, lockdownPath } from '../wiring/lockdown.ts';
import { removeLeft } from '../results/index.ts';
import { openSqliteStore } from '../store/sqlite.ts';
import { configuredSecrets, createRedactor } from '../telemetry/redact.ts';
import { createAudited } from './audit-record.ts';
import { fileHash } from './backup-state.ts';
import { loadToLook } from './configuration.ts';
import { globalsOf, type CliContext, type GlobalOptions } from './context.ts';
import { CliError, exitCodes } from './exit.ts';
import { configuredNames } from './key-store.ts';
import { stateParts, writeEvidence, type Part } from './lockdown-evidence.ts';
import { dropLocalKey, empty, revokeAll, untilGone } from './lockdown-state.ts';
import { askOwn } from './own-endpoint.ts';
import { note, printResult } from './output.ts';
import { findAll } from './running.ts';
import { count, oneLine } from './text.ts';

interface Options {
  readonly yes: boolean;
  readonly lift: boolean;
  readonly reason?: string;
}

export function register(program: Command, context: CliContext): void {
  program
    .command('lockdown')
    .summary('close everything, now')
    .description(
      'Ends every gateway of this state with its children, revokes all keys, sessions and logins at servers, forgets what was cached, and collects evidence in one file. No gateway starts until `lockdown --lift`. Keys that stand in the configuration, and tokens of other issuers, are not revoked: they are of no use while it is locked.',
    )
    .option('--yes', 'do not ask', false)
    .option('--reason <TEXT>', 'why, for the record')
    .option('--lift', 'open again: gateways may start', false)
    .action(async (options: Options, command: Command) => {
      const globals = globalsOf(command, context);
      const state = await context.files.stateDirectory();
      if (!(await context.files.exists(state))) throw new CliError(`there is no state in ${state}`, exitCodes.failed);
      if (options.lift) await lift(context, globals, state, options);
      else await lockDown(context, globals, state, options);
    });
}

interface Step {
  readonly step: string;
  readonly isDone: boolean;
  readonly result: string;
}

async function lockDown(context: CliContext, globals: GlobalOptions, state: string, options: Options): Promise<void> {
  await ask(context, options, `Close everything of ${state}: keys, sessions, logins, children?`);
  const atMs = context.now();
  const loaded = await loadToLook(context, globals).catch(() => undefined);
  // What runs is looked at before it ends.
  const running = await findAll(context).catch((): readonly DaemonRecord[] => []);
  const seen = await lookAt(context, running, loaded);
  const record = {
    at: new Date(atMs).toISOString(),
    host: hostname(),
    ...(options.reason !== undefined && { reason: options.reason }),
  };
  await writeFileAtomic(lockdownPath(state), `${JSON.stringify(record, null, 2)}\n`);
  const steps: Step[] = [];
  const attempt = async (step: string, act: () => Promise<string>): Promise<void> => {
    const outcome = await act().then(
      (result) => ({ step, isDone: true, result }),
      (error: unknown) => ({
        step,
        isDone: false,
        result: oneLine(error instanceof Error ? error.message : String(error)),
      }),
    );
    steps.push(outcome);
    if (!globals.json) note(context, `${outcome.isDone ? 'done' : 'FAILED'}  ${step}: ${outcome.result}`);
  };
  await attempt('gateways and children', () => endGateways(context, state, running));
  const keys = await closeStore(context, state, loaded, attempt);
  await attempt('local key', async () => {
    await dropLocalKey(state);
    return 'removed; another is made when it is next needed';
  });
  await attempt('audit record', () => recordIt(context, state, loaded, steps, options));
  const path = join(
    await ensurePrivateDirectory(join(state, 'evidence')),
    `lockdown-${record.at.replaceAll(/[:.]/g, '')}.tar.gz`,
  );
  let sha256: string | undefined;
  await attempt('evidence', async () => {
    const parts = [...seen, { name: 'keys.json', text: text(keys) }, { name: 'steps.json', text: text(steps) }];
    sha256 = await writeEvidence(
      path,
      [{ name: 'lockdown.json', text: text(record) }, ...parts, ...(await proof(context, state))],
      atMs,
    );
    return `${path}\n      sha256 ${sha256}`;
  });
  const isDone = steps.every((step) => step.isDone);
  printResult(
    context,
    globals,
    { locked: true, evidence: { path, sha256: sha256 ?? null }, steps },
    closing(isDone, loaded),
  );
  if (!isDone) context.exit(exitCodes.failed);
}

function closing(isDone: boolean, loaded: DetailedConfig | undefined): string {
  const written = configuredNames(loaded?.config);
  return [
    isDone
      ? 'Locked down: nobody gets in, and no gateway starts.'
      : 'Locked down, but not everything went well: see above.',
    'To open again: mend what was wrong, `sallyport lockdown --lift`, start the gateway, `sallyport key create` for each client, `sallyport login` at each server.',
    ...(written.length === 0
      ? []
      : [
          `These keys stand in the configuration and were not revoked: ${written.map(oneLine).join(', ')}. Change them there first.`,
        ]),
    'Secrets that servers were given (`sallyport secret list`, the configuration) are to be changed where they were issued.',
  ].join('\n');
}

async function ask({ confirm, isTerminal }: CliContext, { yes }: Options, question: string): Promise<void> {
  if (yes) return;
  if (!isTerminal) throw new CliError('nobody can be asked: `--yes` does it without', exitCodes.usage);
  if (!(await confirm(question))) throw new CliError('nothing was changed', exitCodes.failed);
}

async function endGateways(context: CliContext, state: string, running: readonly DaemonRecord[]): Promise<string> {
  const left = await untilGone(context, state, running);
  if (left.length === 0)
    return running.length === 0 ? 'none with a listener was running' : `${count(running.length, 'gateway')} ended`;
  throw new Error(`still using this state: process ${left.join(', ')}. \`kill -9\` ends it; then run this again`);
}

/** Gives the keys that there were. */
async function closeStore(
  context: CliContext,
  state: string,
  loaded: DetailedConfig | undefined,
  attempt: (step: string, act: () => Promise<string>) => Promise<void>,
): Promise<unknown> {
  const path = join(state, 'state.db');
  if (!(await context.files.exists(path))) return [];
  const store = await openSqliteStore({ path, now: context.now }).catch(async (error: unknown) => {
    await attempt('store', () => Promise.reject(error instanceof Error ? error : new Error(String(error))));
    return undefined;
  });
  if (store === undefined) return [];
  try {
    const keys = (await store.list('client-keys')).map(({ value }) => withoutHashes(value));
    await attempt('keys', async () => `${count(await empty(store, 'keys'), 'record')} revoked`);
    await attempt('sessions', async () => `${count(await empty(store, 'sessions'), 'record')} ended`);
    await attempt('logins at servers', async () => {
      const master = await openMasterKey({ directory: state, env: context.env });
      const grants = await revokeAll(store, master, loaded?.config, context);
      await empty(store, 'logins');
      const untold = grants.filter(({ outcome }) => outcome === 'removed');
      const told = `${count(grants.length - untold.length, 'login')} revoked`;
      const names = [...new Set(untold.map(({ issuer }) => oneLine(issuer ?? 'unknown')))].join(', ');
      return untold.length === 0
        ? told
        : `${told}; ${untold.length} removed here whose server could not be told: ${names}`;
    });
    await attempt('caches', async () => {
      // Those of a gateway that was killed: one that ends removes its own.
      await removeLeft(state, () => true);
      return `${count(await empty(store, 'caches'), 'record')} cleared`;
    });
    return keys;
  } finally {
    await store.close();
  }
}

function withoutHashes(value: unknown): unknown {
  const { hash: _hash, previous: _previous, ...rest } = (value ?? {}) as Readonly<Record<string, unknown>>;
  return rest;
}

async function recordIt(
  context: CliContext,
  state: string,
  loaded: DetailedConfig | undefined,
  steps: readonly Step[],
  { reason }: Options,
): Promise<string> {
  const master = await openMasterKey({ directory: state, env: context.env });
  const failed = steps.filter(({ isDone }) => !isDone).map(({ step }) => step);
  const detail = { failed, ...(reason !== undefined && { reason }) };
  await createAudited(context, { config: loaded?.config, directory: state, master })(
    { action: 'lockdown', target: state, detail },
    async () => {},
  );
  return 'written';
}

const run = promisify(execFile);
const MAX_LIST_BYTES = 16 * 1024 * 1024;

/** What is gone afterwards. Each part is left out when it cannot be had. */
async function lookAt(
  context: CliContext,
  running: readonly DaemonRecord[],
  loaded: DetailedConfig | undefined,
): Promise<readonly Part[]> {
  const redactor = createRedactor();
  redactor.learn([
    ...configuredSecrets(loaded?.config.servers ?? []),
    ...(loaded?.secrets ?? []).map(({ value }) => value),
  ]);
  // Line by line: a long text is cut.
  const redacted = (whole: string): string =>
    whole
      .split('\n')
      .map((line) => redactor.text(line))
      .join('\n');
  const listed = run('ps', ['-A', '-ww', '-o', 'pid,ppid,user,lstart,args'], {
    maxBuffer: MAX_LIST_BYTES,
    timeout: 5000,
  }).then(
    ({ stdout }) => redacted(stdout),
    (error: unknown) => `not had: ${String(error)}`,
  );
  const told = running.map(
    async (record) => await askOwn(context, record, SYSTEM_PATH).catch((error: unknown) => ({ error: String(error) })),
  );
  return [
    { name: 'processes.txt', text: await listed },
    { name: 'gateways.json', text: redacted(text({ running, status: await Promise.all(told) })) },
    { name: 'configuration.json', text: redacted(text(await configurationOf(loaded))) },
    { name: 'programs.json', text: text(await hashes([process.execPath, ...context.processes.self.slice(1)])) },
  ];
}

async function configurationOf(loaded: DetailedConfig | undefined): Promise<unknown> {
  if (loaded === undefined) return { error: 'there is none, or it cannot be read' };
  const config = asWritten(masked(effectiveView(loaded.config)), loaded.secrets);
  return { files: await hashes([loaded.path, lockPath(loaded.path)]), config };
}

/** SHA-256 by path; null: not there. */
async function hashes(paths: readonly string[]): Promise<Readonly<Record<string, string | null>>> {
  const found = paths.map(async (path) => [path, await fileHash(path).catch(() => null)] as const);
  return Object.fromEntries(await Promise.all(found));
}

/** The logs, the trail, and whether it is whole. */
async function proof({ env }: CliContext, state: string): Promise<readonly Part[]> {
  const master = await openMasterKey({ directory: state, env });
  const verified = await verifyTrail(auditFolder(state), auditKeys(master));
  return [{ name: 'audit-verify.json', text: text(verified) }, ...(await stateParts(state))];
}

function text(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

async function lift(context: CliContext, globals: GlobalOptions, state: string, options: Options): Promise<void> {
  if (!(await isLockedDown(state))) {
    printResult(context, globals, { locked: false }, 'This state is not locked down.');
    return;
  }
  await ask(context, options, `Let gateways of ${state} start again?`);
  const loaded = await loadToLook(context, globals).catch(() => undefined);
  const master = await openMasterKey({ directory: state, env: context.env });
  const audited = createAudited(context, { config: loaded?.config, directory: state, master });
  await audited({ action: 'lockdown.lift', target: state }, () => rm(lockdownPath(state)));
  printResult(
    context,
    globals,
    { locked: false },
    'Gateways may start again. Clients need new keys, servers new logins.',
  );
}
