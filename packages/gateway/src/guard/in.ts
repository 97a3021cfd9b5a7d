/**
 * Guard in: what a client sends, before a server is asked. Placeholders become secrets again, the gateway's own credentials never
 * pass, arguments are held against the tool's schema.
 */

import { principalKey, type Exchange } from '@sallyport/server';
import { isObject, type JsonObject, type JsonValue } from '@sallyport/wire';
import type { ArgumentRules, Call, Step, Target } from '../call.ts';
import { Refused } from '../errors.ts';
import type { CheckArguments } from './arguments.ts';
import type { Finding, GuardSettings } from './finding.ts';
import { findFormats } from './secrets/formats.ts';
import type { OwnSecrets } from './secrets/own.ts';
import type { Placeholders } from './secrets/placeholders.ts';

export interface GuardInOptions {
  readonly settings: () => GuardSettings;
  readonly own: OwnSecrets;
  readonly placeholders: Placeholders;
  readonly check: CheckArguments;
  /** The exchange with other parameters. */
  readonly withParams: (exchange: Exchange, changes: Readonly<Record<string, JsonValue>>) => Exchange;
  readonly report: (finding: Finding, call: Call) => void;
}

const OWN_CREDENTIAL = 'The arguments hold a credential of the gateway itself, so they are not sent to a server.';
const UNKNOWN_PLACEHOLDER =
  'The arguments hold a placeholder for a secret that is not known here, or was read from another server: read the text again from the server that it is written to.';

export function createGuardIn(options: GuardInOptions): Step {
  return async (call, next) => {
    const settings = options.settings();
    if (settings.secrets !== 'off') lookThrough(call, settings.secrets, options);
    if (settings.secrets === 'redact') restore(call, options);
    const target = call.target as Target;
    if (settings.arguments === 'validate' && target.inputSchema !== undefined) {
      const given = call.exchange.message.params?.['arguments'];
      const { argumentRules, canonicalId: id, inputSchema: schema } = target;
      const args = argumentRules === undefined || !isObject(given) ? given : callersOwn(given, argumentRules);
      const refusal = options.check({ id, schema, args, era: call.exchange.era });
      const answer = refusal instanceof Promise ? await refusal : refusal;
      if (answer !== undefined) return answer;
    }
    return await next(call);
  };
}

/** What the configuration hides or fixes is in no schema that a client sees, and not the client's to get wrong. */
function callersOwn(given: JsonObject, rules: ArgumentRules): JsonObject {
  const isOwn = (name: string): boolean => {
    const rule = Object.hasOwn(rules, name) ? rules[name] : undefined;
    return rule === undefined || !(rule.hide || rule.fix !== undefined);
  };
  return Object.fromEntries(Object.entries(given).filter(([name]) => isOwn(name)));
}

function lookThrough(call: Call, mode: GuardSettings['secrets'], { own, report }: GuardInOptions): void {
  const bytes = Buffer.from(call.exchange.text);
  const found = findFormats(bytes);
  const isOwn = own.literals.holds(bytes) || found.some((each) => each.isOwn === true);
  if (!isOwn && found.length === 0) return;
  const action = isOwn || mode === 'block' ? 'block' : 'flag';
  const kinds = isOwn ? ['sallyport'] : [...new Set(found.map(({ kind }) => kind))];
  report({ check: 'secrets', where: 'arguments', kinds, action }, call);
  if (isOwn) throw new Refused('refused', OWN_CREDENTIAL);
  if (action === 'block')
    throw new Refused('refused', `The arguments hold a secret (${kinds.join(', ')}), so they are not sent.`);
}

function restore(call: Call, { placeholders, withParams }: GuardInOptions): void {
  const given = call.exchange.message.params?.['arguments'];
  if (given === undefined) return;
  const text = JSON.stringify(given);
  const restored = placeholders.restore(placeholderOwner(call), text);
  if (restored === undefined) throw new Refused('refused', UNKNOWN_PLACEHOLDER);
  if (restored !== text) call.exchange = withParams(call.exchange, { arguments: JSON.parse(restored) as JsonValue });
}

/** Whose placeholders: a principal's, of one server. */
export function placeholderOwner({ exchange, target }: Call): string {
  return JSON.stringify([principalKey(exchange.session?.principal ?? exchange.principal), target?.server]);
}
