import { createSecretKey, randomBytes, type KeyObject } from 'node:crypto';
import { readFile, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createTrail, ANSWER, madeCall, type TestTrail } from '../audit/testing/trails.ts';
import { auditKeys } from './audit-trail.ts';
import { identityStorage, openPrivateStore, privateStore, rekeyPeople, rekeyState } from './privacy-state.ts';
import type { Store } from '../store/index.ts';
import { createMemoryStore } from '../store/memory.ts';
import { openSqliteStore } from '../store/sqlite.ts';
import type { AddressMode } from '../privacy/addresses.ts';
import {
  forgetIdentity,
  keptIdentities,
  ownerOf,
  People,
  readableLine,
  type IdentityStorage,
} from '../privacy/index.ts';

const USER = { issuer: 'local', subject: 'local' };
const ALICE = { issuer: 'local', subject: 'alice' };
const BOB = { issuer: 'https://idp.example', subject: 'bob@example.com' };
const DAY_MS = 86_400_000;
const REDACT = { text: (text: string) => text, detail: (detail: object) => ({ ...detail }) };

function newKey(): KeyObject {
  return createSecretKey(randomBytes(32));
}

interface Mode {
  readonly identities?: 'plain' | 'pseudonym';
  readonly addresses?: AddressMode;
}

interface World {
  readonly store: Store;
  readonly storage: IdentityStorage;
  nowMs: number;
  people(mode?: Mode): Promise<People>;
  /** As a verb reads it. */
  shown(line: string): Promise<string>;
}

function createWorld(): World {
  const clock = { nowMs: 100 * DAY_MS };
  const store = createMemoryStore({ now: () => clock.nowMs });
  const storage = identityStorage(store, newKey());
  const world: World = Object.assign(clock, {
    store,
    storage,
    people: async ({ addresses = 'full', identities = 'plain' }: Mode = {}) => {
      const people = new People({ identities, addresses, user: USER, redact: REDACT });
      await people.open({ ...storage, keepMs: 10 * DAY_MS, random: randomBytes, now: () => world.nowMs });
      return people;
    },
    shown: async (line: string) => {
      const all = new Map((await keptIdentities(storage)).map((one) => [one.pseudonym, one]));
      return readableLine(line, { find: (pseudonym) => all.get(pseudonym), clean: (text) => text });
    },
  });
  return world;
}

/** A record of a call of somebody, as it is kept and as it went to a sink. */
async function recorded(trail: TestTrail, people: People, address = '203.0.113.77'): Promise<string> {
  const audit = await trail.open({}, { people });
  const call = madeCall();
  const exchange = { ...call.exchange, principal: { ...BOB, roles: [] }, address };
  void audit.ended({ ...call, exchange }, ANSWER, 1);
  audit.record({
    type: 'admin_actions',
    action: 'key.create',
    decision: 'deny',
    principal: USER,
    target: 'alice',
    reason: 'There is a key alice.',
  });
  await audit.close();
  const lines = await trail.lines((await trail.segments()).at(-1) ?? '');
  return lines.join('\n');
}

describe('a record of the trail', () => {
  it.each(['plain', 'pseudonym'] as const)('P3-13 names nobody as it is kept (%s)', async (identities) => {
    await using trail = await createTrail();
    const kept = await recorded(trail, await createWorld().people({ identities }));
    for (const text of [BOB.subject, BOB.issuer, 'alice', '203.0.113']) expect(kept).not.toContain(text);
    // This machine's user is nobody's name.
    expect(kept).toContain('"principal":"local#local"');
    expect((await trail.verify()).problems).toEqual([]);
  });

  /** As records of a mode are read: of the call, and of the change. */
  async function readIn(identities: 'plain' | 'pseudonym'): Promise<{ call: object; change: object; people: People }> {
    await using trail = await createTrail();
    const world = createWorld();
    const people = await world.people({ identities, addresses: 'truncated' });
    const kept = (await recorded(trail, people)).split('\n');
    const shown = await Promise.all(kept.map((line) => world.shown(line)));
    // What a sink gets is the same.
    expect(kept.map((line) => people.outward(line))).toEqual(shown);
    const [, call = {}, change = {}] = shown.map((line) => JSON.parse(line) as object);
    return { call, change, people };
  }

  it('is read with the names where they are plain', async () => {
    const { call, change } = await readIn('plain');
    expect(call).toMatchObject({ principal: 'https://idp.example#bob@example.com', address: '203.0.113.0/24' });
    expect(change).toMatchObject({ target: 'alice', reason: 'There is a key alice.' });
  });

  it('is read with the pseudonyms where names are not shown', async () => {
    const { call, change, people } = await readIn('pseudonym');
    expect(call).toMatchObject({ principal: people.principal(BOB), address: '203.0.113.0/24' });
    expect(change).toMatchObject({ target: people.typed('alice') });
    expect(JSON.stringify([call, change])).not.toMatch(/bob@|idp\.example|alice/);
  });

  it('says nothing of the address in the mode none', async () => {
    await using trail = await createTrail();
    const world = createWorld();
    const kept = await recorded(trail, await world.people({ addresses: 'none' }));
    expect(JSON.parse(await world.shown(kept.split('\n')[1] ?? ''))).not.toHaveProperty('address');
  });
});

