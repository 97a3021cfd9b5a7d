/**
 * What an import would bring: each server of a client in our keys, with what is dropped of it and why. Keys of other programs
 * are mapped by the configuration's own table; each server is checked alone, so that one that cannot be used stops no other.
 */
import { createHash } from 'node:crypto';
import { convert, type Machine, type Place } from '../clients/index.ts';
import { checkDraft, draftOf } from '../config/check-text.ts';
import { escapeLiteral, pieces } from '../config/expand.ts';
import { mapForeign } from '../config/foreign.ts';
import type { ClientFile, Written } from './client-file.ts';

/** A server as the configuration would have it. */
export interface Planned {
  readonly name: string;
  /** As the client has it, when that is no name here. */
  readonly original?: string;
  /** The file it stands in. */
  readonly from: string;
  /** In the words of the configuration file. */
  readonly value: Readonly<Record<string, unknown>>;
  /** `key` or `key: why`. */
  readonly dropped: readonly string[];
  readonly notes: readonly string[];
}

export interface Left {
  readonly name: string;
  readonly from: string;
  readonly reason: string;
}

export interface ImportPlan {
  readonly servers: readonly Planned[];
  readonly left: readonly Left[];
}

/** What became of a server. */
export interface Imported extends Planned {
  readonly action: 'added' | 'there already' | 'kept';
  /** Names of secrets that stand for what was literal. */
  readonly secrets: readonly string[];
}

export interface ImportOutcome {
  readonly client: string;
  readonly files: readonly string[];
  /** Of the configuration. Undefined: there is none yet. */
  readonly path: string | undefined;
  readonly dryRun: boolean;
  readonly servers: readonly Imported[];
  readonly left: readonly Left[];
}

/** `inputs`: what stands for what was asked. The first of two servers of one name is taken. */
export async function planImport(
  files: readonly ClientFile[],
  machine: Machine,
  inputs: ReadonlyMap<string, string>,
): Promise<ImportPlan> {
  const servers: Planned[] = [];
  const left: Left[] = [];
  for (const { place, servers: written } of files) {
    for (const one of written) {
      const planned = await planServer(one, place, { machine, inputs, taken: servers.map(({ name }) => name) });
      if ('reason' in planned) left.push(planned);
      else servers.push(planned);
    }
  }
  return { servers, left };
}

interface Surroundings {
  readonly machine: Machine;
  readonly inputs: ReadonlyMap<string, string>;
  readonly taken: readonly string[];
}

async function planServer(written: Written, place: Place, around: Surroundings): Promise<Planned | Left> {
  const { name: original, entry, off } = written;
  const leave = (reason: string): Left => ({ name: original, from: place.path, reason });
  if (!isObject(entry)) return leave('it is no object');
  const name = serverName(original);
  if (isSallyport(name, entry)) return leave('it is Sallyport itself');
  if (around.taken.some((one) => one.toLowerCase() === name.toLowerCase())) {
    return leave('a file that comes first has a server of this name');
  }
  const converted = convert(original, entry, place, { ...around, literal: escapeLiteral });
  if (converted === undefined) return leave('the client brings it itself: it is no server that others could start');
  const mapped = mapForeign({ mcpServers: { [name]: converted.entry } });
  const value = { ...serverIn(mapped.value, name), ...(off && { enabled: false }) };
  const problem = mapped.problems[0]?.message ?? (await problemOf(name, value));
  if (problem !== undefined) return leave(problem);
  return {
    name,
    ...(name !== original && { original }),
    from: place.path,
    value,
    dropped: [
      ...converted.dropped,
      ...mapped.warnings
        .filter(isIgnored)
        .map(({ path, message }) => `${String(path.at(-1))}: ${message.replace(/^ignored: /, '')}`),
    ],
    notes: [...converted.notes, ...mapped.warnings.filter((one) => !isIgnored(one)).map(({ message }) => message)],
  };
}

function isIgnored({ message }: { readonly message: string }): boolean {
  return message.startsWith('ignored: ');
}

function serverIn(value: unknown, name: string): Readonly<Record<string, unknown>> {
  const servers = isObject(value) ? value['mcpServers'] : undefined;
  const server = isObject(servers) ? servers[name] : undefined;
  return isObject(server) ? server : {};
}

/** A name that the configuration takes: `My Server!` → `My-Server`. */
function serverName(name: string): string {
  const plain = name
    .replaceAll(/[^A-Za-z0-9_-]+/g, '-')
    .replaceAll(/_{2,}/g, '_')
    .replace(/^[-_]+/, '')
    .slice(0, 32)
    .replace(/[-_]+$/, '');
  return plain === '' ? `server-${createHash('sha256').update(name).digest('hex').slice(0, 8)}` : plain;
}

/** What `connect` writes, or somebody in its place: imported it would call itself. */
function isSallyport(name: string, entry: Readonly<Record<string, unknown>>): boolean {
  const words = [entry['command'], entry['args'], entry['cmd']].flat().map(String);
  const starts = words.includes('serve') && words.includes('--stdio') && words.some((one) => /sallyport/i.test(one));
  return starts || name.toLowerCase() === 'sallyport';
}

/** The first thing that is wrong with a server, variables aside: they may well be unset where it is written. */
export async function problemOf(name: string, value: unknown): Promise<string | undefined> {
  const draft = await draftOf('', JSON.stringify({ mcpServers: { [name]: value } }), 'json');
  const { problems } = checkDraft(draft, { env: standIns(value), files: new Map() });
  return problems.find(({ path }) => !hasReference(valueAt(draft.value, path)))?.message;
}

function standIns(value: unknown): Record<string, string> {
  if (typeof value === 'string') {
    const names = pieces(value).flatMap((piece) => (piece.kind === 'variable' ? [piece.name] : []));
    return Object.fromEntries(names.map((name) => [name, createHash('sha256').update(name).digest('hex')]));
  }
  if (typeof value !== 'object' || value === null) return {};
  return Object.assign({}, ...Object.values(value).map(standIns)) as Record<string, string>;
}

function hasReference(value: unknown): boolean {
  return typeof value === 'string' && pieces(value).some(({ kind }) => kind !== 'text' && kind !== 'foreign');
}

function valueAt(value: unknown, path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>(
    (inner, key) =>
      typeof inner === 'object' && inner !== null ? (inner as Record<string | number, unknown>)[key] : undefined,
    value,
  );
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
