import { describe, expect, it } from 'vitest';
import type { Principal } from '@sallyport/server';
import type { Decision } from '../call.ts';
import type { RuledAudience } from './audience.ts';
import { createPolicy, PolicyError, type Facts, type Policy } from './index.ts';
import type { RuleSettings } from './settings.ts';
import { ANYBODY, bearer, holder, NO_EXTERNAL, policyOf, read, settings, toolCall } from './testing/fixtures.ts';

async function effect(policy: Policy, facts: Facts): Promise<Decision['effect']> {
  return (await policy.decide(facts)).effect;
}

const allowAll: RuleSettings = { effect: 'allow' };

describe('without a policy', () => {
  it('whoever is authenticated may use everything', async () => {
    const policy = await createPolicy(undefined, NO_EXTERNAL);
    const audience = policy.audienceOf(ANYBODY);
    expect(policy.decide(toolCall('files__delete'))).toEqual({ effect: 'allow', rule: 'default' });
    expect(audience.maySee('tool', 'files', 'files__delete')).toBe(true);
    expect(audience).toBe(policy.audienceOf(bearer('eve')));
    expect(policy.explain(toolCall('files__delete')).decision.effect).toBe('allow');
  });
});

describe('an empty policy', () => {
  it.each([holder('local'), holder('bob', 'dev'), bearer('eve')])(
    'AUT-01 denies %j everything and shows nothing',
    async (principal) => {
      const policy = await policyOf([]);
      const audience = policy.audienceOf(principal);
      for (const kind of ['tool', 'prompt', 'resource', 'template'] as const) {
        const target = { kind, server: 'files', canonicalId: 'files__x' };
        expect(policy.decide({ principal, target, nowMs: 0 })).toEqual({ effect: 'deny', rule: 'default' });
        expect(audience.maySee(kind, 'files', 'files__x')).toBe(false);
      }
      expect(audience.mayUse('files')).toBe(false);
      expect(audience.mayEnter('reading')).toBe(false);
    },
  );
});

describe('rules', () => {
  it('match canonical ids with globs, anchored', async () => {
    const policy = await policyOf([{ effect: 'allow', tools: ['files__read_*', 'git__lo?', 'x__*y*z'] }]);
    const yes = ['files__read_a', 'files__read_', 'git__log', 'x__yz', 'x__1y2z'];
    const no = ['files__read', 'afiles__read_a', 'git__lo', 'git__logs', 'x__zy', 'x__y', 'files__write'];
    for (const id of yes) expect(await effect(policy, toolCall(id)), id).toBe('allow');
    for (const id of no) expect(await effect(policy, toolCall(id)), id).toBe('deny');
  });

  it('that name a kind of target speak of that kind alone', async () => {
    const policy = await policyOf([{ effect: 'allow', tools: ['*'] }]);
    const audience = policy.audienceOf(ANYBODY);
    expect(audience.maySee('tool', 'a', 'a__b')).toBe(true);
    for (const kind of ['prompt', 'resource', 'template'] as const)
      expect(audience.maySee(kind, 'a', 'a__b')).toBe(false);
  });

  it('that name servers alone speak of everything of them', async () => {
    const policy = await policyOf([{ effect: 'allow', servers: ['fi*'] }]);
    const audience = policy.audienceOf(ANYBODY);
    for (const kind of ['tool', 'prompt', 'resource', 'template'] as const) {
      expect(audience.maySee(kind, 'files', 'files__b')).toBe(true);
      expect(audience.maySee(kind, 'git', 'git__b')).toBe(false);
    }
    expect(
      await effect(policy, { ...toolCall('files__x'), target: { kind: 'server', server: 'files', canonicalId: 'm' } }),
    ).toBe('allow');
  });

  it('with empty lists match nothing', async () => {
    for (const rule of [{ tools: [] }, { roles: [] }, { principals: [] }, { servers: [] }, { views: [] }]) {
      const policy = await policyOf([{ effect: 'allow', ...rule }]);
      expect(await effect(policy, toolCall('a__b', { view: 'v' })), JSON.stringify(rule)).toBe('deny');
    }
  });

  it('name principals by subject, or by issuer and subject part by part', async () => {
    const policy = await policyOf([{ effect: 'allow', principals: ['ali*', 'https://idp.example.com#bob'] }]);
    expect(await effect(policy, toolCall('a__b', { principal: holder('alice') }))).toBe('allow');
    expect(await effect(policy, toolCall('a__b', { principal: bearer('alice') }))).toBe('allow');
    expect(await effect(policy, toolCall('a__b', { principal: bearer('bob') }))).toBe('allow');
    expect(await effect(policy, toolCall('a__b', { principal: holder('bob') }))).toBe('deny');
    const forged = { issuer: 'https://evil.example.com', subject: 'https://idp.example.com#bob', roles: [] };
    expect(await effect(policy, toolCall('a__b', { principal: forged }))).toBe('deny');
  });

  it('at a view count there alone, and say who may enter it', async () => {
    const policy = await policyOf([
      { effect: 'allow', views: ['read*'], tools: ['a__b'] },
      { effect: 'allow', roles: ['dev'] },
      { effect: 'deny', views: ['secret'] },
    ]);
    expect(await effect(policy, toolCall('a__b'))).toBe('deny');
    expect(await effect(policy, toolCall('a__b', { view: 'reading' }))).toBe('allow');
    expect(policy.audienceOf(ANYBODY).maySee('tool', 'a', 'a__b')).toBe(false);
    expect(policy.audienceOf(ANYBODY, 'reading').maySee('tool', 'a', 'a__b')).toBe(true);
    expect(policy.audienceOf(ANYBODY).mayEnter('reading')).toBe(true);
    expect(policy.audienceOf(ANYBODY).mayEnter('writing')).toBe(false);
    expect(policy.audienceOf(holder('bob', 'dev')).mayEnter('writing')).toBe(true);
    expect(policy.audienceOf(holder('bob', 'dev')).mayEnter('secret')).toBe(false);
  });

  it('deny before they ask, ask before they allow, and give the reason of the one that decides', async () => {
    const deny: RuleSettings = { effect: 'deny', tools: ['a__c'], reason: 'not on Fridays' };
    const policy = await policyOf([allowAll, { effect: 'ask', tools: ['a__b', 'a__c'] }, deny]);
    expect(policy.decide(toolCall('a__a'))).toEqual({ effect: 'allow', rule: 'rules[0]' });
    expect(policy.decide(toolCall('a__b'))).toEqual({ effect: 'ask', rule: 'rules[1]' });
    expect(policy.decide(toolCall('a__c'))).toEqual({ effect: 'deny', rule: 'rules[2]', reason: 'not on Fridays' });
  });

  it('refuse names and addresses that are too long, also where the default allows', async () => {
    const policy = await policyOf([], { default: 'allow' });
    expect(await effect(policy, read('a', `x://${'a'.repeat(8000)}`))).toBe('allow');
    expect(await effect(policy, read('a', `x://${'a'.repeat(9000)}`))).toBe('deny');
  });
});

