/**
 * Why a call is decided as it is: every rule, whether it speaks of the call, and what keeps it from it. It repeats what the
 * rules ask one by one; the decision itself comes from the same code that decides calls.
 */

import type { Principal } from '@sallyport/server';
import type { Decision } from '../call.ts';
import { BY_ADDRESS, type RuledAudience } from './audience.ts';
import type { Condition } from './condition.ts';
import { ConditionInput, type PrincipalFacts } from './condition-input.ts';
import { decideByRules } from './decide.ts';
import { traitOf, type Fallback } from './fallback.ts';
import type { ExplainedRule, Explanation, Facts, PolicyTarget } from './facts.ts';
import { missingScopes, type Rule } from './rules.ts';
import { readingsOf, readUri } from './uri.ts';

export interface ExplainParts {
  readonly version: string;
  readonly rules: readonly Rule[];
  readonly roles: ReadonlySet<string>;
  readonly fallback: Fallback;
  readonly audience: RuledAudience;
  readonly principal: PrincipalFacts;
  readonly external: string | undefined;
}

export function explainFacts(facts: Facts, parts: ExplainParts): Explanation {
  const { audience, external, roles, rules, version } = parts;
  const { issuer, subject } = facts.principal;
  const { annotations, canonicalId: id, kind, server } = facts.target;
  const decision = decideByRules(audience, facts, () => parts.principal);
  return {
    policyVersion: version,
    principal: { issuer, subject, roles: [...roles] },
    target: { kind, server, id },
    visible: audience.maySee(kind, server, id, annotations),
    decision,
    rules: [
      ...explainAddress(decision),
      ...rules.map((rule) => explainRule(rule, facts, parts, decision)),
      explainFallback(facts, parts, decision),
    ],
    ...(external !== undefined && decision.effect !== 'deny' && { external }),
  };
}

function explainRule(rule: Rule, facts: Facts, parts: ExplainParts, decision: Decision): ExplainedRule {
  const meant = meantBy(rule, facts.target);
  const against = [...whoAgainst(rule, facts.principal, parts.roles), ...whatAgainst(rule, facts, meant)];
  const { name, settings } = rule;
  const condition = rule.condition && askCondition(rule.condition, rule, meant, facts, parts.principal);
  // What speaks of something else need not be true of this.
  const isAsked = condition !== undefined && against.length === 0;
  const because = isAsked ? conditionWords(condition, settings.effect) : against;
  const holds = condition === undefined || (condition.value ?? settings.effect === 'deny');
  return {
    rule: name,
    effect: settings.effect,
    applies: against.length === 0 && holds,
    decides: decision.rule === name,
    because,
    ...(condition && { condition }),
  };
}

function whoAgainst(rule: Rule, principal: Principal, roles: ReadonlySet<string>): string[] {
  const { principals = [], roles: wanted = [] } = rule.settings;
  const missing = missingScopes(rule, principal);
  return [
    ...(rule.hasRole(roles) ? [] : [`roles: none of ${list(wanted)}; there are ${list([...roles])}`]),
    ...(rule.names(principal)
      ? []
      : [`principals: ${principal.issuer}#${principal.subject} is none of ${list(principals)}`]),
    ...(missing.length === 0 ? [] : [`scopes: the token lacks ${list(missing)}`]),
  ];
}

function whatAgainst(rule: Rule, { target, view }: Facts, meant: readonly PolicyTarget[]): string[] {
  const { servers = [], views = [] } = rule.settings;
  const against = targetAgainst(rule, target, meant);
  return [
    ...(rule.isAt(view) ? [] : [`views: ${view ?? 'no view'} is none of ${list(views)}`]),
    ...(rule.isOn(target.server) ? [] : [`servers: ${target.server} is none of ${list(servers)}`]),
    ...(against === undefined ? [] : [against]),
  ];
}

function targetAgainst(
  rule: Rule,
  { canonicalId: id, kind, server }: PolicyTarget,
  meant: readonly PolicyTarget[],
): string | undefined {
  // Of a task it is asked whether anything of its server may be used.
  if (kind === 'task') return rule.reveals(server) ? undefined : `it reaches nothing of ${server}`;
  const named = namedIn(rule);
  const kinds = named.map(([what]) => what).join(', ');
  if (!rule.speaksOf(kind)) return `it speaks of ${kinds} alone`;
  if (meant.length > 0) return undefined;
  return `${kinds}: ${id} is none of ${list(named.flatMap(([, globs]) => globs))}`;
}

function namedIn({ settings }: Rule): readonly (readonly [what: string, globs: readonly string[]])[] {
  const { prompts, resources, tools } = settings;
  return Object.entries({ tools, prompts, resources }).flatMap(([what, globs]) =>
    globs === undefined ? [] : [[what, globs] as const],
  );
}

/** The target, or those readings of a URI that a rule is about. */
function meantBy(rule: Rule, target: PolicyTarget): readonly PolicyTarget[] {
  const { canonicalId: id, kind } = target;
  const read = kind === 'resource' || kind === 'template' ? readUri(id) : { spellings: [id] };
  const spellings = 'refused' in read ? [id] : read.spellings;
  const { restricts } = rule;
  const readings = restricts && 'spellings' in read ? readingsOf(read.spellings).filter(restricts) : [];
  const all = [...spellings.filter((each) => rule.meets(kind, each)), ...readings];
  return all.map((each) => ({ ...target, canonicalId: each }));
}

type Asked = { readonly text: string; readonly value?: boolean; readonly error?: string };

/** Of the reading for which it counts; else as it is written. */
function askCondition(
  condition: Condition,
  { settings }: Rule,
  meant: readonly PolicyTarget[],
  facts: Facts,
  principal: PrincipalFacts,
): Asked {
  const { text } = condition;
  const ask = (target: PolicyTarget): Asked => {
    try {
      return { text, value: condition.holds(new ConditionInput({ ...facts, target }, principal)) };
    } catch (error) {
      return { text, error: error instanceof Error ? error.message : String(error) };
    }
  };
  const asked = meant.map(ask);
  return asked.find(({ value = settings.effect === 'deny' }) => value) ?? asked[0] ?? ask(facts.target);
}

function conditionWords({ error, value }: Asked, effect: Decision['effect']): string[] {
  if (error === undefined) return value === true ? [] : ['when: it is false'];
  const so = effect === 'deny' ? 'so the rule applies' : 'so the rule does not apply';
  return [`when: it cannot say (${error}), ${so}`];
}

function explainFallback({ target }: Facts, { fallback }: ExplainParts, decision: Decision): ExplainedRule {
  const { effect, rule } = fallback.decide(target.kind, traitOf(target.annotations));
  const decides = decision.rule === rule;
  return {
    rule,
    effect,
    applies: true,
    decides,
    because: [decides ? 'no rule grants or denies it' : 'something else decides before it'],
  };
}

function explainAddress({ effect, reason = '', rule }: Decision): ExplainedRule[] {
  return rule === BY_ADDRESS ? [{ rule, effect, applies: true, decides: true, because: [reason] }] : [];
}

function list(words: readonly string[]): string {
  return words.length === 0 ? 'none' : words.join(', ');
}
