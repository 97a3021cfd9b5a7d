import { assert, constantFrom, integer, oneof, pre, property, string, stringMatching, uniqueArray } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createCompose, createRootNames } from './composing.ts';
import { ownerOfUri, type Catalog } from './merge.ts';
import { canonicalId, globMatcher, globReaches, shownName, type Naming } from './naming.ts';
import { createOfferOf, type OfferRules } from './offer.ts';
import type { Snapshot } from './snapshot.ts';

const PREFIXED: Naming = { mode: 'prefixed', maxLength: 48 };
const PLAIN: Naming = { mode: 'plain', maxLength: 48 };

function rules(name: string, more: Partial<OfferRules> & { tools?: Partial<OfferRules['tools']> } = {}): OfferRules {
  return {
    name,
    features: { tools: true, resources: true, prompts: true },
    readOnly: false,
    tags: [],
    overHttp: false,
    ...more,
    tools: { deny: [], rename: {}, describe: {}, arguments: {}, ...more.tools },
  };
}

function snapshot(more: Partial<Snapshot>): Snapshot {
  return {
    tools: [],
    prompts: [],
    resources: [],
    templates: [],
    pinned: {},
    unread: [],
    capabilities: {},
    info: {},
    instructions: undefined,
    atMs: 0,
    fingerprint: '',
    ...more,
  };
}

const tools = (...names: string[]): Partial<Snapshot> => ({ tools: names.map((name) => ({ name, inputSchema: {} })) });

/** Merges servers given as rules and what they offer. */
function merge(naming: Naming, ...offers: [OfferRules, Partial<Snapshot>][]): Catalog {
  const snapshots = new Map(offers.map(([{ name }, offer]) => [name, snapshot(offer)]));
  const servers = offers.map(([rule]) => ({ ...rule, fingerprint: '' }));
  const offerOf = createOfferOf();
  const compose = createCompose(offerOf, createRootNames(offerOf));
  const discovery = { mode: 'full', budget: 0, always: [] } as const;
  const edition = {
    setup: { servers, naming, views: {}, discovery },
    snapshots,
    pins: new Map(),
    locked: new Set<string>(),
  };
  return compose(edition, { servers, isAlone: false, hasTool: undefined, audience: undefined, discovery });
}

describe('names', () => {
  const serverName = stringMatching(/^[A-Za-z0-9]([A-Za-z0-9-]{0,30}[A-Za-z0-9])?$/);
  const originals = uniqueArray(
    oneof(string({ unit: 'grapheme', minLength: 1, maxLength: 80 }), stringMatching(/^[a-z_]{40,60}$/)),
    { minLength: 1, maxLength: 30 },
  );

  it('are legal, short enough, unique, and the same on every run', () => {
    assert(
      property(
        uniqueArray(serverName, { minLength: 1, maxLength: 4, selector: (name) => name.toLowerCase() }),
        originals,
        constantFrom<Naming['mode']>('prefixed', 'plain'),
        integer({ min: 16, max: 128 }),
        (servers, names, mode, maxLength) => {
          const offers = servers.map((name): [OfferRules, Partial<Snapshot>] => [rules(name), tools(...names)]);
          const catalog = merge({ mode, maxLength }, ...offers);
          for (const [name, { server, original, id }] of catalog.tools) {
            expect(name).toMatch(/^[A-Za-z0-9_-]+$/);
            expect(name.length).toBeLessThanOrEqual(maxLength);
            expect(id).toBe(canonicalId(server, original));
          }
          const shown = [...catalog.tools.values()].map(({ id }) => id);
          expect(new Set(shown).size).toBe(shown.length);
          // Nothing gets lost: what is not shown is reported.
          expect(catalog.tools.size + catalog.hidden.length).toBe(servers.length * names.length);
          expect(mode === 'prefixed' ? catalog.hidden : []).toEqual([]);
          expect(JSON.stringify([...merge({ mode, maxLength }, ...offers).tools])).toBe(
            JSON.stringify([...catalog.tools]),
          );
        },
      ),
      { numRuns: 200 },
    );
  });

  it.each([
    ['prefixed', 's', 'read_file', 48, /^s__read_file$/],
    ['plain', 's', 'read_file', 48, /^read_file$/],
    ['prefixed', 's', 'read.file', 48, /^s__read_file_[0-9a-f]{6}$/],
    ['plain', 's', 'a/b', 48, /^a_b_[0-9a-f]{6}$/],
    ['prefixed', 's', 'x'.repeat(60), 48, /^s__x{38}_[0-9a-f]{6}$/],
    ['plain', 's', '名前', 48, /^__[_]?_?[0-9a-f]{6}$/],
  ] as const)('%s: %s, %s', (mode, server, original, maxLength, expected) => {
    const name = shownName(server, original, original, { mode, maxLength });
    expect(name).toMatch(expected);
  });

  it('that look alike get different hashes', () => {
    const { tools: merged } = merge(PREFIXED, [rules('s'), tools('a.b', 'a/b', 'a b')]);
    expect(new Set(merged.keys()).size).toBe(3);
  });

  it('whose hash is taken get a longer one', () => {
    const squatted = shownName('s', 'a.b', 'a.b', PREFIXED);
    const { tools: merged, hidden } = merge(PREFIXED, [rules('s'), tools(squatted.slice(3), 'a.b')]);
    expect(merged.get(squatted)?.original).toBe(squatted.slice(3));
    expect([...merged.keys()][1]).toMatch(/^s__a_b_[0-9a-f]{12}$/);
    expect(hidden).toEqual([]);
  });

  it.each(['constructor', '__proto__', 'toString', 'hasOwnProperty'])('such as %s are names like others', (name) => {
    for (const naming of [PREFIXED, PLAIN]) {
      const offer = { tools: [{ name, description: 'mine', inputSchema: {} }] };
      const [entry] = [...merge(naming, [rules('s'), offer]).tools.values()];
      expect(entry).toMatchObject({ original: name, shown: { description: 'mine' }, argumentRules: undefined });
    }
  });
});