describe('a pseudonym', () => {
  it('stays the same from start to start and in every process, and is another for somebody else', async () => {
    const world = createWorld();
    const one = await world.people();
    const pseudonym = one.principal(BOB);
    expect(one.principal({ ...BOB })).toBe(pseudonym);
    expect(one.principal(ALICE)).not.toBe(pseudonym);
    await one.saved();
    expect((await world.people()).principal({ ...BOB })).toBe(pseudonym);
  });

  it('cannot be computed by who knows the name, and tells nothing without the master key', async () => {
    const [here, there] = [createWorld(), createWorld()];
    expect((await here.people()).principal(BOB)).not.toBe((await there.people()).principal(BOB));
    const people = await here.people();
    people.principal(BOB);
    await people.saved();
    expect(await keptIdentities(identityStorage(here.store, newKey()))).toEqual([]);
    expect(JSON.stringify(await here.store.list('identities'))).not.toMatch(/bob@|idp\.example/);
  });

  it('is kept as long as a record may name it, and no longer', async () => {
    const world = createWorld();
    const people = await world.people();
    people.principal(BOB);
    await people.saved();
    world.nowMs += 9 * DAY_MS;
    people.principal(BOB);
    await people.saved();
    world.nowMs += 10 * DAY_MS;
    expect(await keptIdentities(world.storage)).toMatchObject([{ who: BOB, seenMs: 109 * DAY_MS }]);
    world.nowMs += 2 * DAY_MS;
    expect(await keptIdentities(world.storage)).toEqual([]);
  });

  it('is on the disk before a record that holds it, and the record waits while it cannot be', async () => {
    const world = createWorld();
    const people = new People({ identities: 'plain', addresses: 'full', user: USER, redact: REDACT });
    let isFull = true;
    const records = {
      ...world.storage.records,
      putIf: async (...put: Parameters<IdentityStorage['records']['putIf']>) => {
        if (isFull) throw new Error('no room');
        return await world.storage.records.putIf(...put);
      },
    };
    await people.open({ ...world.storage, records, keepMs: DAY_MS, random: randomBytes, now: () => world.nowMs });
    await using trail = await createTrail();
    const audit = await trail.open({ durability: 'strict' }, { people });
    const call = madeCall();
    expect(await audit.ended(call, ANSWER, 1)).toBe(false);
    expect(audit.notes().join()).toContain('no room');
    isFull = false;
    await audit.close();
    const calls = (await trail.records()).filter(({ action }) => action === 'tools/call');
    expect(calls).toHaveLength(1);
    expect(await world.shown(JSON.stringify(calls[0]))).toContain('"principal":"local#alice"');
  });
});

describe('another master key', () => {
  it('tells the same people apart, and the one before nobody', async () => {
    const store = createMemoryStore({ now: () => 0 });
    const [old, next] = [newKey(), newKey()];
    const people = new People({ identities: 'plain', addresses: 'full', user: USER, redact: REDACT });
    await people.open({ ...identityStorage(store, old), keepMs: DAY_MS, random: randomBytes, now: () => 0 });
    const pseudonym = people.principal(BOB);
    await people.saved();
    expect([await rekeyPeople(store, old, next), await rekeyPeople(store, old, next)]).toEqual([1, 0]);
    expect(await keptIdentities(identityStorage(store, next))).toMatchObject([{ pseudonym, who: BOB }]);
    expect(await keptIdentities(identityStorage(store, old))).toEqual([]);
  });
});

describe('a store that is sealed', () => {
  it('is taken over by another master key: what is registered and written there is not lost', async () => {
    const { store } = createWorld();
    const [old, next] = [newKey(), newKey()];
    await privateStore(store, old).put('oauth-clients', 'c', { name: 'cursor' }, { expiresAtMs: 9_000_000_000_000 });
    await store.put('pins', 'up', 'plain');
    expect([await rekeyState(store, old, next), await rekeyState(store, old, next)]).toEqual([1, 0]);
    expect(await privateStore(store, old).get('oauth-clients', 'c')).toBeUndefined();
    expect(await privateStore(store, next).get('oauth-clients', 'c')).toMatchObject({
      value: { name: 'cursor' },
      expiresAtMs: 9_000_000_000_000,
    });
    expect((await store.get('pins', 'up'))?.value).toBe('plain');
  });

  it('is not opened under another master key, which would begin anew over what is there', async () => {
    const { store } = createWorld();
    const [old, next] = [newKey(), newKey()];
    await (await openPrivateStore(store, old)).put('browser', 'b', 'somebody');
    expect((await (await openPrivateStore(store, old)).get('browser', 'b'))?.value).toBe('somebody');
    await expect(openPrivateStore(store, next)).rejects.toThrow('kept under');
    await expect(store.get('browser', 'b')).rejects.toThrow('closed');
  });
});

