import { once } from 'node:events';
import { wireError } from '@sallyport/wire';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { formatClientKey, type ClientKey } from '../auth/keys.ts';
import type { Principal } from '../exchange.ts';
import { call, inSession, openDoor, stateless, type DoorOptions, type TestDoor } from '../testing/door.ts';
import { authenticateByKeys } from '../testing/keys.ts';
import type { RawClient } from '../testing/raw-client.ts';
import type { Authenticate } from '../auth/authenticate.ts';

const doors: TestDoor[] = [];

afterEach(async () => {
  for (const opened of doors.splice(0)) await opened.close();
});

/** Who may come in, by the Authorization header; counts how often that was asked. */
interface Guard {
  readonly authenticate: Authenticate;
  readonly allowed: Map<string, Principal>;
  asked: number;
}

function guard(): Guard {
  const allowed = new Map(
    ['alice', 'bob'].map((subject) => [`Bearer ${subject}`, { issuer: 'test', subject, roles: ['a', 'b'] }]),
  );
  const made: Guard = {
    allowed,
    asked: 0,
    authenticate: ({ authorization }) => {
      made.asked++;
      return allowed.get(authorization ?? '') ?? { error: wireError('unauthenticated'), headers: {} };
    },
  };
  return made;
}

async function door(authenticate: Authenticate, options: Partial<DoorOptions> = {}): Promise<TestDoor> {
  const opened = await openDoor({
    ...options,
    connections: {},
    authenticate,
    handle: ({ message }) =>
      message.method === 'hang' ? new Promise(() => {}) : Promise.resolve({ kind: 'value', result: {} }),
  });
  doors.push(opened);
  return opened;
}

/** Everything that one principal can hold open, and a way to know that it has ended. */
async function holdAll(opened: TestDoor, key: string): Promise<Promise<unknown>[]> {
  const authorization = `Bearer ${key}`;
  const session = { ...inSession(await opened.initialize('2025-11-25', key)), authorization };
  const [own, reply, sse] = await Promise.all([opened.connect(), opened.connect(), opened.connect()]);
  own.request('GET', '/mcp', { ...session, accept: 'text/event-stream' });
  await own.until((text) => text.includes('text/event-stream') || undefined);
  const before = opened.calls.length;
  reply.post(call(1, 'hang'), session);
  await expect.poll(() => opened.calls.length).toBe(before + 1);
  sse.request('GET', '/sse', { authorization });
  await sse.untilEvents(1);
  const socket = new WebSocket(`ws://127.0.0.1:${opened.port}/mcp`, { headers: { authorization } });
  await once(socket, 'open');
  socket.on('error', () => {});
  return [own.closed, reply.closed, sse.closed, once(socket, 'close')];
}

async function holdStream(opened: TestDoor, authorization = 'Bearer alice'): Promise<RawClient> {
  const raw = await opened.connect();
  raw.request('GET', '/sse', { authorization });
  await raw.untilEvents(1);
  return raw;
}

describe('a recheck', () => {
  it('cuts all that is held with a credential that does not hold any more, and nothing else', async () => {
    const { authenticate, allowed } = guard();
    const opened = await door(authenticate);
    const alices = await holdAll(opened, 'alice');
    const bobs = await holdAll(opened, 'bob');
    const ended: string[] = [];
    for (const bob of bobs)
      bob.then(
        () => ended.push('bob'),
        () => {},
      );
    opened.listener.recheck();
    allowed.delete('Bearer alice');
    expect(opened.connections.size).toBe(4);
    opened.listener.recheck();
    await Promise.all(alices);
    await expect.poll(() => opened.connections.size).toBe(2);
    expect(opened.calls.map(({ principal, cancelled }) => [principal.subject, cancelled])).toEqual([
      ['alice', true],
      ['bob', false],
    ]);
    expect(ended).toEqual([]);
  });

  it.each([
    ['other roles', { issuer: 'test', subject: 'alice', roles: ['a', 'c'] }, true],
    ['fewer roles', { issuer: 'test', subject: 'alice', roles: ['a'] }, true],
    ['another issuer', { issuer: 'other', subject: 'alice', roles: ['a', 'b'] }, true],
    ['other groups', { issuer: 'test', subject: 'alice', roles: ['a', 'b'], groups: ['g'] }, true],
    ['other scopes', { issuer: 'test', subject: 'alice', roles: ['a', 'b'], scopes: [] }, true],
    ['other claims', { issuer: 'test', subject: 'alice', roles: ['a', 'b'], claims: { team: 'x' } }, true],
    ['the same', { issuer: 'test', subject: 'alice', roles: ['a', 'b'] }, false],
  ])('of one who comes as %s', async (_name, now, cut) => {
    const { authenticate, allowed } = guard();
    const opened = await door(authenticate);
    const raw = await holdStream(opened);
    allowed.set('Bearer alice', now);
    opened.listener.recheck();
    if (cut) await raw.closed;
    await expect.poll(() => opened.connections.size).toBe(cut ? 0 : 1);
    raw.destroy();
  });

  it('cuts whom it cannot ask about, and goes on with the others', async () => {
    const { authenticate, allowed } = guard();
    let broken = false;
    const opened = await door((credentials) => {
      if (broken && credentials.authorization === 'Bearer alice') throw new Error('broken');
      return authenticate(credentials);
    });
    const alices = await holdAll(opened, 'alice');
    const bobs = await holdAll(opened, 'bob');
    broken = true;
    allowed.delete('Bearer bob');
    opened.listener.recheck();
    await Promise.all([...alices, ...bobs]);
    await expect.poll(() => opened.connections.size).toBe(0);
  });

  it('asks nobody who is not being answered, nor one who needs no credential', async () => {
    const made = guard();
    const opened = await door(made.authenticate);
    const [idle, known, fresh] = await Promise.all([opened.connect(), opened.connect(), opened.connect()]);
    idle.post(...stateless(1, 'x'));
    await idle.response();
    known.request('GET', '/known');
    await known.response();
    made.asked = 0;
    opened.listener.recheck();
    expect(made.asked).toBe(0);
    for (const client of [idle, known, fresh]) client.destroy();
  });

  it('sees a stream behind which another request stands', async () => {
    const { authenticate, allowed } = guard();
    const opened = await door(authenticate);
    const raw = await holdStream(opened);
    raw.request('GET', '/healthz');
    const [body, headers] = stateless(1, 'x');
    raw.post(body, { ...headers, authorization: 'Bearer bob' });
    await expect.poll(() => opened.calls.length).toBe(1);
    allowed.delete('Bearer alice');
    opened.listener.recheck();
    await raw.closed;
  });

  it('finds out a revoked key', async () => {
    const key: ClientKey = { id: 'k', name: 'alice', roles: [], created: 0 };
    let revoked = false;
    const opened = await door(authenticateByKeys({ verify: () => (revoked ? undefined : key), holds: () => !revoked }));
    const raw = await holdStream(opened, `Bearer ${formatClientKey('0123456789abcdef', new Uint8Array(32))}`);
    opened.listener.recheck();
    expect(opened.connections.size).toBe(1);
    revoked = true;
    opened.listener.recheck();
    await raw.closed;
  });
});

