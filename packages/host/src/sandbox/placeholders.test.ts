import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createPlaceholders, type Placeholders } from './placeholders.ts';
import type { GuardedPath } from './spec.ts';

let folder = '';
let alive: Set<number>;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-placeholders-'));
  alive = new Set([1, 2]);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const of = (pid: number): Placeholders =>
  createPlaceholders({ folder: join(folder, 'records'), pid, isAlive: (one) => alive.has(one) });
const entry = (exists: boolean): GuardedPath => ({ path: join(folder, '.mcp.json'), kind: 'file', exists });
const isThere = async (): Promise<boolean> => (await readdir(folder)).includes('.mcp.json');

describe('an empty file in the place of a later-run one', () => {
  it('is there as long as any process needs it', async () => {
    const [one, two] = [of(1), of(2)];
    await one.hold(entry(false));
    await two.hold(entry(true));
    await one.release(entry(false));
    expect(await isThere()).toBe(true);
    await two.release(entry(true));
    expect(await isThere()).toBe(false);
    expect(await readdir(join(folder, 'records'))).toEqual([]);
  });

  it('goes with the next process when the one that made it was killed', async () => {
    await of(1).hold(entry(false));
    alive.delete(1);
    const two = of(2);
    await two.hold(entry(true));
    await two.release(entry(true));
    expect(await isThere()).toBe(false);
  });

  it('may say something, and goes while it says no more', async () => {
    const one = of(1);
    const said = { ...entry(false), text: '.\n' };
    await one.hold(said);
    expect(await readFile(said.path, 'utf8')).toBe('.\n');
    await one.release(said);
    expect(await isThere()).toBe(false);
    await one.hold(said);
    await writeFile(said.path, 'x\n');
    await one.release(said);
    expect(await isThere()).toBe(true);
  });

  it('is never one that was there, or that somebody has filled', async () => {
    await writeFile(join(folder, '.mcp.json'), '');
    const one = of(1);
    await one.hold(entry(true));
    await one.release(entry(true));
    expect(await isThere()).toBe(true);
    await rm(join(folder, '.mcp.json'));
    await one.hold(entry(false));
    await writeFile(join(folder, '.mcp.json'), '{}');
    await one.release(entry(false));
    expect(await isThere()).toBe(true);
  });
});
