/** Paths and links as an attacker gives them: the real command with an official client on it, everything outside of the project watched. */
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SPEC, TASKS } from '../../packages/spec/src/testing/sample.ts';
import { run, start } from '../support/process.ts';
import { VALID } from './inputs.ts';
import { type Caller, type Fields, makeSite, overStdio, sample, type Site, type Told } from './support.ts';

const SECRET = 'outside-canary-Jt5K';

/** Every file below a folder with its text. */
async function snapshot(folder: string): Promise<Record<string, string>> {
  const files: Record<string, string> = {};
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile()) files[path] = await readFile(path, 'utf8');
  }
  return files;
}

/** Names of arguments that lead to a file or folder. */
const PATHS = /path|workspace|^feature$|^scope$|^extends$|^domain$/i;

describe('P3-06 paths', () => {
  let site: Site;
  let caller: Caller;
  let before: Record<string, string>;
  let tools: Awaited<ReturnType<Caller['tools']>>;

  beforeAll(async () => {
    site = await makeSite();
    for (const name of ['spec.md', 'plan.md', 'tasks.md', 'x.json', 'x.yaml', 'x.md']) {
      await writeFile(join(site.outside, name), `${name === 'tasks.md' ? TASKS : SPEC}\n${SECRET}\n`);
    }
    await mkdir(join(site.base, 'project-evil'));
    await writeFile(join(site.base, 'project-evil/spec.md'), SECRET);
    caller = await overStdio(site);
    await sample(caller);
    await site.write('own.md', 'own\n');
    await symlink(site.outside, join(site.folder, 'link'));
    await symlink(site.outside, join(site.folder, 'specs/009-link'));
    await symlink(join(site.outside, 'spec.md'), join(site.folder, 'linked.md'));
    before = await snapshot(site.outside);
    tools = await caller.tools();
  });

  afterAll(async () => {
    await caller?.[Symbol.asyncDispose]();
    await site?.[Symbol.asyncDispose]();
  });

  const hostile = (): readonly string[] => [
    '/etc/passwd',
    '/etc',
    join(site.outside, 'spec.md'),
    join(site.outside, 'x.json'),
    join(site.base, 'project-evil'),
    join(site.base, 'project-evil/spec.md'),
    '../outside/spec.md',
    '../project-evil/spec.md',
    'specs/../../outside/tasks.md',
    '..\\outside\\spec.md',
    'C:\\Windows\\x.md',
    '\\\\host\\share\\x.md',
    'link/spec.md',
    'link/new/x.json',
    'link',
    'specs/009-link/tasks.md',
    'specs/009-link',
    'linked.md',
    '%2e%2e/outside/spec.md',
    'a\0/../../outside/spec.md',
    '/proc/self/environ',
    '~/x.md',
  ];

  it('lead nowhere outside in any path-like argument of any tool', async () => {
    expect(tools.map(({ name }) => name).filter((name) => !VALID.has(name))).toEqual([]);
    const accepted: string[] = [];
    for (const { name, inputSchema } of tools) {
      const properties = Object.keys(inputSchema['properties'] as Fields).filter((property) => PATHS.test(property));
      for (const property of properties) {
        if (name === 'tasks_generate' && property === 'scope') continue;
        // Without the other paths: one of them would be looked at first.
        const required = inputSchema['required'] as readonly string[];
        const args = Object.entries(VALID.get(name) ?? {}).filter(
          ([one]) => !PATHS.test(one) || required.includes(one),
        );
        for (const value of hostile()) {
          const told = await caller.tell(name, { ...Object.fromEntries(args), [property]: value });
          const what = `${name} ${property}=${JSON.stringify(value)}`;
          expect(told.text, what).not.toContain(SECRET);
          expect(JSON.stringify(told.value), what).not.toContain(SECRET);
          // Names of checklists and templates may be any word.
          if (!told.refused && !(/^(?:domain|overridePath|extends)$/.test(property) && value.startsWith('link')))
            accepted.push(what);
        }
      }
    }
    expect(accepted).toEqual([]);
    expect(await snapshot(site.outside)).toEqual(before);
  }, 120_000);

  it('of resources lead nowhere outside', async () => {
    for (const part of ['..%2F..%2Foutside', '%2Fetc', '009-link', '..', '%00', '..%5C..%5Coutside']) {
      for (const uri of [
        `spec://features/${part}/spec`,
        `spec://features/001-note-keeping/contracts/${part}`,
        `spec://features/001-note-keeping/checklists/${part}`,
        `spec://templates/${part}`,
      ]) {
        await expect(caller.resource(uri), uri).rejects.toThrow(/no |not|climbs|outside|NUL/i);
      }
    }
  });

  it('that a file of the repository names lead nowhere outside', async () => {
    const one = await makeSite();
    const other = await overStdio(one);
    try {
      await sample(other);
      await writeFile(join(one.outside, 'spec.md'), SECRET);
      await one.write(
        '.specify/presets/evil/preset.yml',
        'provides:\n  templates:\n    - {name: plan-template, file: ../../../../outside/spec.md}\n',
      );
      await symlink(join(one.outside, 'spec.md'), join(one.folder, '.specify/templates-link.md'));
      const told = [await other.tell('step_begin', { step: 'plan' })];
      await one.write('.specify/feature.json', JSON.stringify({ feature_directory: '../outside' }));
      told.push(
        await other.tell('artifacts_read', { artifactType: 'all' }),
        await other.tell('spec_write', { content: SPEC }),
      );
      await one.write('.specify/feature.json', JSON.stringify({ feature_directory: one.outside }));
      told.push(await other.tell('artifacts_read', { artifactType: 'all' }));
      expect(told.map(({ refused }) => refused)).toEqual([true, true, true, true]);
      expect(JSON.stringify(told)).not.toContain(SECRET);
      expect(await readdir(one.outside)).toEqual(['spec.md']);
    } finally {
      await other[Symbol.asyncDispose]();
      await one[Symbol.asyncDispose]();
    }
  });

  it('are never those of git: a record of a change that a repository carries writes nothing there', async () => {
    const one = await makeSite();
    const other = await overStdio(one);
    try {
      await one.write('.git/config', '[core]\n');
      for (const path of [
        '.git/hooks/post-checkout',
        '.GIT/hooks/post-checkout',
        'sub/.git/config',
        '../outside/x',
        join(one.outside, 'x'),
      ]) {
        const files = [{ path, before: '#!/bin/sh\n', after: null }];
        await one.write('.specify/.sallyport/undo/workspace.json', JSON.stringify({ label: 'x', at: 9e15, files }));
        expect([path, (await other.tell('undo')).refused]).toEqual([path, true]);
      }
      for (const damaged of [
        'null',
        '[]',
        '{}',
        '{"at":1,"files":[{}]}',
        '{"at":1,"label":"x","files":[{"path":5}]}',
        '{',
      ]) {
        await one.write('.specify/.sallyport/undo/workspace.json', damaged);
        const { refused, text } = await other.tell('undo', { scope: 'workspace' });
        expect([damaged, refused, text]).toEqual([damaged, true, expect.stringContaining('damaged')]);
      }
      expect([await readdir(join(one.folder, '.git')), await readdir(one.outside)]).toEqual([['config'], []]);
    } finally {
      await other[Symbol.asyncDispose]();
      await one[Symbol.asyncDispose]();
    }
  });

  it('that are swapped for a link during the call lead nowhere outside', async () => {
    await mkdir(join(site.folder, 'swap'));
    await writeFile(join(site.folder, 'swap/tasks.md'), TASKS);
    const flip = `
      const { renameSync, symlinkSync, unlinkSync } = require('node:fs');
      process.chdir(process.argv[1]);
      for (;;) { renameSync('swap', 'kept'); symlinkSync(process.argv[2], 'swap'); unlinkSync('swap'); renameSync('kept', 'swap'); }`;
    const flipping = start(process.execPath, ['-e', flip, site.folder, site.outside]);
    const count = { told: 0, refused: 0 };
    try {
      for (let turn = 0; turn < 2000 && Math.min(count.told, count.refused) < 40; turn += 1) {
        const told: Told[] = await Promise.all([
          caller.tell('tasks_search', { query: 'outside-canary', tasksPath: 'swap/tasks.md' }),
          caller.tell('contracts_generate', { format: 'json-schema', outputPath: 'swap/new.json' }),
          caller.tell('tasks_tick_range', {
            taskIds: 'T001',
            status: turn % 2 === 0 ? 'completed' : 'pending',
            tasksPath: 'swap/tasks.md',
          }),
        ]);
        for (const { refused, text } of told) {
          count[refused ? 'refused' : 'told'] += 1;
          expect(text).not.toContain(SECRET);
        }
      }
    } finally {
      await flipping.stop(0);
    }
    expect(await snapshot(site.outside)).toEqual(before);
    expect(count.told).toBeGreaterThan(0);
    expect(count.refused).toBeGreaterThan(0);
  }, 120_000);

  it.each(['/', '/etc', '/usr', '/bin', '/sbin', '/var', '/tmp', '/proc', '/root'])(
    'refuses %s as the workspace',
    async (folder) => {
      const { command, args } = site.program();
      const words = args.map((word) => (word === site.folder ? folder : word));
      const ended = await run(command, words, { env: site.env, cwd: site.base, timeoutMs: 20_000 });
      expect([ended.code, ended.stdout]).toEqual([3, '']);
      expect(ended.stderr).toContain('no workspace');
    },
  );
});
