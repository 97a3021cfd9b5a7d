/**
 * The keys of this state, opened for a verb and closed again, and what the configuration has to say to them: whether it asks
 * for keys, which it holds itself, which roles it knows.
 */
import { join } from 'node:path';
import { KeyError, type KeyErrorCode, type KeyTable } from '@sallyport/server';
import { ConfigError, didYouMean, nearest } from '../config/problems.ts';
import type { Config } from '../config/types.ts';
import { openLocalKey, openMasterKey } from '../credentials/index.ts';
import { BUILTIN_ROLES } from '../policy/fallback.ts';
import { openPrivateStore } from '../wiring/privacy-state.ts';
import { openKeys } from '../wiring/callers.ts';
import type { Store } from '../store/index.ts';
import { openSqliteStore } from '../store/sqlite.ts';
import { createAudited, type Audited } from './audit-record.ts';
import { loadToLook } from './configuration.ts';
import type { CliContext, GlobalOptions } from './context.ts';
import { CliError, exitCodes, type ExitCode } from './exit.ts';
import { note } from './output.ts';
import { oneLine } from './text.ts';

export interface OpenKeys {
  readonly keys: KeyTable;
  readonly store: Store;
  readonly audited: Audited;
  /** Undefined: there is none, and the defaults count. */
  readonly config: Config | undefined;
}

const KEY_ERROR_CODES: Readonly<Record<KeyErrorCode, ExitCode>> = {
  bad_configured_key: exitCodes.configuration,
  bad_expiry: exitCodes.usage,
  bad_grace: exitCodes.usage,
  bad_local_key: exitCodes.failed,
  bad_name: exitCodes.usage,
  busy: exitCodes.failed,
  local_key: exitCodes.failed,
  name_taken: exitCodes.failed,
  unreadable: exitCodes.failed,
};

/** Opens the keys of this state and closes them again. */
export async function withKeys<T>(
  context: CliContext,
  globals: GlobalOptions,
  use: (open: OpenKeys) => Promise<T>,
): Promise<T> {
  const config = await configuredOrDefault(context, globals);
  checkConfiguration(context, config);
  const directory = await context.files.stateDirectory();
  const localKey = await openLocalKey({ directory });
  const master = await openMasterKey({ directory, env: context.env });
  const opened = await openSqliteStore({ path: join(directory, 'state.db'), now: context.now });
  const store = await openPrivateStore(opened, master);
  try {
    const audited = createAudited(context, { config, directory, master, store });
    return await use({ keys: await openKeys(store, master, localKey, context.now), audited, config, store });
  } catch (error) {
    throw error instanceof KeyError ? new CliError(error.message, KEY_ERROR_CODES[error.code]) : error;
  } finally {
    await store.close();
  }
}

/** Keys need a store that others see; without a configuration it is the one that is used by default. */
function checkConfiguration(context: CliContext, config: Config | undefined): void {
  if (config?.store === 'memory') {
    throw new CliError(
      'keys need `store: sqlite`: with `store: memory` no other process sees them',
      exitCodes.configuration,
    );
  }
  if (config !== undefined && !config.auth.modes.includes('key')) {
    note(context, `warning: auth.mode is ${config.auth.modes.join(', ')}: this configuration lets nobody in by a key`);
  }
}

export async function configuredOrDefault(context: CliContext, globals: GlobalOptions): Promise<Config | undefined> {
  try {
    return (await loadToLook(context, globals)).config;
  } catch (error) {
    // That nobody has written one is no problem here; one that was named, or is wrong, is.
    const isNamed = globals.config !== undefined || (context.env['SALLYPORT_CONFIG'] ?? '') !== '';
    if (error instanceof ConfigError && error.problems.length === 0 && !isNamed) return undefined;
    throw error;
  }
}

/** Names of the keys that stand in the configuration itself. */
export function configuredNames(config: Config | undefined): readonly string[] {
  return config?.auth.keys.map(({ name }) => name) ?? [];
}

/** Why nothing was done to a key. */
export async function noSuchKey({ keys, config }: OpenKeys, idOrName: string): Promise<CliError> {
  if (configuredNames(config).includes(idOrName)) {
    return new CliError(`the key ${idOrName} stands in the configuration: change it there`, exitCodes.failed);
  }
  const names = (await keys.list()).map(({ name }) => name);
  const near = nearest(idOrName, names);
  const hint = near === undefined ? 'See `sallyport key list`' : `Did you mean \`${near}\`?`;
  return new CliError(`there is no key \`${oneLine(idOrName)}\`. ${hint}`, exitCodes.failed);
}

/** Says of roles that are given to a key what they do not do. */
export function noteRoles(context: CliContext, roles: readonly string[], config: Config | undefined): void {
  if (roles.length === 0) return;
  const policy = config?.policy;
  if (policy === undefined) {
    return note(
      context,
      'note: without a `policy` in the configuration roles decide nothing: every key may use everything',
    );
  }
  const known = [...BUILTIN_ROLES, ...Object.keys(policy.roles)];
  for (const role of roles) {
    if (known.includes(role)) continue;
    note(context, `warning: the policy has no role \`${role}\`${didYouMean(role, known)}`);
  }
}
