import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Fields, testProject, type TestProject } from './testing/project.ts';
import {
  CONSTITUTION,
  DATA_MODEL,
  FEATURE_FILES,
  GATES,
  PLAN,
  QUICKSTART,
  REQUIREMENTS,
  RESEARCH,
  SETUP_FILES,
  SPEC,
  TASKS,
} from './testing/spec-kit.ts';

const AT = 'specs/003-expense-reports';
const gatesAs = (form: string): string => PLAN.replace('GATES', GATES[form] ?? '');

let at: TestProject;

const put = async (files: Readonly<Record<string, string>>): Promise<void> => {
  for (const [path, text] of Object.entries(files)) await at.write(path, text);
};

beforeEach(async () => {
  at = await testProject();
  await put(SETUP_FILES);
});

afterEach(async () => at.close());

const errors = (answer: Fields): unknown[] =>
  (answer['problems'] as { severity: string }[]).filter(({ severity }) => severity === 'error');

describe("a project in spec-kit's form", () => {
  it('is read without a broken rule, and nothing of it changes', async () => {
    await put(FEATURE_FILES);
    const analysis = await at.call('artifacts_analyze');
    for (const { artifact, problems } of analysis['artifacts'] as { artifact: string; problems: Fields[] }[])
      expect([artifact, problems.filter(({ severity }) => severity === 'error')]).toEqual([artifact, []]);
    expect(await at.call('spec_validate')).toMatchObject({ passed: true });
    expect(await at.call('workflow_status')).toMatchObject({
      constitution: true,
      current: '003-expense-reports',
      by: 'feature.json',
      features: [{ next: 'implement', tasks: { done: 2, total: 12 } }],
    });
    expect(await at.call('tasks_stats')).toMatchObject({
      total: 12,
      byPhase: [
        { name: 'Setup (Shared Infrastructure)', total: 2, completed: 2 },
        { name: 'Foundational (Blocking Prerequisites)', total: 2 },
        { name: expect.stringContaining('User Story 1'), total: 5 },
        { name: expect.stringContaining('User Story 2'), total: 2 },
        { name: expect.stringContaining('Polish'), total: 1 },
      ],
    });
    expect(await at.call('implement_next')).toMatchObject({
      passed: false,
      gate: [
        { checklist: 'requirements.md', incomplete: 0 },
        { checklist: 'security.md', total: 2, incomplete: 1 },
      ],
      next: [{ id: 'T003' }],
    });
    expect(await at.call('analyze')).toMatchObject({ metrics: { requirements: 4, coverage: 100, critical: 0 } });
    expect((await at.call('step_begin', { step: 'specify' }))['before']).toMatchObject([
      { command: 'speckit.git.feature', optional: false },
    ]);
    expect(await at.call('converge', { findings: [] })).toMatchObject({ outcome: 'converged', changed: [] });
    expect(await at.call('tasks_filter', { preset: 'ready' })).toMatchObject({ tasks: [{ id: 'T003' }] });
    for (const [path, text] of Object.entries({ ...SETUP_FILES, ...FEATURE_FILES }))
      expect(await at.read(path), path).toBe(text);
  });

  it.each([
    ['line feeds', (text: string) => text],
    ['carriage returns', (text: string) => text.replaceAll('\n', '\r\n')],
    ['a byte order mark', (text: string) => `\u{FEFF}${text}`],
  ])('is taken by the writing tools byte by byte, with %s', async (_what, form) => {
    await at.write(`${AT}/checklists/requirements.md`, form(REQUIREMENTS));
    expect(errors(await at.call('spec_write', { content: form(SPEC), feature: AT }))).toEqual([]);
    const design = { research: form(RESEARCH), dataModel: form(DATA_MODEL), quickstart: form(QUICKSTART) };
    expect(errors(await at.call('plan_write', { plan: form(gatesAs('a list')), ...design }))).toEqual([]);
    expect(errors(await at.call('tasks_write', { content: form(TASKS) }))).toEqual([]);
    const written = {
      'spec.md': SPEC,
      'plan.md': gatesAs('a list'),
      'research.md': RESEARCH,
      'data-model.md': DATA_MODEL,
      'quickstart.md': QUICKSTART,
      'tasks.md': TASKS,
      // Every item of it that the server can tell holds.
      'checklists/requirements.md': REQUIREMENTS,
    };
    for (const [path, text] of Object.entries(written)) expect(await at.read(`${AT}/${path}`), path).toBe(form(text));
    expect(await at.call('constitution_write', { content: CONSTITUTION })).toMatchObject({ changed: false });
    expect(await at.read('.specify/memory/constitution.md')).toBe(CONSTITUTION);
  });

  it.each(Object.keys(GATES))('may have its gates as %s', async (form) => {
    await put(FEATURE_FILES);
    const answer = await at.call('plan_write', { plan: gatesAs(form) });
    expect(errors(answer)).toEqual([]);
    expect(answer['gates']).toMatchObject([{ verdict: 'pass' }, { verdict: 'pass' }]);
    expect(await at.refused('plan_write', { plan: gatesAs(form).replaceAll('Test-First', 'Speed') })).toContain(
      '[plan.gate-missing]',
    );
  });

  it("is written on in spec-kit's form: marks, phases, answers and items, and no other byte", async () => {
    await put(FEATURE_FILES);
    await at.call('tasks_tick', { taskId: 'T003' });
    const ticked = TASKS.replace('- [ ] T003', '- [X] T003');
    expect(await at.read(`${AT}/tasks.md`)).toBe(ticked);
    const findings = [
      { source: 'FR-002', gap: 'missing', severity: 'HIGH', work: 'Refuse twins in src/expenses/service.py' },
    ];
    expect(await at.call('converge', { findings })).toMatchObject({ phase: 5, added: ['T013'] });
    expect(await at.read(`${AT}/tasks.md`)).toBe(
      `${ticked}\n## Phase 5: Convergence\n\n- [ ] T013 Refuse twins in src/expenses/service.py per FR-002 (missing)\n`,
    );
    await at.call('clarify_answer', {
      question: 'How long are receipts kept?',
      answer: 'Ten years',
      add: { section: 'assumptions', text: 'Receipts are kept {answer}.' },
    });
    const spec = await at.read(`${AT}/spec.md`);
    expect(spec).toContain(
      '## Clarifications\n\n### Session 2026-01-07\n\n- Q: How long are receipts kept? → A: Ten years\n\n### Session 2026-01-05\n',
    );
    expect(spec.endsWith('- Staff are signed in already.\n- Receipts are kept Ten years.\n')).toBe(true);
    await at.call('checklist_write', {
      domain: 'security',
      items: [{ category: 'Limits', text: 'Is a limit stated for reasons? [Completeness, Spec §FR-003]' }],
    });
    expect(await at.read(`${AT}/checklists/security.md`)).toContain('- [ ] CHK003 Is a limit stated for reasons?');
    const next = await at.call('feature_create', { description: 'Pay out approved expenses' });
    expect(next['directory']).toBe('specs/004-pay-out-approved-expenses');
    expect(JSON.parse(await at.read('.specify/feature.json'))).toEqual({ feature_directory: next['directory'] });
    // The project's own template, filled in where its tool would.
    const begun = await at.read(`${String(next['directory'])}/spec.md`);
    expect(begun).toContain('**Feature Branch**: `004-pay-out-approved-expenses`');
    expect(begun).toContain('*Example of marking unclear requirements:*');
  });

  it('that still holds a template is not taken', async () => {
    await put(FEATURE_FILES);
    for (const [tool, args] of [
      ['spec_write', { content: SETUP_FILES['.specify/templates/spec-template.md'] }],
      ['plan_write', { plan: SETUP_FILES['.specify/templates/plan-template.md'] }],
      ['tasks_write', { content: SETUP_FILES['.specify/templates/tasks-template.md'] }],
      ['constitution_write', { content: SETUP_FILES['.specify/templates/constitution-template.md'] }],
    ] as const)
      expect(await at.refused(tool, args)).toMatch(/is left over from the template/);
    expect(await at.refused('tasks_write', { content: TASKS.replace('] T012', '] TXXX') })).toContain(
      '[tasks.line-form]',
    );
  });
});
