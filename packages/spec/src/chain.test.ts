import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { testProject, type TestProject, writeSample } from './testing/project.ts';
import { CONSTITUTION, PLAN, SPEC, TASKS } from './testing/sample.ts';

interface Revised {
  readonly path: string;
  readonly revision: string;
}

const open: TestProject[] = [];

afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});

async function project(
  options?: Parameters<typeof testProject>[0],
  env?: Readonly<Record<string, string>>,
): Promise<TestProject> {
  const made = await testProject(options, { env });
  open.push(made);
  return made;
}

describe('the whole chain through a client', () => {
  it('goes from constitution to converge, and every artifact is where spec-kit looks', async () => {
    const made = await project();
    const { call, read } = made;
    expect(await call('step_begin', { step: 'constitution' })).toMatchObject({
      template: { name: 'constitution-template' },
    });
    await writeSample(made);
    expect(JSON.parse(await read('.specify/feature.json'))).toEqual({
      feature_directory: 'specs/001-note-keeping',
    });
    expect(await call('workflow_status')).toMatchObject({
      constitution: true,
      current: '001-note-keeping',
      features: [{ artifacts: ['spec', 'plan', 'tasks', 'research', 'data-model'], next: 'implement' }],
    });
    const analysis = await call('analyze');
    expect(analysis['metrics']).toMatchObject({ requirements: 4, tasks: 9, coverage: 100, critical: 0 });
    expect(await call('implement_next')).toMatchObject({ passed: false, next: [{ id: 'T001' }] });
    const done = await call('tasks_tick_range', { taskIds: 'T001-T009' });
    expect(done).toMatchObject({ done: 9, total: 9 });
    expect(await call('implement_verify')).toMatchObject({ complete: false, open: [] });
  });

  it('converge without findings leaves every byte and the time of tasks.md', async () => {
    const made = await project();
    const { folder, call, read } = made;
    await writeSample(made);
    const path = join(folder, 'specs/001-note-keeping/tasks.md');
    const before = await stat(path, { bigint: true });
    expect(await call('converge', { findings: [] })).toMatchObject({ outcome: 'converged', changed: [] });
    expect((await stat(path, { bigint: true })).mtimeNs).toBe(before.mtimeNs);
    const findings = [
      { source: 'FR-003', gap: 'partial', severity: 'HIGH', work: 'Search whole words in src/search.ts' },
      {
        source: 'Constitution: Tests First',
        gap: 'missing',
        severity: 'LOW',
        work: 'Test the limit in tests/notes.test.ts',
      },
    ];
    expect(await call('converge', { findings })).toMatchObject({
      outcome: 'tasks_appended',
      phase: 6,
      added: ['T010', 'T011'],
    });
    const text = await read('specs/001-note-keeping/tasks.md');
    expect(text.startsWith(TASKS)).toBe(true);
    expect(text.slice(TASKS.length)).toBe(
      '\n## Phase 6: Convergence\n\n' +
        '- [ ] T010 CRITICAL: Test the limit in tests/notes.test.ts per Constitution: Tests First (missing)\n' +
        '- [ ] T011 Search whole words in src/search.ts per FR-003 (partial)\n',
    );
    expect(await call('undo')).toMatchObject({ restored: ['specs/001-note-keeping/tasks.md'] });
    expect(await read('specs/001-note-keeping/tasks.md')).toBe(TASKS);
  });

  it('refuses what breaks the grammar with line and rule, and writes nothing', async () => {
    const made = await project();
    const { folder, refused } = made;
    const broken = SPEC.replace('- **FR-002**', '- **FR-001**').replace(
      '**When** they write a note of 200 characters, ',
      '',
    );
    const why = await refused('feature_create', { description: 'x', content: broken });
    expect(why).toMatch(/line 20: .*\[spec\.scenario-form\]/);
    expect(why).toMatch(/line 44: FR-001 stands in line 43 already\. \[spec\.duplicate-id\]/);
    await expect(stat(join(folder, 'specs'))).rejects.toThrow('ENOENT');
    await writeSample(made);
    expect(await refused('tasks_write', { content: TASKS.replace('[US2] Test', '[US1] Test') })).toContain(
      '[tasks.story-label]',
    );
    expect(
      await refused('tasks_write', {
        content: TASKS.replace('(depends on T004, T005)', '(depends on T008)')
          .replace('SC-001)', 'SC-001, depends on T006)')
          .replace('in src/search.ts', 'in src/search.ts (depends on T006)'),
      }),
    ).toContain('[tasks.cycle]');
    expect(
      await refused('plan_write', {
        plan: PLAN.replace('- II. Tests First: PASS, test tasks stand before code\n', ''),
      }),
    ).toContain('[plan.gate-missing]');
    expect(await refused('plan_write', { plan: PLAN.replace('PASS, contracts', 'FAIL, contracts') })).toContain(
      '[plan.gate-unjustified]',
    );
    const louder = CONSTITUTION.replace(
      '### II. Tests First (NON-NEGOTIABLE)\n\nTests MUST be written before the code they test.\n\n',
      '',
    );
    expect(
      await refused('constitution_write', {
        content: louder
          .replaceAll('2026-01-05', '2026-01-07')
          .replace('Ratified**: 2026-01-07', 'Ratified**: 2026-01-05')
          .replace('1.0.0', '1.1.0'),
      }),
    ).toContain('[constitution.version-bump]');
  });

  it('replaces no text that somebody changed since it was read', async () => {
    const made = await project();
    const { call, refused, read } = made;
    await writeSample(made);
    const { files } = await call('artifacts_read', { artifactType: 'all' });
    const begun = await call('step_begin', { step: 'constitution' });
    const revision = new Map(
      [...(files as Revised[]), ...(begun['context'] as Revised[])].map((one) => [
        one.path.split('/').at(-1),
        one.revision,
      ]),
    );
    const basedOn = (name: string): string => revision.get(name) ?? '';
    // Somebody else works in between.
    await call('tasks_tick_range', { taskIds: 'T001', status: 'in_progress' });
    await call('clarify_answer', {
      question: 'How long?',
      answer: 'A year',
      add: { section: 'assumptions', text: 'Kept {answer}.' },
    });
    for (const [tool, args, name] of [
      ['tasks_write', { content: `${TASKS}\n- more\n` }, 'tasks.md'],
      ['spec_write', { content: SPEC }, 'spec.md'],
    ] as const) {
      const path = `specs/001-note-keeping/${name}`;
      const before = await read(path);
      expect(await refused(tool, { ...args, basedOn: basedOn(name) })).toContain(`${path} was changed since revision`);
      expect(await read(path)).toBe(before);
      const [now] = (await call('artifacts_read', { artifactType: name.replace('.md', '') }))['files'] as Revised[];
      await call(tool, { ...args, basedOn: now?.revision });
      expect(await read(path)).toBe(args.content);
    }
    // What nobody touched is replaced.
    await call('plan_write', { plan: `${PLAN}\nMore.\n`, basedOn: basedOn('plan.md') });
    await call('constitution_write', { content: CONSTITUTION, basedOn: basedOn('constitution.md') });
    expect(await refused('plan_write', { plan: PLAN, basedOn: basedOn('plan.md') })).toContain('(conflict)');
    expect(await refused('constitution_write', { content: CONSTITUTION, basedOn: basedOn('plan.md') })).toContain(
      '(conflict)',
    );
  });

  it('makes the feature where the environment says', async () => {
    const made = await project({}, { SPECIFY_FEATURE_DIRECTORY: 'specs/own-place' });
    const created = await made.call('feature_create', { description: 'Keep short notes', content: SPEC });
    expect(created).toMatchObject({ directory: 'specs/own-place', checklist: { before: 0, checked: 6 } });
    expect(await made.read('specs/own-place/spec.md')).toBe(SPEC);
    expect(await made.call('spec_write', { content: SPEC })).toMatchObject({ checklist: { before: 6, checked: 6 } });
    expect(await made.call('workflow_status')).toMatchObject({ current: 'own-place' });
    expect(await made.refused('feature_create', { description: 'Another', content: SPEC })).toContain(
      'specs/own-place/spec.md exists already',
    );
    const outside = await project({}, { SPECIFY_FEATURE_DIRECTORY: '../outside' });
    expect(await outside.refused('feature_create', { description: 'x', content: SPEC })).toContain('outside_workspace');
  });

  it('asks by elicitation where the client can, and hands the question over where it cannot', async () => {
    const question = {
      question: 'How long are notes kept?',
      options: [{ label: '1 year' }, { label: 'for ever' }],
      replace: { find: 'Members are known already.', with: 'Members are known already. Notes are kept {answer}.' },
    };
    const able = await project({ elicit: () => ({ action: 'accept', content: { answer: '1 year' } }) });
    await writeSample(able);
    expect(await able.call('clarify_ask', question)).toMatchObject({ outcome: 'answered', answer: '1 year' });
    const spec = await able.read('specs/001-note-keeping/spec.md');
    expect(spec).toContain(
      '## Clarifications\n\n### Session 2026-01-07\n\n- Q: How long are notes kept? → A: 1 year\n\n## User Scenarios',
    );
    expect(spec).toContain('Notes are kept 1 year.');
    const unable = await project();
    await writeSample(unable);
    expect(await unable.call('clarify_ask', question)).toMatchObject({
      outcome: 'ask',
      ask: expect.stringContaining('| A | 1 year |'),
    });
  });
});
