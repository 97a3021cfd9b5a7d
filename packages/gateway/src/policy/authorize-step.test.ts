import { describe, expect, it } from 'vitest';
import type { Principal } from '@sallyport/server';
import type { JsonObject } from '@sallyport/wire';
import type { Call, Target } from '../call.ts';
import { Refused } from '../errors.ts';
import { createAuthorize, createPolicy, type Policy } from './index.ts';
import type { RuleSettings } from './settings.ts';
import { bearer, holder, NO_EXTERNAL, policyOf, settings } from './testing/fixtures.ts';

const UNKNOWN = new Refused('invalid_params', 'Unknown tool: x');

function callOf(
  target: Partial<Target>,
  principal: Principal,
  params: JsonObject = {},
  method: string = 'tools/call',
): Call {
  const whole: Target = { kind: 'tool', server: 'a', canonicalId: 'a__b', original: 'b', ...target };
  const exchange = {
    principal,
    endpoint: '/mcp/v/reading',
    address: '10.0.0.1',
    message: { method, params },
  };
  return { exchange: exchange as unknown as Call['exchange'], target: whole };
}

/** What comes of a call: that it passed, or what it was refused with. */
async function outcome(policy: Policy, call: Call): Promise<unknown> {
  const step = createAuthorize({
    policy: () => policy,
    viewOf: (endpoint) => /\/v\/(.*)/.exec(endpoint)?.[1],
    refuseUnknown: () => {
      throw UNKNOWN;
    },
    challenge: (_call, scopes) => `Bearer error="insufficient_scope", scope="${scopes.join(' ')}"`,
    now: () => 0,
  });
  const passed = { kind: 'value', result: {} } as const;
  return step(call, async () => passed).then(
    (answer) => (answer === passed ? 'passed' : answer),
    (error: unknown) => error,
  );
}

