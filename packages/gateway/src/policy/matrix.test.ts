import { describe, expect, it } from 'vitest';
import type { JsonObject } from '@sallyport/wire';
import type { Target } from '../call.ts';
import type { RuleSettings } from './settings.ts';
import { holder, policyOf } from './testing/fixtures.ts';

interface Row {
  readonly kind: Exclude<Target['kind'], 'task' | 'server'>;
  readonly id: string;
  readonly annotations?: JsonObject;
  /** Of admin, developer, viewer, ops and nobody: allow, ask, deny (seen, refused), or - (unknown). */
  readonly cells: string;
}

const reads: JsonObject = { readOnlyHint: true };
const destroys: JsonObject = { destructiveHint: true };

const tool = (id: string, cells: string, annotations?: JsonObject): Row => ({
  kind: 'tool',
  id,
  cells,
  ...(annotations && { annotations }),
});

const ROWS: readonly Row[] = [
  //                                        admin dev   view  ops   nobody
  tool('files__read', '                     allow allow allow allow -', reads),
  tool('files__write', '                    allow allow -     -     -'),
  tool('files__delete', '                   allow ask   -     -     -', destroys),
  tool('files__odd', '                      allow ask   -     -     -', { ...reads, ...destroys }),
  tool('files__list', '                     allow allow allow allow -', reads),
  tool('files__move', '                     allow allow -     -     -', { readOnlyHint: false }),
  tool('git__log', '                        allow allow allow -     -', reads),
  tool('git__commit', '                     allow allow -     -     -'),
  tool('git__push', '                       ask   ask   ask   ask   -'),
  tool('git__force_push', '                 -     -     -     -     -', destroys),
  tool('git__blame', '                      allow allow allow -     -', reads),
  tool('git__tag', '                        allow allow -     -     -', { destructiveHint: false }),
  tool('shop__order', '                     allow allow deny  allow -'),
  tool('shop__refund', '                    allow ask   -     allow -', destroys),
  tool('shop__find', '                      allow allow allow allow -', reads),
  tool('shop__audit', '                     allow allow allow allow -', reads),
  tool('mail__send', '                      allow allow -     deny  -'),
  tool('mail__read', '                      allow allow allow -     -', reads),
  tool('mail__purge', '                     -     -     -     -     -', destroys),
  tool('mail__folders', '                   allow allow allow -     allow', reads),
  { kind: 'prompt', id: 'files__review', cells: 'allow allow allow -     -' },
  { kind: 'prompt', id: 'shop__offer', cells: '  allow allow allow allow -' },
  { kind: 'prompt', id: 'mail__answer', cells: ' -     -     -     -     -' },
  { kind: 'resource', id: 'file:///public/a', cells: 'allow allow allow allow allow' },
  { kind: 'resource', id: 'file:///secret/a', cells: '-     -     -     -     -' },
  { kind: 'resource', id: 'file:///home/a', cells: '  allow allow allow -     -' },
  { kind: 'template', id: 'file:///public/{x}', cells: 'allow allow allow allow allow' },
  { kind: 'template', id: 'file:///secret/{x}', cells: '-     -     -     -     -' },
];

const RULES: readonly RuleSettings[] = [
  { effect: 'allow', roles: ['ops'], servers: ['shop'] },
  { effect: 'allow', roles: ['ops'], tools: ['files__read', 'files__list'] },
  { effect: 'allow', roles: ['ops'], tools: ['mail__send'], when: 'arguments.to == "me"' },
  { effect: 'allow', principals: ['v*'], tools: ['shop__order'], when: 'arguments.sum < 10.0' },
  { effect: 'ask', principals: ['a*', 'd*', 'v*', 'o*'], tools: ['git__push'] },
  { effect: 'deny', tools: ['*__force_*', 'mail__purge'], prompts: ['mail__*'], resources: ['file:///secret/*'] },
  { effect: 'allow', tools: ['mail__folders'], principals: ['nobody'] },
  { effect: 'allow', resources: ['file:///public/*'] },
];

const ROLES = ['admin', 'developer', 'viewer', 'ops', 'nobody'] as const;

