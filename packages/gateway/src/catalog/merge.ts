/**
 * All servers' offers merged into one catalogue: names, owners, definitions as clients see them. Pure: the same
 * configuration and snapshots give the same catalogue, byte for byte.
 */

import { isObject, paramHeaders, type JsonObject, type ParamHeader } from '@sallyport/wire';
import type { ArgumentRules } from '../call.ts';
import { canonicalId, globMatcher, HASH_LENGTHS, matchesLiterals, shownName, type Naming } from './naming.ts';
import type { Snapshot } from './snapshot.ts';

/** What the configuration says about a server's offer. */
export interface OfferRules {
  readonly name: string;
  readonly tools: {
    readonly allow?: readonly string[];
    readonly deny: readonly string[];
    readonly rename: Readonly<Record<string, string>>;
    readonly describe: Readonly<Record<string, string>>;
    readonly arguments: Readonly<Record<string, ArgumentRules>>;
  };
  readonly features: { readonly tools: boolean; readonly resources: boolean; readonly prompts: boolean };
  readonly tags: readonly string[];
  /** Servers over HTTP must not offer tools whose header declarations are invalid. */
  readonly overHttp: boolean;
}

export interface Entry {
  readonly server: string;
  readonly id: string;
  readonly original: string;
  /** As clients see it. */
  readonly shown: JsonObject;
}

export interface ToolEntry extends Entry {
  readonly name: string;
  readonly paramHeaders: readonly ParamHeader[];
  readonly argumentRules: ArgumentRules | undefined;
}

export interface NamedEntry extends Entry {
  readonly name: string;
}

export interface TemplateEntry extends Entry {
  readonly literals: readonly string[];
}

/** Something of a server's offer that is not shown, and why. */
export interface Hidden {
  readonly server: string;
  readonly what: string;
  readonly reason: string;
}

export interface Catalog {
  readonly tools: ReadonlyMap<string, ToolEntry>;
  readonly prompts: ReadonlyMap<string, NamedEntry>;
  readonly resources: ReadonlyMap<string, Entry>;
  readonly templates: readonly TemplateEntry[];
  readonly hidden: readonly Hidden[];
  /** Canonical ids of tools and prompts that servers have and clients do not see, for whatever reason. */
  readonly withheld: ReadonlySet<string>;
}

/** What a merge fills. */
interface Merging {
  readonly naming: Naming;
  readonly tools: Map<string, ToolEntry>;
  readonly prompts: Map<string, NamedEntry>;
  readonly resources: Map<string, Entry>;
  readonly templates: TemplateEntry[];
  readonly hidden: Hidden[];
  readonly withheld: Set<string>;
}

/** Merges in configuration order. A server without a snapshot offers nothing yet. */
export function mergeCatalog(
  servers: readonly OfferRules[],
  snapshots: ReadonlyMap<string, Snapshot>,
  naming: Naming,
): Catalog {
  const merging: Merging = {
    naming,
    tools: new Map(),
    prompts: new Map(),
    resources: new Map(),
    templates: [],
    hidden: [],
    withheld: new Set(),
  };
  for (const rules of servers) {
    const snapshot = snapshots.get(rules.name);
    if (snapshot === undefined) continue;
    addTools(rules, snapshot, merging);
    addPrompts(rules, snapshot, merging);
    if (rules.features.resources) addResources(rules, snapshot, merging);
  }
  return merging;
}

function addTools(rules: OfferRules, snapshot: Snapshot, merging: Merging): void {
  const { features, name: server, overHttp } = rules;
  const allowed = rules.tools.allow === undefined ? () => true : globMatcher(rules.tools.allow);
  const denied = globMatcher(rules.tools.deny);
  for (const tool of snapshot.tools) {
    const original = tool['name'] as string;
    if (!features.tools || !allowed(original) || denied(original)) {
      merging.withheld.add(canonicalId(server, original));
      continue;
    }
    const headers = paramHeaders(tool['inputSchema']);
    if (!headers.valid && overHttp) {
      hide(merging, server, original, headers.reason);
      continue;
    }
    const name = freeName(merging.tools, server, original, own(rules.tools.rename, original) ?? original, merging);
    if (name === undefined) continue;
    const argumentRules = own(rules.tools.arguments, original);
    merging.tools.set(name, {
      server,
      id: canonicalId(server, original),
      original,
      name,
      shown: shownTool(tool, name, own(rules.tools.describe, original), argumentRules),
      paramHeaders: headers.valid ? headers.declarations : [],
      argumentRules,
    });
  }
}

