import { symlinkSync } from 'node:fs';
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
    for (const uri of uris)
      await expect(at.client.readResource(uri), uri).rejects.toThrow(/no |not_found|climbs|NUL|outside/i);
  });

  it('of a changed file are told by name', () => {
    expect(resourcesAt('.specify/memory/constitution.md')).toEqual(['spec://constitution']);
    expect(resourcesAt('specs/001-a/tasks.md')).toEqual(['spec://features/001-a/tasks', 'spec://features']);
    expect(resourcesAt('specs\\001-a\\checklists\\ux.md')).toEqual(['spec://features/001-a/checklists/ux']);
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
      if (seen.has('spec://features/001-a/plan') && seen.has('spec://constitution')) told.resolve();
    });
    // A watch may begin a little after it was asked for, so the files are written until they are seen.
    let count = 0;
    const writing = setInterval(() => {
      count += 1;
      void fresh.write('specs/001-a/plan.md', String(count));
      void fresh.write('.specify/memory/constitution.md', String(count));
    }, 50);
    try {
      await told.promise;
    } finally {
      clearInterval(writing);
      watching.close();
      await fresh.close();
    }
    expect([...seen].toSorted()).toEqual(['spec://constitution', 'spec://features', 'spec://features/001-a/plan']);
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
