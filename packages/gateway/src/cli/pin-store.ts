/** Pins as a verb finds them: in the store of the state, with the servers and the lock of the configuration. */
import { join } from 'node:path';
import type { DetailedConfig } from '../config/index.ts';
import { openMasterKey } from '../credentials/index.ts';
import { recordOf } from '../pins/approving.ts';
import { identityOf } from '../pins/identity.ts';
import type { PinsSetup, PinStore } from '../pins/index.ts';
import type { LockedTools } from '../pins/lock.ts';
import type { ServerRecord } from '../pins/record.ts';
import { pinsSetup, pinStore } from '../wiring/pins-state.ts';
import { withOwnServer } from '../wiring/saved-tools.ts';
import { openSqliteStore } from '../store/sqlite.ts';
import { createAudited, type Audited } from './audit-record.ts';
import { loadToLook } from './configuration.ts';
import type { CliContext, GlobalOptions } from './context.ts';
import { CliError, exitCodes } from './exit.ts';

/** Of one server of the configuration. */
export interface ServerPinsFound {
  readonly server: string;
  readonly identity: string;
  readonly record: ServerRecord;
  readonly locked: LockedTools | undefined;
  readonly target: ReturnType<typeof withOwnServer>[number]['target'];
}

export interface OpenPins {
  readonly loaded: DetailedConfig;
  /** Of the state. */
  readonly directory: string;
  readonly setup: PinsSetup;
  readonly store: PinStore;
  readonly servers: readonly ServerPinsFound[];
  readonly audited: Audited;
}

/** Opens the pins of this state and closes them again. */
export async function withPins<T>(
  context: CliContext,
  globals: GlobalOptions,
  use: (open: OpenPins) => Promise<T>,
): Promise<T> {
  const loaded = await loadToLook(context, globals);
  const { config } = loaded;
  if (config.store === 'memory') {
    throw new CliError(
      'pins need `store: sqlite`: with `store: memory` no other process sees them',
      exitCodes.configuration,
    );
  }
  const setup = setupOf(config);
  const directory = await context.files.stateDirectory();
  const master = await openMasterKey({ directory, env: context.env });
  const opened = await openSqliteStore({ path: join(directory, 'state.db'), now: context.now });
  try {
    const store = pinStore(opened);
    const servers = await Promise.all(
      // Disabled ones have pins, too, and stay in the lock.
      withOwnServer(config.servers, config.tools).map(async ({ name, target }) => ({
        server: name,
        identity: identityOf(target),
        target,
        record: await recordOf(store, name),
        locked: setup.lock.get(name)?.tools,
      })),
    );
    return await use({
      loaded,
      directory,
      setup,
      store,
      servers,
      audited: createAudited(context, { config, directory, master }),
    });
  } finally {
    await opened.close();
  }
}

function setupOf(config: DetailedConfig['config']): PinsSetup {
  try {
    return pinsSetup(config);
  } catch (error) {
    throw new CliError(error instanceof Error ? error.message : String(error), exitCodes.configuration);
  }
}