/** What the configuration says of a name that a server chose: names such as `constructor` are on every object. */
function own<T>(record: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}

function hide(merging: Merging, server: string, original: string, reason: string): void {
  merging.hidden.push({ server, what: original, reason });
  merging.withheld.add(canonicalId(server, original));
}

/** The name to show; undefined, and reported, when another has it. A hash that is taken is made longer. */
function freeName(
  taken: ReadonlyMap<string, NamedEntry>,
  server: string,
  original: string,
  label: string,
  merging: Merging,
): string | undefined {
  const names = HASH_LENGTHS.map((length) => shownName(server, original, label, merging.naming, length));
  const free = names.find((name) => !taken.has(name));
  if (free !== undefined) return free;
  const [name] = names as [string];
  hide(merging, server, original, `the name ${name} belongs to ${taken.get(name)?.server}`);
  return undefined;
}

/** The definition with its shown name, its replaced description, and without the arguments that are not the caller's. */
function shownTool(
  tool: JsonObject,
  name: string,
  description: string | undefined,
  rules: ArgumentRules | undefined,
): JsonObject {
  const shown: JsonObject = { ...tool, name, ...(description !== undefined && { description }) };
  const schema = tool['inputSchema'];
  if (rules !== undefined && isObject(schema)) shown['inputSchema'] = shownSchema(schema, rules);
  return shown;
}

function shownSchema(schema: JsonObject, rules: ArgumentRules): JsonObject {
  const ruled = Object.entries(rules);
  const gone = new Set(ruled.flatMap(([name, rule]) => (rule.hide || rule.fix !== undefined ? [name] : [])));
  const given = new Set(ruled.flatMap(([name, rule]) => (rule.default === undefined ? [] : [name])));
  const properties = isObject(schema['properties']) ? Object.entries(schema['properties']) : [];
  const { required } = schema;
  return {
    ...schema,
    properties: Object.fromEntries(properties.filter(([name]) => !gone.has(name))),
    ...(Array.isArray(required) && {
      required: required.filter((name) => !gone.has(name as string) && !given.has(name as string)),
    }),
  };
}

function addPrompts({ name: server, features }: OfferRules, snapshot: Snapshot, merging: Merging): void {
  for (const prompt of snapshot.prompts) {
    const original = prompt['name'] as string;
    const id = canonicalId(server, original);
    if (!features.prompts) {
      merging.withheld.add(id);
      continue;
    }
    const name = freeName(merging.prompts, server, original, original, merging);
    if (name === undefined) continue;
    merging.prompts.set(name, { server, id, original, name, shown: { ...prompt, name } });
  }
}

/** URIs are never rewritten: the first owner in configuration order keeps one. */
function addResources(rules: OfferRules, snapshot: Snapshot, { resources, templates, hidden }: Merging): void {
  for (const resource of snapshot.resources) {
    const uri = resource['uri'] as string;
    const owner = resources.get(uri);
    if (owner === undefined) resources.set(uri, { server: rules.name, id: uri, original: uri, shown: resource });
    else hidden.push({ server: rules.name, what: uri, reason: `the URI belongs to ${owner.server}` });
  }
  for (const template of snapshot.templates) {
    const uriTemplate = template['uriTemplate'] as string;
    const owner = templates.find((entry) => entry.original === uriTemplate);
    if (owner !== undefined) {
      hidden.push({ server: rules.name, what: uriTemplate, reason: `the template belongs to ${owner.server}` });
      continue;
    }
    templates.push({
      server: rules.name,
      id: uriTemplate,
      original: uriTemplate,
      shown: template,
      literals: uriTemplate.split(/\{[^{}]*\}/),
    });
  }
}

/** Who owns a URI: the resource itself, else the first template that it fits. */
export function ownerOfUri(catalog: Catalog, uri: string): Entry | undefined {
  return (
    catalog.resources.get(uri) ??
    catalog.templates.find((entry) => entry.literals.length > 1 && matchesLiterals(uri, entry.literals))
  );
}
