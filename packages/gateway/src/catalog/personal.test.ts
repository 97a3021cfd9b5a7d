import type { Principal } from '@sallyport/server';
import { array, assert, asyncProperty, constantFrom, record, uniqueArray } from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Audience, Owner } from '../call.ts';
import { LIST_KINDS, type CatalogOptions, type CatalogRoom, type CatalogView, type OwnedRecords } from './index.ts';
import { NO_RECORDS, roomOf, server, setupOf, source, type Offer, type Setting } from './testing/rooms.ts';

function principal(subject: string): Principal {
  return { issuer: 'https://idp', subject, roles: [] };
}

function ownerOf({ issuer, subject }: Principal): Owner {
  return { key: JSON.stringify([issuer, subject]), principal: { issuer, subject } };
}

const [ALICE, BOB, EVE] = [principal('alice'), principal('bob'), principal('eve')];
const SETUP = setupOf([server('docs'), server('git')], { views: { both: {}, code: { servers: ['git'] } } });
const GIT: Offer = { tools: ['log'], resources: ['g:1'] };
const ALICES: Offer = {
  tools: ['read', 'secret'],
  prompts: ['p'],
  resources: ['d:alice'],
  templates: ['d:alice/{id}'],
};
const BOBS: Offer = { tools: ['read'], resources: ['d:bob'] };

interface Personal extends Setting {
  readonly see: (who: Principal, endpoint?: string, ruled?: Audience) => CatalogView;
  readonly says: (who: Principal, offer: Offer) => Promise<void>;
}

/** `docs` is personal and says what the principals are told; `git` says the same to everybody. */
async function personal(more: Partial<CatalogOptions> = {}): Promise<Personal> {
  const setting = roomOf(SETUP, more);
  const { room } = setting;
  room.usePersonal(new Set(['docs']));
  await room.open();
  await room.refresh('git', source(GIT));
  return {
    ...setting,
    see: (who, endpoint = '/mcp', ruled) => room.view(endpoint, room.audienceOf(endpoint, who, ruled)),
    says: (who, offer) => room.refreshFor('docs', ownerOf(who), source(offer)),
  };
}

async function told(more?: Partial<CatalogOptions>): Promise<Personal> {
  const setting = await personal(more);
  await setting.says(ALICE, ALICES);
  await setting.says(BOB, BOBS);
  return setting;
}

/** Every list, as it goes out in each era, and all that is said of them. */
function bytesOf(view: CatalogView): string {
  const pages = LIST_KINDS.flatMap((kind) =>
    (['session', 'stateless'] as const).map((era) => {
      const page = view.lists.page(kind, era, 0, String);
      return page.kind === 'result' ? page.before.toString() + page.after.toString() : '';
    }),
  );
  const catalogs = [view.catalog.routes, view.catalog.hidden];
  return JSON.stringify([pages, catalogs, view.instructions(), view.capabilities(), view.missing(), view.servers]);
}

function names(view: CatalogView): string[] {
  const { prompts, resources, templates, tools } = view.catalog;
  return [tools, prompts, resources, templates].flatMap((entries) => [...entries.keys()]);
}