describe('the matrix of roles and targets', () => {
  it('has five roles and twenty tools', () => {
    expect(ROWS.filter(({ kind }) => kind === 'tool')).toHaveLength(20);
    for (const { cells, id } of ROWS) expect(cells.trim().split(/\s+/), id).toHaveLength(ROLES.length);
  });

  it.each(ROWS)(
    'AUT-02 P2-16 P4-07 is right for $kind $id, in lists and in calls',
    async ({ kind, id, annotations, cells }) => {
      const policy = await policyOf(RULES);
      const server = kind === 'tool' || kind === 'prompt' ? id.slice(0, id.indexOf('__')) : 'files';
      const found = await Promise.all(
        ROLES.map(async (role) => {
          const principal = role === 'nobody' ? holder('nobody') : holder(`${role}1`, role);
          const isSeen = policy.audienceOf(principal).maySee(kind, server, id, annotations);
          const target = { kind, server, canonicalId: id, ...(annotations && { annotations }) };
          const { effect } = await policy.decide({ principal, target, arguments: { to: 'you', sum: 20 }, nowMs: 0 });
          // What is not seen must be refused as well: the list is no protection.
          return isSeen ? effect : `${effect === 'deny' ? '' : 'CALLABLE '}-`;
        }),
      );
      expect(found).toEqual(cells.trim().split(/\s+/));
    },
  );
});

describe('built-in roles', () => {
  it('lose their meaning as soon as a rule names them, each for itself', async () => {
    const policy = await policyOf([{ effect: 'allow', roles: ['viewer'], tools: ['a__b'] }]);
    const of = async (role: string, id: string): Promise<string> => {
      const target = { kind: 'tool', server: 'a', canonicalId: id, annotations: reads } as const;
      return (await policy.decide({ principal: holder('x', role), target, nowMs: 0 })).effect;
    };
    expect([await of('viewer', 'a__b'), await of('viewer', 'a__c')]).toEqual(['allow', 'deny']);
    expect([await of('admin', 'a__b'), await of('admin', 'a__c')]).toEqual(['allow', 'allow']);
  });

  it('are the strongest of those that somebody has', async () => {
    const policy = await policyOf([]);
    const target = { kind: 'tool', server: 'a', canonicalId: 'a__b', annotations: destroys } as const;
    const decide = (...roles: readonly string[]): unknown =>
      policy.decide({ principal: holder('x', ...roles), target, nowMs: 0 });
    expect(decide('viewer', 'developer', 'admin')).toEqual({ effect: 'allow', rule: 'builtin:admin' });
    expect(decide('viewer', 'developer')).toEqual({ effect: 'ask', rule: 'builtin:developer' });
    expect(decide('viewer')).toEqual({ effect: 'deny', rule: 'default' });
  });

  it('AUT-11 P4-16 go by the annotations that they are given: the same tool, pinned otherwise, is another matter', async () => {
    const policy = await policyOf([]);
    const viewer = holder('v', 'viewer');
    const audience = policy.audienceOf(viewer);
    const decide = (annotations: JsonObject): string => {
      const target = { kind: 'tool', server: 'a', canonicalId: 'a__drop', annotations } as const;
      return (policy.decide({ principal: viewer, target, nowMs: 0 }) as { effect: string }).effect;
    };
    // Known as destructive, then asked about with what the server says now: each time what is given counts.
    expect([decide(destroys), decide(reads), decide({}), decide(destroys)]).toEqual(['deny', 'allow', 'deny', 'deny']);
    expect(audience.maySee('tool', 'a', 'a__drop', reads)).toBe(true);
    expect(audience.maySee('tool', 'a', 'a__drop', destroys)).toBe(false);
    expect(audience.maySee('tool', 'a', 'a__drop')).toBe(false);
  });

  it('P4-16 two tools on a list are what there is of a server', async () => {
    const policy = await policyOf([{ effect: 'allow', tools: ['u1__a', 'u1__b'] }]);
    const audience = policy.audienceOf(holder('x'));
    const seen = ['a', 'b', 'c', 'ab', 'A'].filter((name) => audience.maySee('tool', 'u1', `u1__${name}`));
    expect(seen).toEqual(['a', 'b']);
  });
});
