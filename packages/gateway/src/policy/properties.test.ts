import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Principal } from '@sallyport/server';
import type { JsonObject } from '@sallyport/wire';
import type { Decision, Target } from '../call.ts';
import type { RuledAudience } from './audience.ts';
import type { Facts, Policy } from './index.ts';
import type { RuleSettings } from './settings.ts';
import { policyOf } from './testing/fixtures.ts';

/** A small world, so that rules and calls meet often. */
const CONDITIONS: Readonly<Record<string, (facts: Facts) => boolean | undefined>> = {
  'arguments.x == 1': ({ arguments: args }) => (args?.['x'] === undefined ? undefined : args['x'] === 1),
  "'dev' in principal.roles": ({ principal }) => principal.roles.includes('dev'),
  "target.name.startsWith('r')": ({ target }) => nameOf(target).startsWith('r'),
  'annotations.readOnlyHint == true': ({ target }) => {
    const hint = target.annotations?.['readOnlyHint'];
    return hint === undefined ? undefined : hint === true;
  },
};

function nameOf({ canonicalId, server }: Facts['target']): string {
  return canonicalId.startsWith(`${server}__`) ? canonicalId.slice(server.length + 2) : canonicalId;
}

const oneOf = <T>(...values: readonly T[]): fc.Arbitrary<T> => fc.constantFrom(...values);
const some = <T>(...values: readonly T[]): fc.Arbitrary<T[]> => fc.subarray([...values]);

const ids = ['a__read', 'a__run', 'b__read', 'b__write'] as const;
const uris = ['x://a/1', 'x://a/../b/1', 'x://b/1', 'x://%61/1'] as const;

const ruleOf = (effect: fc.Arbitrary<RuleSettings['effect']>): fc.Arbitrary<RuleSettings> =>
  fc
    .record(
      {
        effect,
        roles: some('dev', 'viewer', 'admin'),
        principals: some('eve', 'e*', 'local#*', '*://idp#?ob'),
        tools: some('a__*', '*__read', 'b__wr?te', '*'),
        prompts: some('a__*', '*'),
        resources: some('x://a/*', 'x://b/1', '*'),
        servers: some('a', 'b', '*'),
        views: some('v', '*'),
        scopes: some('s', 't'),
        when: oneOf(...Object.keys(CONDITIONS)),
      },
      { requiredKeys: ['effect'] },
    )
    .map(({ scopes, ...rule }) => (rule.effect === 'deny' || scopes === undefined ? rule : { ...rule, scopes }));

const rule = ruleOf(oneOf('allow', 'ask', 'deny'));

const principal: fc.Arbitrary<Principal> = fc.record(
  {
    issuer: oneOf('local', 'https://idp'),
    subject: oneOf('eve', 'bob'),
    roles: some('dev', 'viewer', 'admin', 'developer'),
    scopes: some('s', 't'),
  },
  { requiredKeys: ['issuer', 'subject', 'roles'] },
);

const annotations: fc.Arbitrary<JsonObject | undefined> = oneOf<JsonObject | undefined>(
  undefined,
  { readOnlyHint: true },
  { readOnlyHint: false, destructiveHint: true },
);

const target: fc.Arbitrary<Facts['target']> = fc.oneof(
  fc
    .record({ kind: oneOf<Target['kind']>('tool'), canonicalId: oneOf(...ids), annotations })
    .map(({ annotations: pinned, ...of }) => onServer({ ...of, ...(pinned && { annotations: pinned }) })),
  fc.record({ kind: oneOf<Target['kind']>('prompt'), canonicalId: oneOf(...ids) }).map(onServer),
  fc.record({
    kind: oneOf<Target['kind']>('resource', 'template'),
    server: oneOf('a', 'b'),
    canonicalId: oneOf(...uris),
  }),
  fc.record({ kind: oneOf<Target['kind']>('task', 'server'), server: oneOf('a', 'b'), canonicalId: oneOf('m') }),
);

function onServer<T extends { canonicalId: string }>(of: T): T & { server: string } {
  return { ...of, server: of.canonicalId.slice(0, 1) };
}

const facts: fc.Arbitrary<Facts> = fc.record({
  principal,
  target,
  arguments: oneOf<JsonObject>({}, { x: 1 }, { x: 2 }),
  nowMs: oneOf(0),
  view: oneOf<string | undefined>(undefined, 'v', 'w'),
});