describe('a personal server', () => {
  it('shows each principal what it said to that one, everywhere', async () => {
    const { see } = await told();
    const alices = ['docs__read', 'docs__secret', 'git__log', 'docs__p', 'd:alice', 'g:1', 'd:alice/{id}'];
    for (const endpoint of ['/mcp', 'stdio', '/mcp/v/both', '/mcp?servers=*']) {
      expect(names(see(ALICE, endpoint))).toEqual(alices);
      expect(names(see(BOB, endpoint))).toEqual(['docs__read', 'git__log', 'd:bob', 'g:1']);
      expect(names(see(EVE, endpoint))).toEqual(['git__log', 'g:1']);
    }
    expect(names(see(ALICE, '/mcp/s/docs'))).toEqual(['read', 'secret', 'p', 'd:alice', 'd:alice/{id}']);
    expect(names(see(BOB, '/mcp?servers=docs'))).toEqual(['docs__read', 'd:bob']);
    expect(names(see(EVE, '/mcp/s/docs'))).toEqual([]);
  });

  it("AUT-05 has for others no trace of one's names, prompts and URIs, byte for byte", async () => {
    const { see } = await told();
    const without = await personal();
    await without.says(BOB, BOBS);
    for (const who of [BOB, EVE]) {
      for (const endpoint of ['/mcp', '/mcp/s/docs', '/mcp/v/both', '/mcp?tools=*secret*']) {
        expect(bytesOf(see(who, endpoint))).toBe(bytesOf(without.see(who, endpoint)));
        expect(see(who, endpoint).ownerOf('d:alice/1')).toBe(without.see(who, endpoint).ownerOf('d:alice/1'));
      }
    }
    expect([ALICE, BOB, EVE].map((who) => see(who).ownerOf('d:alice/1'))).toEqual(['docs', undefined, undefined]);
    expect(see(BOB, '/mcp/s/docs').catalog.withholds('docs__secret', 'docs')).toBe(false);
  });

  it('names in one line what needs a login, to those who lack it', async () => {
    const { see } = await told();
    const line = 'Needs a login first: docs (sallyport login docs).';
    expect([ALICE, BOB, EVE].map((who) => see(who).instructions())).toEqual([undefined, undefined, line]);
    expect(see(EVE, '/mcp/v/code').instructions()).toBeUndefined();
    expect(see(EVE).missing(['tools'])).toEqual([
      { server: 'docs', reason: 'It needs a login first: sallyport login docs.' },
    ]);
    // What it can is not known before.
    expect(see(EVE, '/mcp/s/docs').capabilities()).toHaveProperty('completions');
    expect(see(BOB, '/mcp/s/docs').capabilities()).not.toHaveProperty('completions');
  });

  it('needs a login as long as it greets somebody and gives no list', async () => {
    const { room, see, says } = await personal();
    await room.refresh('docs', source({ tools: ['public'] }));
    const refuse = (): Promise<never> => Promise.reject(new Error('a login is needed'));
    await says(ALICE, { said: { list: refuse, instructions: 'Hello.' } });
    expect(names(see(ALICE))).toEqual(['docs__public', 'git__log', 'g:1']);
    expect(see(ALICE).instructions()).toBe('docs: Hello.\nNeeds a login first: docs (sallyport login docs).');
    expect(
      see(ALICE)
        .missing(['tools'])
        .map(({ reason }) => reason),
    ).toEqual(['It needs a login first: sallyport login docs.']);
    await says(ALICE, ALICES);
    expect([see(ALICE).instructions(), see(ALICE).missing()]).toEqual([undefined, []]);
  });

  it('costs nothing where it is not: those who see the same share it', async () => {
    const { room, see } = await told();
    expect(room.audienceOf('/mcp/v/code', ALICE)).toBeUndefined();
    expect(see(ALICE, '/mcp/v/code')).toBe(see(BOB, '/mcp/v/code'));
    expect(see(ALICE)).not.toBe(see(BOB));
    // Entries of other servers are one object for all, and a principal is the same by whatever credential.
    expect(see(ALICE).catalog.tools.get('git__log')).toBe(see(BOB).catalog.tools.get('git__log'));
    expect(see(principal('alice'))).toBe(see(ALICE));
    const before = see(ALICE).catalog.tools;
    await room.refreshFor('docs', ownerOf(BOB), source({ tools: ['other'] }));
    expect(see(ALICE).catalog.tools).toBe(before);
  });

  it('is narrowed by the policy as any other', async () => {
    const { see } = await told();
    const reader: Audience = {
      key: 'reader',
      maySee: (_kind, _server, id) => id === 'docs__read',
      mayUse: () => true,
      mayKnow: () => true,
      mayEnter: () => true,
    };
    expect(names(see(ALICE, '/mcp', reader))).toEqual(['docs__read']);
    expect(see(ALICE, '/mcp', reader)).not.toBe(see(BOB, '/mcp', reader));
    const outsider: Audience = { ...reader, key: 'outsider', mayUse: (name) => name !== 'docs' };
    // Who may not use it shares with all others who may not.
    expect(see(ALICE, '/mcp', outsider)).toBe(see(BOB, '/mcp', outsider));
  });

  it('does not mix cursors: each has lists of its own in versions of its own', async () => {
    const { see } = await told({ pageSize: 1 });
    const versions = [ALICE, BOB, EVE].map((who) => see(who).lists.versionOf('tools'));
    expect(new Set(versions).size).toBe(3);
  });

  it('is asked through the instance of whoever looks, and of nobody when nobody does', async () => {
    const started: (string | undefined)[] = [];
    const start = async (name: string, owner?: Owner): Promise<ReturnType<typeof source>> => {
      started.push(owner?.principal.subject ?? name);
      if (owner?.principal.subject === 'eve') throw new Error('a login is needed');
      return source(ALICES);
    };
    let nowMs = 0;
    const { room, see } = await personal({ start, deadlineMs: () => 60_000, now: () => nowMs });
    await room.root.ready();
    expect(started).toEqual([]);
    await Promise.all([see(ALICE).ready(), see(ALICE, 'stdio').ready(), see(EVE).ready()]);
    expect(started.splice(0)).toEqual(['alice', 'eve']);
    expect(names(see(ALICE))).toContain('docs__secret');
    // It is not asked again for every list that somebody wants before a login.
    await Promise.all([see(ALICE).ready(), see(EVE).ready()]);
    expect(started).toEqual([]);
    nowMs = 5000;
    await see(EVE).ready();
    expect(started).toEqual(['eve']);
  });
});

