import { preparedResult, type Answer } from '@sallyport/server';
import { describe, expect, it } from 'vitest';
import { createLists, Pages, type Lists, type Missing } from './lists.ts';
import type { Entry } from './offer.ts';

type Page = Answer & { readonly kind: 'result' };

const page = (bytes: number): Page => preparedResult(JSON.stringify('x'.repeat(bytes))) as Page;
const entries = (): ReadonlyMap<string, Entry> => new Map();

describe('prepared pages', () => {
  it('are kept within a bound in bytes, those asked for last', () => {
    const pages = new Pages(10_000);
    const shown = entries();
    for (const key of ['a', 'b', 'c']) pages.put(key, shown, '', page(1500));
    const known = (): string[] => ['a', 'b', 'c', 'd', 'e'].filter((key) => pages.get(key, shown, '') !== undefined);
    expect(known()).toEqual(['a', 'b', 'c']);
    pages.get('a', shown, '');
    pages.put('d', shown, '', page(2000));
    expect(known()).toEqual(['a', 'c', 'd']);
    // One that is larger than everything is kept, alone: it will be asked for again.
    pages.put('e', shown, '', page(20_000));
    expect(known()).toEqual(['e']);
    pages.put('a', shown, '', page(10));
    expect(known()).toEqual(['a']);
  });

  it('take no more room when they are made again', () => {
    const pages = new Pages(10_000);
    const shown = entries();
    pages.put('a', shown, '', page(1500));
    for (let n = 0; n < 20; n++) pages.put('b', shown, '', page(1500));
    expect(pages.get('a', shown, '')).toBeDefined();
  });

  it('are not those of other entries, or where something else is missing', () => {
    const pages = new Pages();
    const shown = entries();
    const answer = page(1);
    pages.put('a', shown, 'b is down', answer);
    expect(pages.get('a', shown, 'b is down')).toBe(answer);
    expect([pages.get('a', entries(), 'b is down'), pages.get('a', shown, '')]).toEqual([undefined, undefined]);
  });
});

describe('the lists of an endpoint', () => {
  const tool = { name: 'x', execution: { taskSupport: 'optional' } };
  const entry: Entry = { server: 's', id: 's__x', original: 'x', shown: tool };
  const missing: Missing[] = [];
  const catalog = {
    tools: new Map([['x', entry]]),
    prompts: entries(),
    resources: entries(),
    templates: entries(),
  };
  const lists: Lists = createLists({
    name: '/mcp',
    catalog: () => catalog as never,
    missing: () => missing,
    pages: new Pages(),
    info: { name: 'gateway' },
  });
  const resultOf = (kind: 'tools' | 'templates', era: 'session' | 'stateless'): unknown => {
    const { after } = lists.page(kind, era, 0, String) as Page;
    return (JSON.parse(`{"id":1${after.toString()}`) as { result: unknown }).result;
  };

  it('have what each era knows, and say what is missing at this moment', () => {
    expect(resultOf('tools', 'session')).toEqual({ tools: [tool] });
    expect(resultOf('tools', 'stateless')).toEqual({
      tools: [{ name: 'x' }],
      resultType: 'complete',
      ttlMs: 0,
      cacheScope: 'private',
      _meta: { 'io.modelcontextprotocol/serverInfo': { name: 'gateway' } },
    });
    missing.push({ server: 'b', reason: 'It is down.' });
    expect(resultOf('templates', 'session')).toEqual({
      resourceTemplates: [],
      _meta: { 'sallyport/missing': [{ server: 'b', reason: 'It is down.' }] },
    });
    missing.length = 0;
    expect(resultOf('templates', 'session')).toEqual({ resourceTemplates: [] });
  });

  it('have a version each, which is that of their content', () => {
    const before = [lists.version, lists.versionOf('tools'), lists.versionOf('prompts')];
    catalog.tools = new Map([['x', { ...entry, shown: { ...tool } }]]);
    expect([lists.version, lists.versionOf('tools'), lists.versionOf('prompts')]).toEqual(before);
    catalog.tools = new Map([['x', { ...entry, shown: { ...tool, title: 'X' } }]]);
    expect(lists.version).not.toBe(before[0]);
    expect(lists.versionOf('tools')).not.toBe(before[1]);
    expect(lists.versionOf('prompts')).toBe(before[2]);
  });
});
