/** Servers that people use, through `sallyport serve`: caged they work, and each has no more than it was given. */
import { access, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { gatewayUsers, levelsHere, openYard, serveIn, type Serving, type Yard } from './sandbox-support.ts';

const TIMEOUT_MS = 60_000;
const LEVELS = await levelsHere('sandbox-servers.test.ts');
const CASES = gatewayUsers('sandbox-servers.test.ts').flatMap((user) => LEVELS.map((level) => ({ user, level })));

function official(name: string, ...args: readonly string[]): { command: string; args: readonly string[] } {
  const path = `../../node_modules/@modelcontextprotocol/server-${name}/dist/index.js`;
  return { command: process.execPath, args: [fileURLToPath(new URL(path, import.meta.url)), ...args] };
}

const ENTITY = { entities: [{ name: 'lock', entityType: 'thing', observations: ['shut'] }] };
const THOUGHT = { thought: 'x', nextThoughtNeeded: false, thoughtNumber: 1, totalThoughts: 1 };

describe.each(CASES)('behind a gateway of $user, under $level', ({ user, level }) => {
  let yard: Yard;
  let serving: Serving;

  beforeAll(async () => {
    yard = await openYard(user);
    await yard.put('outside/note.txt', 'outside');
    const write = level === 'strict' ? ['work'] : [];
    const caged = { cwd: 'work', sandbox: { level, write } };
    serving = await serveIn(yard, {
      everything: { ...official('everything'), ...caged },
      // Told to serve everything, it still has its one folder.
      files: { ...official('filesystem', yard.folder), cwd: 'work', sandbox: { level: 'strict', write: ['work'] } },
      named: { ...official('filesystem', yard.at('work')), ...caged },
      memory: { ...official('memory'), ...caged, env: { MEMORY_FILE_PATH: yard.at('work/memory.jsonl') } },
      forgetful: { ...official('memory'), ...caged, env: { MEMORY_FILE_PATH: yard.at('outside/memory.jsonl') } },
      thinking: { ...official('sequential-thinking'), ...caged },
    });
  }, TIMEOUT_MS);
  afterAll(async () => {
    await serving[Symbol.asyncDispose]();
    await yard[Symbol.asyncDispose]();
  });

  it('they answer', { timeout: TIMEOUT_MS }, async () => {
    expect(await serving.call('everything__echo', { message: 'hello' })).toContain('hello');
    expect(await serving.call('thinking__sequentialthinking', THOUGHT)).toContain('thoughtNumber');
    expect(await serving.call('named__read_text_file', { path: yard.at('work/seen.txt') })).toBe('seen');
    const servers = await serving.list();
    expect(servers.map(({ state }) => state)).toEqual(servers.map(() => 'up'));
  });

  it('SBX-05 the file server reads and writes in its folder alone, whatever it allows itself', async () => {
    const written = { path: yard.at('work/new.txt'), content: 'new' };
    expect(await serving.call('files__write_file', written)).toContain('Successfully');
    expect(await readFile(written.path, 'utf8')).toBe('new');
    for (const server of ['files', 'named']) {
      const refused = await serving.call(`${server}__read_text_file`, { path: yard.at('outside/note.txt') });
      expect(refused).toMatch(/ENOENT|Access denied/);
      expect(refused).not.toBe('outside');
    }
  });

  it('SBX-05 the memory server keeps its file where it may write, and nowhere else', async () => {
    expect(await serving.call('memory__create_entities', ENTITY)).toContain('lock');
    expect(await readFile(yard.at('work/memory.jsonl'), 'utf8')).toContain('lock');
    expect(await serving.call('forgetful__create_entities', ENTITY)).toMatch(/ENOENT|EROFS|EACCES/);
    await expect(access(yard.at('outside/memory.jsonl'))).rejects.toThrow('ENOENT');
  });
});