describe('a server that becomes personal', () => {
  it('keeps what it said without a token for those who have not logged in', async () => {
    const { room, see } = await told();
    await room.refresh('docs', source({ tools: ['public'], said: { instructions: 'Log in for more.' } }));
    expect(names(see(EVE))).toEqual(['docs__public', 'git__log', 'g:1']);
    expect(see(EVE).instructions()).toBe('docs: Log in for more.\nNeeds a login first: docs (sallyport login docs).');
    expect(names(see(BOB))).not.toContain('docs__public');
  });

  it('pins for each what it said to everybody', async () => {
    const { room, see } = await personal();
    const list = (readOnlyHint: boolean): Offer => ({
      said: { list: async (kind) => (kind === 'tools' ? [{ name: 'x', annotations: { readOnlyHint } }] : []) },
    });
    await room.refresh('docs', source(list(false)));
    await room.refreshFor('docs', ownerOf(ALICE), source(list(true)));
    expect(see(ALICE).catalog.tools.get('docs__x')?.annotations).toEqual({ readOnlyHint: false });
  });

  it('is told to whoever watches, and to nobody whom it does not concern', async () => {
    const heard: string[] = [];
    const watch = (room: CatalogRoom) =>
      [ALICE, BOB].flatMap((who) =>
        ['/mcp', '/mcp/v/code'].map((endpoint) => ({ endpoint, audience: room.audienceOf(endpoint, who) })),
      );
    const setting: Setting = roomOf(SETUP, {
      watched: () => new Set(watch(setting.room)),
      onChanged: ({ audience, endpoint }, { kinds, owners }) =>
        heard.push([endpoint, audience?.owner?.key ?? 'all', ...kinds, ...(owners ? ['owners'] : [])].join(' ')),
    });
    const { room, turn } = setting;
    const change = async (what: () => unknown): Promise<string[]> => {
      await what();
      turn();
      return [...new Set(heard.splice(0))];
    };
    const [alice, bob] = [ownerOf(ALICE), ownerOf(BOB)];
    await change(() => room.refresh('docs', source({ tools: ['public'] })));
    expect(await change(() => room.usePersonal(new Set(['docs'])))).toEqual([
      `/mcp ${alice.key} owners`,
      '/mcp/v/code all owners',
      `/mcp ${bob.key} owners`,
    ]);
    expect(await change(() => room.usePersonal(new Set(['docs'])))).toEqual([]);
    expect(await change(() => room.refreshFor('docs', alice, source({ tools: ['secret'] })))).toEqual([
      `/mcp ${alice.key} tools`,
    ]);
    expect(await change(() => room.refreshFor('docs', alice, source({ tools: ['secret'] })))).toEqual([]);
    expect(await change(() => room.forget('docs', alice.key))).toEqual([`/mcp ${alice.key} tools`]);
    // Whoever was shown its own sees what all see.
    await change(() => room.refreshFor('docs', alice, source({ tools: ['secret'] })));
    const back = await change(() => room.usePersonal(new Set()));
    expect(back).toEqual(['/mcp all tools prompts resources templates owners', '/mcp/v/code all owners']);
    expect(names(room.view('/mcp', room.audienceOf('/mcp', ALICE)))).toEqual(['docs__public']);
  });
});

