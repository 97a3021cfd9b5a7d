/**
 * The step that asks the policy. What the caller may not see is refused in the words of what is unknown; what may be seen but
 * not called this way gets the rule's public reason. Whoever is to be asked (`ask`) is asked by a later step.
 */

import type { Answer } from '@sallyport/server';
import { isObject, type JsonObject } from '@sallyport/wire';
import type { Call, Decision, Next, Step, Target } from '../call.ts';
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
    call.decision = decision;
    call.policyVersion = policy.version;
    return decision.effect === 'deny' ? refuse(call, facts, policy, decision, options) : next(call);
  };
  return (call, next) => {
    const policy = options.policy();
    const facts = factsOf(call, call.target as Target, options);
    const decision = policy.decide(facts);
    if (!(decision instanceof Promise)) return apply(call, facts, policy, decision, next);
    return decision.then((made) => apply(call, facts, policy, made, next));
  };
}

function factsOf({ exchange }: Call, target: Target, { now, viewOf }: AuthorizeOptions): Facts {
  const { address, endpoint, message, principal } = exchange;
  return { principal, target, arguments: argumentsOf(message.params), address, nowMs: now(), view: viewOf(endpoint) };
}

/** Of a tool or a prompt. A completion has none but the one that is being typed. */
function argumentsOf(params: JsonObject | undefined): JsonObject | undefined {
  const given = params?.['arguments'];
  return isObject(given) ? given : undefined;
}

async function refuse(
  call: Call,
  { principal, target, view }: Facts,
  policy: Policy,
  { missingScopes, reason, rule }: Decision,
  { challenge, refuseUnknown }: AuthorizeOptions,
): Promise<never> {
  const { annotations, canonicalId, kind, server } = target;
  const audience = policy.audienceOf(principal, view);
  const maySee = kind === 'task' || kind === 'server' ? false : audience.maySee(kind, server, canonicalId, annotations);
  if (!maySee) return refuseUnknown(call);
  const detail = `${rule} of policy ${policy.version}`;
  if (missingScopes !== undefined) {
    throw new Refused('insufficient_scope', undefined, {
      headers: { 'www-authenticate': challenge(call, missingScopes) },
      detail,
    });
  }
  throw new Refused('refused', `Refused by policy: ${reason ?? 'this call is not allowed'}`, { detail });
}
