import { describe, expect, it } from 'vitest';
import type { JsonObject, JsonValue } from '@sallyport/wire';
import { createCompile } from './condition-engine.ts';
import { ConditionInput, MAX_STEPS, PrincipalFacts } from './condition-input.ts';
import type { Facts } from './facts.ts';
import { bearer, policyOf, toolCall } from './testing/fixtures.ts';

const compile = createCompile();

function inputOf(more: Partial<Facts> = {}): ConditionInput {
  const facts = toolCall('files__write', more);
  return new ConditionInput(facts, new PrincipalFacts(facts.principal, new Set(['dev', 'writer'])));
}

function holds(text: string, args: JsonObject = {}, more: Partial<Facts> = {}): boolean {
  return compile(text).holds(inputOf({ arguments: args, ...more }));
}

/** Steps that a condition takes; throws what it throws. */
function stepsOf(text: string, args: JsonObject): number {
  const input = inputOf({ arguments: args });
  compile(text).holds(input);
  return MAX_STEPS - input.steps;
}

const principal = bearer('eve', {
  groups: ['eng'],
  scopes: ['read'],
  claims: { level: 3, realm: { teams: ['core'] }, constructor: 'x' },
});

describe('a condition', () => {
  it.each([
    "principal.issuer == 'https://idp.example.com' && principal.subject == 'eve'",
    "'writer' in principal.roles && 'eng' in principal.groups && 'read' in principal.scopes",
    "principal.claims.level > 2 && principal.claims.level == 3 && 'core' in principal.claims.realm.teams",
    "principal.claims['constructor'] == 'x'",
    "target.kind == 'tool' && target.server == 'files' && target.id == 'files__write' && target.name == 'write'",
    "arguments.path.startsWith('/tmp/') && !arguments.path.contains('..')",
    'has(arguments.path) && !has(arguments.other)',
    "arguments.tags.exists(t, t == 'b') && arguments.tags.all(t, t.size() == 1) && size(arguments.tags) == 2",
    "arguments.tags.map(t, t + '!').exists_one(t, t == 'a!') && arguments.tags.filter(t, t > 'a').size() == 1",
    'arguments.count >= 5 && arguments.count * 2.0 == 10.0 && int(arguments.count) % 2 == 1',
    "arguments.nested.a[0].b == null && arguments.nested == {'a': [{'b': null}]}",
    'annotations.destructiveHint == true && !has(annotations.readOnlyHint)',
    "time.getHours() == 12 && time > timestamp('2026-01-01T00:00:00Z') && time.getHours('America/New_York') == 7",
    "time - timestamp('2026-11-05T11:00:00Z') == duration('1h')",
    "inCidr(address, '10.0.0.0/8') && !inCidr(address, '192.168.0.0/16')",
    "arguments.path.matches('^/tmp/[a-z]+$') && !arguments.path.matches('y')",
    "cel.bind(p, arguments.path, p == '/tmp/x' && p != '/tmp/y')",
    "(arguments.count > 9 ? 'many' : 'few') == 'few'",
    "arguments.missing == 1 || arguments.path == '/tmp/x'",
    '-int(arguments.count) == -5 && !(arguments.count == 4)',
    "\"\\u00fc\\n\" + r\"\\d\" + '''x''' == arguments.odd",
    "arguments['__proto__'] == 7 && arguments.constructor == 8",
    "1.5e-12 < 2.0e-12 && 0x10 == 16 && 5u == uint(5) && b'a' == bytes('a')",
    "'a,b'.split(',').size() == 2 && arguments.tags.join('') == 'ab' && 'abc'.lastIndexOf('c') == 2",
  ])('sees its call: %s', (text) => {
    const args = JSON.parse(
      '{"path":"/tmp/x","tags":["a","b"],"count":5,"nested":{"a":[{"b":null}]},"odd":"ü\\n\\\\dx","__proto__":7,"constructor":8}',
    ) as JsonObject;
    const target = { ...toolCall('files__write').target, annotations: { destructiveHint: true } };
    expect(holds(text, args, { principal, target, address: '10.1.2.3' })).toBe(true);
  });

  it('knows an address of another family for what it is, and none that is unknown', () => {
    const text = "inCidr(address, '10.0.0.0/8')";
    expect(holds(text, {}, { address: '::ffff:10.1.2.3' })).toBe(true);
    expect(holds(text, {}, { address: '2001:db8::1' })).toBe(false);
    expect(holds("inCidr(address, '2001:db8::/32')", {}, { address: '2001:db8::1' })).toBe(true);
    expect(() => holds(text)).toThrow('the address is not known');
  });

  it.each([
    ['arguments.a.b == 1', 'No such key: a'],
    ["arguments.x > 'y'", 'no such overload'],
    ['arguments.x', 'neither true nor false'],
    ['arguments.list[3] == 1', 'index out of bounds'],
    ['arguments.x / 0 == 1', 'no such overload'],
  ])('that cannot say says so: %s', (text, message) => {
    expect(() => holds(text, { x: 1, list: [1] })).toThrow(message);
  });

  it.each([
    ['principal.subjet == "a"', 'No such key: subjet at character 11'],
    ['argument.x == 1', 'Unknown variable: argument'],
    ["'a' in principal.roles && 3", 'Logical operator requires bool'],
    ['target.kind == 3', 'no such overload: string == int'],
    ['size(', 'at character 6'],
    ["arguments.x.matches('(')", 'missing'],
    ["arguments.x.matches('(?=a)')", 'Perl syntax'],
    ['arguments.x.matches(arguments.y)', 'matches() needs its pattern written'],
    ["arguments.x.matches('(((a{10}){10}){10})')", 'too large'],
    ["inCidr(address, '10.0.0.0/33')", 'needs a network'],
    ["inCidr(address, 'home')", 'needs a network'],
    ['inCidr(address, arguments.x)', 'needs its network written'],
    ['charged(arguments.x, 1) == 1', 'no matching overload'],
    [`${'!'.repeat(1100)}true`, 'longer than'],
    [`[${'1,'.repeat(501)}1].size() == 3`, 'Exceeded maxAstNodes'],
  ])('that is wrong is refused when it is loaded: %.40s', (text, message) => {
    expect(() => compile(text)).toThrow(message);
  });
});

