import { describe, expect, it } from 'vitest';
import type { Principal, Session } from './exchange.ts';
import { SESSION_LIMITS, SessionTable, type HttpSession, type SessionLimits } from './sessions.ts';

const alice: Principal = { issuer: 'test', subject: 'alice', roles: [] };
const bob: Principal = { issuer: 'test', subject: 'bob', roles: [] };

interface Setup {
  readonly table: SessionTable;
  readonly clock: { nowMs: number };
  readonly closed: Session[];
  readonly changes: [Session, Principal][];
  readonly open: (principal?: Principal) => HttpSession | undefined;
}

function setup(limits: Partial<SessionLimits> = {}): Setup {
  const clock = { nowMs: 0 };
  const closed: Session[] = [];
  const changes: [Session, Principal][] = [];
  const events = {
    opened: () => {},
    changed: (...change: [Session, Principal]) => void changes.push(change),
    closed: (session: Session) => void closed.push(session),
  };
  const table = new SessionTable({ ...SESSION_LIMITS, ...limits }, events, () => clock.nowMs);
  const open = (principal: Principal = alice): HttpSession | undefined =>
    table.open({ endpoint: '/mcp', principal, revision: '2025-11-25', client: { info: undefined, capabilities: {} } });
  return { table, clock, closed, changes, open };
}

const busy = { cancel: () => {}, cut: () => {} };

describe('SessionTable', () => {
  it('P3-02 5,000 times: ids are random, the cap holds, and after expiry nothing is left', () => {
    const { table, clock, closed, open } = setup();
    const ids = new Set(Array.from({ length: 5000 }, () => open()?.id));
    expect(ids.size).toBe(5000);
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect([table.size, closed.length]).toEqual([1000, 4000]);
    clock.nowMs = SESSION_LIMITS.idleMs + 1;
    table.sweep();
    expect([table.size, closed.length]).toEqual([0, 5000]);
    expect(open()).toBeDefined();
  });

  it('has the rights that its last request showed, and tells when they are others', () => {
    const { table, changes, open } = setup();
    const session = open() as HttpSession;
    const now = { ...alice, roles: ['x'] };
    for (const principal of [alice, now, now]) table.find(session.id, '/mcp', principal);
    expect(session.principal).toBe(now);
    expect(changes).toEqual([[session, alice]]);
    table.find(session.id, '/mcp', bob);
    expect(session.principal).toBe(now);
  });

  it('finds a session for its principal, at its endpoint, whatever object names the principal', () => {
    const { table, open } = setup();
    const id = open()?.id ?? '';
    expect(table.find(id, '/mcp', { ...alice, roles: ['x'] })?.id).toBe(id);
    expect(table.find(id, '/mcp/v/other', alice)).toBeUndefined();
    expect(table.find(id, '/mcp', bob)).toBeUndefined();
    expect(table.find(id, '/mcp', { ...alice, issuer: 'other' })).toBeUndefined();
  });

  it('use, a call and an open stream put idleness off; nothing puts age off', () => {
    const { table, clock, open } = setup({ idleMs: 100, absoluteMs: 1000 });
    const [used, calling, listening, idle] = [open(), open(), open(), open()];
    calling?.calls.set(1, busy);
    listening?.own.connect({ write: () => {}, end: () => {} }, undefined);
    clock.nowMs = 100;
    expect(table.find(used?.id ?? '', '/mcp', alice)).toBe(used);
    clock.nowMs = 101;
    table.sweep();
    const left = (): boolean[] =>
      [used, calling, listening, idle].map((one) => table.find(one?.id ?? '', '/mcp', alice) !== undefined);
    expect(left()).toEqual([true, true, true, false]);
    clock.nowMs = 1001;
    expect(left()).toEqual([false, false, false, false]);
    expect(table.size).toBe(0);
  });

  it('makes room at the cost of who has most, with what is unused for longest', () => {
    const { table, clock, open, closed } = setup({ max: 4 });
    const [first, second, third] = [open(), open(), open()];
    const own = open(bob);
    first?.calls.set(1, busy);
    clock.nowMs = 1;
    table.find(second?.id ?? '', '/mcp', alice);
    expect(open(bob)).toBeDefined();
    expect(closed).toEqual([third]);
    expect(open(alice)).toBeDefined();
    expect(closed).toHaveLength(2);
    expect(closed).not.toContain(first);
    expect([own, first].map((one) => table.find(one?.id ?? '', '/mcp', one?.principal ?? alice))).toContain(first);
  });

  it('is full when all that could go are in use', () => {
    const { table, open } = setup({ max: 2 });
    for (const session of [open(), open()]) session?.calls.set(1, busy);
    expect([open(), open(bob), table.size]).toEqual([undefined, undefined, 2]);
  });

  it('an end cuts the calls, frees who asks, ends the streams, and is told once', async () => {
    const { table, open, closed } = setup();
    const session = open();
    const heard: string[] = [];
    session?.calls.set(1, { cancel: () => heard.push('cancel'), cut: () => heard.push('cut') });
    session?.own.connect({ write: () => {}, end: () => heard.push('own') }, undefined);
    session?.openStream().connect({ write: () => {}, end: () => heard.push('stream') }, undefined);
    const asked = session?.asks.open();
    table.close();
    table.close();
    if (session !== undefined) table.end(session);
    expect(heard).toEqual(['cut', 'own', 'stream']);
    expect(await asked?.reply).toMatchObject({ error: { code: -32603 } });
    expect(closed).toEqual([session]);
  });

  it('forgets streams that ended a while ago, and the oldest ended ones when there are many', () => {
    const { table, clock, open } = setup({ resumeMs: 50 });
    const session = open();
    const stream = session?.openStream();
    stream?.send('{}');
    stream?.end();
    table.sweep();
    clock.nowMs = 49;
    table.sweep();
    expect(session?.streamOf('0.1')?.stream).toBe(stream);
    clock.nowMs = 50;
    table.sweep();
    expect(session?.streamOf('0.1')).toBeUndefined();
    const names = Array.from({ length: 200 }, () => {
      const each = session?.openStream();
      each?.send('{}');
      each?.end();
      return each?.name;
    });
    expect(names.filter((name) => session?.streamOf(`${name}.1`) !== undefined).length).toBeLessThanOrEqual(64);
  });
});
