import { createHash } from 'node:crypto';
import { mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createPrograms } from './programs.ts';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-programs-'));
});
afterAll(async () => rm(folder, { recursive: true, force: true }));

async function programOf(text: string): Promise<string> {
  const path = join(folder, sha256(text).slice(0, 12));
  await writeFile(path, text);
  return path;
}

describe('programs', () => {
  it('are hashed at once where they are small, and anew when they are others', async () => {
    const programs = createPrograms();
    const path = await programOf('one');
    expect(await programs.of(path)).toEqual({ hash: sha256('one') });
    await writeFile(path, 'two');
    await utimes(path, 1, 1);
    expect(await programs.of(path)).toEqual({ hash: sha256('two') });
    expect(await programs.of(join(folder, 'none'))).toEqual({});
  });

  it('are hashed later where they are large, once, and known from then on', async () => {
    const go = Promise.withResolvers<void>();
    let waits = 0;
    const programs = createPrograms({ atOnceBytes: 3, wait: () => (waits++, go.promise) });
    const path = await programOf('large');
    const [first, second] = [await programs.of(path), await programs.of(path)];
    expect([first.hash, first.later === second.later]).toEqual([undefined, true]);
    go.resolve();
    expect(await first.later).toBe(sha256('large'));
    expect(await programs.of(path)).toEqual({ hash: sha256('large') });
    expect(waits).toBe(1);
  });

  it('have no hash when they change while they are read, or when it is over', async () => {
    const path = await programOf('before');
    const changed = createPrograms({ atOnceBytes: 3, wait: () => writeFile(path, 'behind') });
    expect(await (await changed.of(path)).later).toBeUndefined();
    const programs = createPrograms({ atOnceBytes: 3 });
    const { later } = await programs.of(path);
    programs.close();
    expect(await later).toBeUndefined();
  });
});
