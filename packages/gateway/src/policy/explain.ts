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
import { plainUri } from './uri.ts';

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
  const against = [...whoAgainst(rule, facts.principal, parts.roles), ...whatAgainst(rule, facts)];
  const { name, settings } = rule;
  const condition = rule.condition && askCondition(rule.condition, facts, parts.principal);
  const because = condition === undefined ? against : [...against, ...conditionWords(condition, settings.effect)];
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

function whatAgainst(rule: Rule, { target, view }: Facts): string[] {
  const { servers = [], views = [] } = rule.settings;
  const against = targetAgainst(rule, target);
  return [
    ...(rule.isAt(view) ? [] : [`views: ${view ?? 'no view'} is none of ${list(views)}`]),
    ...(rule.isOn(target.server) ? [] : [`servers: ${target.server} is none of ${list(servers)}`]),
    ...(against === undefined ? [] : [against]),
  ];
}

function targetAgainst(rule: Rule, { canonicalId: id, kind, server }: PolicyTarget): string | undefined {
  // Of a task it is asked whether anything of its server may be used.
  if (kind === 'task') return rule.reaches(server) ? undefined : `it reaches nothing of ${server}`;
  const named = namedIn(rule);
  const kinds = named.map(([what]) => what).join(', ');
  if (!rule.speaksOf(kind)) return `it speaks of ${kinds} alone`;
  if (formsOf(kind, id).some((form) => rule.meets(kind, form))) return undefined;
  return `${kinds}: ${id} is none of ${list(named.flatMap(([, globs]) => globs))}`;
}

function namedIn({ settings }: Rule): readonly (readonly [what: string, globs: readonly string[]])[] {
  const { prompts, resources, tools } = settings;
  return Object.entries({ tools, prompts, resources }).flatMap(([what, globs]) =>
    globs === undefined ? [] : [[what, globs] as const],
  );
}

function formsOf(kind: string, id: string): readonly string[] {
  return kind === 'resource' || kind === 'template' ? [id, plainUri(id).uri] : [id];
}

type Asked = { readonly text: string; readonly value?: boolean; readonly error?: string };

function askCondition(condition: Condition, facts: Facts, principal: PrincipalFacts): Asked {
  const { text } = condition;
  try {
    return { text, value: condition.holds(new ConditionInput(facts, principal)) };
  } catch (error) {
    return { text, error: error instanceof Error ? error.message : String(error) };
  }
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
