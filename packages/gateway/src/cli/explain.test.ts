import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { holder, bearer, policyOf, toolCall } from '../policy/testing/fixtures.ts';
import type { CliContext } from './context.ts';
import { exitCodeOf } from './exit.ts';
import { register } from './explain.ts';
import { explanationText } from './explain-text.ts';
import { readWho, type WhoOptions } from './explain-who.ts';
import { painter } from './text.ts';

const none: WhoOptions = { role: [], group: [], claim: [], scope: [] };
const paint = painter(false);

describe('whom it is about', () => {
  it('is the local key, a key by its name, or the holder of a token', () => {
    expect(readWho(none)).toBe('local');
    expect(readWho({ ...none, as: 'bob' })).toBe('bob');
    const claims = [
      'level=3',
      'team=core',
      'on=true',
      'list=["a"]',
      'realm={"x":1}',
      'odd={x',
      '__proto__=1',
      'eq=a=b',
    ];
    const as = readWho({ as: 'https://idp/#x#y', role: ['dev'], group: ['eng'], claim: claims, scope: ['read'] });
    expect(as).toEqual({
      issuer: 'https://idp/',
      subject: 'x#y',
      roles: ['dev'],
      groups: ['eng'],
      scopes: ['read'],
      claims: Object.fromEntries([
        ['level', 3],
        ['team', 'core'],
        ['on', true],
        ['list', ['a']],
        ['realm', { x: 1 }],
        ['odd', '{x'],
        ['__proto__', 1],
        ['eq', 'a=b'],
      ]),
    });
  });

  it('has scopes, be it none, where a credential has any', () => {
    expect(readWho({ ...none, as: 'https://idp#eve' })).toMatchObject({ scopes: [] });
    expect(readWho({ ...none, as: 'mtls#spiffe://x' })).not.toHaveProperty('scopes');
    expect(readWho({ ...none, as: 'local#bob' })).not.toHaveProperty('scopes');
  });

  it.each<[Partial<WhoOptions>, RegExp]>([
    [{ as: '#eve' }, /expected the name of a key, or ISSUER#SUBJECT/],
    [{ as: 'https://idp#' }, /ISSUER#SUBJECT/],
    [{ as: 'bob', role: ['dev'] }, /say whose with --as/],
    [{ scope: ['read'] }, /say whose with --as/],
    [{ as: 'https://idp#eve', claim: ['level'] }, /expected NAME=VALUE/],
    [{ as: 'https://idp#eve', claim: ['=3'] }, /expected NAME=VALUE/],
  ])('cannot be %j', (options, message) => {
    expect(() => readWho({ ...none, ...options })).toThrow(message);
  });
});

describe('the text', () => {
  it('says the outcome, and what each rule has to do with it', async () => {
    const policy = await policyOf([
      { effect: 'allow', roles: ['ops'] },
      { effect: 'deny', tools: ['files__*'], when: 'arguments.path != "/tmp"', reason: 'outside of /tmp' },
    ]);
    const facts = toolCall('files__write', { principal: holder('bob', 'admin'), arguments: { path: '/etc' } });
    expect(explanationText(policy.explain(facts), paint).split('\n')).toEqual([
      'files__write (tool of files)',
      'local#bob with the roles admin',
      'refused by rules[1]: outside of /tmp',
      'It stands in lists.',
      `Policy ${policy.version}:`,
      '  rules[0]       allow  does not apply',
      '    roles: none of ops; there are admin',
      '▸ rules[1]       deny   applies',
      '    when: arguments.path != "/tmp"',
      '  builtin:admin  allow  applies',
      '    something else decides before it',
    ]);
  });

  it('names missing scopes, what is unknown, and an external decision; foreign text moves no cursor', async () => {
    const policy = await policyOf([{ effect: 'allow', tools: ['a__*'], scopes: ['write'] }]);
    const text = explanationText(
      policy.explain(toolCall('a__\u001b[2J\nb', { principal: bearer('eve', { scopes: [] }) })),
      paint,
    );
    expect(text).toContain('It needs the scopes write.');
    expect(text).not.toContain('\u001b');
    expect(text.split('\n')[0]).toBe('a__\ufffd[2J b (tool of a)');
    expect(explanationText(policy.explain(toolCall('b__x')), paint)).toContain(
      'It stands in no list and is answered as unknown.',
    );
    const asked = { ...policy.explain(toolCall('a__b')), external: 'https://opa.example.com' };
    expect(explanationText(asked, paint)).toMatch(
      /^allowed by rules\[0\]$[^]*https:\/\/opa\.example\.com is asked as well/m,
    );
  });
});

describe('the verb', () => {
  it.each([
    [['x', '--prompt', '--resource'], 2],
    [['x', '--as', 'bob', '--role', 'dev'], 2],
    [['x', '{'], 2],
  ])('refuses %j before anything is started', async (words, code) => {
    const program = new Command().exitOverride();
    const context = { stdin: [], env: {}, columns: () => undefined } as unknown as CliContext;
    register(program, context);
    const error: unknown = await program
      .parseAsync(['explain', ...words], { from: 'user' })
      .catch((caught: unknown) => caught);
    expect(exitCodeOf(error)).toBe(code);
  });
});
