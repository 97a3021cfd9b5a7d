/** An explanation for people: the outcome, then every rule and why it does or does not apply. */
import type { ExplainedRule, Explanation } from '../policy/index.ts';
import { oneLine, type painter } from './text.ts';

type Paint = ReturnType<typeof painter>;

const OUTCOMES = {
  allow: ['green', 'allowed'],
  ask: ['yellow', 'allowed once a person has agreed'],
  deny: ['red', 'refused'],
} as const;

export function explanationText(explanation: Explanation, paint: Paint): string {
  const { decision, external, policyVersion, principal, rules, target, visible } = explanation;
  const [style, outcome] = OUTCOMES[decision.effect];
  const { missingScopes, reason } = decision;
  const roles = principal.roles.length === 0 ? 'no role' : `the roles ${principal.roles.join(', ')}`;
  const width = Math.max(...rules.map(({ rule }) => rule.length));
  return [
    `${paint('bold', oneLine(target.id))} ${oneLine(`(${target.kind} of ${target.server})`)}`,
    oneLine(`${principal.issuer}#${principal.subject} with ${roles}`),
    `${paint(style, outcome)} ${oneLine(`by ${decision.rule}${reason === undefined ? '' : `: ${reason}`}`)}`,
    ...(missingScopes === undefined ? [] : [oneLine(`It needs the scopes ${missingScopes.join(', ')}.`)]),
    visible ? 'It stands in lists.' : 'It stands in no list and is answered as unknown.',
    ...(external === undefined ? [] : [oneLine(`${external} is asked as well, and may refuse it.`)]),
    `Policy ${policyVersion}:`,
    ...rules.map((rule) => ruleText(rule, width, paint)),
  ].join('\n');
}

function ruleText(explained: ExplainedRule, width: number, paint: Paint): string {
  const { applies, because, condition, decides, effect, rule } = explained;
  const does = applies ? 'applies' : 'does not apply';
  const words = `${decides ? '▸' : ' '} ${rule.padEnd(width)}  ${effect.padEnd(5)}  ${does}`;
  const why = [...because, ...(condition === undefined ? [] : [`when: ${condition.text}`])];
  return [decides ? paint('bold', words) : words, ...why.map((line) => paint('dim', `    ${oneLine(line)}`))].join(
    '\n',
  );
}
