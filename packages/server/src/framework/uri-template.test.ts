import { assert, constantFrom, dictionary, property, string, tuple, array } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createUriTemplate, type TemplateValue } from './uri-template.ts';

/** RFC 6570 §3.2. */
const VALUES: Readonly<Record<string, TemplateValue>> = {
  count: ['one', 'two', 'three'],
  dom: ['example', 'com'],
  dub: 'me/too',
  hello: 'Hello World!',
  half: '50%',
  var: 'value',
  who: 'fred',
  base: 'http://example.com/home/',
  path: '/foo/bar',
  list: ['red', 'green', 'blue'],
  keys: { semi: ';', dot: '.', comma: ',' },
  v: '6',
  x: '1024',
  y: '768',
  empty: '',
  empty_keys: {},
};

/** The examples of RFC 6570 §3.2.2 to §3.2.9, and the RFC's own levels (§1.2). */
const EXAMPLES: [string, string][] = [
  ['{count}', 'one,two,three'],
  ['{count*}', 'one,two,three'],
  ['{/count}', '/one,two,three'],
  ['{/count*}', '/one/two/three'],
  ['{;count}', ';count=one,two,three'],
  ['{;count*}', ';count=one;count=two;count=three'],
  ['{?count}', '?count=one,two,three'],
  ['{?count*}', '?count=one&count=two&count=three'],
  ['{&count*}', '&count=one&count=two&count=three'],
  ['{var}', 'value'],
  ['{hello}', 'Hello%20World%21'],
  ['{half}', '50%25'],
  ['O{empty}X', 'OX'],
  ['O{undef}X', 'OX'],
  ['{x,y}', '1024,768'],
  ['{x,hello,y}', '1024,Hello%20World%21,768'],
  ['?{x,empty}', '?1024,'],
  ['?{x,undef}', '?1024'],
  ['?{undef,y}', '?768'],
  ['{var:3}', 'val'],
  ['{var:30}', 'value'],
  ['{list}', 'red,green,blue'],
  ['{list*}', 'red,green,blue'],
  ['{keys}', 'semi,%3B,dot,.,comma,%2C'],
  ['{keys*}', 'semi=%3B,dot=.,comma=%2C'],
  ['{+var}', 'value'],
  ['{+hello}', 'Hello%20World!'],
  ['{+half}', '50%25'],
  ['{base}index', 'http%3A%2F%2Fexample.com%2Fhome%2Findex'],
  ['{+base}index', 'http://example.com/home/index'],
  ['O{+empty}X', 'OX'],
  ['{+path}/here', '/foo/bar/here'],
  ['here?ref={+path}', 'here?ref=/foo/bar'],
  ['up{+path}{var}/here', 'up/foo/barvalue/here'],
  ['{+x,hello,y}', '1024,Hello%20World!,768'],
  ['{+path,x}/here', '/foo/bar,1024/here'],
  ['{+path:6}/here', '/foo/b/here'],
  ['{+list}', 'red,green,blue'],
  ['{+keys}', 'semi,;,dot,.,comma,,'],
  ['{+keys*}', 'semi=;,dot=.,comma=,'],
  ['{#var}', '#value'],
  ['{#hello}', '#Hello%20World!'],
  ['foo{#empty}', 'foo#'],
  ['foo{#undef}', 'foo'],
  ['{#x,hello,y}', '#1024,Hello%20World!,768'],
  ['{#path:6}/here', '#/foo/b/here'],
  ['{#keys*}', '#semi=;,dot=.,comma=,'],
  ['{.who,who}', '.fred.fred'],
  ['{.half,who}', '.50%25.fred'],
  ['www{.dom*}', 'www.example.com'],
  ['X{.empty}', 'X.'],
  ['X{.var:3}', 'X.val'],
  ['X{.list*}', 'X.red.green.blue'],
  ['X{.keys}', 'X.semi,%3B,dot,.,comma,%2C'],
  ['X{.keys*}', 'X.semi=%3B.dot=..comma=%2C'],
  ['X{.empty_keys*}', 'X'],
  ['{/who,dub}', '/fred/me%2Ftoo'],
  ['{/var,empty}', '/value/'],
  ['{/var,x}/here', '/value/1024/here'],
  ['{/var:1,var}', '/v/value'],
  ['{/list*,path:4}', '/red/green/blue/%2Ffoo'],
  ['{/keys*}', '/semi=%3B/dot=./comma=%2C'],
  ['{;who}', ';who=fred'],
  ['{;empty}', ';empty'],
  ['{;v,empty,who}', ';v=6;empty;who=fred'],
  ['{;v,bar,who}', ';v=6;who=fred'],
  ['{;hello:5}', ';hello=Hello'],
  ['{;keys*}', ';semi=%3B;dot=.;comma=%2C'],
  ['{?who}', '?who=fred'],
  ['{?x,y,empty}', '?x=1024&y=768&empty='],
  ['{?var:3}', '?var=val'],
  ['{?keys}', '?keys=semi,%3B,dot,.,comma,%2C'],
  ['{?keys*}', '?semi=%3B&dot=.&comma=%2C'],
  ['?fixed=yes{&x}', '?fixed=yes&x=1024'],
  ['{&x,y,empty}', '&x=1024&y=768&empty='],
  ['{&keys*}', '&semi=%3B&dot=.&comma=%2C'],
];

