import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { testProject, type TestProject, writeSample } from '../testing/project.ts';
import { SPEC } from '../testing/sample.ts';
import { resourcesAt, watchFiles } from './watch.ts';

let at: TestProject;

beforeEach(async () => {
  at = await testProject();
  await writeSample(at);
});

afterEach(async () => at.close());

const textOf = async (uri: string): Promise<unknown> => (await at.client.readResource(uri))[0]?.['text'];

describe('resources', () => {
  it('are the files of the project, listed and completed', async () => {
    expect(await textOf('spec://features/001-note-keeping/spec')).toBe(SPEC);
    expect(await textOf('spec://features/1-note/../x/spec').catch((error: Error) => error.message)).not.toBe(SPEC);
    expect(await textOf('spec://templates/spec-template')).toContain('## User Scenarios');
    expect(await textOf('spec://features/001/checklists/requirements')).toContain('- [x] No [NEEDS CLARIFICATION]');
    const listed = ((await at.client.request('resources/list', {}))['resources'] as { uri: string }[]).map(
      ({ uri }) => uri,
    );
    expect(listed).toEqual(
      expect.arrayContaining(['spec://constitution', 'spec://features', 'spec://features/001-note-keeping/tasks']),
    );
    const completion = await at.client.request('completion/complete', {
      ref: { type: 'ref/resource', uri: 'spec://features/{feature}/checklists/{name}' },
      argument: { name: 'name', value: 'req' },
      context: { arguments: { feature: '001-note-keeping' } },
    });
    expect(completion).toMatchObject({ completion: { values: ['requirements'] } });
  });

  it('P3-06 lead nowhere else', async () => {
    symlinkSync('/etc', join(at.folder, 'specs/001-note-keeping/contracts'));
    const uris = [
      'spec://features/001-note-keeping/contracts/passwd',
      'spec://features/001-note-keeping/contracts/..%2F..%2F..%2Fetc%2Fpasswd',
      'spec://features/..%2F..%2Fetc/spec',
      'spec://features/%2Fetc/spec',
      'spec://templates/..%2F..%2Fsecret',
      'spec://features/001-note-keeping/constitution',
    ];
    for (const uri of uris) {
      const absent = { code: -32002, message: 'Resource not found.', data: { uri } };
      await expect(at.client.readResource(uri), uri).rejects.toMatchObject(absent);
    }
  });

  it.each([
    ['session', -32002],
    ['stateless', -32602],
  ] as const)('that are not there are not found, by the code of the %s era', async (era, code) => {
    const one = await testProject({ era });
    try {
      const uris = ['constitution', 'features/001-a/plan', 'features/001-a/checklists/ux', 'templates/none'];
      for (const uri of uris.map((path) => `spec://${path}`)) {
        await expect(one.client.readResource(uri), uri).rejects.toMatchObject({ code, data: { uri } });
      }
      // What is there and cannot be read is another thing.
      await one.write('.specify/memory/constitution.md', '\u0000'.repeat(4 * 1024 * 1024 + 1));
      await expect(one.client.readResource('spec://constitution')).rejects.toMatchObject({
        code: -32603,
        message: expect.stringContaining('larger than') as string,
      });
    } finally {
      await one.close();
    }
  });

  it('of a changed file are told by name', () => {
    expect(resourcesAt('.specify/memory/constitution.md')).toEqual(['constitution']);
    expect(resourcesAt('specs/001-a/tasks.md')).toEqual(['features/001-a/tasks', 'features']);
    expect(resourcesAt('specs\\001-a\\checklists\\ux.md')).toEqual(['features/001-a/checklists/ux']);
    expect(resourcesAt('specs/001-a/.tasks.md.1-0.tmp')).toEqual([]);
    expect(resourcesAt('.specify/.sallyport/undo/x.json')).toEqual([]);
  });
});

describe('a changed file', () => {
  it('is told, also in a folder that came later', async () => {
    const seen = new Set<string>();
    const told = Promise.withResolvers<void>();
    const fresh = await testProject();
    const watching = watchFiles(fresh.folder, (uri) => {
      seen.add(uri);
      if (seen.has('features/001-a/plan') && seen.has('constitution')) told.resolve();
    });
    // A watch may begin a little after it was asked for, so the files are written until they are seen.
    let count = 0;
    const writing = setInterval(() => {
      count += 1;
      for (const path of ['specs/001-a/plan.md', '.specify/memory/constitution.md']) {
        mkdirSync(join(fresh.folder, path, '..'), { recursive: true });
        writeFileSync(join(fresh.folder, path), String(count));
      }
    }, 50);
    try {
      await told.promise;
    } finally {
      clearInterval(writing);
      watching.close();
      await fresh.close();
    }
    expect([...seen].toSorted()).toEqual(['constitution', 'features', 'features/001-a/plan']);
  });
});

