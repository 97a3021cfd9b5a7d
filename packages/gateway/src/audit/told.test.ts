import { open, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { AuditFile } from './chain-file.ts';
import type { AuditEvent } from './index.ts';
import { MAX_QUEUED } from './sinks/queue.ts';
import { createTrail, type TestTrail } from './testing/trails.ts';

const EVENT: AuditEvent = { type: 'admin_actions', action: 'test', decision: 'allow' };

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise(setImmediate);
}

/** A chain of some records, ended in order. */
async function written(trail: TestTrail, settings: object = {}): Promise<string> {
  const audit = await trail.open(settings);
  for (let at = 0; at < 3; at++) audit.record(EVENT);
  await audit.close();
  trail.nowMs += 1000;
  return join(trail.folder, (await trail.segments()).at(-1) ?? '');
}

/** What is told when the trail is opened again. */
async function toldAtStart(trail: TestTrail, settings: object = {}): Promise<string[]> {
  const told: string[] = [];
  const audit = await trail.open(settings, { told: ({ action }) => void told.push(action) });
  await audit.close();
  return told;
}

describe('somebody is told at once', () => {
  it('when the trail cannot be written, and when it can again', async () => {
    await using trail = await createTrail();
    const told: string[] = [];
    let isFull = false;
    const audit = await trail.open(
      {},
      {
        told: ({ action }) => void told.push(action),
        openFile: async (path, flags, mode) => {
          if (isFull) throw new Error('ENOSPC');
          const file = await open(path, flags, mode);
          return {
            write: ((...parts: Parameters<AuditFile['write']>) =>
              isFull ? Promise.reject(new Error('ENOSPC')) : file.write(...parts)) as AuditFile['write'],
            datasync: () => file.datasync(),
            truncate: (length) => file.truncate(length),
            close: () => file.close(),
          };
        },
      },
    );
    isFull = true;
    audit.record(EVENT);
    trail.tick();
    await until(() => told.length === 1);
    trail.tick();
    isFull = false;
    trail.tick();
    await until(() => told.length === 2);
    await audit.close();
    expect(told).toEqual(['audit.fail', 'audit.recover']);
  });

  it('when records are lost on the way to a sink, and when it takes them again', async () => {
    await using trail = await createTrail();
    const told: AuditEvent[] = [];
    let isAway = true;
    const audit = await trail.open(
      { sinks: [{ type: 'webhook', url: 'https://hooks.test/in', headers: {} }] },
      {
        told: (event) => void told.push(event),
        fetch: () => (isAway ? Promise.reject(new Error('away')) : Promise.resolve(new Response())),
      },
    );
    for (let at = 0; at < MAX_QUEUED + 100; at++) audit.record(EVENT);
    trail.tick();
    await until(() => told.length > 0);
    expect(told[0]).toMatchObject({ action: 'audit.drop', target: 'webhook https://hooks.test' });
    isAway = false;
    await until(() => {
      trail.tick();
      return told.at(-1)?.action === 'audit.recover';
    });
    await audit.close();
  });
});

describe('a chain that does not end where it should is told at the next start', () => {
  it.each([[{}], [{ encrypt: true }]])('when its end was cut off: %j', async (settings) => {
    await using trail = await createTrail();
    const path = await written(trail, settings);
    expect(await toldAtStart(trail, settings)).toEqual([]);
    const lines = (await readFile(path, 'utf8')).split('\n');
    await truncate(path, Buffer.byteLength(`${lines.slice(0, -2).join('\n')}\n`));
    expect(await toldAtStart(trail, settings)).toEqual(['audit.broken']);
    expect(trail.logged).toContainEqual(expect.objectContaining({ level: 'error' }));
  });

  it('when its last record was changed', async () => {
    await using trail = await createTrail();
    const path = await written(trail);
    const text = await readFile(path, 'utf8');
    const at = text.lastIndexOf('"action":"audit.stop"');
    await writeFile(path, `${text.slice(0, at)}"action":"audit.stap"${text.slice(at + 21)}`);
    expect(await toldAtStart(trail)).toEqual(['audit.broken']);
  });

  it('when it is gone and its head is there, or the other way round', async () => {
    await using trail = await createTrail();
    const one = await written(trail);
    const other = await written(trail);
    await rm(one);
    await rm(other.replace(/\.\d+\.jsonl$/, '.head'));
    expect(await toldAtStart(trail)).toEqual(['audit.broken', 'audit.broken']);
  });
});
