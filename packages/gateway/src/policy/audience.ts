/**
 * Everybody to whom the same rules apply: what they may see, and what is decided for each target. Rules are sorted by server
 * when one is first asked about; for a tool or prompt the outcome is kept, so that a call whose arguments do not matter costs
 * one look-up. URIs come from callers without end and are matched each time.
 */

import type { JsonObject } from '@sallyport/wire';
import type { Audience, Decision } from '../call.ts';
import { traitOf, type Fallback, type Trait } from './fallback.ts';
import type { PolicyTarget, TargetKind } from './facts.ts';
import type { Rule } from './rules.ts';
import { readingsOf, readUri } from './uri.ts';

/** A rule that would apply to a token with more scopes. */
export interface Lacking {
  readonly rule: Rule;
  readonly scopes: readonly string[];
}

/** What is known of a target before a call to it is looked at. In each list the rules whose condition must be asked. */
export interface Verdict {
  /** The outcome, where nothing of the call matters. */
  readonly decided: Decision | undefined;
  readonly isVisible: boolean;
  readonly denies: readonly Rule[];
  /** What asks before what allows. */
  readonly grants: readonly Rule[];
  /** What counts when none of those applies. */
  readonly otherwise: Decision;
  /** Fewest scopes first. */
  readonly lacking: readonly Lacking[];
}

/** A target as it may be understood. */
export interface Reading {
  readonly target: PolicyTarget;
  readonly verdict: Verdict;
}

export interface AudienceOptions {
  readonly key: string;
  readonly view: string | undefined;
  /** Those that speak to these principals, at whatever view. */
  readonly rules: readonly Rule[];
  readonly lacking: readonly Lacking[];
  readonly fallback: Fallback;
}

/** Kept outcomes; more targets than that are no catalogue that a client could hold. */
const MAX_KNOWN = 20_000;
/** Characters; nothing longer is a name or an address that a policy could mean. */
const MAX_ID_LENGTH = 8192;

/** What is refused for the way it is written, whatever the rules say. */
export const BY_ADDRESS = 'builtin:address';

const TOO_LONG: Verdict = refusedAddress('it is too long');
/** For what only restricts. */
const UNRESTRICTED: Decision = { effect: 'allow', rule: 'default' };

function refusedAddress(reason: string): Verdict {
  return settled({ effect: 'deny', rule: BY_ADDRESS, reason }, false);
}

export class RuledAudience implements Audience {
  readonly key: string;
  readonly #options: AudienceOptions;
  readonly #here: ByServer;
  readonly #tools: Readonly<Record<Trait, Map<string, Verdict>>>;
  readonly #prompts: Map<string, Verdict> = new Map();

  constructor(options: AudienceOptions) {
    this.key = options.key;
    this.#options = options;
    this.#here = new ByServer(options, options.view);
    this.#tools = { plain: new Map(), reading: new Map(), destructive: new Map() };
  }

  maySee(kind: TargetKind, server: string, id: string, annotations?: JsonObject): boolean {
    return this.readings({ kind, server, canonicalId: id, ...(annotations && { annotations }) }).every(
      ({ verdict }) => verdict.isVisible,
    );
  }

  mayUse(server: string): boolean {
    return this.#here.of(server).mayUse;
  }

  /** Whether a server may be known by its name: `mayUse`, but for what only its URIs can tell. */
  mayKnow(server: string): boolean {
    return this.#here.of(server).use.effect === 'allow';
  }

  mayEnter(view: string): boolean {
    return mayGain(this.#options, view);
  }

  /** One, or for a URI one for each of its readings, first as it is written: the strictest outcome counts. */
  readings(target: PolicyTarget): readonly Reading[] {
    const { kind, server, canonicalId } = target;
    const isUri = kind === 'resource' || kind === 'template';
    if (!isUri || canonicalId.length > MAX_ID_LENGTH) return [{ target, verdict: this.verdict(target) }];
    const read = readUri(canonicalId);
    if ('refused' in read) return [{ target, verdict: refusedAddress(read.refused) }];
    const spelled = read.spellings.map((spelling) => {
      const each = { ...target, canonicalId: spelling };
      return { target: each, verdict: this.verdict(each) };
    });
    const restricting = this.#here.of(server).rules.filter(({ restricts }) => restricts !== undefined);
    if (restricting.length === 0) return spelled;
    const known = new Set(read.spellings);
    const restricted = readingsOf(read.spellings).map((reading) => {
      // What is about a spelling was looked at with it.
      const isNew = (rule: Rule): boolean => !known.has(reading) || !rule.meets(kind, reading);
      const rules = restricting.filter((rule) => rule.restricts?.(reading) === true && isNew(rule));
      return { target: { ...target, canonicalId: reading }, verdict: verdictOf(rules, [], UNRESTRICTED) };
    });
    return [...spelled, ...restricted];
  }

  /** Of the target as it is written. */
  verdict({ kind, server, canonicalId, annotations }: PolicyTarget): Verdict {
    const trait = traitOf(annotations);
    const kept = this.#kept(kind, trait);
    const known = kept?.get(canonicalId);
    if (known !== undefined) return known;
    if (canonicalId.length > MAX_ID_LENGTH) return TOO_LONG;
    const verdict = this.#verdict(kind, server, canonicalId, trait);
    if (kept !== undefined) {
      if (kept.size >= MAX_KNOWN) kept.clear();
      kept.set(canonicalId, verdict);
    }
    return verdict;
  }

  #kept(kind: TargetKind, trait: Trait): Map<string, Verdict> | undefined {
    if (kind === 'tool') return this.#tools[trait];
    return kind === 'prompt' ? this.#prompts : undefined;
  }