describe('a template', () => {
  it.each(EXAMPLES)('%s expands to %s', (template, expanded) => {
    expect(createUriTemplate(template).expand(VALUES)).toBe(expanded);
  });

  it.each(['{', '}', 'a{b', 'a}b', '{}', '{a b}', '{a*:3}', '{a:0}', '{a:10000}', '{!a}', '{a,}', '{{a}}', '{%zz}'])(
    '%s is none',
    (template) => {
      expect(() => createUriTemplate(template)).toThrow(TypeError);
    },
  );

  it('takes a text where it has a prefix', () => {
    expect(() => createUriTemplate('{a:3}').expand({ a: ['x'] })).toThrow(/prefix/);
  });

  it('has no more variables and characters than can be looked at', () => {
    expect(() => createUriTemplate(`x:{${Array.from({ length: 65 }, (_each, index) => `a${index}`).join()}}`)).toThrow(
      /too many/,
    );
    expect(() => createUriTemplate('x'.repeat(3000))).toThrow(/2048/);
  });
});

describe('a URI', () => {
  const matches: [string, string, object | undefined][] = [
    ['test://{id}/data', 'test://a%20b/data', { id: 'a b' }],
    ['test://{id}/data', 'test://a/b/data', undefined],
    ['test://{id}/data', 'test:///data', undefined],
    ['test://{id}/data', 'test://%zz/data', undefined],
    ['test://{id}/data', 'xtest://a/data', undefined],
    ['test://{id}/data', 'test://a/data/', undefined],
    ['file:///{+path}', 'file:///a/b%20c.txt', { path: 'a/b c.txt' }],
    ['repo://{owner}/{name}{#part}', 'repo://a/b#c', { owner: 'a', name: 'b', part: 'c' }],
    ['x:{a,b}', 'x:1,2', { a: '1', b: '2' }],
    ['x:{a*}', 'x:1,2', { a: ['1', '2'] }],
    ['x:{/a*}', 'x:/1/2%2F3', { a: ['1', '2/3'] }],
    ['x{.a,b}', 'x.1.2', { a: '1', b: '2' }],
    ['x{;a,b}', 'x;a=1;b', { a: '1', b: '' }],
    ['x:{a:3}', 'x:abc', { a: 'abc' }],
    ['x:{a:3}', 'x:abcd', undefined],
    ['x:{a}/{a}', 'x:1/1', { a: '1' }],
    ['x:{a}/{a}', 'x:1/2', undefined],
    ['x:find{?q,tag*}', 'x:find?tag=a&q=b%26c&tag=d', { tag: ['a', 'd'], q: 'b&c' }],
    ['x:find{?q,tag*}', 'x:find', {}],
    ['x:find{?q}', 'x:find?other=1', undefined],
    ['x:find{?q}', 'x:find?q=1&q=2', undefined],
    ['x:find?fixed=1{&q}', 'x:find?fixed=1&q=2', { q: '2' }],
    ['x:find?fixed=1{&q}', 'x:find?fixed=2&q=2', undefined],
    // What a regular expression would make of the template is nothing to it.
    ['x://(a+)+.*[b]$|^{id}', 'x://(a+)+.*%5Bb%5D$%7C%5E7', undefined],
    ['x://(a+)+.*$/{id}', 'x://(a+)+.*$/7', { id: '7' }],
    ['x://a.c/{id}', 'x://abc/7', undefined],
    ['x:{__proto__}', 'x:1', { ['__proto__']: '1' }],
  ];

  it.each(matches)('of %s: %s', (template, uri, variables) => {
    const found = createUriTemplate(template).match(uri);
    expect(found && Object.entries(found)).toEqual(variables && Object.entries(variables));
  });

  it('of any template leads back to what it was made of', () => {
    const value = string({ minLength: 1, unit: 'grapheme' });
    const values = tuple(dictionary(constantFrom('a', 'b', 'c'), value), array(value, { minLength: 1 }));
    assert(
      property(
        constantFrom('x:{a}/{b}-', 'x:{/a}{;b}', 'x{.l*}', 'x:{/l*}{?a,b,c}', 'x:q?l=1{&a,b}'),
        values,
        (text, [given, l]) => {
          const template = createUriTemplate(text);
          // A dot between labels belongs to them, and an empty variable leaves nothing to find.
          const dotted = text.includes('.l') ? l.map((each) => each.replaceAll('.', '_')) : l;
          const known = { a: '1', b: '2', ...given, l: dotted };
          const wanted = Object.fromEntries(
            template.names.flatMap((name) => (name in known ? [[name, known[name as 'a' | 'l']]] : [])),
          );
          expect({ ...template.match(template.expand(known)) }).toEqual(wanted);
        },
      ),
    );
  });

  it('that fits only at the end takes time linear to its length', () => {
    const template = createUriTemplate('x:{a}{b}{c}{d}{e}{f}{g}{h}-{+i}-{+j}-{+k}/end');
    expect(template.match(`x:${'-'.repeat(8000)}`)).toBeUndefined();
  });
});
