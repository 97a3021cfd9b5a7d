/**
 * Names of endpoints: from the path and the query of a request to the one name of the place that is asked, and back.
 * Pure. What such a place shows is decided in selection.ts.
 */

import { DISCOVERY_MODES, type DiscoveryMode } from '../meta.ts';

/** `?servers= ?tags= ?tools= ?discovery=`, each without doubles and in order; an empty one narrows nothing. */
export interface Narrowing {
  /** Names or globs over names. */
  readonly servers: readonly string[];
  readonly tags: readonly string[];
  /** Globs over canonical ids. */
  readonly tools: readonly string[];
  /** How the tools are shown; undefined: as the configuration says. */
  readonly discovery?: DiscoveryMode;
}

export type Base = { readonly kind: 'root' } | { readonly kind: 'server' | 'view'; readonly name: string };

export interface Endpoint {
  readonly base: Base;
  readonly narrowing: Narrowing;
}

/** What exists. */
export interface Places {
  /** Where everything is served: the MCP path first, other names of the same after it. */
  readonly roots: readonly string[];
  readonly hasServer: (name: string) => boolean;
  readonly hasView: (name: string) => boolean;
  /** Whether a place may be shown in a mode: not in one that shows more than the configuration wants. */
  readonly mayShowAs: (base: Base, mode: DiscoveryMode) => boolean;
}

/** The canonical name; `unknown` is answered like any other path that does not exist; a problem is told. */
export type Placed = { readonly name: string } | { readonly problem: string } | 'unknown';

type Read = { readonly endpoint: Endpoint; readonly path: string } | Exclude<Placed, { readonly name: string }>;

const NARROWING = ['servers', 'tags', 'tools'] as const;
const NOTHING: Narrowing = { servers: [], tags: [], tools: [] };
const NO_MODE = `The query parameter "discovery" takes one of ${DISCOVERY_MODES.join(', ')}.`;
const WIDER = 'The query parameter "discovery" cannot show more than the configuration does.';
/** Characters of a query, as it came and as it stands in a name. */
const MAX_QUERY = 2048;
/** Values of one query, in all. */
const MAX_VALUES = 64;

/** `path` and `query` as they stand in the request, the query without `?`. */
export function place(path: string, query: string, places: Places): Placed {
  const read = readPlace(path, query, places);
  if (typeof read === 'string' || 'problem' in read) return read;
  const name = nameOf(read.path, read.endpoint.narrowing);
  return name.length - read.path.length > MAX_QUERY ? 'unknown' : { name };
}

/** The endpoint of a canonical name; undefined when there is none any more. */
export function endpointNamed(name: string, places: Places): Endpoint | undefined {
  const cut = name.indexOf('?');
  const [path, query] = cut === -1 ? [name, ''] : [name.slice(0, cut), name.slice(cut + 1)];
  const read = readPlace(path, query, places);
  return typeof read === 'object' && 'endpoint' in read ? read.endpoint : undefined;
}

function nameOf(path: string, narrowing: Narrowing): string {
  const parts = NARROWING.flatMap((key) =>
    narrowing[key].length === 0 ? [] : [`${key}=${narrowing[key].map(encodeURIComponent).join(',')}`],
  );
  if (narrowing.discovery !== undefined) parts.push(`discovery=${narrowing.discovery}`);
  return parts.length === 0 ? path : `${path}?${parts.join('&')}`;
}

function readPlace(path: string, query: string, places: Places): Read {
  const base = baseOf(path, places);
  if (base === undefined || query.length > MAX_QUERY) return 'unknown';
  if (query === '') return { path, endpoint: { base, narrowing: NOTHING } };
  const values = valuesIn(query);
  if (values === undefined) return 'unknown';
  const discovery = discoveryIn(values, base, places);
  if (typeof discovery === 'object') return discovery;
  const listed = NARROWING.map((key) => [...(values.get(key) ?? [])].toSorted());
  const [servers = [], tags = [], tools = []] = listed;
  if (listed.flat().length > MAX_VALUES) return 'unknown';
  if (!servers.every((server) => server.includes('*') || places.hasServer(server))) return 'unknown';
  return { path, endpoint: { base, narrowing: { servers, tags, tools, ...(discovery && { discovery }) } } };
}

/** The mode that is asked for, if any; or what is wrong with it. */
function discoveryIn(
  values: ReadonlyMap<string, ReadonlySet<string>>,
  base: Base,
  { mayShowAs }: Places,
): DiscoveryMode | { readonly problem: string } | undefined {
  const asked = values.get('discovery');
  if (asked === undefined) return undefined;
  const mode = DISCOVERY_MODES.find((each) => asked.has(each));
  if (mode === undefined || asked.size > 1) return { problem: NO_MODE };
  return mayShowAs(base, mode) ? mode : { problem: WIDER };
}

function baseOf(path: string, { roots, hasServer, hasView }: Places): Base | undefined {
  if (roots.includes(path)) return { kind: 'root' };
  const [mcp] = roots;
  const name = path.slice((mcp?.length ?? 0) + 3);
  if (path === `${mcp}/s/${name}` && hasServer(name)) return { kind: 'server', name };
  if (path === `${mcp}/v/${name}` && hasView(name)) return { kind: 'view', name };
  return undefined;
}

/** The known parameters with their values; empty ones are as good as absent. Undefined when something cannot be decoded. */
function valuesIn(query: string): Map<string, Set<string>> | undefined {
  const values = new Map<string, Set<string>>();
  try {
    for (const parameter of query.split('&')) {
      const cut = parameter.indexOf('=');
      const key = decoded(cut === -1 ? parameter : parameter.slice(0, cut));
      if (cut === -1 || !(KNOWN as readonly string[]).includes(key)) continue;
      const given = decoded(parameter.slice(cut + 1))
        .split(',')
        .map((value) => value.trim().replaceAll(/\*+/g, '*'))
        .filter((value) => value !== '');
      if (given.length > 0) values.set(key, new Set([...(values.get(key) ?? []), ...given]));
    }
    // A name must be able to carry them.
    for (const each of values.values()) for (const value of each) encodeURIComponent(value);
  } catch {
    return undefined;
  }
  return values;
}

const KNOWN = [...NARROWING, 'discovery'] as const;

/** As forms write it (WHATWG URL, "application/x-www-form-urlencoded"). Throws on what is no UTF-8. */
function decoded(text: string): string {
  return decodeURIComponent(text.replaceAll('+', ' '));
}
