/** What is decided about, and what comes out: the seam of this room. Types alone. */

import type { Principal } from '@sallyport/server';
import type { JsonObject, JsonValue } from '@sallyport/wire';
import type { Audience, Decision, Target } from '../call.ts';

export type TargetKind = Target['kind'];

/** `annotations`: the pinned ones, never what a server says today. */
export type PolicyTarget = Pick<Target, 'kind' | 'server' | 'canonicalId' | 'annotations'>;

/** One call, as far as a policy may look at it. */
export interface Facts {
  readonly principal: Principal;
  readonly target: PolicyTarget;
  readonly arguments?: JsonObject | undefined;
  /** The client's network address; undefined over stdio. */
  readonly address?: string | undefined;
  /** Milliseconds since 1970. */
  readonly nowMs: number;
  /** Name of the view that the call came through. */
  readonly view?: string | undefined;
}

export interface Policy {
  /** Those that its credential states, and those that the policy gives it. */
  rolesOf(principal: Principal): ReadonlySet<string>;
  /** Changes with the policy: 12 hexadecimal digits. */
  readonly version: string;
  /** What a principal may see, at the root or through a view. The same object for all who see the same. */
  audienceOf(principal: Principal, view?: string): Audience;
  /** This very call. A promise only where an external decision is configured. Never throws, never rejects. */
  decide(facts: Facts): Decision | Promise<Decision>;
  /** The rules alone, one by one; an external decision is not asked. */
  explain(facts: Facts): Explanation;
}

/** Why a call is decided as it is. Also the body of an answer to the command line. */
export interface Explanation {
  readonly policyVersion: string;
  readonly principal: {
    readonly issuer: string;
    readonly subject: string;
    /** Those of its credential and those that the policy gives. */
    readonly roles: readonly string[];
  };
  readonly target: { readonly kind: TargetKind; readonly server: string; readonly id: string };
  /** Whether it stands in lists. What does not is answered as unknown. */
  readonly visible: boolean;
  readonly decision: Decision;
  readonly rules: readonly ExplainedRule[];
  /** What is not refused by the rules is asked there as well. */
  readonly external?: string;
}

export interface ExplainedRule {
  /** `rules[3]`, `builtin:viewer`, `builtin:address` or `default`. */
  readonly rule: string;
  readonly effect: Decision['effect'];
  /** Whether it speaks of this call. */
  readonly applies: boolean;
  readonly decides: boolean;
  /** Why it does not apply; also why it does where that needs a word. */
  readonly because: readonly string[];
  readonly condition?: { readonly text: string; readonly value?: JsonValue; readonly error?: string };
}
