import { hash } from 'node:crypto';
import { constants } from 'node:fs';
import { open, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { AuditFile, OpenFile } from './chain-file.ts';
import { MAX_WAITING_CHARS } from './trail.ts';
import { ANSWER, createTrail, madeCall, type TestTrail } from './testing/trails.ts';

/** Files on a disk that can be full: then a write puts half of its bytes there, and fails. */
function createDisk(): { openFile: OpenFile; full: boolean; syncs: number; onSync?: () => void } {
  const disk = {
    full: false,
    syncs: 0,
    openFile: async (path: string, flags: number, mode: number): Promise<AuditFile> => {
      if (disk.full) throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
      const file = await open(path, flags, mode);
      return {
        write: (async (bytes: Buffer, offset: number, length: number, position: number) => {
          if (!disk.full) return await file.write(bytes, offset, length, position);
          await file.write(bytes, offset, Math.floor(length / 2), position);
          throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
        }) as AuditFile['write'],
        datasync: async () => {
          disk.syncs++;
          await file.datasync();
        },
        truncate: (length) => file.truncate(length),
        close: () => file.close(),
      };
    },
  };
  return disk;
}

/** Until it is so. */
async function until(isSo: () => Promise<boolean> | boolean, trail?: TestTrail): Promise<void> {
  while (!(await isSo())) {
    trail?.tick();
    await new Promise(setImmediate);
  }
}

describe('a batch', () => {
  it('AUD-01 holds exactly one record of every call, allowed, refused or failed', async () => {
    await using trail = await createTrail();
    const audit = await trail.open();
    for (let at = 0; at < 1000; at++) {
      const kind = at % 3;
      const call = madeCall(kind === 0 ? {} : { failure: kind === 1 ? 'refused' : 'unavailable', logId: `id${at}` });
      const answer =
        kind === 0 ? ANSWER : { kind: 'error' as const, error: { code: -31003, message: 'No.' }, status: 200 };
      expect(audit.ended(call, answer, 1)).toBeUndefined();
    }
    await audit.close();
    const calls = (await trail.records()).filter(({ action }) => action === 'tools/call');
    expect(calls).toHaveLength(1000);
    const of = (decision: string): Record<string, unknown>[] => calls.filter((each) => each['decision'] === decision);
    expect([of('allow').length, of('deny').length, of('error').length]).toEqual([334, 333, 333]);
    expect(new Set(of('deny').map(({ correlationId }) => correlationId)).size).toBe(333);
    expect(of('deny')[0]).toMatchObject({
      type: 'authorization',
      reason: 'No.',
      error: 'refused',
      correlationId: 'id1',
    });
    expect((await trail.verify()).problems).toEqual([]);
  });

  it('says who, what, why, how long, how much', async () => {
    await using trail = await createTrail();
    const audit = await trail.open();
    void audit.ended(madeCall(), ANSWER, 12.345);
    await audit.close();
    expect((await trail.records())[1]).toMatchObject({
      seq: 2,
      time: '2026-11-21T12:00:00.000Z',
      type: 'server_access',
      principal: 'local#alice',
      address: '127.0.0.1',
      action: 'tools/call',
      target: 'up__echo',
      server: 'up',
      decision: 'allow',
      rule: 'rules[0]',
      policyVersion: 'v1',
      durationMs: 12.35,
      bytesIn: 104,
      bytesOut: 47,
      argumentsHash: hash('sha256', '{"text":"hello"}'),
      resultHash: hash('sha256', '{"jsonrpc":"2.0","id":,"result":{"content":[]}}'),
      correlationId: expect.stringMatching(/^[0-9a-f]{12}$/) as string,
    });
  });

  it('P3-13 holds arguments and results only where that was asked for', async () => {
    for (const values of [false, true]) {
      await using trail = await createTrail();
      const audit = await trail.open({ values });
      void audit.ended(madeCall(), ANSWER, 1);
      await audit.close();
      const [segment = ''] = await trail.segments();
      const text = await readFile(join(trail.folder, segment), 'utf8');
      expect(text.includes('hello')).toBe(values);
      expect(text.includes('content')).toBe(values);
    }
  });

  it('leaves out the types that nobody wants', async () => {
    await using trail = await createTrail();
    const audit = await trail.open({ events: ['authorization'] });
    void audit.ended(madeCall(), ANSWER, 1);
    void audit.ended(madeCall({ failure: 'refused' }), ANSWER, 1);
    audit.record({ type: 'authentication', action: 'session.open', decision: 'allow' });
    await audit.close();
    expect((await trail.records()).map(({ action }) => action)).toEqual(['audit.start', 'tools/call', 'audit.stop']);
  });

  it('does not hash what is large', async () => {
    await using trail = await createTrail();
    const audit = await trail.open();
    const big = Buffer.alloc(70_000);
    void audit.ended(
      madeCall({}, { name: 'x', arguments: { text: 'x'.repeat(70_000) } }),
      { ...ANSWER, after: big } as typeof ANSWER,
      1,
    );
    await audit.close();
    const [, record] = await trail.records();
    expect(record).toMatchObject({ bytesIn: expect.any(Number) as number, bytesOut: 70_022 });
    expect(record).not.toHaveProperty('argumentsHash');
    expect(record).not.toHaveProperty('resultHash');
  });

  it('is in files that only we may read', async () => {
    await using trail = await createTrail();
    await (await trail.open()).close();
    const [segment = ''] = await trail.segments();
    expect((await stat(trail.folder)).mode & 0o777).toBe(0o700);
    expect((await stat(join(trail.folder, segment))).mode & 0o777).toBe(0o600);
  });
});

describe('strict', () => {
  it('says a call is recorded only when it is on the disk, and many at once share a sync', async () => {
    await using trail = await createTrail();
    const disk = createDisk();
    const audit = await trail.open({ durability: 'strict' }, { openFile: disk.openFile });
    const before = disk.syncs;
    const done = await Promise.all(Array.from({ length: 100 }, async () => await audit.ended(madeCall(), ANSWER, 1)));
    expect(done).toEqual(Array.from({ length: 100 }, () => true));
    expect((await trail.records()).filter(({ action }) => action === 'tools/call')).toHaveLength(100);
    expect(disk.syncs - before).toBeLessThan(10);
    await audit.close();
  });

  it('with a full disk answers nothing and takes nothing more, until there is room again', async () => {
    await using trail = await createTrail();
    const disk = createDisk();
    const audit = await trail.open({ durability: 'strict' }, { openFile: disk.openFile });
    disk.full = true;
    expect(await audit.ended(madeCall(), ANSWER, 1)).toBe(false);
    expect(audit.blocked()).toContain('ENOSPC');
    expect(audit.blocked()).toContain('ENOSPC');
    expect(audit.notes()).toEqual([expect.stringContaining('ENOSPC')]);
    // Of what was written by half nothing is left.
    const [segment = ''] = await trail.segments();
    expect(await readFile(join(trail.folder, segment), 'utf8')).toMatch(/^[^\n]+\n$/);
    disk.full = false;
    await until(() => audit.notes().length === 0, trail);
    expect(audit.blocked()).toBeUndefined();
    await audit.close();
    expect((await trail.verify()).problems).toEqual([]);
    // The call that was made stands there, though its answer was withheld; of those that were not, how many.
    expect((await trail.records()).map(({ action, missed }) => missed ?? action)).toEqual([
      'audit.start',
      'tools/call',
      2,
      'audit.stop',
    ]);
  });
});

describe('a full disk in batch', () => {
  it('is waited for in memory, within bounds, and the calls beyond are refused and counted', async () => {
    await using trail = await createTrail();
    const disk = createDisk();
    const audit = await trail.open({}, { openFile: disk.openFile });
    disk.full = true;
    let taken = 0;
    while (audit.blocked() === undefined && taken < 100_000) {
      expect(audit.ended(madeCall(), ANSWER, 1)).toBeUndefined();
      taken++;
      if (taken === 10) trail.tick();
    }
    expect(taken).toBeGreaterThan(1000);
    expect(taken * 500).toBeLessThan(2 * MAX_WAITING_CHARS);
    await until(() => trail.logged.some(({ level }) => level === 'error'), trail);
    for (let at = 0; at < 200; at++)
      audit.record({ type: 'authentication', action: 'session.open', decision: 'allow' });
    disk.full = false;
    await until(() => audit.blocked() === undefined, trail);
    await audit.close();
    const records = await trail.records();
    expect(records.filter(({ action }) => action === 'tools/call')).toHaveLength(taken);
    // Those events, and the two times that a call was refused.
    const missed = records
      .filter(({ action }) => action === 'audit.gap')
      .reduce((sum, each) => sum + Number(each['missed']), 0);
    expect(missed).toBeGreaterThanOrEqual(201);
    expect(records.filter(({ action }) => action === 'session.open')).toEqual([]);
    expect((await trail.verify()).problems).toEqual([]);
  });

  it('at the start lets nothing begin', async () => {
    await using trail = await createTrail();
    const disk = createDisk();
    disk.full = true;
    await expect(trail.open({}, { openFile: disk.openFile })).rejects.toThrow('audit.enabled: false');
  });
});

describe('segments', () => {
  it('follow each other by size and by day, in one chain', async () => {
    await using trail = await createTrail();
    const audit = await trail.open({ durability: 'strict' }, { segmentBytes: 2000 });
    for (let at = 0; at < 10; at++) await audit.ended(madeCall(), ANSWER, at);
    const bySize = (await trail.segments()).length;
    expect(bySize).toBeGreaterThan(2);
    trail.nowMs += 86_400_000;
    await audit.ended(madeCall(), ANSWER, 1);
    expect(await trail.segments()).toHaveLength(bySize + 1);
    await audit.close();
    const { chains, problems } = await trail.verify();
    expect(problems).toEqual([]);
    expect(chains).toMatchObject([{ seq: 13, records: 13 }]);
  });

  it('are never put over what is there', async () => {
    await using trail = await createTrail();
    const flags: number[] = [];
    const openFile: OpenFile = (path, flag, mode) => {
      flags.push(flag);
      return open(path, flag, mode);
    };
    await (await trail.open({}, { openFile })).close();
    expect((flags[0] ?? 0) & constants.O_EXCL).toBe(constants.O_EXCL);
  });
});

describe('P4-15 retention', () => {
  const DAY = 86_400_000;

  it('removes what is 366 days old, keeps what is 364 days old, and says so', async () => {
    await using trail = await createTrail();
    const today = trail.nowMs;
    for (const days of [366, 364]) {
      trail.nowMs = today - days * DAY;
      await (await trail.open()).close();
    }
    const [older = '', younger = ''] = await trail.segments();
    trail.nowMs = today;
    await (await trail.open()).close();
    const left = await trail.segments();
    expect(left).not.toContain(older);
    expect(left).toContain(younger);
    const removal = (await trail.records()).find(({ action }) => action === 'audit.remove');
    expect(removal).toMatchObject({
      type: 'admin_actions',
      removed: { chain: older.slice(0, -11), isAll: true, seq: 2 },
    });
    expect((await trail.verify()).problems).toEqual([]);
  });

  it('removes the old segments of a chain that goes on: it verifies from the next on', async () => {
    await using trail = await createTrail();
    const today = trail.nowMs;
    trail.nowMs = today - 400 * DAY;
    const audit = await trail.open({ durability: 'strict' });
    for (const days of [399, 10]) {
      trail.nowMs = today - days * DAY;
      await audit.ended(madeCall(), ANSWER, 1);
    }
    trail.nowMs = today;
    await audit.ended(madeCall(), ANSWER, 1);
    const before = await trail.segments();
    await until(async () => (await trail.segments()).length < before.length, trail);
    await audit.close();
    expect(await trail.segments()).toEqual(before.slice(2));
    const { notes, problems } = await trail.verify();
    expect(problems).toEqual([]);
    expect(notes).toEqual([expect.stringContaining('begins with record')]);
  });

  it('does not believe the date of a file', async () => {
    await using trail = await createTrail();
    await (await trail.open()).close();
    const [segment = ''] = await trail.segments();
    const { utimes } = await import('node:fs/promises');
    await utimes(join(trail.folder, segment), 0, 0);
    await (await trail.open()).close();
    expect(await trail.segments()).toContain(segment);
  });
});

describe('AUD-07 a clock that is set back', () => {
  it('changes nothing in the order', async () => {
    await using trail = await createTrail();
    const one = await trail.open();
    await one.close();
    trail.nowMs -= 3_600_000;
    await (await trail.open()).close();
    expect((await trail.verify()).problems).toEqual([]);
    const [first, second] = await trail.segments();
    expect((await trail.lines(second ?? ''))[0]).toContain(`"former":{"chain":"${first?.slice(0, -11)}"`);
  });
});

describe('AUD-02 names that would forge records', () => {
  it('stay in their line', async () => {
    await using trail = await createTrail();
    const audit = await trail.open();
    const forged = 'x\r\n{"seq":9,"action":"forged"}\u2028';
    void audit.ended(madeCall({ target: undefined as never }, { name: forged }), ANSWER, 1);
    audit.record({
      type: 'authentication',
      action: 'session.open',
      decision: 'allow',
      address: forged,
      detail: { hash: 'x', seq: 1 },
    });
    await audit.close();
    const [segment = ''] = await trail.segments();
    const lines = await trail.lines(segment);
    expect(lines).toHaveLength(4);
    expect((await trail.records()).map(({ seq }) => seq)).toEqual([1, 2, 3, 4]);
    expect((await trail.verify()).problems).toEqual([]);
  });
});