  #verdict(kind: TargetKind, server: string, id: string, trait: Trait): Verdict {
    const { rules, lacking, use } = this.#here.of(server);
    const { fallback } = this.#options;
    // Whose task it is, its sealed id tells; whether its server may still be used is asked here.
    if (kind === 'task') return settled(use, use.effect === 'allow');
    return verdictOf(
      rules.filter((rule) => rule.meets(kind, id)),
      lacking.filter(({ rule }) => rule.meets(kind, id)),
      fallback.decide(kind, trait),
    );
  }
}

interface OnServer {
  readonly rules: readonly Rule[];
  readonly lacking: readonly Lacking[];
  /** Whether something may be used that is known to be of the server, and what decides that. */
  readonly use: Decision;
  /** Whether anything at all of the server may be. */
  readonly mayUse: boolean;
}

/** The rules of an audience at one view, by server. */
class ByServer {
  readonly #options: AudienceOptions;
  readonly #view: string | undefined;
  /** As many as the configuration has. */
  readonly #servers: Map<string, OnServer> = new Map();

  constructor(options: AudienceOptions, view: string | undefined) {
    this.#options = options;
    this.#view = view;
  }

  of(server: string): OnServer {
    const known = this.#servers.get(server);
    if (known !== undefined) return known;
    const isHere = (rule: Rule): boolean => rule.isAt(this.#view) && rule.isOn(server);
    const rules = this.#options.rules.filter(isHere);
    const lacking = this.#options.lacking.filter(({ rule }) => isHere(rule));
    const useBy = (counts: (rule: Rule) => boolean): Decision => useOf(rules, lacking, this.#options.fallback, counts);
    const use = useBy((rule) => rule.reveals(server));
    const made = { rules, lacking, use, mayUse: useBy((rule) => rule.reaches(server)).effect === 'allow' };
    this.#servers.set(server, made);
    return made;
  }
}

function useOf(
  rules: readonly Rule[],
  lacking: readonly Lacking[],
  fallback: Fallback,
  counts: (rule: Rule) => boolean,
): Decision {
  const forbidding = rules.find(isBlanket);
  if (forbidding !== undefined) return forbidding.decision;
  const granting = [...rules, ...lacking.map(({ rule }) => rule)].find(
    (rule) => rule.settings.effect !== 'deny' && counts(rule),
  );
  const rule = granting?.name ?? (fallback.role === undefined ? 'default' : `builtin:${fallback.role}`);
  return { effect: granting !== undefined || fallback.grants ? 'allow' : 'deny', rule };
}

/** Forbids everything that it speaks of, whatever is called. */
function isBlanket({ condition, settings }: Rule): boolean {
  const { effect, prompts, resources, tools } = settings;
  return effect === 'deny' && condition === undefined && !(tools ?? prompts ?? resources);
}

function mayGain({ rules, lacking, fallback }: AudienceOptions, view: string): boolean {
  const here = rules.filter((rule) => rule.isAt(view));
  if (here.some((rule) => isBlanket(rule) && rule.settings.servers === undefined)) return false;
  if (fallback.grants || lacking.some(({ rule }) => rule.isAt(view))) return true;
  return here.some(({ settings }) => settings.effect !== 'deny');
}

function verdictOf(rules: readonly Rule[], lacking: readonly Lacking[], fallback: Decision): Verdict {
  const [denies, asks, allows] = [ofEffect(rules, 'deny'), ofEffect(rules, 'ask'), ofEffect(rules, 'allow')];
  if (denies.certain !== undefined) return settled(denies.certain, false);
  const otherwise = asks.certain ?? allows.certain ?? fallback;
  const grants = asks.certain === undefined ? [...asks.open, ...allows.open] : [];
  const withScopes = otherwise.effect === 'deny' ? lacking : [];
  const isVisible = otherwise.effect !== 'deny' || grants.length > 0 || withScopes.length > 0;
  const isOpen = denies.open.length > 0 || grants.length > 0;
  const decided = isOpen ? undefined : settledBy(withScopes, otherwise);
  return { denies: denies.open, grants, otherwise, lacking: withScopes, isVisible, decided };
}

/** Of the rules of one effect the first that needs no call to apply; without one those that must be asked. */
function ofEffect(
  rules: readonly Rule[],
  effect: Decision['effect'],
): { readonly certain: Decision | undefined; readonly open: readonly Rule[] } {
  const all = rules.filter(({ settings }) => settings.effect === effect);
  const certain = all.find(({ condition }) => condition === undefined);
  return { certain: certain?.decision, open: certain === undefined ? all : [] };
}

/** Without conditions the scopes that are missing are known beforehand. */
function settledBy(lacking: readonly Lacking[], otherwise: Decision): Decision | undefined {
  const [first] = lacking;
  if (first === undefined) return otherwise;
  return lacking.some(({ rule }) => rule.condition !== undefined) ? undefined : lacks(first);
}

/** What is said to a token that lacks scopes and nothing else. */
export function lacks({ rule, scopes }: Lacking): Decision {
  const neededScopes = rule.settings.scopes ?? scopes;
  return { effect: 'deny', rule: rule.name, reason: 'the token lacks a scope', missingScopes: scopes, neededScopes };
}

function settled(decided: Decision, isVisible: boolean): Verdict {
  return { decided, isVisible, denies: [], grants: [], otherwise: decided, lacking: [] };
}