describe('AUT-08 a recheck after places have changed', () => {
  it('cuts, the second time, all that is at one that is gone for its caller, and nothing else', async () => {
    const { authenticate } = guard();
    const without = { edition: 1, gone: new Set<string>() };
    const opened = await door(authenticate, { without });
    const alices = await holdAll(opened, 'alice');
    const bobs = await holdAll(opened, 'bob');
    const ended: string[] = [];
    const noted = (who: string, all: readonly Promise<unknown>[]): void => {
      for (const each of all) {
        void each.then(
          () => ended.push(who),
          () => ended.push(who),
        );
      }
    };
    noted('alice', alices);
    noted('bob', bobs);
    for (const path of ['/mcp', '/sse']) without.gone.add(`alice ${path}`);
    without.edition++;
    opened.listener.recheck();
    // Long enough for what was cut to be seen: there is time to end in order.
    await opened.request('GET', '/healthz');
    expect([opened.calls.map(({ cancelled }) => cancelled), opened.connections.size]).toEqual([[false, false], 4]);
    opened.listener.recheck();
    await Promise.allSettled(alices);
    await expect.poll(() => opened.connections.size).toBe(2);
    expect(opened.calls.map(({ principal, cancelled }) => [principal.subject, cancelled])).toEqual([
      ['alice', true],
      ['bob', false],
    ]);
    expect(ended).not.toContain('bob');
  });

  it('cuts also whose credential is being looked up', async () => {
    const { authenticate } = guard();
    const without = { edition: 1, gone: new Set<string>() };
    let isSlow = false;
    const opened = await door((credentials) => (isSlow ? new Promise(() => {}) : authenticate(credentials)), {
      without,
    });
    const raw = await holdStream(opened);
    isSlow = true;
    opened.listener.recheck();
    without.gone.add('alice /sse');
    without.edition++;
    opened.listener.recheck();
    opened.listener.recheck();
    await raw.closed;
    await expect.poll(() => opened.connections.size).toBe(0);
  });

  it('leaves one alone at a place that is there again', async () => {
    const { authenticate } = guard();
    const without = { edition: 1, gone: new Set<string>() };
    const opened = await door(authenticate, { without });
    const raw = await holdStream(opened);
    for (const isGone of [true, false]) {
      if (isGone) without.gone.add('alice /sse');
      else without.gone.clear();
      without.edition++;
      opened.listener.recheck();
    }
    for (let n = 0; n < 3; n++) opened.listener.recheck();
    expect(opened.connections.size).toBe(1);
    raw.destroy();
  });

  it('looks up each visit once for each edition', async () => {
    const { authenticate } = guard();
    const without = { edition: 1, gone: new Set<string>() };
    let asked = 0;
    const opened = await door(authenticate, { without, onPlace: () => void asked++ });
    const raws = [await holdStream(opened), await holdStream(opened)];
    asked = 0;
    for (let n = 0; n < 10; n++) opened.listener.recheck();
    expect(asked).toBe(0);
    without.edition++;
    for (let n = 0; n < 10; n++) opened.listener.recheck();
    expect(asked).toBe(2);
    for (const raw of raws) raw.destroy();
  });
});