describe('a name that two servers want', () => {
  it('belongs to the first in configuration order; the other is hidden, withheld and reported', () => {
    const catalog = merge(PLAIN, [rules('b'), tools('x', 'y')], [rules('a'), tools('x', 'z')]);
    expect([...catalog.tools].map(([name, { server }]) => `${name} of ${server}`)).toEqual([
      'x of b',
      'y of b',
      'z of a',
    ]);
    expect(catalog.hidden).toEqual([{ server: 'a', what: 'x', reason: 'the name x belongs to b' }]);
    expect(['a__x', 'a__z', 'b__x'].filter((id) => catalog.withholds(id, id.slice(0, 1)))).toEqual(['a__x']);
  });

  it('also by renaming', () => {
    const renamed = rules('b', { tools: { rename: { y: 'x' } } as never });
    const catalog = merge(PREFIXED, [renamed, tools('x', 'y')]);
    expect([...catalog.tools.keys()]).toEqual(['b__x']);
    expect(catalog.hidden).toEqual([{ server: 'b', what: 'y', reason: 'the name b__x belongs to b' }]);
  });
});

describe('what the configuration says of tools', () => {
  it.each([
    [{}, ['read', 'read_all', 'write']],
    [{ allow: ['read*'] }, ['read', 'read_all']],
    [{ deny: ['*_all'] }, ['read', 'write']],
    [{ allow: ['read*'], deny: ['read'] }, ['read_all']],
    [{ allow: [] }, []],
  ])('%j leaves %j', (config, expected) => {
    const catalog = merge(PLAIN, [rules('s', { tools: config as never }), tools('read', 'read_all', 'write')]);
    expect([...catalog.tools.keys()]).toEqual(expected);
    const all = ['read', 'read_all', 'write'];
    expect(all.filter((name) => !catalog.withholds(`s__${name}`, 's'))).toEqual(expected);
  });

  it('renames and describes, and keeps the canonical id', () => {
    const config = { rename: { a: 'better' }, describe: { a: 'Does it better.' } };
    const catalog = merge(PREFIXED, [rules('s', { tools: config as never }), tools('a')]);
    expect(catalog.tools.get('s__better')).toMatchObject({
      id: 's__a',
      original: 'a',
      shown: { name: 's__better', description: 'Does it better.' },
    });
  });

  it('takes arguments that are not the caller’s out of the schema', () => {
    const inputSchema = {
      type: 'object',
      properties: { keep: {}, hidden: {}, fixed: {}, given: { type: 'string' } },
      required: ['keep', 'hidden', 'fixed', 'given'],
      additionalProperties: false,
    };
    const argumentRules = {
      hidden: { hide: true },
      fixed: { hide: false, fix: 1 },
      given: { hide: false, default: 'x' },
    };
    const config = rules('s', { tools: { arguments: { a: argumentRules } } as never });
    const catalog = merge(PREFIXED, [config, { tools: [{ name: 'a', inputSchema }] }]);
    expect(catalog.tools.get('s__a')?.shown['inputSchema']).toEqual({
      type: 'object',
      properties: { keep: {}, given: { type: 'string' } },
      required: ['keep'],
      additionalProperties: false,
    });
  });

  it('hides tools with invalid header declarations from servers over HTTP alone', () => {
    const bad = {
      name: 'bad',
      inputSchema: { type: 'object', properties: { a: { type: 'number', 'x-mcp-header': 'A' } } },
    };
    for (const overHttp of [true, false]) {
      const catalog = merge(PREFIXED, [rules('s', { overHttp }), { tools: [bad] }]);
      expect(catalog.tools.size).toBe(overHttp ? 0 : 1);
      expect(catalog.hidden.length).toBe(overHttp ? 1 : 0);
    }
  });

  it.each(['tools', 'prompts', 'resources'] as const)('features.%s off takes them out', (feature) => {
    const offer = {
      tools: [{ name: 'x' }],
      prompts: [{ name: 'p' }],
      resources: [{ uri: 'a:b' }],
      templates: [{ uriTemplate: 'a:{x}' }],
    };
    const features = { tools: true, prompts: true, resources: true, [feature]: false };
    const catalog = merge(PREFIXED, [rules('s', { features }), offer]);
    const sizes = {
      tools: catalog.tools.size,
      prompts: catalog.prompts.size,
      resources: catalog.resources.size + catalog.templates.size,
    };
    expect(sizes).toEqual({ tools: 1, prompts: 1, resources: 2, [feature]: 0 });
    expect(ownerOfUri(catalog, 'a:c') === undefined).toBe(feature === 'resources');
  });
});

