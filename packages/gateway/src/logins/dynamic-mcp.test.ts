import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { loginsOfDynamicMcp } from './dynamic-mcp.ts';

const at: { home?: string } = {};
beforeEach(async () => {
  at.home = await mkdtemp(join(tmpdir(), 'sallyport-dynamic-'));
});
afterEach(() => rm(at.home as string, { recursive: true }));

it('finds the servers that dynamic-mcp was logged in at, and leaves its files alone', async () => {
  const folder = join(at.home as string, '.dynamic-mcp', 'oauth-servers');
  await mkdir(folder, { recursive: true });
  const token = '{"access_token":"a","refresh_token":"r","expires_at":1}';
  for (const name of ['issues', 'gone']) await writeFile(join(folder, `${name}.json`), token);
  expect(await loginsOfDynamicMcp(at.home as string, ['issues', 'other'])).toEqual({ folder, servers: ['issues'] });
  expect(await readFile(join(folder, 'issues.json'), 'utf8')).toBe(token);
});

it('finds none where there is no such folder', async () => {
  expect((await loginsOfDynamicMcp(at.home as string, ['issues'])).servers).toEqual([]);
});