const byDefault = fc.record({ default: oneOf<'allow' | 'deny'>('allow', 'deny') });

/** The rules as the documentation has them, one after the other, with regular expressions for globs. */
function naive(rules: readonly RuleSettings[], otherwise: 'allow' | 'deny', call: Facts): Decision['effect'] {
  const { canonicalId: id } = call.target;
  if (id.includes('/../')) return 'deny';
  const forms = id === 'x://%61/1' ? [id, 'x://a/1'] : [id];
  const effects = forms.map((canonicalId) =>
    naiveForm(rules, otherwise, { ...call, target: { ...call.target, canonicalId } }),
  );
  return (['deny', 'ask', 'allow'] as const).find((effect) => effects.includes(effect)) ?? 'deny';
}

function naiveForm(rules: readonly RuleSettings[], otherwise: 'allow' | 'deny', call: Facts): Decision['effect'] {
  const applying = rules.filter((each) => applies(each, call)).map(({ effect }) => effect);
  for (const effect of ['deny', 'ask', 'allow'] as const) if (applying.includes(effect)) return effect;
  const named = new Set(rules.flatMap(({ roles = [] }) => roles));
  const role = ['admin', 'developer', 'viewer'].find((each) => call.principal.roles.includes(each) && !named.has(each));
  const { kind, annotations: pinned } = call.target;
  if (role === 'admin') return 'allow';
  if (role === 'developer') return kind === 'tool' && pinned?.['destructiveHint'] === true ? 'ask' : 'allow';
  if (role === 'viewer') {
    if (kind === 'tool' ? pinned?.['readOnlyHint'] === true : kind !== 'server') return 'allow';
  }
  return otherwise;
}

function applies(each: RuleSettings, call: Facts): boolean {
  if (!isFor(each, call.principal) || !isAbout(each, call)) return false;
  return each.when === undefined || (CONDITIONS[each.when]?.(call) ?? each.effect === 'deny');
}

function isFor({ principals, roles, scopes }: RuleSettings, who: Principal): boolean {
  const name = (glob: string): string => (glob.includes('#') ? `${who.issuer}#${who.subject}` : who.subject);
  if (roles !== undefined && !roles.some((role) => who.roles.includes(role))) return false;
  if (principals !== undefined && !principals.some((glob) => fits(glob, name(glob)))) return false;
  return (scopes ?? []).every((scope) => who.scopes?.includes(scope) ?? true);
}

function isAbout({ prompts, resources, servers, tools, views }: RuleSettings, { target: what, view }: Facts): boolean {
  if (servers?.some((glob) => fits(glob, what.server)) === false) return false;
  if (views !== undefined && (view === undefined || !views.some((glob) => fits(glob, view)))) return false;
  if ((tools ?? prompts ?? resources) === undefined) return true;
  const globs = { tool: tools, prompt: prompts, resource: resources, template: resources }[what.kind as 'tool'];
  return globs?.some((glob) => fits(glob, what.canonicalId)) === true;
}

