import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { acquireLock } from '@sallyport/host';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { swapState, undoSwap, type Swap } from './restore-swap.ts';

let state: string;

beforeEach(async () => {
  state = await mkdtemp(join(tmpdir(), 'sallyport-swap-'));
});
afterEach(() => rm(state, { recursive: true, force: true }));

/** A state of three names, and another that has two of them and one more. */
async function prepared(): Promise<Swap> {
  const from = join(state, 'backups', '.restore-a');
  await mkdir(join(state, 'audit'));
  await mkdir(join(from, 'audit'), { recursive: true });
  await writeFile(join(state, 'state.db'), 'old');
  await writeFile(join(state, 'local.key'), 'old');
  await writeFile(join(state, 'audit', 'a.jsonl'), 'old');
  await writeFile(join(from, 'state.db'), 'new');
  await writeFile(join(from, 'secrets'), 'new');
  await writeFile(join(from, 'audit', 'b.jsonl'), 'new');
  return {
    state,
    old: ['audit', 'local.key', 'state.db'],
    to: join(state, 'backups', 'replaced'),
    next: ['audit', 'secrets', 'state.db'],
    from,
  };
}

async function contents(): Promise<Record<string, string>> {
  const entries = await readdir(state, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile() && !entry.name.startsWith('restore.lock'));
  const found: Record<string, string> = {};
  for (const { name, parentPath } of files)
    found[join(parentPath, name).slice(state.length + 1)] = await readFile(join(parentPath, name), 'utf8');
  return found;
}

const OLD = { 'state.db': 'old', 'local.key': 'old', [join('audit', 'a.jsonl')]: 'old' };
const REPLACED = Object.fromEntries(
  Object.entries(OLD).map(([name, text]) => [join('backups', 'replaced', name), text]),
);
const NEXT = { 'state.db': 'new', secrets: 'new', [join('audit', 'b.jsonl')]: 'new', ...REPLACED };

describe('swapState', () => {
  it('puts the next state in and keeps the old one aside', async () => {
    await swapState(await prepared());
    expect(await contents()).toEqual(NEXT);
    await undoSwap(state);
    expect(await contents()).toEqual(NEXT);
  });

  it.each([0, 1, 2, 3, 4, 5])('leaves the old state when step %i fails', async (failing) => {
    let step = 0;
    const move = async (from: string, to: string): Promise<void> => {
      if (step++ === failing) throw new Error('disk');
      await rename(from, to);
    };
    await expect(swapState(await prepared(), move)).rejects.toThrow('disk');
    expect(await contents()).toEqual(OLD);
  });
});

describe('undoSwap', () => {
  it.each([0, 1, 2, 3, 4, 5])('brings the old state back after a kill before step %i', async (killed) => {
    const swap = await prepared();
    await mkdir(swap.to);
    await writeFile(join(state, 'restore.json'), JSON.stringify(swap));
    const steps = [
      ...swap.old.map((name) => [join(state, name), join(swap.to, name)] as const),
      ...swap.next.map((name) => [join(swap.from, name), join(state, name)] as const),
    ];
    for (const [from, to] of steps.slice(0, killed)) await rename(from, to);
    await undoSwap(state);
    expect(await contents()).toEqual(OLD);
  });

  it('waits for nobody: who swaps now is told of', async () => {
    await writeFile(join(state, 'restore.json'), JSON.stringify(await prepared()));
    const lock = await acquireLock(join(state, 'restore.lock'), { timeoutMs: 0 });
    try {
      await expect(undoSwap(state)).rejects.toThrow(/under way/);
    } finally {
      lock.release();
    }
  });
});