describe('the end of a login', () => {
  it('takes away what its owner was shown, also what is still being read', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const dropped: string[] = [];
    const saved: string[] = [];
    const owned: OwnedRecords = {
      ...NO_RECORDS,
      save: async (name, { principal: who }) => void saved.push(`${name} ${who.subject}`),
      drop: async (name, owner) => void dropped.push(`${name} ${owner}`),
    };
    const { room, see } = await told({ owned });
    expect(saved.splice(0)).toEqual(['docs alice', 'docs bob']);
    const late = {
      said: { list: async () => await promise.then(() => [{ name: 'late', uri: 'd:late', uriTemplate: 'd:{late}' }]) },
    };
    const reading = room.refreshFor('docs', ownerOf(ALICE), source(late));
    await room.forget('docs', ownerOf(ALICE).key);
    expect(dropped).toEqual([`docs ${ownerOf(ALICE).key}`]);
    resolve();
    await reading;
    expect(names(see(ALICE))).toEqual(['git__log', 'g:1']);
    expect(saved).toEqual([]);
    expect(names(see(BOB))).toContain('d:bob');
  });

  it('of an owner of whom only the store knows takes that away', async () => {
    const dropped: string[] = [];
    const { room } = roomOf(SETUP, {
      owned: { ...NO_RECORDS, drop: async (_name, owner) => void dropped.push(owner) },
    });
    await room.forget('docs', 'somebody');
    expect(dropped).toEqual(['somebody']);
  });

  it('is not waited for: a reload without logins takes all of it away', async () => {
    const dropped: string[] = [];
    const { room, see } = await told({
      owned: { ...NO_RECORDS, drop: async (_name, owner) => void dropped.push(owner) },
    });
    const other = { ...SETUP, servers: [server('docs', { fingerprint: 'another' }), server('git')] };
    room.replace(other);
    expect(dropped).toEqual([ALICE, BOB].map((who) => ownerOf(who).key));
    expect(names(see(ALICE))).toEqual(['git__log', 'g:1']);
    room.replace(setupOf([server('git')]));
    expect(room.audienceOf('/mcp', ALICE)).toBeUndefined();
  });
});

