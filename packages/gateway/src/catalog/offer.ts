/**
 * What one server offers, ready to be merged: what the configuration hides is gone, what it says of a tool is applied,
 * and only the name is still open. An entry is made once for each name that it is shown under, and every view that
 * shows it shares it.
 */

import { isObject, paramHeaders, type JsonObject, type ParamHeader } from '@sallyport/wire';
import type { ArgumentRules } from '../call.ts';
import { canonicalId, globMatcher } from './naming.ts';
import { believed, flagged, type PinnedAnnotations, type PinVerdict, type ServerPins } from './pinned.ts';

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
  /** Only tools that are believed to change nothing. */
  readonly readOnly: boolean;
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

export interface NamedEntry extends Entry {
  readonly name: string;
}

export interface ToolEntry extends NamedEntry {
  /** What is believed of it, not what it says. */
  readonly annotations: JsonObject | undefined;
  readonly paramHeaders: readonly ParamHeader[];
  readonly argumentRules: ArgumentRules | undefined;
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

/** A tool or prompt whose name is open. */
export interface Offered<E extends NamedEntry> {
  readonly original: string;
  /** The original name, or what the configuration renames it to. */
  readonly label: string;
  /** All of an entry but its name; `shown` has the original one. */
  readonly unnamed: Omit<E, 'name'>;
  /** What was made of it, one for each name. */
  made: readonly E[];
}

export interface NamedOffer<E extends NamedEntry> {
  readonly server: string;
  readonly offered: readonly Offered<E>[];
  readonly hidden: readonly Hidden[];
  /** Canonical ids that clients do not see. */
  readonly withheld: readonly string[];
  /** What would be offered, and is kept back until somebody approves it. */
  readonly quarantined: readonly Offered<E>[];
}

export interface ServerOffer {
  readonly tools: NamedOffer<ToolEntry>;
  readonly prompts: NamedOffer<NamedEntry>;
  readonly resources: readonly Entry[];
  readonly templates: readonly TemplateEntry[];
}

type List = readonly JsonObject[];

/** What `offerOf` needs of a snapshot. */
export interface OfferedLists {
  readonly tools: List;
  readonly prompts: List;
  readonly resources: List;
  readonly templates: List;
  readonly pinned: PinnedAnnotations;
}

/** Gives the same part of an offer again as long as the rules, the list of that kind and the pins are the same objects. */
export type OfferOf = (rules: OfferRules, lists: OfferedLists, pins?: ServerPins) => ServerOffer;

export function createOfferOf(): OfferOf {
  const tools = onceEach(offeredTools);
  const prompts = onceEach(offeredPrompts);
  const resources = onceEach(offeredResources);
  const templates = onceEach(offeredTemplates);
  return (rules, lists, pins) => ({
    tools: tools(rules, lists.tools, lists.pinned, pins),
    prompts: prompts(rules, lists.prompts),
    resources: resources(rules, lists.resources),
    templates: templates(rules, lists.templates),
  });
}

/** The entry of something offered under a name. */
export function entryNamed<E extends NamedEntry>(offered: Offered<E>, name: string): E {
  const { made, unnamed, original } = offered;
  const known = made.find((entry) => entry.name === name);
  if (known !== undefined) return known;
  const shown = name === original ? unnamed.shown : { ...unnamed.shown, name };
  const entry = { ...unnamed, name, shown } as E;
  offered.made = [...made, entry];
  return entry;
}

type Make<T, More extends unknown[]> = (rules: OfferRules, list: List, ...more: More) => T;

function onceEach<T, More extends unknown[]>(make: Make<T, More>): Make<T, More> {
  const known = new WeakMap<List, { readonly inputs: readonly unknown[]; readonly made: T }>();
  return (rules, list, ...more) => {
    const inputs = [rules, ...more];
    const last = known.get(list);
    if (last?.inputs.every((input, n) => input === inputs[n]) === true) return last.made;
    const made = make(rules, list, ...more);
    known.set(list, { inputs, made });
    return made;
  };
}

const QUARANTINED = 'quarantined: not as pinned, until it is approved';

function quarantineOf(verdict: PinVerdict | undefined): string | undefined {
  return verdict?.state === 'quarantined' ? QUARANTINED : undefined;
}

function offeredTools(
  rules: OfferRules,
  list: List,
  pinned: PinnedAnnotations,
  pins: ServerPins | undefined,
): NamedOffer<ToolEntry> {
  const { name: server, overHttp } = rules;
  const isWanted = wantedTools(rules);
  const offered: Offered<ToolEntry>[] = [];
  const hidden: Hidden[] = [];
  const withheld: string[] = [];
  const quarantined: Offered<ToolEntry>[] = [];
  for (const tool of list) {
    const original = tool['name'] as string;
    const headers = paramHeaders(tool['inputSchema']);
    const verdict = pins?.(tool);
    const annotations = believed(pinned, tool, verdict?.annotations);
    if (!isWanted(original, annotations)) {
      withheld.push(canonicalId(server, original));
      continue;
    }
    const declared = headers.valid ? headers.declarations : [];
    const made = offeredTool(rules, tool, { annotations, headers: declared, verdict });
    const reason = !headers.valid && overHttp ? headers.reason : quarantineOf(verdict);
    if (reason === undefined) {
      offered.push(made);
      continue;
    }
    withheld.push(canonicalId(server, original));
    hidden.push({ server, what: original, reason });
    if (reason === QUARANTINED) quarantined.push(made);
  }
  return { server, offered, hidden, withheld, quarantined };
}

function wantedTools({
  features,
  readOnly,
  tools,
}: OfferRules): (name: string, annotations: JsonObject | undefined) => boolean {
  const allowed = tools.allow === undefined ? () => true : globMatcher(tools.allow);
  const denied = globMatcher(tools.deny);
  return (name, annotations) =>
    features.tools && allowed(name) && !denied(name) && (!readOnly || annotations?.['readOnlyHint'] === true);
}

function offeredTool(
  rules: OfferRules,
  tool: JsonObject,
  facts: {
    readonly annotations: JsonObject | undefined;
    readonly headers: readonly ParamHeader[];
    readonly verdict: PinVerdict | undefined;
  },
): Offered<ToolEntry> {
  const { annotations, headers, verdict } = facts;
  const { name: server, tools } = rules;
  const original = tool['name'] as string;
  const argumentRules = own(tools.arguments, original);
  const shown = shownTool(flagged(tool, verdict), own(tools.describe, original), argumentRules);
  return {
    original,
    label: own(tools.rename, original) ?? original,
    unnamed: {
      server,
      id: canonicalId(server, original),
      original,
      shown,
      annotations,
      paramHeaders: headers,
      argumentRules,
    },
    made: [],
  };
}

/** What the configuration says of a name that a server chose: names such as `constructor` are on every object. */
function own<T>(record: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}

/** The definition with its replaced description and without the arguments that are not the caller's. */
function shownTool(tool: JsonObject, description: string | undefined, rules: ArgumentRules | undefined): JsonObject {
  const schema = tool['inputSchema'];
  const inputSchema = rules !== undefined && isObject(schema) ? shownSchema(schema, rules) : undefined;
  if (description === undefined && inputSchema === undefined) return tool;
  return { ...tool, ...(description !== undefined && { description }), ...(inputSchema && { inputSchema }) };
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

function offeredPrompts({ name: server, features }: OfferRules, list: List): NamedOffer<NamedEntry> {
  const each = list.map((prompt) => ({ prompt, original: prompt['name'] as string }));
  if (!features.prompts) {
    return {
      server,
      offered: [],
      hidden: [],
      withheld: each.map(({ original }) => canonicalId(server, original)),
      quarantined: [],
    };
  }
  const offered = each.map(({ prompt, original }) => ({
    original,
    label: original,
    unnamed: { server, id: canonicalId(server, original), original, shown: prompt },
    made: [],
  }));
  return { server, offered, hidden: [], withheld: [], quarantined: [] };
}

function offeredResources({ name: server, features }: OfferRules, list: List): readonly Entry[] {
  if (!features.resources) return [];
  return list.map((resource) => {
    const uri = resource['uri'] as string;
    return { server, id: uri, original: uri, shown: resource };
  });
}

function offeredTemplates({ name: server, features }: OfferRules, list: List): readonly TemplateEntry[] {
  if (!features.resources) return [];
  return list.map((template) => {
    const uriTemplate = template['uriTemplate'] as string;
    const literals = uriTemplate.split(/\{[^{}]*\}/);
    return { server, id: uriTemplate, original: uriTemplate, shown: template, literals };
  });
}
