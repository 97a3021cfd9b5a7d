/** Two servers that may write to one folder. */
import { chmod, mkdir, mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { createSandboxRoom } from './index.ts';

it('SBX-05 servers that share their working folder are told of it, and no others', async (test) => {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'sallyport-shared-')));
  test.onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await chmod(folder, 0o755);
  for (const name of ['one', 'own']) await mkdir(join(folder, name));
  const room = createSandboxRoom({
    stateDirectory: undefined,
    hidden: () => [],
    openWay: () => Promise.reject(new Error('It has no network.')),
    exposed: () => undefined,
    ownHome: undefined,
    log: () => undefined,
  });
  test.onTestFinished(() => room.close());
  const servers = { a: 'one', b: 'one', c: 'own' };
  for (const [server, name] of Object.entries(servers)) {
    const launch = room.launch({ server, settings: { read: [], write: [] }, home: undefined });
    const { release } = await launch({ command: '/bin/true', args: [], cwd: join(folder, name), env: {} });
    await release();
  }
  test.skip(room.status('a')?.level !== 'standard', 'this machine has no cage for it');
  const shared = (server: string): readonly string[] =>
    room.status(server)?.gaps.filter((gap) => gap.startsWith('It shares')) ?? [];
  expect(shared('a')).toEqual([expect.stringContaining(`"${join(folder, 'one')}" with "b"`)]);
  expect(shared('b')).toEqual([expect.stringContaining('with "a"')]);
  expect(shared('c')).toEqual([]);
});
