import { describe, expect, it } from 'vitest';
import type { Audience } from '../call.ts';
import { createExplain, type ExplainRequest, type Policy, type WholeCatalog } from './index.ts';
import { bearer, holder, policyOf, read, toolCall } from './testing/fixtures.ts';

describe('an explanation', () => {
  it('says of every rule what keeps it from the call', async () => {
    const policy = await policyOf(
      [
        { effect: 'allow', roles: ['ops'] },
        { effect: 'allow', principals: ['bob', 'https://x#eve'] },
        { effect: 'allow', servers: ['git'] },
        { effect: 'allow', views: ['reading'] },
        { effect: 'allow', prompts: ['*'] },
        { effect: 'allow', tools: ['files__read'] },
        { effect: 'allow', scopes: ['write', 'read'] },
        { effect: 'allow', when: 'arguments.x == 1' },
        { effect: 'deny', when: 'arguments.y == 1', reason: 'no' },
        { effect: 'ask', tools: ['files__*'] },
      ],
      { roles: { dev: { keys: [], groups: ['eng'], claims: {} } } },
    );
    const principal = bearer('eve', { roles: ['x'], groups: ['eng'], scopes: ['read'] });
    const {
      rules,
      decision,
      principal: who,
      visible,
    } = policy.explain(toolCall('files__write', { principal, arguments: { x: 2 } }));
    expect(who.roles).toEqual(['x', 'dev']);
    expect(visible).toBe(true);
    expect(decision).toEqual({ effect: 'deny', rule: 'rules[8]', reason: 'no' });
    expect(rules.map(({ because }) => because.join(' | '))).toEqual([
      'roles: none of ops; there are x, dev',
      'principals: https://idp.example.com#eve is none of bob, https://x#eve',
      'servers: files is none of git',
      'views: no view is none of reading',
      'it speaks of prompts alone',
      'tools: files__write is none of files__read',
      'scopes: the token lacks write',
      'when: it is false',
      'when: it cannot say (No such key: y), so the rule applies',
      '',
      'something else decides before it',
    ]);
    expect(rules.filter(({ applies }) => applies).map(({ rule }) => rule)).toEqual(['rules[8]', 'rules[9]', 'default']);
    expect(rules.filter(({ decides }) => decides).map(({ rule }) => rule)).toEqual(['rules[8]']);
    expect(rules[7]?.condition).toEqual({ text: 'arguments.x == 1', value: false });
    expect(rules[8]?.condition).toEqual({ text: 'arguments.y == 1', error: 'No such key: y' });
  });

  it('names a built-in role, and the default', async () => {
    const policy = await policyOf([]);
    expect(policy.explain(toolCall('a__b', { principal: holder('x', 'admin') })).rules).toEqual([
      {
        rule: 'builtin:admin',
        effect: 'allow',
        applies: true,
        decides: true,
        because: ['no rule grants or denies it'],
      },
    ]);
    expect(policy.explain(read('a', 'x://y')).rules).toMatchObject([
      { rule: 'default', effect: 'deny', decides: true },
    ]);
  });

  it('finds the rule that the plain form of a URI meets, and says when it is refused as it is written', async () => {
    const policy = await policyOf([{ effect: 'allow' }, { effect: 'deny', resources: ['x://y/secret'] }]);
    const { decision, rules } = policy.explain(read('a', 'x://y/%73ecret'));
    expect(decision.rule).toBe('rules[1]');
    expect(rules[1]).toMatchObject({ applies: true, decides: true });
    expect(policy.explain(read('a', 'x://y/../z')).rules[0]).toEqual({
      rule: 'builtin:address',
      effect: 'deny',
      applies: true,
      decides: true,
      because: ['it holds . or .. as a segment'],
    });
  });
});

