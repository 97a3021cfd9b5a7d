/**
 * One call against what is known of its target: deny wins over ask, ask over allow. A condition that cannot say counts
 * against the caller: what allows does not apply, what denies does.
 */

import type { Decision } from '../call.ts';
import { lacks, type RuledAudience, type Verdict } from './audience.ts';
import { ConditionInput, MAX_STEPS, type PrincipalFacts } from './condition-input.ts';
import type { Facts } from './facts.ts';
import type { Rule } from './rules.ts';

const ORDER: readonly Decision['effect'][] = ['allow', 'ask', 'deny'];

/** `principal`: as conditions see the caller, made only for a call that has conditions to meet. */
export function decideByRules(audience: RuledAudience, facts: Facts, principal: () => PrincipalFacts): Decision {
  const { target } = facts;
  if (target.kind === 'tool' || target.kind === 'prompt') {
    const verdict = audience.verdict(target);
    return verdict.decided ?? conclude(verdict, new ConditionInput(facts, principal()));
  }
  // The steps are for the decision, however many readings it looks at.
  let steps = MAX_STEPS;
  const outcomes = audience.readings(target).map(({ target: reading, verdict }) => {
    if (verdict.decided !== undefined) return verdict.decided;
    const input = new ConditionInput({ ...facts, target: reading }, principal());
    input.steps = steps;
    const outcome = conclude(verdict, input);
    steps = input.steps;
    return outcome;
  });
  return outcomes.reduce((one, other) => (weight(other) > weight(one) ? other : one));
}

/** A refusal that scopes would end is none where another reading is refused in any case. */
function weight({ effect, missingScopes }: Decision): number {
  return ORDER.indexOf(effect) - (missingScopes === undefined ? 0 : 0.5);
}

function conclude({ denies, grants, otherwise, lacking }: Verdict, input: ConditionInput): Decision {
  const denied = denies.find((rule) => counts(rule, input));
  if (denied !== undefined) return denied.decision;
  const granted = grants.find((rule) => counts(rule, input));
  if (granted !== undefined) return granted.decision;
  if (otherwise.effect !== 'deny') return otherwise;
  const first = lacking.find(({ rule }) => counts(rule, input));
  return first === undefined ? otherwise : lacks(first);
}

function counts({ condition, settings }: Rule, input: ConditionInput): boolean {
  if (condition === undefined) return true;
  try {
    return condition.holds(input);
  } catch {
    return settings.effect === 'deny';
  }
}
