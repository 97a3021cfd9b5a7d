import { chmod, chown, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createSandboxRoom } from './index.ts';

const NOBODY = 65_534;
const isRoot = process.getuid?.() === 0;
if (!isRoot) console.warn('spoilt: skipped, for only a gateway of root has children that are another user.');

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-spoilt-'));
  await chmod(folder, 0o755);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe.skipIf(!isRoot)('a child of root (needs root)', () => {
  it('P4-02 is not left root by taking the right to its folder from itself', async () => {
    const cwd = join(folder, 'work');
    await mkdir(cwd);
    await chown(cwd, NOBODY, NOBODY);
    await chmod(cwd, 0);
    const room = createSandboxRoom({
      stateDirectory: undefined,
      hidden: () => [],
      openWay: () => Promise.reject(new Error('It has no network.')),
      exposed: () => undefined,
      ownHome: undefined,
      log: () => undefined,
    });
    const launch = room.launch({ server: 'one', settings: { read: [], write: [] }, home: undefined });
    await expect(launch({ command: '/bin/true', args: [], cwd, env: {} })).rejects.toThrow(`may not read "${cwd}"`);
    await room.close();
  });
});
