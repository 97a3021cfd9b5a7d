/** What tests of the policy are given: a policy of few words, and calls to decide about. */

import type { Principal } from '@sallyport/server';
import { createPolicy, type ExternalOptions, type Facts, type Policy, type PolicySettings } from '../index.ts';
import type { RuleSettings } from '../settings.ts';

export const NO_EXTERNAL: ExternalOptions = {
  fetch: () => Promise.reject(new Error('nobody is asked')),
  timeout: () => new AbortController().signal,
  log: () => undefined,
  now: () => 0,
};

export function settings(rules: readonly RuleSettings[], more: Partial<PolicySettings> = {}): PolicySettings {
  return { default: 'deny', roles: {}, rules, ...more };
}

export function policyOf(rules: readonly RuleSettings[], more: Partial<PolicySettings> = {}): Promise<Policy> {
  return createPolicy(settings(rules, more), NO_EXTERNAL);
}

/** The holder of a client key. */
export function holder(subject: string, ...roles: readonly string[]): Principal {
  return { issuer: 'local', subject, roles };
}

/** The holder of a token. */
export function bearer(subject: string, more: Partial<Principal> = {}): Principal {
  return { issuer: 'https://idp.example.com', subject, roles: [], ...more };
}

export const ANYBODY: Principal = holder('anybody');

/** A call of a tool by its canonical id. */
export function toolCall(id: string, more: Partial<Facts> = {}): Facts {
  return {
    principal: ANYBODY,
    target: { kind: 'tool', server: id.slice(0, id.indexOf('__')), canonicalId: id },
    nowMs: Date.UTC(2026, 10, 5, 12),
    ...more,
  };
}

/** A read of a resource. */
export function read(server: string, uri: string, more: Partial<Facts> = {}): Facts {
  return { principal: ANYBODY, target: { kind: 'resource', server, canonicalId: uri }, nowMs: 0, ...more };
}
