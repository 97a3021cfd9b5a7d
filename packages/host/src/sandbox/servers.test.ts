/** The servers that people use, caged: they have to work, and see no more than they were given. */
import { once } from 'node:events';
import { chmod, chown, mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NOBODY } from './level.ts';
import { GATEWAY_USERS, type GatewayUser, isRoot, NODE, levelsHere, startCaged } from './testing/caged.ts';
import type { SandboxSpec } from './spec.ts';

const TIMEOUT_MS = 60_000;
const MODULES = join(import.meta.dirname, '../../../../node_modules');

let folder = '';

beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'sallyport-servers-')));
  await chmod(folder, 0o755);
  for (const name of ['work', 'filter', 'outside']) {
    await mkdir(join(folder, name));
    if (isRoot) await chown(join(folder, name), NOBODY.uid, NOBODY.gid);
  }
  await writeFile(join(folder, 'work/note.txt'), 'inside');
  await writeFile(join(folder, 'outside/note.txt'), 'outside');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

type Answer = { readonly id: number; readonly result?: Record<string, unknown>; readonly error?: unknown };

/** Sends each request once the one before is answered; the answers in their order. */
async function talk(
  user: GatewayUser,
  spec: Partial<SandboxSpec>,
  requests: readonly object[],
): Promise<readonly Answer[]> {
  const filter = join(folder, 'filter');
  if (isRoot && user === 'this user') await chown(filter, 0, 0);
  const gateway = startCaged(user, { folder: filter, command: NODE, cwd: join(folder, 'work'), ...spec });
  let told = '';
  gateway.stderr.on('data', (chunk: Buffer) => (told += chunk.toString()));
  const closed = once(gateway, 'close');
  const answers: Answer[] = [];
  const send = (): void => {
    const request = requests[answers.length];
    if (request === undefined) gateway.stdin.end();
    else gateway.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', id: answers.length, ...request })}\n`);
  };
  send();
  for await (const line of createInterface({ input: gateway.stdout })) {
    const message = JSON.parse(line) as Answer & { readonly method?: string };
    // What a server asks of its client is not answered here.
    if (message.method !== undefined) continue;
    answers.push(message);
    if (answers.length === 1) gateway.stdin.write('{"jsonrpc":"2.0","method":"notifications/initialized"}\n');
    send();
  }
  await closed;
  if (answers.length < requests.length) throw new Error(`ended after ${answers.length} answers: ${told}`);
  return answers;
}

async function entryOf(name: string): Promise<string> {
  const manifest = join(MODULES, '@modelcontextprotocol', name, 'package.json');
  const { bin } = createRequire(import.meta.url)(manifest) as { readonly bin: Readonly<Record<string, string>> };
  return realpath(join(dirname(manifest), Object.values(bin)[0] ?? ''));
}

const INITIALIZE = {
  method: 'initialize',
  params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'test', version: '1' } },
};
const LIST = { method: 'tools/list' };
const readTool = (path: string): object => ({
  method: 'tools/call',
  params: { name: 'read_text_file', arguments: { path } },
});

const SERVERS = ['server-everything', 'server-memory', 'server-sequential-thinking', 'server-filesystem'];
const LEVELS = await levelsHere('servers.test.ts');
const CASES = GATEWAY_USERS.flatMap((user) =>
  LEVELS.flatMap((level) => SERVERS.map((server) => ({ user, level, server }))),
);

describe('a caged server', () => {
  it.each(CASES)(
    '$server answers under $level, its gateway being $user',
    { timeout: TIMEOUT_MS },
    async ({ user, level, server }) => {
      const work = join(folder, 'work');
      const args = [await entryOf(server), ...(server === 'server-filesystem' ? [work] : ['stdio'])];
      const spec = {
        level,
        args,
        write: [work],
        env: { PATH: '/usr/bin:/bin', MEMORY_FILE_PATH: join(work, 'memory.json') },
      };
      const [initialized, listed] = await talk(user, spec, [INITIALIZE, LIST]);
      expect(initialized?.result).toMatchObject({ protocolVersion: '2025-06-18' });
      expect(listed?.result).toMatchObject({
        tools: expect.arrayContaining([expect.objectContaining({ name: expect.any(String) })]),
      });
    },
  );

  it.each(LEVELS.length === 0 ? [] : GATEWAY_USERS)(
    'SBX-05 keeps the file server of %s in its folder, whatever that server allows',
    { timeout: TIMEOUT_MS },
    async (user) => {
      // Told to serve everything, it still has its one folder only.
      const spec = {
        level: 'strict' as const,
        args: [await entryOf('server-filesystem'), folder],
        write: [join(folder, 'work')],
      };
      const requests = [
        INITIALIZE,
        readTool(join(folder, 'work/note.txt')),
        readTool(join(folder, 'outside/note.txt')),
      ];
      const [, inside, outside] = await talk(user, spec, requests);
      expect(inside?.result).toMatchObject({ content: [{ text: 'inside' }] });
      expect(outside?.result).toMatchObject({ isError: true, content: [{ text: expect.stringContaining('ENOENT') }] });
    },
  );
});