describe('somebody who is forgotten', () => {
  it('P3-13 is named by no record any more, and the chain still verifies', async () => {
    await using trail = await createTrail();
    const world = createWorld();
    const people = await world.people();
    const kept = await recorded(trail, people);
    const anchors = (await trail.verify()).chains;
    const pseudonym = people.principal(BOB);
    await forgetIdentity(BOB, [pseudonym], world.storage, { now: () => world.nowMs, random: randomBytes });
    const shown = (await Promise.all(kept.split('\n').map((line) => world.shown(line)))).join('\n');
    expect(shown).not.toMatch(/bob@|idp\.example|203\.0/);
    expect(shown).toContain(`"principal":"${pseudonym}"`);
    // Nobody else is.
    expect(shown).toContain('"target":"alice"');
    expect((await trail.verify(anchors)).problems).toEqual([]);
  });

  it('is forgotten by a process that still knows him, and comes back as somebody new', async () => {
    const world = createWorld();
    const people = await world.people();
    const pseudonym = people.principal(BOB);
    await people.saved();
    await forgetIdentity(BOB, [pseudonym], world.storage, { now: () => world.nowMs, random: randomBytes });
    expect(await people.refresh()).toEqual([ownerOf(BOB)]);
    expect(await people.refresh()).toEqual([]);
    expect(people.principal(BOB)).not.toBe(pseudonym);
    expect(people.outward(`{"principal":"${pseudonym}","action":"x"}`)).toContain(pseudonym);
  });

  it('is not written again by a process that was about to', async () => {
    const world = createWorld();
    const people = await world.people();
    people.principal(BOB);
    await forgetIdentity(BOB, [], world.storage, { now: () => world.nowMs, random: randomBytes });
    await people.saved();
    expect(await keptIdentities(world.storage)).toEqual([]);
  });

  it('is not written again by a process that has seen him on another day, and has not heard of it', async () => {
    const world = createWorld();
    const people = await world.people();
    const pseudonym = people.principal(BOB);
    await people.saved();
    world.nowMs += DAY_MS;
    people.principal(BOB);
    await world.storage.records.delete(pseudonym);
    await people.saved();
    expect(await keptIdentities(world.storage)).toEqual([]);
    expect(people.principal(BOB)).not.toBe(pseudonym);
  });

  it('leaves no byte of the name or of his key in the store', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sallyport-forget-'));
    const store = await openSqliteStore({ path: join(folder, 'state.db'), now: Date.now });
    try {
      const storage = identityStorage(store, newKey());
      const people = new People({ identities: 'plain', addresses: 'full', user: USER, redact: REDACT });
      await people.open({ ...storage, keepMs: DAY_MS, random: randomBytes, now: Date.now });
      const pseudonym = people.principal(BOB);
      await people.saved();
      const [{ value } = { value: null }] = await storage.records.list();
      const { sealed } = value as { readonly sealed: string };
      await forgetIdentity(BOB, [pseudonym], storage, { now: Date.now, random: randomBytes });
      await store.close();
      const files = await Promise.all((await readdir(folder)).map((name) => readFile(join(folder, name), 'latin1')));
      for (const text of [sealed, pseudonym, BOB.subject]) expect(files.join('')).not.toContain(text);
    } finally {
      await store.close();
      await rm(folder, { recursive: true });
    }
  });
});

describe('the log', () => {
  it('P3-13 writes a principal by its name or pseudonym, and never its claims', async () => {
    for (const identities of ['plain', 'pseudonym'] as const) {
      const people = await createWorld().people({ identities });
      const lines: unknown[] = [];
      const log = people.log((_level: 'info', _text, detail) => void lines.push(detail));
      log('info', 'signed in', { principal: { ...BOB, roles: [], claims: { email: 'bob@home.example' } }, count: 2 });
      const shown = identities === 'plain' ? 'https://idp.example#bob@example.com' : people.principal(BOB);
      expect(lines).toEqual([{ principal: shown, count: 2 }]);
    }
  });
});

describe('a trail that is encrypted', () => {
  it('P3-13 P4-18 holds no text of a record in any file, and the store no name of whom it knows, but of keys', async () => {
    await using trail = await createTrail();
    const world = createWorld();
    const keys = auditKeys(newKey());
    const people = await world.people();
    const audit = await trail.open({ encrypt: true, values: true }, { people, keys });
    void audit.ended(madeCall(), ANSWER, 1);
    await audit.close();
    const names = await readdir(trail.folder);
    const files = await Promise.all(names.map((name) => readFile(join(trail.folder, name), 'latin1')));
    for (const text of ['tools/call', 'up__echo', 'hello', 'rules[0]', 'alice', '127.0.0.1'])
      expect(files.join('')).not.toContain(text);
    expect((await trail.verify([], keys)).problems).toEqual([]);

    const store = privateStore(world.store, newKey());
    for (const collection of ['browser', 'oauth-grants', 'catalog-owned', 'upstream-news', 'one-of-tomorrow'])
      await store.put(collection, 'key', { principal: { ...BOB, claims: { email: 'bob@home.example' } } });
    const kept = await Promise.all((await world.store.collections()).map((name) => world.store.list(name)));
    expect(JSON.stringify(kept)).not.toMatch(/bob@|idp\.example|home\.example|alice/);
  });
});