describe('resources', () => {
  const first = {
    resources: [{ uri: 'x://same' }],
    templates: [{ uriTemplate: 'x://{id}/data' }, { uriTemplate: 'x://a/{+rest}' }],
  };
  const second = {
    resources: [{ uri: 'x://same' }, { uri: 'x://1/data' }],
    templates: [{ uriTemplate: 'x://{id}/data' }, { uriTemplate: 'y://{id}' }],
  };
  const catalog = merge(PREFIXED, [rules('one'), first], [rules('two'), second]);

  it.each([
    ['x://same', 'one'],
    // One that is listed counts before a template that it fits.
    ['x://1/data', 'two'],
    ['x://2/data', 'one'],
    ['x://a/b/c', 'one'],
    ['y://1', 'two'],
    ['y:/1', undefined],
    ['x://data', undefined],
  ])('%s belongs to %s', (uri, server) => {
    expect(ownerOfUri(catalog, uri)?.server).toBe(server);
  });

  it('are never rewritten, and what another owns is reported', () => {
    expect([...catalog.resources.values()].map(({ shown }) => shown['uri'])).toEqual(['x://same', 'x://1/data']);
    expect(catalog.hidden.map(({ server, what }) => [server, what])).toEqual([
      ['two', 'x://same'],
      ['two', 'x://{id}/data'],
    ]);
  });
});

describe('globReaches', () => {
  it.each([
    ['files__read', 'files__', true],
    ['files__', 'files__', false],
    ['files__*', 'files__', true],
    ['f*read', 'files__', true],
    ['*__read', 'files__', true],
    ['files__r*', 'files__', true],
    ['file__*', 'files__', false],
    ['filesystem__*', 'files__', false],
  ])('%s, %s: %s', (glob, prefix, expected) => {
    expect(globReaches(glob, prefix)).toBe(expected);
  });

  it('is true for every glob that matches a name of the server', () => {
    assert(
      property(stringMatching(/^(a__)?[ab_]{0,2}\*?[ab_]?\*$/), stringMatching(/^[ab_]{1,8}$/), (glob, name) => {
        pre(globMatcher([glob])(`a__${name}`));
        expect(globReaches(glob, 'a__')).toBe(true);
      }),
      { numRuns: 500 },
    );
  });
});

describe('globMatcher', () => {
  it('agrees with a regular expression', () => {
    const glob = stringMatching(/^[ab*]{0,8}$/);
    assert(
      property(glob, stringMatching(/^[ab]{0,10}$/), (pattern, name) => {
        const expected = new RegExp(`^${pattern.replaceAll('*', '.*')}$`).test(name);
        expect(globMatcher([pattern])(name)).toBe(expected);
      }),
      { numRuns: 2000 },
    );
  });
});