describe('a request to explain', () => {
  const tool = (id: string, annotations?: object): { id: string; server: string } => ({
    id,
    server: id.slice(0, id.indexOf('__')),
    ...(annotations && { annotations }),
  });

  class Whole implements WholeCatalog {
    readonly catalog: WholeCatalog['catalog'];
    readonly #all: WholeCatalog['catalog'] = {
      tools: new Map([['renamed', tool('a__b', { readOnlyHint: true })]]),
      prompts: new Map([['a__p', tool('a__p')]]),
      resources: new Map([['x://1', { id: 'x://1', server: 'a' }]]),
      templates: new Map([['x://{n}', { id: 'x://{n}', server: 'b' }]]),
    };
    readonly #owners: Readonly<Record<string, readonly string[]>> = { 'x://1': ['a'], 'x://2': ['b', 'c'] };
    #isReady = false;

    constructor(other: Partial<WholeCatalog['catalog']> = {}) {
      this.catalog = { ...this.#all, ...other };
    }

    ownerOf(uri: string): string | undefined {
      return this.#isReady ? this.#owners[uri]?.[0] : undefined;
    }

    seenBy(audience: Audience): WholeCatalog {
      const ownerOf = (uri: string): string | undefined =>
        this.#owners[uri]?.find((server) => audience.maySee('resource', server, uri));
      return { catalog: this.catalog, ownerOf, ready: () => Promise.reject(new Error('it is ready')) };
    }

    async ready(): Promise<void> {
      this.#isReady = true;
    }
  }

  const ask = async (policy: Policy, request: unknown): Promise<unknown> => {
    const whole = new Whole();
    const inView = new Whole({ prompts: new Map() });
    const explain = createExplain({
      policy: () => policy,
      whole: (view, _principal, audience) => {
        const found = view === undefined ? whole : view === 'v' ? inView : undefined;
        return audience === undefined ? found : found?.seenBy(audience);
      },
      rolesOfKey: (name) => ({ viv: ['viewer'], local: [] })[name],
      now: () => 0,
    });
    return explain(request as never);
  };
  const base: ExplainRequest = { kind: 'tool', name: 'renamed', as: 'viv' };

  it('takes shown names and ids, roles of keys, and pinned annotations', async () => {
    const policy = await policyOf([]);
    for (const name of ['renamed', 'a__b']) {
      expect(await ask(policy, { ...base, name })).toMatchObject({
        explanation: {
          principal: { issuer: 'local', subject: 'viv', roles: ['viewer'] },
          target: { kind: 'tool', server: 'a', id: 'a__b' },
          decision: { effect: 'allow', rule: 'builtin:viewer' },
        },
      });
    }
    expect(await ask(policy, { ...base, as: 'local' })).toMatchObject({
      explanation: { decision: { effect: 'deny' } },
    });
  });

  it.each([
    [
      { kind: 'prompt', name: 'a__p' },
      { kind: 'prompt', server: 'a', id: 'a__p' },
    ],
    [
      { kind: 'resource', name: 'x://2' },
      { kind: 'resource', server: 'b', id: 'x://2' },
    ],
    [
      { kind: 'resource', name: 'x://{n}' },
      { kind: 'template', server: 'b', id: 'x://{n}' },
    ],
  ])('finds %j', async (request, target) => {
    expect(await ask(await policyOf([]), { ...base, ...request })).toMatchObject({ explanation: { target } });
  });

  it('P2-16 is about the owner of a URI that the principal sees, else about the first', async () => {
    const policy = await policyOf([{ effect: 'allow', servers: ['c'], roles: ['reader'] }]);
    const request = { ...base, kind: 'resource', name: 'x://2' };
    const as = { issuer: 'https://idp', subject: 'eve', roles: ['reader'] };
    expect(await ask(policy, { ...request, as })).toMatchObject({
      explanation: { target: { server: 'c' }, visible: true, decision: { effect: 'allow' } },
    });
    expect(await ask(policy, { ...request, as: 'local' })).toMatchObject({
      explanation: { target: { server: 'b' }, visible: false, decision: { effect: 'deny' } },
    });
  });

  it('P2-16 knows the views there are, and what is in them', async () => {
    const policy = await policyOf([{ effect: 'allow' }]);
    expect(await ask(policy, { ...base, view: 'v' })).toMatchObject({ explanation: { decision: { effect: 'allow' } } });
    expect(await ask(policy, { ...base, view: 'w' })).toEqual({
      problem: 'view: the configuration has no view of this name',
    });
    expect(await ask(policy, { ...base, kind: 'prompt', name: 'a__p', view: 'v' })).toEqual({
      unknown: 'target',
      names: [],
    });
  });

  it('takes a principal as its token would state it, and the rest of the call', async () => {
    const when = "arguments.x == 1 && address == '10.0.0.1' && principal.claims.a == 2 && 'eng' in principal.groups";
    const policy = await policyOf([{ effect: 'allow', roles: ['r'], scopes: ['s'], views: ['v'], when }]);
    const as = {
      issuer: 'https://idp',
      subject: 'eve',
      roles: ['r'],
      groups: ['eng'],
      scopes: ['s'],
      claims: { a: 2 },
    };
    const request = { ...base, as, arguments: { x: 1 }, view: 'v', address: '10.0.0.1' };
    expect(await ask(policy, request)).toMatchObject({ explanation: { decision: { effect: 'allow' } } });
    expect(await ask(policy, { ...request, as: { ...as, scopes: [] } })).toMatchObject({
      explanation: { decision: { missingScopes: ['s'] } },
    });
  });

  it.each([
    [
      { ...base, name: 'nobody' },
      { unknown: 'target', names: ['renamed'] },
    ],
    [
      { ...base, kind: 'resource' },
      { unknown: 'target', names: ['x://1', 'x://{n}'] },
    ],
    [
      { ...base, as: 'eve' },
      { unknown: 'key', names: [] },
    ],
    [{ ...base, kind: 'task' }, { problem: 'kind: expected tool, prompt or resource' }],
    [{ ...base, name: '' }, { problem: 'name: expected text' }],
    [{ ...base, view: 1 }, { problem: 'view: expected text' }],
    [{ ...base, arguments: [] }, { problem: 'arguments: expected an object' }],
    [{ ...base, as: { subject: 'x' } }, { problem: 'as: expected the name of a key, or a principal' }],
  ])('%j gives %j', async (request, expected) => {
    expect(await ask(await policyOf([]), request)).toEqual(expected);
  });
});
