/**
 * What an endpoint shows of everything: which servers, and which of their tools. Narrowing takes away and never adds; what
 * an audience may not see is taken away as well.
 */

import type { Audience } from '../call.ts';
import { globMatcher, globReaches, canonicalId, type Naming } from './naming.ts';
import type { OfferRules } from './offer.ts';
import type { DiscoveryMode, DiscoverySetting } from '../meta.ts';
import type { Base, Endpoint, Narrowing, Places } from './place.ts';

export interface CatalogServer extends OfferRules {
  /** Changes when another program or URL stands behind the name. */
  readonly fingerprint: string;
}

/** A named selection of the configuration. Absent members select nothing by themselves; with none of them it is everything. */
export interface ViewRules {
  /** Globs over the names of servers. */
  readonly servers?: readonly string[];
  readonly tags?: readonly string[];
  /** Globs over canonical ids. */
  readonly tools?: readonly string[];
  /** What it says of it; the rest is as everywhere. */
  readonly discovery?: Partial<DiscoverySetting>;
}

/** What the configuration says of the catalogue. */
export interface Setup {
  /** In configuration order, enabled ones only. */
  readonly servers: readonly CatalogServer[];
  readonly naming: Naming;
  readonly views: Readonly<Record<string, ViewRules>>;
  readonly discovery: DiscoverySetting;
}

export interface Selection {
  /** In configuration order. */
  readonly servers: readonly CatalogServer[];
  /** One server, under its own names. */
  readonly isAlone: boolean;
  /** Whether a tool is shown, by canonical id. Undefined: every tool of these servers. */
  readonly hasTool: ((id: string) => boolean) | undefined;
  /** Who looks; undefined: somebody who may see everything. */
  readonly audience: Audience | undefined;
  readonly discovery: DiscoverySetting;
}

const NOTHING: Omit<Selection, 'discovery'> = { servers: [], isAlone: false, hasTool: undefined, audience: undefined };

/** How much each mode shows at once. */
const WIDTHS: Readonly<Record<DiscoveryMode, number>> = { full: 2, groups: 1, search: 0, code: 0 };

/** What an audience may not see does not exist for it. */
export function placesOf(setup: Setup, roots: readonly string[], audience?: Audience): Places {
  const { servers, views } = setup;
  const names = new Set(servers.map(({ name }) => name));
  return {
    roots,
    hasServer: (name) => names.has(name) && audience?.mayKnow(name) !== false,
    hasView: (name) => {
      const rules = Object.hasOwn(views, name) ? views[name] : undefined;
      if (rules === undefined || audience === undefined) return rules !== undefined;
      return (
        audience.mayEnter(name) && servers.some((server) => belongs(server, rules) && audience.mayKnow(server.name))
      );
    },
    mayShowAs: (base, asked) => {
      const { mode } = discoveryAt(base, setup);
      // Where it follows from what is seen, whoever asks may choose.
      return mode === 'auto' || WIDTHS[asked] <= WIDTHS[mode];
    },
  };
}

function discoveryAt(base: Base, { discovery, views }: Setup): DiscoverySetting {
  const own = base.kind === 'view' && Object.hasOwn(views, base.name) ? views[base.name]?.discovery : undefined;
  return own === undefined ? discovery : { ...discovery, ...own };
}

/** An endpoint that is not there any more selects nothing. */
export function select(endpoint: Endpoint | undefined, setup: Setup, audience: Audience | undefined): Selection {
  if (endpoint === undefined) return { ...NOTHING, discovery: setup.discovery };
  const { base, narrowing } = endpoint;
  const discovery = discoveryAt(base, setup);
  const selection = selectBase(base, setup);
  const { servers, isAlone } = selection;
  const globs = narrowing.tools.length === 0 ? undefined : narrowing.tools;
  return {
    servers: servers.filter((server) => audience?.mayUse(server.name) !== false && passes(server, narrowing)),
    isAlone,
    hasTool: both(selection.hasTool, globs && globMatcher(globs)),
    audience,
    discovery: narrowing.discovery === undefined ? discovery : { ...discovery, mode: narrowing.discovery },
  };
}

function selectBase(base: Base, { servers, views }: Setup): Omit<Selection, 'audience' | 'discovery'> {
  if (base.kind === 'root') return { servers, isAlone: false, hasTool: undefined };
  if (base.kind === 'server') {
    return { servers: servers.filter(({ name }) => name === base.name), isAlone: true, hasTool: undefined };
  }
  const rules = views[base.name] ?? {};
  return {
    servers: servers.filter((server) => belongs(server, rules)),
    isAlone: false,
    hasTool: rules.tools && globMatcher(rules.tools),
  };
}

/** A view has the servers that it names and those with one of its tags. */
function belongs(server: CatalogServer, { servers, tags, tools }: ViewRules): boolean {
  if (servers === undefined && tags === undefined) return tools === undefined || canHave(server, tools);
  return globMatcher(servers ?? [])(server.name) || hasTag(server, tags ?? []);
}

/** A query keeps the servers that pass all that it says. */
function passes(server: CatalogServer, { servers, tags, tools }: Narrowing): boolean {
  if (servers.length === 0 && tags.length === 0) return tools.length === 0 || canHave(server, tools);
  return (servers.length === 0 || globMatcher(servers)(server.name)) && (tags.length === 0 || hasTag(server, tags));
}

function hasTag(server: CatalogServer, tags: readonly string[]): boolean {
  return server.tags.some((tag) => tags.includes(tag));
}

/** True when a tool of the server can match one of the globs. */
function canHave({ name }: CatalogServer, globs: readonly string[]): boolean {
  return globs.some((glob) => globReaches(glob, canonicalId(name, '')));
}

function both(first: Selection['hasTool'], second: Selection['hasTool']): Selection['hasTool'] {
  if (first === undefined || second === undefined) return first ?? second;
  return (id) => first(id) && second(id);
}
