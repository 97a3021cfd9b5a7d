/** Which clients of this machine are connected, whose entry or key is no longer what was written, and who has servers beside it. */
import type { AiClient, Machine, Place } from '../clients/index.ts';
import { existing, findClients } from './client-choice.ts';
import { readClientFile } from './client-file.ts';
import { OWN_NAME, readConnections, sameEntry, type Connection } from './connections.ts';
import type { CliContext, GlobalOptions } from './context.ts';
import { withKeys } from './key-store.ts';
import { oneLine, table } from './text.ts';

export interface ConnectionStatus {
  readonly client: string;
  readonly scope: Place['scope'];
  readonly path: string;
  readonly state: 'connected' | 'changed' | 'key revoked' | 'not ours' | 'not connected' | 'unreadable';
  readonly target: string | null;
  readonly key: string | null;
  readonly roles: readonly string[];
  /** Servers that the client starts itself, past the gateway. */
  readonly beside: readonly string[];
}

/** One row for each file that is there or was connected, and for each client that has none. */
export async function connectionStatus(
  context: CliContext,
  globals: GlobalOptions,
  machine: Machine,
  only: AiClient | undefined,
): Promise<readonly ConnectionStatus[]> {
  const connections = await readConnections(context);
  const isHeld = connections.some(({ keyId }) => keyId !== undefined);
  const keys = isHeld
    ? await withKeys(context, globals, async (open) => (await open.keys.list()).map(({ id }) => id))
    : [];
  const clients = only === undefined ? (await findClients(context, machine)).map(({ client }) => client) : [only];
  const rows: ConnectionStatus[] = [];
  for (const client of clients) {
    const places = client.places(machine);
    const files = await existing(context, places);
    const shown = files.length > 0 ? files : places.slice(0, 1);
    for (const place of shown.filter((one, index) => shown.findIndex(({ path }) => path === one.path) === index)) {
      const connection = connections.find(({ path }) => path === place.path);
      rows.push(await statusOf(context, client, place, connection, keys));
    }
  }
  return rows;
}

async function statusOf(
  context: CliContext,
  client: AiClient,
  place: Place,
  connection: Connection | undefined,
  keys: readonly string[],
): Promise<ConnectionStatus> {
  const facts = {
    client: client.id,
    scope: place.scope,
    path: place.path,
    target: connection?.target ?? null,
    key: connection?.keyName ?? null,
    roles: connection?.roles ?? [],
  };
  const file = await readClientFile(context, place).catch(() => 'unreadable' as const);
  if (file === 'unreadable') return { ...facts, state: 'unreadable', beside: [] };
  const servers = file?.servers ?? [];
  const own = servers.find(({ name }) => name === OWN_NAME);
  const beside = servers.filter(({ name, off }) => name !== OWN_NAME && !off).map(({ name }) => name);
  return { ...facts, state: stateOf(own?.entry, connection, keys), beside };
}

function stateOf(
  entry: unknown,
  connection: Connection | undefined,
  keys: readonly string[],
): ConnectionStatus['state'] {
  if (connection === undefined) return entry === undefined ? 'not connected' : 'not ours';
  if (entry === undefined || !sameEntry(entry, connection.hash)) return 'changed';
  return connection.keyId !== undefined && !keys.includes(connection.keyId) ? 'key revoked' : 'connected';
}

export function statusText(rows: readonly ConnectionStatus[], columns: number | undefined): string {
  if (rows.length === 0) return 'No AI client was found here.';
  const titles = ['CLIENT', 'STATE', 'KEY', 'BESIDE THE GATEWAY', 'FILE'].map((title) => ({ title }));
  const cells = rows.map(({ client, state, key, roles, beside, path }) => [
    client,
    state,
    key === null ? '–' : `${key}${roles.length === 0 ? '' : ` (${roles.join(',')})`}`,
    beside.length === 0 ? '–' : beside.map(oneLine).join(', '),
    oneLine(path),
  ]);
  return table(titles, cells, columns).join('\n');
}