describe('URIs', () => {
  it.each([
    'file:///public/../secret/key',
    'file:///public/%2e%2e/secret/key',
    'file:///public/..%2Fsecret/key',
    'file:///public/%252e%252e/secret/key',
    'file:///public/..\\secret\\key',
    'file:///public/x/../../secret/key',
    'file:///public/./secret/key',
    'file:///public/..',
    'file:///public/%2e',
    'file:///secret/key',
  ])('P3-06 written as %s do not leave what is allowed', async (uri) => {
    const policy = await policyOf([{ effect: 'allow', resources: ['file:///public/*'] }]);
    expect(await effect(policy, read('files', uri))).toBe('deny');
    expect(policy.audienceOf(ANYBODY).maySee('resource', 'files', uri)).toBe(false);
  });

  it.each([
    'file:///secret/key',
    'FILE:///secret/key',
    'file://localhost/secret/key',
    'file:/secret/key',
    'file:////secret/key',
    'file:///%73ecret/key',
    'file:///secret%2Fkey',
  ])('P3-06 written as %s do not get around what is denied', async (uri) => {
    const policy = await policyOf([allowAll, { effect: 'deny', resources: ['file:///secret/*'] }]);
    expect(await effect(policy, read('files', uri))).toBe('deny');
  });

  it.each(['note://MyVault/%C3%BC b?x=../y#..', 'https://example.com', 'file:///a/b..c/.d', 'urn:isbn:1', 'mem:a%20b'])(
    'in their usual form mean themselves: %s',
    async (uri) => {
      const policy = await policyOf([{ effect: 'allow', resources: [uri.replaceAll('?', '*')] }]);
      expect(await effect(policy, read('files', uri))).toBe('allow');
    },
  );
});