describe('the step that authorizes', () => {
  it('passes what is allowed and what is to be asked, and leaves the decision on the call', async () => {
    const policy = await policyOf([
      { effect: 'allow', views: ['reading'] },
      { effect: 'ask', tools: ['a__ask'], reason: 'why' },
    ]);
    for (const [id, effect] of [
      ['a__b', 'allow'],
      ['a__ask', 'ask'],
    ] as const) {
      const call = callOf({ canonicalId: id }, holder('x'));
      expect(await outcome(policy, call)).toBe('passed');
      expect(call).toMatchObject({ decision: { effect }, policyVersion: policy.version });
    }
  });

  it('refuses what may be seen but not called so, with the public reason and no more', async () => {
    const when = "arguments.path != '/etc' && inCidr(address, '10.0.0.0/8')";
    const policy = await policyOf([
      { effect: 'allow', tools: ['a__b'], when },
      { effect: 'allow', tools: ['a__c'] },
      { effect: 'deny', tools: ['a__c'], when, reason: 'not from here' },
    ]);
    const args = { arguments: { path: '/tmp' } };
    expect(await outcome(policy, callOf({}, holder('x'), args))).toBe('passed');
    const bad = callOf({}, holder('x'), { arguments: { path: '/etc' } });
    const refused = (await outcome(policy, bad)) as Refused;
    expect(refused).toMatchObject({ key: 'refused', message: 'Refused by policy: this call is not allowed' });
    expect(bad.decision).toEqual({ effect: 'deny', rule: 'default' });
    expect(await outcome(policy, callOf({ canonicalId: 'a__c' }, holder('x'), args))).toMatchObject({
      message: 'Refused by policy: not from here',
    });
  });

  it.each<[Target['kind'], string]>([
    ['tool', 'a__secret'],
    ['prompt', 'a__p'],
    ['resource', 'x://y'],
    ['server', 'm'],
    ['task', 't'],
  ])('AUT-05 refuses a %s that may not be seen in the words of what is unknown', async (kind, canonicalId) => {
    const policy = await policyOf([{ effect: 'allow', tools: ['b__*'] }]);
    expect(await outcome(policy, callOf({ kind, canonicalId }, holder('x')))).toBe(UNKNOWN);
  });

  it('AUT-05 says of a method that nobody lists no more than that it is unknown', async () => {
    const policy = await policyOf([{ effect: 'allow', servers: ['a'], when: 'arguments.x == 1' }]);
    expect(await outcome(policy, callOf({ kind: 'server', canonicalId: 'm' }, holder('x')))).toBe(UNKNOWN);
    expect(await outcome(policy, callOf({}, holder('x')))).toMatchObject({ key: 'refused' });
  });

  it('AUT-05 tells a URI that is written around a rule nothing', async () => {
    const policy = await policyOf([{ effect: 'allow', resources: ['x://public/*'] }]);
    const call = callOf({ kind: 'resource', canonicalId: 'x://public/../secret' }, holder('x'));
    expect(await outcome(policy, call)).toBe(UNKNOWN);
  });

  it.each([
    ['tool', 'tools/call'],
    ['prompt', 'prompts/get'],
    ['tool', 'x/call'],
  ] as const)(
    'P2-10 refuses arguments of a %s (%s) that are no object, which a condition cannot see',
    async (kind, method) => {
      const deny: RuleSettings = { effect: 'deny', when: "'force' in arguments" };
      const policy = await policyOf([{ effect: 'allow' }, deny]);
      const hiding = await policyOf([{ effect: 'allow', tools: ['a__c'] }]);
      for (const given of [['--force'], 'force', null, 1, false]) {
        const call = callOf({ kind }, holder('x'), { arguments: given }, method);
        expect(await outcome(policy, call)).toMatchObject({
          key: 'invalid_params',
          message: 'The arguments must be an object.',
        });
        expect(await outcome(hiding, call)).toBe(UNKNOWN);
      }
      for (const params of [{}, { arguments: {} }]) {
        expect(await outcome(policy, callOf({ kind }, holder('x'), params, method))).toBe('passed');
      }
    },
  );

  it('P2-10 shows conditions all that a method brings that nobody here knows', async () => {
    const policy = await policyOf([
      { effect: 'allow' },
      { effect: 'deny', when: "'force' in arguments || arguments.path.startsWith('/etc')" },
    ]);
    const of = (params: JsonObject): Promise<unknown> =>
      outcome(policy, callOf({ kind: 'server', canonicalId: 'x/run' }, holder('x'), params, 'x/run'));
    expect(await of({ path: '/tmp' })).toBe('passed');
    // The last one cannot say: then what denies applies.
    for (const params of [{ force: 1 }, { path: '/etc/x' }, { arguments: { path: '/tmp' } }]) {
      expect(await of(params), JSON.stringify(params)).toBe(UNKNOWN);
    }
  });

  it.each([
    ['resource', 'resources/read'],
    ['prompt', 'completion/complete'],
  ] as const)('P2-10 believes no arguments that a %s (%s) does not have', async (kind, method) => {
    const policy = await policyOf([{ effect: 'allow', when: 'arguments.ok == true' }]);
    const call = callOf({ kind, canonicalId: 'x://y' }, holder('x'), { arguments: { ok: true } }, method);
    expect(await outcome(policy, call)).toMatchObject({ key: 'refused' });
  });

  it('AUT-12 P2-17 asks for the scopes that the call needs, and for no others', async () => {
    const policy = await policyOf([{ effect: 'allow', tools: ['a__b'], scopes: ['read', 'write'] }]);
    const refused = await outcome(policy, callOf({}, bearer('eve', { scopes: ['read'] })));
    expect(refused).toMatchObject({
      key: 'insufficient_scope',
      message: 'The access token lacks a scope.',
      headers: { 'www-authenticate': 'Bearer error="insufficient_scope", scope="read write"' },
      data: undefined,
    });
  });

  it('waits for an external decision', async () => {
    const external = { url: 'https://opa.example.com', timeoutMs: 1, headers: {} };
    const fetch = async (_url: string, init: RequestInit): Promise<Response> =>
      Response.json({ result: (init.body as string).includes('/tmp') });
    const policy = await createPolicy(settings([{ effect: 'allow' }], { external }), { ...NO_EXTERNAL, fetch });
    expect(await outcome(policy, callOf({}, holder('x'), { arguments: { path: '/tmp' } }))).toBe('passed');
    const call = callOf({}, holder('x'), { arguments: { path: '/etc' } });
    expect(await outcome(policy, call)).toMatchObject({ key: 'refused' });
    expect(call.decision).toEqual({ effect: 'deny', rule: 'external' });
  });

  it('AUT-11 decides by the annotations of the target, whatever the call says', async () => {
    const policy = await policyOf([]);
    const params = { annotations: { readOnlyHint: true }, arguments: { annotations: { readOnlyHint: true } } };
    expect(await outcome(policy, callOf({ annotations: { readOnlyHint: false } }, holder('v', 'viewer'), params))).toBe(
      UNKNOWN,
    );
    expect(await outcome(policy, callOf({ annotations: { readOnlyHint: true } }, holder('v', 'viewer'), params))).toBe(
      'passed',
    );
  });
});
