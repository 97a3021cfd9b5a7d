/**
 * The whole way of a small web service, from constitution to convergence, by a script without a model through official clients:
 * both lines of the SDK, both transports, both eras. Every artifact is read back and checked.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { CONSTITUTION, DATA_MODEL, PLAN, RESEARCH, SPEC, TASKS } from '../../packages/spec/src/testing/sample.ts';
import { openSdk1, openSdk2, type Handlers } from '../support/clients.ts';
import { type Caller, type Fields, KEY, makeSite, over, overHttp, serveHttp, type Site } from './support.ts';

const FEATURE = 'specs/001-note-keeping';
const QUICKSTART = '# Quickstart: Note keeping\n\n1. Start the service.\n2. Store a note.\n3. Read it back.\n';
const OPENAPI = `openapi: 3.1.0
info: { title: Notes, version: 1.0.0 }
paths:
  /notes:
    post: { responses: { '201': { description: Stored } } }
`;

/** Each step begins with its rules and template, and ends with a writing tool. Answers where the project stands at last. */
async function walk({ call, tell, resource }: Caller, site: Site): Promise<Fields> {
  const begin = async (step: string): Promise<Fields> => {
    const begun = await call('step_begin', { step });
    expect([step, (begun['rules'] as string[]).length > 0, (begun['tools'] as string[]).length > 0]).toEqual([
      step,
      true,
      true,
    ]);
    return begun;
  };
  expect((await tell('plan_write', { plan: PLAN })).refused).toBe(true);
  await begin('constitution');
  expect(await call('constitution_write', { content: CONSTITUTION })).toMatchObject({
    version: '1.0.0',
    changed: true,
  });

  await begin('specify');
  const unclear = SPEC.replace(
    '- Members are known already.',
    '- Members are known already.\n- Notes are kept [NEEDS CLARIFICATION: how long?]',
  );
  expect(
    await call('feature_create', { description: 'Keep short notes', shortName: 'note-keeping', content: unclear }),
  ).toMatchObject({ directory: FEATURE, questions: [{ question: 'how long?' }] });

  await begin('clarify');
  expect(await call('clarify_scan')).toMatchObject({ open: [{ question: 'how long?' }] });
  await call('clarify_answer', {
    question: 'How long are notes kept?',
    answer: 'A year',
    replace: { find: '[NEEDS CLARIFICATION: how long?]', with: 'a year' },
  });
  expect(await call('spec_validate')).toMatchObject({ passed: true });
  expect(await site.read(`${FEATURE}/spec.md`)).toMatch(
    /### Session \d{4}-\d\d-\d\d\n\n- Q: How long are notes kept\? → A: A year/,
  );

  await begin('plan');
  expect(
    await call('plan_write', {
      plan: PLAN,
      research: RESEARCH,
      dataModel: DATA_MODEL,
      quickstart: QUICKSTART,
      contracts: { 'openapi.yaml': OPENAPI },
    }),
  ).toMatchObject({ missing: [] });
  expect(parse(await site.read(`${FEATURE}/contracts/openapi.yaml`))).toMatchObject({ openapi: '3.1.0' });

  await begin('checklist');
  const items = [{ category: 'Limits', text: 'Is a limit defined for every input? [Completeness, Spec §FR-001]' }];
  expect(await call('checklist_write', { domain: 'security', items })).toMatchObject({ added: ['CHK001'], total: 1 });

  await begin('tasks');
  expect(await call('tasks_write', { content: TASKS })).toMatchObject({ total: 9 });

  await begin('analyze');
  const before = await Promise.all(
    (await readdir(join(site.folder, FEATURE)))
      .filter((name) => name.endsWith('.md'))
      .map((name) => site.read(`${FEATURE}/${name}`)),
  );
  expect(await call('analyze')).toMatchObject({
    unmappedTasks: ['T001', 'T002', 'T003', 'T009'],
    metrics: { coverage: 100, critical: 0 },
  });
  expect(
    await Promise.all(
      (await readdir(join(site.folder, FEATURE)))
        .filter((name) => name.endsWith('.md'))
        .map((name) => site.read(`${FEATURE}/${name}`)),
    ),
  ).toEqual(before);

  await begin('implement');
  expect(await call('implement_next')).toMatchObject({ passed: false });
  for (const name of ['requirements', 'security']) {
    const path = `${FEATURE}/checklists/${name}.md`;
    await site.write(path, (await site.read(path)).replaceAll('- [ ]', '- [x]'));
  }
  for (;;) {
    const { passed, next } = (await call('implement_next')) as {
      passed: boolean;
      next: { id: string; paths: string[] }[];
    };
    expect(passed).toBe(true);
    if (next.length === 0) break;
    for (const { id, paths } of next) {
      for (const path of paths) await site.write(path, `// ${id}\n`);
      await call('tasks_tick', { taskId: id });
    }
  }
  expect(await call('implement_verify')).toMatchObject({ complete: true, open: [], missingFiles: [] });

  await begin('converge');
  const done = await site.read(`${FEATURE}/tasks.md`);
  expect(await call('converge', { findings: [] })).toMatchObject({ outcome: 'converged', changed: [] });
  expect(await site.read(`${FEATURE}/tasks.md`)).toBe(done);
  const findings = [
    { source: 'FR-003', gap: 'partial', severity: 'HIGH', work: 'Search whole words in src/search.ts' },
  ];
  expect(await call('converge', { findings })).toMatchObject({ outcome: 'tasks_appended', added: ['T010'] });
  const appended = await site.read(`${FEATURE}/tasks.md`);
  expect(appended.startsWith(done)).toBe(true);
  expect(appended).toMatch(/\n## Phase 6: Convergence\n\n- \[ \] T010 .* per FR-003 \(partial\)\n$/);

  for (const artifact of [
    'spec',
    'plan',
    'tasks',
    'research',
    'data-model',
    'quickstart',
    'checklists/requirements',
    'checklists/security',
  ]) {
    expect(await resource(`spec://features/001-note-keeping/${artifact}`)).toMatch(/^# /m);
  }
  expect(await call('artifacts_analyze')).toMatchObject({
    artifacts: ['spec', 'plan', 'tasks'].map((artifact) => ({ artifact, exists: true, problems: [] })),
  });
  expect(await call('spec_lint')).toMatchObject({ errors: 0 });
  return await call('workflow_status');
}

const ENDED = {
  constitution: true,
  features: [{ name: '001-note-keeping', tasks: { done: 9, total: 10 } }],
};

describe('the chain from constitution to converge', () => {
  const ways = [
    { sdk: 1, era: 'session' },
    { sdk: 2, era: 'session' },
    { sdk: 2, era: 'stateless' },
  ] as const;

  it.each(ways)('by SDK v$sdk on stdio, era $era', async (way) => {
    await using site = await makeSite();
    await using caller = await over(site.program(), way);
    expect(await walk(caller, site)).toMatchObject(ENDED);
  });

  it.each(ways)('by SDK v$sdk over HTTP, era $era', async (way) => {
    await using site = await makeSite();
    await using served = await serveHttp(site, { API_KEY: KEY, RATE_LIMIT_MAX: '10000' });
    await using caller = await over(served.url, { ...way, key: KEY });
    expect(await walk(caller, site)).toMatchObject(ENDED);
    expect(await served.running.stop()).toEqual({ code: 0, signal: null });
  });

  it.each(['session', 'stateless'] as const)('asks by elicitation in the %s era', async (era) => {
    await using site = await makeSite();
    await using served = await serveHttp(site, { RATE_LIMIT_MAX: '10000' });
    await using setup = await overHttp(served.url);
    await setup.call('constitution_write', { content: CONSTITUTION });
    await setup.call('feature_create', { description: 'Keep short notes', shortName: 'note-keeping', content: SPEC });
    const asked: string[] = [];
    const handlers: Handlers = {
      elicitation: ({ message }) => {
        asked.push(message);
        return { action: 'accept', content: { answer: 'a year' } };
      },
    };
    await using opened =
      era === 'session' ? await openSdk1(served.url, { handlers }) : await openSdk2(served.url, { era, handlers });
    const options = [{ label: 'a year' }, { label: 'for ever' }];
    const add = { section: 'assumptions', text: 'Notes are kept {answer}.' };
    const result = (await opened.client.callTool({
      name: 'clarify_ask',
      arguments: { question: 'How long are notes kept?', options, add },
    })) as Fields;
    expect(result['structuredContent']).toMatchObject({ outcome: 'answered', answer: 'a year' });
    expect(asked).toEqual([expect.stringContaining('How long are notes kept?')]);
    expect(await site.read(`${FEATURE}/spec.md`)).toContain('- Notes are kept a year.');
  });
});
