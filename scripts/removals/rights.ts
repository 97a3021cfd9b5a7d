/** What callers may do, and how much of it: policy, lists, approvals, limits. */
import { gateway, server, type Removal } from './removal.ts';

const rights: readonly Removal[] = [
  {
    protection: 'P2-16 deny wins',
    file: gateway('policy/audience.ts'),
    find: 'if (denies.certain !== undefined) return settled(denies.certain, false);',
    replace: '',
    tests: gateway('policy/policy.test.ts'),
  },
  {
    protection: 'P2-16 deny with a condition wins',
    file: gateway('policy/decide.ts'),
    find: 'if (denied !== undefined) return denied.decision;',
    replace: '',
    tests: gateway('policy/properties.test.ts'),
  },
  {
    protection: 'AUT-01 a condition that cannot say allows nothing',
    file: gateway('policy/decide.ts'),
    find: "return settings.effect === 'deny';",
    replace: 'return true;',
    tests: gateway('policy/policy.test.ts'),
  },
  {
    protection: 'AUT-12 a rule with scopes is for tokens that have them',
    file: gateway('policy/rules.ts'),
    find: 'return settings.scopes.filter((scope) => !scopes.includes(scope));',
    replace: 'return settings.scopes.filter(() => false);',
    tests: gateway('policy/policy.test.ts'),
  },
  {
    protection: 'AUT-05 what is not seen is refused as unknown',
    file: gateway('policy/authorize-step.ts'),
    find: 'if (!maySee) return refuseUnknown(call);',
    replace: '',
    tests: gateway('policy/authorize-step.test.ts'),
  },
  {
    protection: 'AUT-02 lists leave out what is not seen',
    file: gateway('catalog/composing.ts'),
    find: " && audience.maySee('tool', server, id, annotations)",
    replace: ' && (annotations !== null || server !== id)',
    tests: gateway('catalog/audience.test.ts'),
  },
  {
    protection: 'AUT-02 a resource that is not seen has no owner',
    file: gateway('catalog/view.ts'),
    find: "selection.audience?.maySee('resource', server, uri) !== false;",
    replace: "selection.audience?.maySee('resource', server, uri) !== undefined;",
    tests: gateway('catalog/audience.test.ts'),
  },
  {
    protection: 'AUT-05 a server that is not seen is at no path',
    file: gateway('catalog/selection.ts'),
    find: 'hasServer: (name) => names.has(name) && audience?.mayKnow(name) !== false,',
    replace: 'hasServer: (name) => names.has(name),',
    tests: gateway('catalog/audience.test.ts'),
  },
  {
    protection: 'AUT-11 annotations are believed as they were first said',
    file: gateway('catalog/pinned.ts'),
    find: 'if (!isObject(before) || !isObject(now)) return undefined;',
    replace: 'if (!isObject(before) || !isObject(now)) return isObject(now) ? now : undefined;',
    tests: gateway('catalog/pinned.test.ts'),
  },
  {
    protection: 'P4-16 a read-only server shows what changes nothing',
    file: gateway('catalog/offer.ts'),
    find: " && (!readOnly || annotations?.['readOnlyHint'] === true)",
    replace: ' && readOnly !== undefined && annotations !== null',
    tests: gateway('catalog/pinned.test.ts'),
  },
  {
    protection: 'AUT-14 an approval is good once',
    file: gateway('approval/index.ts'),
    find: 'if (!(await use(nonce, expiresAtMs))) {',
    replace: 'if (nonce === "" && !(await use(nonce, expiresAtMs))) {',
    tests: gateway('approval/approval.test.ts'),
  },
  {
    protection: 'AUT-14 an approval is for the arguments that were shown',
    file: gateway('approval/index.ts'),
    find: 'const digest = paramsDigest(exchange.message.params ?? {});',
    replace: 'const digest = paramsDigest({});',
    tests: gateway('approval/approval.test.ts'),
  },
  {
    protection: 'AUT-08 who lost a right hears of it and loses what it gave',
    file: gateway('subscriptions/index.ts'),
    find: 'for (const standing of before) this.#audienceChanged(standing);',
    replace: '',
    tests: gateway('subscriptions/subscriptions.test.ts'),
  },
];

const limits: readonly Removal[] = [
  {
    protection: 'P3-09 a bucket that is empty refuses',
    file: server('limits/bucket.ts'),
    find: 'return used + 1 <= rate.count + ROUNDING;',
    replace: 'return used + 1 <= rate.count + ROUNDING || rate.count > 0;',
    tests: gateway('admission/calls.test.ts'),
  },
  {
    protection: 'P2-14 the calls of a principal at a time are bounded',
    file: gateway('admission/calls.ts'),
    find: 'if (underWay < count) return undefined;',
    replace: 'if (underWay < Infinity) return undefined;',
    tests: gateway('admission/calls.test.ts'),
  },
  {
    protection: 'DOS-10 as many calls as fit wait for a server',
    file: gateway('admission/queue.ts'),
    find: 'if (this.#waiting < serverQueue) return;',
    replace: 'if (this.#waiting < Infinity) return;',
    tests: gateway('admission/target.test.ts'),
  },
  {
    protection: 'P3-09 failed attempts of an address are counted',
    file: server('auth/failures.ts'),
    find: 'return window.count > perMinute ? window.startMs + WINDOW_MS - nowMs : 0;',
    replace: 'return window.count > Infinity ? window.startMs + WINDOW_MS - nowMs : 0;',
    tests: server('auth/failures.test.ts'),
  },
  {
    protection: 'a reload opens nothing',
    file: gateway('config/opening.ts'),
    find: '    ...ofPolicy(before.policy, after.policy),\n',
    replace: '',
    tests: gateway('config/changes.test.ts'),
  },
  {
    protection: 'no condition takes longer than it may',
    file: gateway('policy/condition-steps.ts'),
    find: "if (left < 0) throw new Error('it takes too many steps');",
    replace: '',
    tests: gateway('policy/condition.test.ts'),
  },
];

export const RIGHTS: readonly Removal[] = [...rights, ...limits];
