/**
 * `sallyport doctor --production`: whether this may be deployed as it is. It looks at the configuration, the state and the
 * machine, asks a gateway that runs how its servers are caged, starts nothing and changes nothing.
 */
import { join } from 'node:path';
import { STATUS_PATH } from '../../wiring/admin-endpoints.ts';
import { openLocalKey, openMasterKey } from '../../credentials/index.ts';
import { openKeys } from '../../wiring/callers.ts';
import type { GatewayStatus } from '../../wiring/status.ts';
import { openSqliteStore } from '../../store/sqlite.ts';
import { askOwn } from '../own-endpoint.ts';
import { findRunningOf } from '../running.ts';
import { checkListener } from './listener.ts';
import { checkAccess, type KeyFacts } from './production-access.ts';
import { checkContent, type LevelOf } from './production-content.ts';
import { checkProduction } from './production-machine.ts';
import { checkRecords } from './production-records.ts';
import { fail, type Finding, type Section } from './report.ts';
import { messageOf } from './state.ts';
import type { Configured } from './visit.ts';

/** Beside what is looked at in any case. */
export async function examineProduction(visit: Configured): Promise<readonly Section[]> {
  const { config } = visit.loaded;
  const { keys, problems } = await keysOf(visit);
  return [
    { title: 'Process', findings: await checkProduction(visit, visit.loaded.path) },
    { title: 'Access', findings: [...checkAccess(config, keys, visit.context.now()), ...problems] },
    { title: 'Content', findings: checkContent(visit.loaded, await levels(visit)) },
    { title: 'Records', findings: await checkRecords(visit) },
    { title: 'Gateway', findings: await checkListener(visit) },
  ];
}

/** Those of the file, and of the store where there is one: it is not made by looking. */
async function keysOf({ context, loaded, state, system }: Configured): Promise<{
  readonly keys: readonly KeyFacts[];
  readonly problems: readonly Finding[];
}> {
  const written = loaded.config.auth.keys.map(({ expiresMs, name, roles }) => ({ name, roles, expiresMs }));
  const path = join(state, 'state.db');
  const isThere =
    (await system.look(path)) !== undefined && (await system.look(join(state, 'local.key'))) !== undefined;
  if (!isThere || loaded.config.store === 'memory') return { keys: written, problems: [] };
  try {
    const [master, localKey] = [
      await openMasterKey({ directory: state, env: context.env }),
      await openLocalKey({ directory: state }),
    ];
    const store = await openSqliteStore({ path, now: context.now });
    try {
      const kept = await (await openKeys(store, master, localKey, context.now)).list();
      const facts = kept.map(({ expires, name, roles }) => ({ name, roles, expiresMs: expires }));
      return { keys: [...written, ...facts], problems: [] };
    } finally {
      await store.close();
    }
  } catch (error) {
    return { keys: written, problems: [fail('keys', messageOf(error))] };
  }
}

/** As they are in a gateway that runs. A published one takes no questions. */
async function levels({ context, loaded }: Configured): Promise<LevelOf> {
  const running = await findRunningOf(context, loaded.path);
  if (running === undefined) return () => undefined;
  try {
    const { servers } = (await askOwn(context, running, STATUS_PATH)) as GatewayStatus;
    return (name) => servers.find((server) => server.name === name)?.sandbox?.level;
  } catch {
    return () => undefined;
  }
}