function fits(glob: string, text: string): boolean {
  const source = glob
    .replaceAll(/[.+^${}()|[\]\\]/g, String.raw`\$&`)
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${source}$`, 's').test(text);
}

const decide = (policy: Policy, call: Facts): Decision => policy.decide(call) as Decision;
const seen = (policy: Policy, { principal: who, target: what, view }: Facts): boolean => {
  const audience = policy.audienceOf(who, view);
  return audience.maySee(what.kind as 'tool', what.server, what.canonicalId, what.annotations);
};

describe('for any rules and calls', () => {
  it('the index agrees with reading the rules one by one', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(rule, { maxLength: 6 }),
        byDefault,
        fc.array(facts, { minLength: 1, maxLength: 8 }),
        async (rules, more, calls) => {
          const policy = await policyOf(rules, more);
          for (const call of calls) {
            if (call.target.kind === 'task') continue;
            expect(decide(policy, call).effect).toBe(naive(rules, more.default, call));
          }
        },
      ),
      { numRuns: 1000 },
    );
  });

  it('deny wins, in whatever order the rules stand', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(rule, { maxLength: 5 }), facts, fc.nat(5), async (rules, call, at) => {
        const { kind, server, canonicalId } = call.target;
        const globs = { tool: 'tools', prompt: 'prompts', resource: 'resources', template: 'resources' }[
          kind as 'tool'
        ];
        const deny: RuleSettings = {
          effect: 'deny',
          ...(globs === undefined ? { servers: [server] } : { [globs]: [canonicalId] }),
        };
        const policy = await policyOf(rules.toSpliced(at, 0, deny));
        expect(decide(policy, call).effect).toBe('deny');
        expect(seen(policy, call)).toBe(false);
      }),
    );
  });

  it('the order of the rules changes no outcome', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(rule, { maxLength: 6 }), byDefault, facts, async (rules, more, call) => {
        const [one, other] = await Promise.all([policyOf(rules, more), policyOf(rules.toReversed(), more)]);
        expect(decide(one, call).effect).toBe(decide(other, call).effect);
        expect(seen(one, call)).toBe(seen(other, call));
      }),
    );
  });

  it('one rule more that denies never allows more', async () => {
    const order = ['deny', 'ask', 'allow'];
    await fc.assert(
      fc.asyncProperty(
        fc.array(rule, { maxLength: 5 }),
        ruleOf(oneOf('deny')),
        byDefault,
        facts,
        async (rules, deny, more, call) => {
          // A role that a rule names for the first time loses its built-in meaning, which can take a request to ask away.
          const { roles: _roles, ...unnamed } = deny;
          const [before, after] = await Promise.all([policyOf(rules, more), policyOf([...rules, unnamed], more)]);
          expect(order.indexOf(decide(after, call).effect)).toBeLessThanOrEqual(
            order.indexOf(decide(before, call).effect),
          );
          expect(seen(after, call) && !seen(before, call)).toBe(false);
        },
      ),
    );
  });

  it('what a call may do is seen: in the list, at its server, and at its view', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(rule, { maxLength: 6 }), byDefault, facts, async (rules, more, call) => {
        const policy = await policyOf(rules, more);
        const { effect, missingScopes } = decide(policy, call);
        if (effect === 'deny' && missingScopes === undefined) return;
        expect(seen(policy, call)).toBe(true);
        const audience = policy.audienceOf(call.principal, call.view) as RuledAudience;
        expect(audience.mayUse(call.target.server)).toBe(true);
        const isUri = call.target.kind === 'resource' || call.target.kind === 'template';
        expect(audience.mayKnow(call.target.server) || isUri).toBe(true);
        expect(call.view === undefined || policy.audienceOf(call.principal).mayEnter(call.view)).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });

  it('AUT-12 no scopes are named where another reading of the URI is refused in any case', async () => {
    const policy = await policyOf([
      { effect: 'deny', resources: ['x://a/*'] },
      { effect: 'allow', roles: ['viewer'], scopes: ['s'] },
    ]);
    const decision = decide(policy, {
      principal: { issuer: 'local', subject: 'eve', roles: ['viewer'], scopes: [] },
      target: { kind: 'resource', server: 'a', canonicalId: 'x://%61/1' },
      arguments: {},
      nowMs: 0,
      view: undefined,
    });
    expect([decision.effect, decision.missingScopes]).toEqual(['deny', undefined]);
  });

  it('AUT-12 the scopes that are named are enough, and none of them is there already', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(rule, { maxLength: 6 }), facts, async (rules, call) => {
        const policy = await policyOf(rules);
        const { missingScopes } = decide(policy, call);
        if (missingScopes === undefined) return;
        const { principal: who } = call;
        const scopes = who.scopes ?? [];
        expect(missingScopes.some((scope) => scopes.includes(scope))).toBe(false);
        const stepped = { ...call, principal: { ...who, scopes: [...scopes, ...missingScopes] } };
        expect(decide(policy, stepped).effect).not.toBe('deny');
      }),
      { numRuns: 2000 },
    );
  });

  it('the explanation names the outcome and exactly one rule that decides', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(rule, { maxLength: 6 }), byDefault, facts, async (rules, more, call) => {
        const policy = await policyOf(rules, more);
        const { decision, rules: explained, visible } = policy.explain(call);
        expect(decision).toEqual(decide(policy, call));
        expect(visible).toBe(seen(policy, call));
        const deciding = explained.filter(({ decides }) => decides);
        expect(deciding.map(({ rule: name }) => name)).toEqual([decision.rule]);
        // What a task may is decided for its server, and a rule that lacks scopes decides without applying.
        if (decision.missingScopes !== undefined || call.target.kind === 'task') return;
        expect(deciding).toMatchObject([{ applies: true, effect: decision.effect }]);
      }),
      { numRuns: 1000 },
    );
  });
});
