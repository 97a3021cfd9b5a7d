/** The rules of a policy, compiled: what each of them asks of a principal, a place and a target. Nothing is decided here. */

import type { Principal } from '@sallyport/server';
import type { Decision } from '../call.ts';
import { globMatcher, globReaches, type Matches } from '../glob.ts';
import type { Condition } from './condition.ts';
import type { TargetKind } from './facts.ts';
import type { RuleSettings } from './settings.ts';
import { uriMatcher, uriRestricter } from './uri.ts';

export interface Rule {
  /** `rules[3]` */
  readonly name: string;
  readonly settings: RuleSettings;
  /** What it says when it decides. */
  readonly decision: Decision;
  readonly condition: Condition | undefined;
  hasRole(roles: ReadonlySet<string>): boolean;
  names(principal: Principal): boolean;
  isAt(view: string | undefined): boolean;
  isOn(server: string): boolean;
  /** Whether it is about targets of this kind at all. */
  speaksOf(kind: TargetKind): boolean;
  meets(kind: TargetKind, id: string): boolean;
  /** Of a rule that restricts URIs, by what they are or by its condition: whether it is about a reading of one. */
  readonly restricts: Matches | undefined;
  /** Whether it can be about something of a server. */
  reaches(server: string): boolean;
  /** Whether it can only be meant for this server: a URI does not tell whose it is, unless the rule names its servers. */
  reveals(server: string): boolean;
}

export function compileRule(settings: RuleSettings, index: number, condition: Condition | undefined): Rule {
  const { effect, reason, roles, servers, views } = settings;
  const name = `rules[${index}]`;
  const atView = views && globMatcher(views);
  const onServer = servers && globMatcher(servers);
  const target = targetsOf(settings);
  return {
    name,
    settings,
    decision: { effect, rule: name, ...(reason !== undefined && { reason }) },
    condition,
    hasRole: (held) => roles === undefined || roles.some((role) => held.has(role)),
    names: principalMatcher(settings.principals),
    isAt: (view) => atView === undefined || (view !== undefined && atView(view)),
    isOn: (server) => onServer === undefined || onServer(server),
    speaksOf: (kind) => target === undefined || target[kind] !== undefined,
    meets: (kind, id) => target === undefined || target[kind]?.(id) === true,
    restricts: restrictsOf(settings),
    reaches: (server) => onServer?.(server) !== false && reachesNamed(settings, server, true),
    reveals: (server) => onServer?.(server) !== false && reachesNamed(settings, server, servers !== undefined),
  };
}

/** Scopes that a rule needs and a principal lacks. Who has no scopes at all is not limited by them. */
export function missingScopes({ settings }: Rule, { scopes }: Principal): readonly string[] {
  if (settings.scopes === undefined || scopes === undefined) return [];
  return settings.scopes.filter((scope) => !scopes.includes(scope));
}

/** By kind; undefined for a rule that names no targets and speaks of all. Tasks and servers have no names to match. */
function targetsOf({ tools, prompts, resources }: RuleSettings): Partial<Record<TargetKind, Matches>> | undefined {
  if (tools === undefined && prompts === undefined && resources === undefined) return undefined;
  const uris = resources && uriMatcher(resources);
  return {
    ...(tools && { tool: globMatcher(tools) }),
    ...(prompts && { prompt: globMatcher(prompts) }),
    ...(uris && { resource: uris, template: uris }),
  };
}

function restrictsOf({ effect, prompts, resources, tools, when }: RuleSettings): Matches | undefined {
  if (effect === 'allow') return undefined;
  if (resources !== undefined) return uriRestricter(resources);
  return when === undefined || (tools ?? prompts) !== undefined ? undefined : () => true;
}

function reachesNamed({ tools, prompts, resources }: RuleSettings, server: string, byUri: boolean): boolean {
  if (tools === undefined && prompts === undefined && resources === undefined) return true;
  if (byUri && resources !== undefined && resources.length > 0) return true;
  return [...(tools ?? []), ...(prompts ?? [])].some((glob) => globReaches(glob, `${server}__`));
}

/** `issuer#subject` is matched part by part: no subject can look like another issuer's. */
function principalMatcher(globs: readonly string[] | undefined): (principal: Principal) => boolean {
  if (globs === undefined) return () => true;
  const subjects = globMatcher(globs.filter((glob) => !glob.includes('#')));
  const full = globs
    .filter((glob) => glob.includes('#'))
    .map((glob) => {
      const at = glob.indexOf('#');
      return { issuer: globMatcher([glob.slice(0, at)]), subject: globMatcher([glob.slice(at + 1)]) };
    });
  return (principal) =>
    subjects(principal.subject) ||
    full.some(({ issuer, subject }) => issuer(principal.issuer) && subject(principal.subject));
}
