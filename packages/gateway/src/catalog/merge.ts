/**
 * All servers' offers merged into one catalogue: names, owners, definitions as clients see them. Pure: the same
 * configuration and snapshots give the same catalogue, byte for byte.
 */

import { isObject, paramHeaders, type JsonObject, type ParamHeader } from '@sallyport/wire';
import type { ArgumentRules } from '../call.ts';
import { canonicalId, globMatcher, matchesLiterals, shownName, type Naming } from './naming.ts';
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
}

/** Merges in configuration order. A server without a snapshot offers nothing yet. */
export function mergeCatalog(
  servers: readonly OfferRules[],
  snapshots: ReadonlyMap<string, Snapshot>,
  naming: Naming,
): Catalog {
  const tools = new Map<string, ToolEntry>();
  const prompts = new Map<string, NamedEntry>();
  const resources = new Map<string, Entry>();
  const templates: TemplateEntry[] = [];
  const hidden: Hidden[] = [];
  for (const rules of servers) {
    const snapshot = snapshots.get(rules.name);
    if (snapshot === undefined) continue;
    if (rules.features.tools) addTools(rules, snapshot, naming, tools, hidden);
    if (rules.features.prompts) addPrompts(rules, snapshot, naming, prompts, hidden);
    if (rules.features.resources) addResources(rules, snapshot, resources, templates, hidden);
  }
  return { tools, prompts, resources, templates, hidden };
}

function addTools(
  rules: OfferRules,
  snapshot: Snapshot,
  naming: Naming,
  into: Map<string, ToolEntry>,
  hidden: Hidden[],
): void {
  const allowed = rules.tools.allow === undefined ? () => true : globMatcher(rules.tools.allow);
  const denied = globMatcher(rules.tools.deny);
  for (const tool of snapshot.tools) {
    const original = tool['name'] as string;
    if (!allowed(original) || denied(original)) continue;
    const headers = paramHeaders(tool['inputSchema']);
    if (!headers.valid && rules.overHttp) {
      hidden.push({ server: rules.name, what: original, reason: headers.reason });
      continue;
    }
    const name = shownName(rules.name, original, rules.tools.rename[original] ?? original, naming);
    const owner = into.get(name);
    if (owner !== undefined) {
      hidden.push({ server: rules.name, what: original, reason: `the name ${name} belongs to ${owner.server}` });
      continue;
    }
    const argumentRules = rules.tools.arguments[original];
    into.set(name, {
      server: rules.name,
      id: canonicalId(rules.name, original),
      original,
      name,
      shown: shownTool(tool, name, rules.tools.describe[original], argumentRules),
      paramHeaders: headers.valid ? headers.declarations : [],
      argumentRules,
    });
  }
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
  if (rules === undefined || !isObject(schema)) return shown;
  const properties: JsonObject = { ...(isObject(schema['properties']) ? schema['properties'] : {}) };
  let required = Array.isArray(schema['required']) ? schema['required'] : undefined;
  for (const [argument, rule] of Object.entries(rules)) {
    if (rule.hide || rule.fix !== undefined) delete properties[argument];
    if (rule.hide || rule.fix !== undefined || rule.default !== undefined) {
      required = required?.filter((key) => key !== argument);
    }
  }
  shown['inputSchema'] = { ...schema, properties, ...(required !== undefined && { required }) };
  return shown;
}

function addPrompts(
  rules: OfferRules,
  snapshot: Snapshot,
  naming: Naming,
  into: Map<string, NamedEntry>,
  hidden: Hidden[],
): void {
  for (const prompt of snapshot.prompts) {
    const original = prompt['name'] as string;
    const name = shownName(rules.name, original, original, naming);
    const owner = into.get(name);
    if (owner !== undefined) {
      hidden.push({ server: rules.name, what: original, reason: `the name ${name} belongs to ${owner.server}` });
      continue;
    }
    into.set(name, {
      server: rules.name,
      id: canonicalId(rules.name, original),
      original,
      name,
      shown: { ...prompt, name },
    });
  }
}

/** URIs are never rewritten: the first owner in configuration order keeps one. */
function addResources(
  rules: OfferRules,
  snapshot: Snapshot,
  resources: Map<string, Entry>,
  templates: TemplateEntry[],
  hidden: Hidden[],
): void {
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
