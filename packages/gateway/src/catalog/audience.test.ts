import type { JsonObject } from '@sallyport/wire';
import { describe, expect, it } from 'vitest';
import type { Audience } from '../call.ts';
import type { CatalogRoom, CatalogView } from './index.ts';
import { filled, server, setupOf, source, type Offer } from './testing/rooms.ts';

const SETUP = setupOf([server('files'), server('git')], { views: { all: {}, secret: {} } });
const OFFERS: Readonly<Record<string, Offer>> = {
  files: { tools: ['read', 'write'], prompts: ['explain'], resources: ['f:1', 'same'], templates: ['f:{id}'] },
  git: { tools: ['log'], prompts: ['review'], resources: ['g:1', 'same'], templates: ['g:{id}'] },
};

/** Sees what is named: `tool files__read`, `resource f:1`, … */
function audience(key: string, seen: readonly string[], views: readonly string[] = []): Audience {
  return {
    key,
    maySee: (kind, serverName, id) => seen.includes(`${kind} ${id}`) || seen.includes(`all ${serverName}`),
    mayKnow: (name) => seen.some((each) => each.includes(name)),
    mayUse: (name) => seen.some((each) => each.includes(name) || each.includes(`${name[0]}:`)),
    mayEnter: (name) => views.includes(name),
  };
}

const ALICE = audience('alice', ['tool files__read', 'resource f:1', 'template f:{id}'], ['all']);
const BOB = audience('bob', ['all git']);

async function room(): Promise<CatalogRoom> {
  return (await filled(SETUP, OFFERS)).room;
}

function names(view: CatalogView): unknown {
  const { tools, prompts, resources, templates } = view.catalog;
  return [tools, prompts, resources, templates].map((map) => [...map.keys()]);
}

describe('an audience', () => {
  it.each(['/mcp', '/mcp/v/all', '/mcp?servers=files'])('sees its part at %s', async (endpoint) => {
    expect(names((await room()).view(endpoint, ALICE))).toEqual([['files__read'], [], ['f:1'], ['f:{id}']]);
  });

  it('AUT-05 finds no place that it may not enter, as if it were not there', async () => {
    const catalog = await room();
    const placed = (path: string, query = ''): unknown => catalog.place(path, query, ALICE);
    expect(placed('/mcp')).toEqual({ name: '/mcp' });
    expect(placed('/mcp/s/files')).toEqual({ name: '/mcp/s/files' });
    expect(placed('/mcp/s/git')).toEqual(placed('/mcp/s/none'));
    expect(placed('/mcp/v/all')).toEqual({ name: '/mcp/v/all' });
    expect(placed('/mcp/v/secret')).toEqual(placed('/mcp/v/none'));
    expect(placed('/mcp', 'servers=git')).toEqual(placed('/mcp', 'servers=none'));
    expect(catalog.place('/mcp/s/git', '')).toEqual({ name: '/mcp/s/git' });
  });

  it('owns no URI that it may not see, listed or not, also where a template that it sees fits', async () => {
    const catalog = await room();
    const view = catalog.view('/mcp', ALICE);
    expect(['f:1', 'f:2', 'g:1', 'same'].map((uri) => view.ownerOf(uri))).toEqual([
      'files',
      undefined,
      undefined,
      undefined,
    ]);
    expect(catalog.view('/mcp/s/files', ALICE).ownerOf('not:listed')).toBeUndefined();
    const part = audience('part', ['resource f:7']);
    expect(names(catalog.view('/mcp', part))).toEqual([[], [], [], []]);
    expect(catalog.view('/mcp', part).ownerOf('f:7')).toBe('files');
    // The first owner that it may see has what two offer.
    expect(catalog.view('/mcp', BOB).ownerOf('same')).toBe('git');
  });

  it('AUT-05 learns of no server by a URI alone, and reads it all the same', async () => {
    const said = (instructions: string): Offer => ({ resources: ['f:1'], said: { instructions } });
    const { room: catalog } = await filled(SETUP, { files: said('about files') });
    const reader = audience('reader', ['resource f:1', 'resource g:1'], ['all']);
    const view = catalog.view('/mcp', reader);
    expect(view.ownerOf('f:1')).toBe('files');
    expect(names(view)).toEqual([[], [], ['f:1'], []]);
    expect([view.instructions(), view.missing()]).toEqual([undefined, []]);
    for (const path of ['/mcp/s/files', '/mcp/v/all']) {
      expect(catalog.place(path, '', reader)).toEqual(catalog.place('/mcp/s/none', '', reader));
    }
    expect(catalog.root.missing()).toHaveLength(1);
  });

  it('reaches nothing hidden by a method that nobody knows', async () => {
    const { catalog } = (await room()).view('/mcp/s/files', ALICE);
    expect(['files__write', 'files__unlisted'].map((id) => catalog.withholds(id, 'files'))).toEqual([true, true]);
  });

  it('is told of no server that it may not use: neither its instructions nor that it is missing', async () => {
    const said = (instructions: string): Offer => ({ said: { instructions, capabilities: { tools: {} } } });
    const { room: catalog } = await filled(SETUP, { files: said('about files'), git: said('about git') });
    expect(catalog.root.instructions()).toBe('files: about files\ngit: about git');
    expect(catalog.view('/mcp', ALICE).instructions()).toBe('files: about files');
    const { room: empty } = await filled(SETUP, {}, { problem: () => 'down' });
    expect(empty.root.missing().map(({ server: name }) => name)).toEqual(['files', 'git']);
    expect(
      empty
        .view('/mcp', ALICE)
        .missing()
        .map(({ server: name }) => name),
    ).toEqual(['files']);
  });

  it('has lists of its own, the same bytes for all of it and none of another', async () => {
    const catalog = await room();
    const page = (who?: Audience): string => {
      const answer = catalog.view('/mcp', who).lists.page('tools', 'session', 0, String);
      return answer.kind === 'result' ? answer.after.toString() : '';
    };
    const shown = (text: string): string[] =>
      (JSON.parse(`{"id":1${text}`) as { result: { tools: JsonObject[] } }).result.tools.map(
        ({ name }) => name as string,
      );
    expect([undefined, ALICE, BOB, ALICE].map((who) => shown(page(who)))).toEqual([
      ['files__read', 'files__write', 'git__log'],
      ['files__read'],
      ['git__log'],
      ['files__read'],
    ]);
    expect(catalog.view('/mcp', ALICE)).toBe(catalog.view('/mcp', ALICE));
  });

  it('hears of what has changed for it alone', async () => {
    const watched = [ALICE, BOB].map((each) => ({ endpoint: '/mcp', audience: each }));
    const heard: unknown[] = [];
    const { room: catalog, turn } = await filled(SETUP, OFFERS, {
      watched: () => watched,
      onChanged: ({ audience: who }, { kinds }) => heard.push([who?.key, ...kinds]),
    });
    heard.length = 0;

    await catalog.refresh('git', source({ ...OFFERS['git'], tools: ['log', 'blame'] }));
    turn();
    expect(heard).toEqual([['bob', 'tools']]);
  });
});
