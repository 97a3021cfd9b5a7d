/**
 * The step that asks the policy. What the caller may not see is refused in the words of what is unknown; what may be seen but
 * not called this way gets the rule's public reason. Whoever is to be asked (`ask`) is asked by a later step.
 */

import type { Answer } from '@sallyport/server';
import { isObject, type JsonValue } from '@sallyport/wire';
import type { Audience, Call, Decision, MadeBy, Next, Step, Target } from '../call.ts';
import { Refused } from '../errors.ts';
import type { Facts, Policy } from './facts.ts';

export interface AuthorizeOptions {
  /** The one in force. */
  readonly policy: () => Policy;
  /** Name of the view that an endpoint belongs to. */
  readonly viewOf: (endpoint: string) => string | undefined;
  /** Throws what a call to something unknown is refused with. */
  readonly refuseUnknown: (call: Call) => never;
  /** `WWW-Authenticate` for a token that lacks scopes (RFC 6750 §3.1). */
  readonly challenge: (call: Call, scopes: readonly string[]) => string;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

export function createAuthorize(options: AuthorizeOptions): Step {
  const apply = (call: Call, facts: Facts, policy: Policy, decision: Decision, next: Next): Promise<Answer> => {
    // Who has allowed the call of a tool is not asked again at each look at the task that it made.
    const isApproved = decision.effect === 'ask' && call.target?.madeBy?.approved === true;
    call.decision = isApproved ? { ...decision, effect: 'allow' } : decision;
    call.policyVersion = policy.version;
    return decision.effect === 'deny' ? refuse(call, facts, policy, decision, options) : next(call);
  };
  return (call, next) => {
    const policy = options.policy();
    const facts = factsOf(call, call.target as Target, options);
    if (facts === undefined) return refuseArguments(call, policy, options);
    const decision = policy.decide(facts);
    if (!(decision instanceof Promise)) return apply(call, facts, policy, decision, next);
    return decision.then((made) => apply(call, facts, policy, made, next));
  };
}

/** Undefined for arguments that are none: a condition would see nothing of what the server gets. */
function factsOf({ exchange }: Call, target: Target, { now, viewOf }: AuthorizeOptions): Facts | undefined {
  const { address, endpoint, message } = exchange;
  // Of a call that has been under way for a while the session knows the rights that are left.
  const principal = exchange.session?.principal ?? exchange.principal;
  const given = argumentsOf(target, message);
  if (given !== undefined && !isObject(given)) return undefined;
  const { madeBy, server } = target;
  const decided = madeBy === undefined ? { target, arguments: given } : asCall(madeBy, server);
  return { principal, ...decided, address, nowMs: now(), view: viewOf(endpoint) };
}

/** What is asked of a task is decided as the call that made it. */
function asCall(
  { annotations, arguments: given, canonicalId }: MadeBy,
  server: string,
): Pick<Facts, 'target' | 'arguments'> {
  const target = { server, kind: 'tool', canonicalId, ...(annotations && { annotations }) } as const;
  return { target, arguments: given };
}

/** Of a method that nobody here knows the server may read anything. A read and a completion have no arguments. */
function argumentsOf({ kind }: Target, { method, params }: Call['exchange']['message']): JsonValue | undefined {
  if (kind === 'server') return params;
  return method === 'resources/read' || method === 'completion/complete' ? undefined : params?.['arguments'];
}

async function refuseArguments(
  call: Call,
  policy: Policy,
  { refuseUnknown, viewOf }: AuthorizeOptions,
): Promise<never> {
  const { endpoint, principal } = call.exchange;
  if (!sees(policy.audienceOf(principal, viewOf(endpoint)), call.target as Target)) return refuseUnknown(call);
  throw new Refused('invalid_params', 'The arguments must be an object.');
}

function sees(audience: Audience, { annotations, canonicalId, kind, server }: Facts['target']): boolean {
  return kind !== 'task' && kind !== 'server' && audience.maySee(kind, server, canonicalId, annotations);
}

async function refuse(
  call: Call,
  { principal, target, view }: Facts,
  policy: Policy,
  { neededScopes, reason, rule }: Decision,
  { challenge, refuseUnknown }: AuthorizeOptions,
): Promise<never> {
  const maySee = sees(policy.audienceOf(principal, view), target);
  if (!maySee) return refuseUnknown(call);
  const detail = `${rule} of policy ${policy.version}`;
  if (neededScopes !== undefined) {
    throw new Refused('insufficient_scope', undefined, {
      headers: { 'www-authenticate': challenge(call, neededScopes) },
      detail,
    });
  }
  throw new Refused('refused', `Refused by policy: ${reason ?? 'this call is not allowed'}`, { detail });
}