describe('roles', () => {
  const roles = {
    dev: { keys: ['bob'], groups: ['eng'], claims: { 'realm.teams': ['core'], 'https://x.y/level': [3] } },
  };
  const dev: RuleSettings = { effect: 'allow', roles: ['dev'] };

  it.each<[string, Principal, 'allow' | 'deny']>([
    ['stated by a key', holder('eve', 'dev'), 'allow'],
    ['stated by a token', bearer('eve', { roles: ['dev'] }), 'allow'],
    ['by name of a key', holder('bob'), 'allow'],
    ['never by the subject of a token', bearer('bob'), 'deny'],
    ['by group', bearer('eve', { groups: ['ops', 'eng'] }), 'allow'],
    ['by all claims', bearer('eve', { claims: { realm: { teams: ['x', 'core'] }, 'https://x.y/level': 3 } }), 'allow'],
    ['not by one of two claims', bearer('eve', { claims: { realm: { teams: 'core' } } }), 'deny'],
    [
      'not by claims of another type',
      bearer('eve', { claims: { realm: { teams: 'core' }, 'https://x.y/level': '3' } }),
      'deny',
    ],
    ['not without any of it', bearer('eve', { groups: ['ops'], claims: {} }), 'deny'],
  ])('%s', async (_title, principal, expected) => {
    expect(await effect(await policyOf([dev], { roles }), toolCall('a__b', { principal }))).toBe(expected);
  });

  it('without claims are not given to everybody who has some', async () => {
    const none = { dev: { keys: [], groups: [], claims: {} } };
    const principal = bearer('eve', { claims: { a: 1 } });
    expect(await effect(await policyOf([dev], { roles: none }), toolCall('a__b', { principal }))).toBe('deny');
  });
});

describe('scopes', () => {
  const rules: readonly RuleSettings[] = [
    { effect: 'allow', tools: ['a__read'], scopes: ['read'] },
    { effect: 'allow', tools: ['a__write'], scopes: ['read', 'write', 'admin'] },
    { effect: 'allow', tools: ['a__write'], scopes: ['read', 'write'] },
    { effect: 'allow', tools: ['a__when'], scopes: ['late'], when: 'arguments.x == "y"' },
    { effect: 'deny', tools: ['a__never'] },
    { effect: 'allow', tools: ['a__never'], scopes: ['read'] },
  ];

  it('AUT-12 that are missing are named, those that are needed and no other, and the target is listed', async () => {
    const policy = await policyOf(rules);
    const principal = bearer('eve', { scopes: ['read'] });
    expect(await effect(policy, toolCall('a__read', { principal }))).toBe('allow');
    expect(policy.decide(toolCall('a__write', { principal }))).toMatchObject({
      effect: 'deny',
      rule: 'rules[2]',
      missingScopes: ['write'],
    });
    expect(policy.audienceOf(principal).maySee('tool', 'a', 'a__write')).toBe(true);
  });

  it('AUT-12 are not the reason where something else refuses as well', async () => {
    const policy = await policyOf(rules);
    const principal = bearer('eve', { scopes: [] });
    expect(policy.decide(toolCall('a__never', { principal }))).toEqual({ effect: 'deny', rule: 'rules[4]' });
    expect(policy.decide(toolCall('a__when', { principal }))).toEqual({ effect: 'deny', rule: 'default' });
    expect(policy.decide(toolCall('a__when', { principal, arguments: { x: 'y' } }))).toMatchObject({
      missingScopes: ['late'],
    });
    expect(policy.audienceOf(principal).maySee('tool', 'a', 'a__never')).toBe(false);
    expect(policy.decide(toolCall('a__other', { principal }))).toEqual({ effect: 'deny', rule: 'default' });
  });

  it('do not limit who has none at all, as the holder of a key', async () => {
    expect(await effect(await policyOf(rules), toolCall('a__write'))).toBe('allow');
  });

  it('have no place in a rule that denies', async () => {
    await expect(policyOf([{ effect: 'deny', scopes: ['x'] }])).rejects.toThrow(/policy\.rules\[0\]\.scopes/);
  });
});

describe('tasks and servers', () => {
  const at = (kind: 'task' | 'server', server: string): Facts => ({
    ...toolCall('x__y'),
    target: { kind, server, canonicalId: 'x' },
  });

  it('a task may be asked for while something of its server may be used', async () => {
    const policy = await policyOf([
      { effect: 'allow', tools: ['files__*'] },
      { effect: 'ask', tools: ['git__push'], when: 'arguments.x == 1' },
      { effect: 'deny', servers: ['git2'] },
      { effect: 'allow', tools: ['git2__x'] },
    ]);
    expect(policy.decide(at('task', 'files'))).toEqual({ effect: 'allow', rule: 'rules[0]' });
    expect(await effect(policy, at('task', 'git'))).toBe('allow');
    expect(await effect(policy, at('task', 'git2'))).toBe('deny');
    expect(await effect(policy, at('task', 'mail'))).toBe('deny');
  });

  it('what is no tool, prompt or resource needs a rule that speaks of everything of the server', async () => {
    const policy = await policyOf([
      { effect: 'allow', tools: ['files__*'] },
      { effect: 'allow', servers: ['git'] },
    ]);
    expect(await effect(policy, at('server', 'files'))).toBe('deny');
    expect(await effect(policy, at('server', 'git'))).toBe('allow');
  });
});