describe('what is stored of owners', () => {
  const snapshot = (fingerprint: string, tool: string): unknown => ({
    tools: [{ name: tool }],
    prompts: [],
    resources: [],
    templates: [],
    unread: [],
    capabilities: {},
    info: {},
    atMs: 0,
    fingerprint,
  });

  it('is theirs after a start, unless another server stands behind the name', async () => {
    const load = async (name: string): ReturnType<OwnedRecords['load']> => [
      { owner: ownerOf(ALICE), snapshot: snapshot(`print of ${name}`, 'kept') },
      { owner: ownerOf(BOB), snapshot: snapshot('another', 'old') },
      { owner: ownerOf(EVE), snapshot: 'broken' },
    ];
    const { see } = await personal({ owned: { ...NO_RECORDS, load } });
    expect([ALICE, BOB, EVE].map((who) => names(see(who)))).toEqual([
      ['docs__kept', 'git__log', 'g:1'],
      ['git__log', 'g:1'],
      ['git__log', 'g:1'],
    ]);
  });

  it('does not come back after its login ended while it was read', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const load = async (): ReturnType<OwnedRecords['load']> => {
      await promise;
      return [{ owner: ownerOf(ALICE), snapshot: snapshot('print of docs', 'kept') }];
    };
    const { room } = roomOf(SETUP, { owned: { ...NO_RECORDS, load } });
    room.usePersonal(new Set(['docs']));
    const forgotten = room.forget('docs', ownerOf(ALICE).key);
    resolve();
    await forgotten;
    expect(names(room.view('/mcp', room.audienceOf('/mcp', ALICE)))).toEqual([]);
  });

  it('is that of so many owners, first goes one of whom nothing is known, then the one that was asked for longest ago', async () => {
    const dropped: string[] = [];
    const { room, see, says } = await personal({
      owned: {
        ...NO_RECORDS,
        drop: async (_name, owner) => void dropped.push((JSON.parse(owner) as string[])[1] as string),
      },
    });
    for (let n = 0; n < 255; n++) await says(principal(`n${n}`), { tools: ['x'] });
    await see(EVE).ready();
    await says(principal('n0'), { tools: ['x'] });
    expect(dropped).toEqual([]);
    await says(ALICE, ALICES);
    expect(dropped.splice(0)).toEqual(['eve']);
    await says(BOB, BOBS);
    expect(dropped).toEqual(['n1']);
    expect(names(see(principal('n1')))).toEqual(['git__log', 'g:1']);
    expect(room.view('/mcp', room.audienceOf('/mcp', principal('n0'))).catalog.tools.has('docs__x')).toBe(true);
  });
});

describe('whatever personal servers say', () => {
  it('AUT-05 shows no entry of one owner to another', () => {
    const owners = ['alice', 'bob', 'eve'];
    const servers = ['a', 'b', 'c'];
    const word = constantFrom('x', 'y', 'z', 'a__x', 'constructor', '__proto__');
    const step = record({
      what: constantFrom('tell', 'tell', 'tell', 'public', 'forget', 'personal'),
      server: constantFrom(...servers),
      owner: constantFrom(...owners),
      words: uniqueArray(word, { maxLength: 3 }),
    });
    const endpoints = ['/mcp', '/mcp/s/a', '/mcp/v/two', '/mcp?servers=b,c', '/mcp?tools=*x*'];
    return assert(
      asyncProperty(
        array(step, { maxLength: 12 }),
        constantFrom<'plain' | 'prefixed'>('plain', 'prefixed'),
        async (steps, mode) => {
          const { room } = roomOf(
            setupOf(
              servers.map((name) => server(name)),
              {
                views: { two: { servers: ['a', 'c'] } },
                naming: { mode, maxLength: 48 },
              },
            ),
          );
          room.usePersonal(new Set(servers));
          for (const { what, owner, server: name, words } of steps) {
            // Every entry says whose it is.
            const offer = (whose: string): Offer => ({
              said: {
                instructions: `for <${whose}>`,
                list: async () =>
                  words.map((text) => ({
                    name: text,
                    uri: `u:${text}`,
                    uriTemplate: `${text}:{id}`,
                    title: `<${whose}>`,
                  })),
              },
            });
            if (what === 'tell') await room.refreshFor(name, ownerOf(principal(owner)), source(offer(owner)));
            if (what === 'public') await room.refresh(name, source(offer('all')));
            if (what === 'forget') await room.forget(name, ownerOf(principal(owner)).key);
            if (what === 'personal')
              room.usePersonal(new Set(servers.filter((each) => each !== name || words.length > 0)));
            for (const who of owners) {
              for (const endpoint of endpoints) {
                const view = room.view(endpoint, room.audienceOf(endpoint, principal(who)));
                const shown = bytesOf(view) + JSON.stringify([...view.catalog.tools, ...view.catalog.resources]);
                expect(owners.filter((other) => other !== who && shown.includes(`<${other}>`))).toEqual([]);
              }
            }
          }
          expect(bytesOf(room.root)).not.toMatch(/<(alice|bob|eve)>/);
        },
      ),
      { numRuns: 150 },
    );
  });
});