describe('what a condition may cost', () => {
  const many = (count: number, value: JsonValue = 1): JsonValue[] => Array.from({ length: count }, () => value);
  const text = (length: number): string => 'a'.repeat(length);
  const nested = (depth: number): JsonValue => JSON.parse('['.repeat(depth) + ']'.repeat(depth)) as JsonValue;

  it.each<[string, JsonObject]>([
    ['arguments.x.exists(a, a == 2)', { x: many(1000) }],
    ['arguments.x.exists(a, a.nope == 2)', { x: many(1000) }],
    ['arguments.x.all(a, arguments.x.all(b, a == b))', { x: many(100) }],
    ['arguments.x.map(a, arguments.x.map(b, arguments.x)).size() == 0', { x: many(100) }],
    ['arguments.x.all(a, size(arguments.t) > 1)', { x: many(500), t: text(60_000) }],
    ['arguments.x.all(a, arguments.y == arguments.z)', { x: many(100), y: many(900), z: many(900) }],
    ['arguments.x.exists(a, 2 in arguments.y)', { x: many(300), y: many(900) }],
    ["arguments.t.matches('(a|b|ab)*c{0,20}$')", { t: text(60_000) }],
    ["arguments.t.matches('[ab]*a[ab]{200}$')", { t: text(4000) }],
    ['arguments.x.all(a, time.getHours("Europe/Paris") > 0)', { x: many(100) }],
    [
      'cel.bind(a, arguments.t + arguments.t, cel.bind(b, a + a + a + a, cel.bind(c, b + b + b + b, c + c == c)))',
      { t: text(60_000) },
    ],
    [
      'cel.bind(a, [arguments.x, arguments.x, arguments.x], cel.bind(b, [a, a, a, a], [b, b, b, b] == [b, b, b, b]))',
      { x: many(900) },
    ],
    ['arguments.x.all(a, arguments.t.lastIndexOf("x") < 0)', { x: many(10), t: text(60_000) }],
    ['cel.bind(m, arguments.x.map(a, arguments.y + arguments.y), true)', { x: many(100), y: many(900) }],
    ["arguments.t.split('').all(a, a == 'a')", { t: text(60_000) }],
  ])('is counted, and at some point refused: %s', (condition, args) => {
    expect(() => stepsOf(condition, args)).toThrow('too many steps');
  });

  it.each<[string, JsonObject, string]>([
    ['arguments.t.contains(arguments.u)', { t: text(60_000), u: text(300) }, 'text longer than 256'],
    ['duration(arguments.t) == duration("1s")', { t: '1'.repeat(65) }, 'text longer than 64'],
    ['arguments.t == "a"', { t: text(70_000) }, 'Unsupported type'],
    ['size(arguments.x) > 1', { x: many(1001) }, 'Unsupported type'],
    ['arguments.x[0] == 1', { x: many(1001) }, 'Unsupported type'],
    ['arguments.x.exists(y, y == 1)', { x: [many(1001)] }, 'Unsupported type'],
    [
      'arguments.o == arguments.o',
      { o: Object.fromEntries(many(1001).map((_each, index) => [`k${index}`, 1])) },
      'Unsupported type',
    ],
    ['arguments.x[19].size() == 999', { x: many(20, many(999)) }, 'Unsupported type'],
    ['arguments.n == arguments.n', { n: nested(40) }, 'TooLarge'],
    ['[arguments.x] == [arguments.x]', { x: many(20, many(999)) }, 'too'],
  ])('does not grow with what is too large: %s', (condition, args, message) => {
    expect(() => stepsOf(condition, args)).toThrow(message);
  });

  it('a path beside a megabyte can be looked at', () => {
    const args = { path: '/tmp/x', content: text(1_000_000), list: many(5000) };
    expect(stepsOf("arguments.path.startsWith('/tmp/') && has(arguments.path)", args)).toBeLessThan(10);
  });

  it('usual conditions take a small part of it', () => {
    const args = { path: `/srv/${text(200)}`, tags: many(20, 'x') };
    const condition =
      "'writer' in principal.roles && arguments.path.matches('^/srv/[a-z]+$') && arguments.tags.all(t, t.size() < 9)";
    expect(stepsOf(condition, args)).toBeLessThan(MAX_STEPS / 8);
  });

  it('is one account for all conditions of a decision', async () => {
    const when = 'arguments.x.all(a, a == 1)';
    const policy = await policyOf([
      { effect: 'allow', tools: ['a__one'], when },
      ...Array.from({ length: 4 }, () => ({ effect: 'deny', tools: ['a__four'], when: `!(${when})` }) as const),
      { effect: 'allow', tools: ['a__four'] },
    ]);
    const call = { arguments: { x: many(500) } };
    expect(await policy.decide(toolCall('a__one', call))).toMatchObject({ effect: 'allow' });
    expect(await policy.decide(toolCall('a__four', call))).toEqual({ effect: 'deny', rule: 'rules[2]' });
    expect(await policy.decide(toolCall('a__one', call))).toMatchObject({ effect: 'allow' });
  });
});