describe('an audience', () => {
  it('keeps a server and a view that are forbidden in part, or on a condition', async () => {
    const rules: readonly RuleSettings[] = [
      { effect: 'allow' },
      { effect: 'deny', servers: ['git'] },
      { effect: 'deny', servers: ['mail'], when: 'arguments.x == 1' },
      { effect: 'deny', tools: ['*'] },
    ];
    const audience = (await policyOf(rules)).audienceOf(ANYBODY);
    expect(['git', 'mail', 'files'].map((server) => audience.mayUse(server))).toEqual([false, true, true]);
    expect(audience.mayEnter('v')).toBe(true);
    expect((await policyOf([...rules, { effect: 'deny' }])).audienceOf(ANYBODY).mayEnter('v')).toBe(false);
  });

  it('AUT-05 knows no server by a rule on URIs alone, and may use what it has of them', async () => {
    const rules: readonly RuleSettings[] = [
      { effect: 'allow', tools: ['a__read'] },
      { effect: 'allow', resources: ['notes://*'] },
      { effect: 'ask', resources: ['x://*'], servers: ['b'] },
      { effect: 'deny', servers: ['c'] },
    ];
    const policy = await policyOf(rules);
    const audience = policy.audienceOf(ANYBODY) as RuledAudience;
    const servers = ['a', 'b', 'c', 'hr'];
    expect(servers.map((server) => audience.mayKnow(server))).toEqual([true, true, false, false]);
    expect(servers.map((server) => audience.mayUse(server))).toEqual([true, true, false, true]);
    expect(audience.maySee('resource', 'hr', 'notes://x')).toBe(true);
    const task = { ...toolCall('hr__x'), target: { kind: 'task', server: 'hr', canonicalId: 't' } } as const;
    expect(policy.decide(task)).toEqual({ effect: 'deny', rule: 'default' });
    const allowing = (await policyOf(rules, { default: 'allow' })).audienceOf(ANYBODY) as RuledAudience;
    expect(servers.map((server) => allowing.mayKnow(server))).toEqual([true, true, false, true]);
  });

  it('AUT-12 is another for other scopes that are missing', async () => {
    const policy = await policyOf([{ effect: 'allow', scopes: ['read', 'write'] }]);
    const missing = (scopes: readonly string[]): unknown =>
      (policy.decide(toolCall('a__b', { principal: bearer('eve', { scopes }) })) as Decision).missingScopes;
    expect([missing(['read']), missing([]), missing(['write'])]).toEqual([['write'], ['read', 'write'], ['read']]);
  });

  it('is one object for all who see the same, and another for others', async () => {
    const policy = await policyOf([
      { effect: 'allow', roles: ['a'] },
      { effect: 'allow', roles: ['b'] },
    ]);
    const one = policy.audienceOf(holder('one', 'a', 'x'));
    expect(policy.audienceOf(bearer('two', { roles: ['a'] }))).toBe(one);
    expect(policy.audienceOf(holder('three', 'b')).key).not.toBe(one.key);
    expect(policy.audienceOf(holder('one', 'a'), 'some view')).toBe(one);
  });

  it('has another key under another policy', async () => {
    const keys = await Promise.all(
      ['x', 'y'].map(async (tool) => (await policyOf([{ effect: 'allow', tools: [tool] }])).audienceOf(ANYBODY).key),
    );
    expect(new Set(keys).size).toBe(2);
  });
});

describe('the version', () => {
  it('is that of what is decided: the secrets of an external decision are not in it', async () => {
    const external = { url: 'https://opa.example.com', timeoutMs: 1, headers: { authorization: 'Bearer x' } };
    const of = async (more: object): Promise<string> =>
      (await createPolicy({ ...settings([allowAll]), ...more }, NO_EXTERNAL)).version;
    const version = await of({ external });
    expect(version).toMatch(/^[0-9a-f]{12}$/);
    expect(await of({ external: { ...external, headers: {} } })).toBe(version);
    expect(await of({})).not.toBe(version);
  });
});

describe('a policy that is wrong', () => {
  it('is refused as a whole, with all that is wrong, by rule and place', async () => {
    const rules: readonly RuleSettings[] = [
      allowAll,
      { effect: 'deny', when: 'principal.subjet == "a"' },
      { effect: 'deny', when: 'size(' },
      { effect: 'deny', when: 'principal.subject' },
      { effect: 'deny', scopes: ['x'] },
    ];
    const error = await policyOf(rules).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(PolicyError);
    expect((error as PolicyError).problems).toEqual([
      {
        path: ['policy', 'rules', 1, 'when'],
        message: 'No such key: subjet at character 11 in `principal.subjet == "a"`',
      },
      { path: ['policy', 'rules', 2, 'when'], message: expect.stringContaining('at character 6 in `size(`') as string },
      { path: ['policy', 'rules', 3, 'when'], message: 'gives string, not true or false in `principal.subject`' },
      { path: ['policy', 'rules', 4, 'scopes'], message: expect.any(String) as string },
    ]);
    expect((error as PolicyError).message).toContain('policy.rules[1].when: No such key');
  });
});