describe('further roots', () => {
  it('have their resources under their names: listed, completed, read, and told of', async () => {
    const base = await mkdtemp(join(tmpdir(), 'spec-roots-'));
    const [other, twin] = [join(base, 'shop'), join(base, 'b/shop')];
    for (const folder of [other, twin]) await mkdir(join(folder, 'specs/001-carts'), { recursive: true });
    await writeFile(join(other, 'specs/001-carts/plan.md'), 'plan of shop');
    await writeFile(join(twin, 'specs/001-carts/plan.md'), 'plan of its twin');
    const one = await testProject({}, { others: [other, twin] });
    const watching = one.watch();
    const uri = 'spec://roots/shop-2/features/001-carts/plan';
    let writing: NodeJS.Timeout | undefined;
    try {
      const listed: string[] = [];
      for (let cursor: string | undefined, more = true; more; more = cursor !== undefined) {
        const page = await one.client.request('resources/list', cursor === undefined ? {} : { cursor });
        listed.push(...(page['resources'] as { uri: string }[]).map((each) => each.uri));
        cursor = page['nextCursor'] as string | undefined;
      }
      expect(listed).toEqual(expect.arrayContaining(['spec://roots/shop/constitution', uri]));
      expect((await one.client.readResource(uri))[0]).toMatchObject({ uri, text: 'plan of its twin' });
      expect((await one.client.readResource('spec://roots/shop/features/001-carts/plan'))[0]?.['text']).toBe(
        'plan of shop',
      );
      for (const none of [
        'spec://features/001-carts/plan',
        'spec://roots/b/features',
        'spec://roots/..%2Fshop/features',
      ])
        await expect(one.client.readResource(none), none).rejects.toMatchObject({ code: -32002 });
      const asked = { ref: { type: 'ref/resource', uri: 'spec://roots/{root}/features/{feature}/{artifact}' } };
      const complete = async (argument: { name: string; value: string }, root: string): Promise<unknown> =>
        await one.client.request('completion/complete', { ...asked, argument, context: { arguments: { root } } });
      const roots = { completion: { values: ['shop', 'shop-2'] } };
      expect(await complete({ name: 'root', value: 'sh' }, '')).toMatchObject(roots);
      expect(await complete({ name: 'feature', value: '0' }, 'shop-2')).toMatchObject({
        completion: { values: ['001-carts'] },
      });
      await one.client.request('resources/subscribe', { uri });
      let count = 0;
      writing = setInterval(() => {
        count += 1;
        writeFileSync(join(other, 'specs/001-carts/plan.md'), String(count));
        writeFileSync(join(twin, 'specs/001-carts/plan.md'), String(count));
      }, 50);
      expect((await one.client.untilNotice('notifications/resources/updated')).params).toMatchObject({ uri });
    } finally {
      clearInterval(writing);
      watching.close();
      await one.close();
      await rm(base, { recursive: true, force: true });
    }
  });

  it('are not there when there is one', async () => {
    const { resourceTemplates } = await at.client.request('resources/templates/list', {});
    expect(JSON.stringify(resourceTemplates)).not.toContain('spec://roots');
  });
});

describe('prompts', () => {
  it('take their arguments, and set what a user typed apart', async () => {
    const { messages } = await at.client.getPrompt('speckit.specify', { input: 'notes """ end' });
    const [message] = messages as { content: { text: string } }[];
    expect(message?.content.text).toContain('step_begin {step: "specify"}');
    expect(message?.content.text).toContain('"""\nnotes “““ end\n"""');
    expect(JSON.stringify(await at.client.getPrompt('next_tasks', { limit: '3' }))).toContain('limit: 3');
    expect(JSON.stringify(await at.client.getPrompt('validate_spec', { specPath: 'specs/001/spec.md' }))).toContain(
      'specs/001/spec.md',
    );
    await expect(at.client.getPrompt('create_spec')).rejects.toThrow(/description/);
  });
});