describe('a condition that fails', () => {
  const when = 'arguments.path == "/tmp"';

  it('does not allow, does not ask, and does deny', async () => {
    const effects = ['allow', 'ask', 'deny'] as const;
    const policies = await Promise.all(
      effects.map((effect) => policyOf([{ effect, when }], { default: effect === 'deny' ? 'allow' : 'deny' })),
    );
    const decide = async (args: JsonObject): Promise<string[]> =>
      Promise.all(policies.map(async (policy) => (await policy.decide(toolCall('a__b', { arguments: args }))).effect));
    expect(await decide({ path: '/tmp' })).toEqual(['allow', 'ask', 'deny']);
    expect(await decide({ path: '/etc' })).toEqual(['deny', 'deny', 'allow']);
    expect(await decide({})).toEqual(['deny', 'deny', 'deny']);
    expect(await decide({ path: { constructor: 1 } })).toEqual(['deny', 'deny', 'allow']);
  });

  it('at list time what may be allowed is seen, and nothing is hidden', async () => {
    const policy = await policyOf([
      { effect: 'allow', tools: ['a__b'], when },
      { effect: 'allow', tools: ['a__c'] },
      { effect: 'deny', tools: ['a__c'], when },
    ]);
    const audience = policy.audienceOf(principal);
    expect(['a__b', 'a__c', 'a__d'].map((id) => audience.maySee('tool', 'a', id))).toEqual([true, true, false]);
  });
});
