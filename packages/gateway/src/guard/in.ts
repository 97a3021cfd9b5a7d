/**
 * Guard in: what a client sends, before a server is asked. The gateway's own credentials never pass, an external guard may have
 * its say, placeholders become secrets again, and arguments are held against the tool's schema.
 */

import { principalKey, type Answer, type Exchange } from '@sallyport/server';
import { isObject, type JsonObject, type JsonValue } from '@sallyport/wire';
import { restate, type ArgumentRules, type Call, type Next, type Step, type Target } from '../call.ts';
import { Refused } from '../errors.ts';
import type { CheckArguments } from './arguments.ts';
import type { AskExternalGuard } from './external.ts';
import type { Finding, GuardSettings } from './finding.ts';
import { secretsIn, type OwnSecrets } from './secrets/own.ts';
import { PLACEHOLDER_START, type Placeholders } from './secrets/placeholders.ts';

export interface GuardInOptions {
  readonly settings: () => GuardSettings;
  readonly own: OwnSecrets;
  readonly placeholders: Placeholders;
  readonly check: CheckArguments;
  readonly external: AskExternalGuard;
  /** The exchange with other parameters. */
  readonly withParams: (exchange: Exchange, changes: Readonly<Record<string, JsonValue>>) => Exchange;
  /** The exchange with another text. */
  readonly withText: (exchange: Exchange, text: string) => Exchange;
  readonly report: (finding: Finding, call: Call) => void;
}

const OWN_CREDENTIAL = 'The arguments hold a credential of the gateway itself, so they are not sent to a server.';
const UNKNOWN_PLACEHOLDER =
  'The arguments hold a placeholder for a secret that is not known here, or was read from another server: read the text again from the server that it is written to.';
/** Bytes of arguments that an external guard may put in the place of others: no client may send more. */
const MAX_REPLACED = 4 * 1024 * 1024;

export function createGuardIn(options: GuardInOptions): Step {
  const meant = (call: Call, settings: GuardSettings): ReturnType<CheckArguments> => {
    if (settings.secrets === 'redact') restore(call, options);
    return settings.arguments === 'validate' ? checked(call, options.check) : undefined;
  };
  const waiting = async (call: Call, next: Next, settings: GuardSettings): Promise<Answer> => {
    await askOthers(call, settings, options);
    return meant(call, settings) ?? (await next(call));
  };
  // No promise of its own where nothing is waited for, as for most calls.
  return (call, next) => {
    try {
      const settings = options.settings();
      if (settings.secrets !== 'off') lookThrough(call, settings.secrets, options);
      if (settings.external !== undefined) return waiting(call, next, settings);
      const answer = meant(call, settings);
      return answer === undefined ? next(call) : Promise.resolve(answer);
    } catch (error) {
      return Promise.reject(error);
    }
  };
}

function checked(call: Call, check: CheckArguments): ReturnType<CheckArguments> {
  const { argumentRules, canonicalId: id, inputSchema: schema } = call.target as Target;
  if (schema === undefined) return undefined;
  const given = call.exchange.message.params?.['arguments'];
  const args = argumentRules === undefined || !isObject(given) ? given : callersOwn(given, argumentRules);
  return check({ id, schema, args, era: call.exchange.era });
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
  const found = secretsIn(Buffer.from(call.exchange.text), own);
  if (found === undefined) return;
  const action = found.isOwn || mode === 'block' ? 'block' : 'flag';
  report({ check: 'secrets', where: 'arguments', kinds: found.kinds, action }, call);
  if (found.isOwn) throw new Refused('refused', OWN_CREDENTIAL);
  if (action === 'block')
    throw new Refused('refused', `The arguments hold a secret (${found.kinds.join(', ')}), so they are not sent.`);
}

/** It sees placeholders as they came. What it puts in their place is looked through like what came. */
async function askOthers(call: Call, { external, secrets }: GuardSettings, options: GuardInOptions): Promise<void> {
  const content = call.exchange.message.params?.['arguments'];
  if (external === undefined || !external.on.includes('arguments') || !isObject(content)) return;
  const replaced = await options.external(call, { place: 'arguments', content, maxBytes: MAX_REPLACED }, external);
  if (replaced === undefined) return;
  restate(call, options.withParams(call.exchange, { arguments: replaced }));
  if (secrets !== 'off') lookThrough(call, secrets, options);
}

/** In the text of the request: all else stays as it was written. */
function restore(call: Call, { placeholders, withText }: GuardInOptions): void {
  const text = withPlainStarts(call.exchange);
  const restored = placeholders.restore(placeholderOwner(call), text);
  if (restored === undefined) throw new Refused('refused', UNKNOWN_PLACEHOLDER);
  if (restored !== text) restate(call, withText(call.exchange, restored));
}

/** A placeholder may be written with escapes; then the text is written anew. */
function withPlainStarts({ message, text }: Exchange): string {
  if (!text.includes('\\u')) return text;
  const anew = JSON.stringify(message);
  return anew.split(PLACEHOLDER_START).length === text.split(PLACEHOLDER_START).length ? text : anew;
}

/** Whose placeholders: a principal's, of one server. */
export function placeholderOwner({ exchange, target }: Call): string {
  return JSON.stringify([principalKey(exchange.session?.principal ?? exchange.principal), target?.server]);
}
