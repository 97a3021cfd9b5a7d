/**
 * What DinCoder did wrong, shown gone: its 34 tools with the input its documents give, and each weakness of its review, all by an
 * official client on the real command.
 */
import { execFileSync } from 'node:child_process';
import { readFile, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SPEC } from '../../packages/spec/src/testing/sample.ts';
import { openSdk1 } from '../support/clients.ts';
import { DINCODER } from './inputs.ts';
import { type Caller, makeSite, overHttp, overStdio, sample, serveHttp, type Site } from './support.ts';

const FEATURE = 'specs/001-note-keeping';

const PROMPTS = [
  'start_project',
  'create_spec',
  'generate_plan',
  'create_tasks',
  'review_progress',
  'validate_spec',
  'next_tasks',
];

describe("DinCoder's 34 tools with their documented input", () => {
  let site: Site;
  let caller: Caller;

  beforeAll(async () => {
    site = await makeSite();
    caller = await overStdio(site);
    await sample(caller);
    await site.write('own.md', '# Own {{team}}\n\n{CORE_TEMPLATE}\n');
    await site.write('.npmrc', 'registry=http://127.0.0.1:9/\nfetch-retries=0\n');
    const print = 'node -p 1';
    await site.write(
      'package.json',
      JSON.stringify({
        name: 'notes',
        version: '1.0.0',
        scripts: { 'format:check': print, 'lint:fix': print, 'test:coverage': print },
      }),
    );
    await site.write(
      'package-lock.json',
      JSON.stringify({
        name: 'notes',
        version: '1.0.0',
        lockfileVersion: 3,
        packages: { '': { name: 'notes', version: '1.0.0' }, 'node_modules/a': { version: '1.0.0', license: 'MIT' } },
      }),
    );
    const git = (...args: string[]): void =>
      void execFileSync(
        'git',
        ['-c', 'user.name=t', '-c', 'user.email=t@t', '-c', 'init.defaultBranch=main', ...args],
        { cwd: site.folder, stdio: 'ignore' },
      );
    // Nothing of the folder is followed, so that what the calls write does not make the tree dirty.
    git('init');
    git('commit', '--allow-empty', '-m', 'first');
  });

  afterAll(async () => {
    await caller?.[Symbol.asyncDispose]();
    await site?.[Symbol.asyncDispose]();
  });

  it('are 34', () => expect(new Set(DINCODER.map(([name]) => name)).size).toBe(34));

  it.each(DINCODER)('%s', async (name, args) => {
    const { outputSchema } = (await caller.tools()).find((one) => one.name === name) as unknown as {
      outputSchema: unknown;
    };
    expect(outputSchema).toMatchObject({ type: 'object' });
    const { refused, text, value } = await caller.tell(name, args);
    expect([refused, text]).toEqual([false, expect.any(String)]);
    expect(Object.keys(value).length).toBeGreaterThan(0);
  });

  it('take a workspace inside, and say no to one outside', async () => {
    expect((await caller.tell('workflow_status', { workspacePath: site.folder })).refused).toBe(false);
    expect((await caller.tell('workflow_status', { workspacePath: site.outside })).refused).toBe(true);
  });
});

describe('fault of the seed that is gone', () => {
  let site: Site;
  let caller: Caller;

  beforeAll(async () => {
    site = await makeSite();
    caller = await overStdio(site);
    await sample(caller);
  });

  afterAll(async () => {
    await caller?.[Symbol.asyncDispose]();
    await site?.[Symbol.asyncDispose]();
  });

  it('1: one feature folder from start to finish, and no sample tasks; what is generated, every task tool reads', async () => {
    await using one = await makeSite();
    await using chain = await overStdio(one);
    await chain.call('constitution_create', {
      projectName: 'Shop',
      principles: ['Tests First: tests MUST come first'],
      constraints: ['None'],
    });
    const { directory } = await chain.call('specify_start', { projectName: 'Shop carts', agent: 'copilot' });
    await chain.call('specify_describe', { description: 'Buyers keep carts' });
    await chain.call('spec_write', { content: SPEC });
    await chain.call('plan_create', { constraintsText: 'Node only' });
    await chain.call('tasks_generate', { scope: 'MVP' });
    expect(await readdir(join(one.folder, 'specs'))).toEqual(['001-shop-carts']);
    expect(directory).toBe('specs/001-shop-carts');
    expect(await readdir(one.folder)).not.toContain('.dincoder');
    const text = await one.read('specs/001-shop-carts/tasks.md');
    expect(text).not.toMatch(/user\.py|User model|\bTXXX\b|\[Entity\d?\]/);
    const ids = [...text.matchAll(/^- \[ \] (T\d{3})/gm)].map(([, id]) => id);
    expect(ids.length).toBeGreaterThan(5);
    expect(await chain.call('tasks_filter', {})).toMatchObject({ total: ids.length });
    expect(await chain.call('tasks_stats', {})).toMatchObject({ total: ids.length, completed: 0 });
    expect((await chain.call('tasks_visualize', {}))['drawing']).toContain(ids[0]);
    expect((await chain.call('tasks_search', { query: 'FR-001' }))['total']).toBeGreaterThan(0);
    expect(await chain.call('tasks_tick_range', { taskIds: ids.slice(0, 2) })).toMatchObject({
      ticked: ids.slice(0, 2),
      missing: [],
    });
  });

  it('2: validator, linter, refinement and template agree about the sections', async () => {
    expect(await caller.call('spec_validate', {})).toMatchObject({ passed: true });
    expect(await caller.call('spec_lint', {})).toMatchObject({ errors: 0 });
    await caller.call('clarify_add', { question: 'How long are notes kept?', context: 'Members are known already.' });
    expect(await caller.call('spec_lint', {})).toMatchObject({ errors: 0 });
    await caller.call('clarify_resolve', { clarificationId: 'CLARIFY-001', resolution: 'A year.' });
    const spec = await site.read(`${FEATURE}/spec.md`);
    const sections: readonly (readonly [string, RegExp])[] = [
      ['goals', /### Measurable Outcomes\n[^]*/],
      ['requirements', /### Functional Requirements\n[^]*?(?=\n## )/],
      ['edge-cases', /- What happens when two members[^\n]*/],
    ];
    for (const [section, body] of sections) {
      const changes = body.exec(spec)?.[0].split(/\n## /)[0] ?? '';
      expect(changes, section).not.toBe('');
      expect((await caller.tell('spec_refine', { section, changes, reason: 'same' })).text, section).not.toContain(
        'no section',
      );
    }
    expect(await caller.call('spec_validate', {})).toMatchObject({ passed: true });
    for (const template of [
      'spec-template',
      'plan-template',
      'tasks-template',
      'constitution-template',
      'checklist-template',
    ]) {
      expect(await caller.resource(`spec://templates/${template}`)).toMatch(/^# /m);
    }
  });

  it('3: no file outside is written and no shell is used', async () => {
    const marker = join(site.base, 'pwned');
    const refusals = [
      await caller.tell('spec_refine', {
        section: 'full',
        changes: 'x',
        reason: 'x',
        specPath: join(site.outside, 'spec.md'),
      }),
      await caller.tell('constitution_create', {
        projectName: 'x',
        principles: ['a'],
        constraints: ['b'],
        workspacePath: '/etc',
      }),
      await caller.tell('metrics_export', { outputPath: join(site.outside, 'm.json'), format: 'json' }),
      await caller.tell('prereqs_check', { checkFor: { customCommands: [`sh -c "touch ${marker}"`] } }),
      await caller.tell('git_create_branch', { branchName: 'ok', fromBranch: `main; touch ${marker}` }),
    ];
    expect(refusals.map(({ refused }) => refused)).toEqual([true, true, true, true, true]);
    expect([await readdir(site.outside), (await readdir(site.base)).includes('pwned')]).toEqual([[], false]);
  });

  it('4: what runs has the protections: nobody from the network, no foreign origin, headers, a limit', async () => {
    await using one = await makeSite();
    await using served = await serveHttp(one);
    const { hostname, origin } = new URL(served.url);
    expect(hostname).toBe('127.0.0.1');
    const health = await fetch(new URL('/healthz', origin), { headers: { origin: 'https://evil.test' } });
    expect([health.headers.get('x-powered-by'), health.headers.get('access-control-allow-origin')]).toEqual([
      null,
      null,
    ]);
    await using client = await overHttp(served.url);
    expect((await client.tell('test_echo', { message: 'x' })).refused).toBe(false);
  });

  it('5: prompts, resources and guidance are on stdio', async () => {
    await using opened = await openSdk1(site.program());
    const { prompts } = await opened.client.listPrompts();
    const names = prompts.map(({ name }) => name);
    expect(PROMPTS.filter((name) => !names.includes(name))).toEqual([]);
    expect(names.filter((name) => name.startsWith('speckit.')).length).toBeGreaterThanOrEqual(9);
    expect(await caller.prompt('generate_plan', { specPath: 'specs/001-note-keeping/spec.md' })).toContain(
      'specs/001-note-keeping/spec.md',
    );
    expect(await caller.prompt('next_tasks', { limit: '3' })).toContain('3');
    expect(await caller.resource('spec://constitution')).toContain('## Core Principles');
    expect(await caller.call('step_begin', { step: 'specify' })).toMatchObject({
      rules: expect.any(Array),
      template: { name: 'spec-template' },
    });
  });

  it('6: a pointer to the feature in work, undo, all or nothing, and no partial overwrite', async () => {
    await using one = await makeSite();
    await using two = await overStdio(one);
    await sample(two);
    await two.call('feature_create', { description: 'Remind members', shortName: 'reminders' });
    expect(JSON.parse(await one.read('.specify/feature.json'))).toEqual({ feature_directory: 'specs/002-reminders' });
    await two.call('feature_use', { feature: '001' });
    expect(await two.call('tasks_stats', {})).toMatchObject({ total: 9 });
    const before = await one.read(`${FEATURE}/tasks.md`);
    const { mtimeMs } = await stat(join(one.folder, FEATURE, 'tasks.md'));
    await two.call('tasks_write', { content: before });
    expect((await stat(join(one.folder, FEATURE, 'tasks.md'))).mtimeMs).toBe(mtimeMs);
    await two.call('tasks_tick', { taskId: 'T001' });
    expect(await one.read(`${FEATURE}/tasks.md`)).not.toBe(before);
    await two.call('undo', {});
    expect(await one.read(`${FEATURE}/tasks.md`)).toBe(before);
    const rest = (await readdir(one.folder, { recursive: true })).filter((name) => name.endsWith('.tmp'));
    expect(rest).toEqual([]);
  });

  it('7: what fails is an error, and what is answered is structured', async () => {
    const failed = await caller.tell('tasks_tick', { taskId: 'T999' });
    expect([failed.refused, failed.text]).toEqual([true, expect.stringContaining('T999')]);
    expect(failed.text).not.toMatch(/success/);
    const tools = await caller.tools();
    for (const { name, inputSchema, annotations } of tools) {
      expect([name, inputSchema['additionalProperties'], typeof annotations?.['readOnlyHint']]).toEqual([
        name,
        false,
        'boolean',
      ]);
    }
  });

  it('8: one version everywhere', async () => {
    await using opened = await openSdk1(site.program());
    const manifest = JSON.parse(
      await readFile(new URL('../../packages/spec/package.json', import.meta.url), 'utf8'),
    ) as { version: string };
    expect(opened.client.getServerVersion()).toMatchObject({ name: 'sallyport-spec', version: manifest.version });
  });

  it('reading tools write nothing', async () => {
    await using one = await makeSite();
    await using two = await overStdio(one);
    await sample(two);
    const files = async (): Promise<unknown> => {
      const names = await readdir(one.folder, { recursive: true });
      return Promise.all(names.toSorted().map(async (name) => [name, (await stat(join(one.folder, name))).mtimeMs]));
    };
    const before = await files();
    for (const { name, annotations } of await two.tools()) {
      if (annotations?.['readOnlyHint'] !== true) continue;
      const documented =
        DINCODER.find(([known]) => known === name)?.[1] ?? (name === 'step_begin' ? { step: 'tasks' } : {});
      await two.tell(name, documented);
    }
    expect(await files()).toEqual(before);
  });

  it('task lines of old are read, commas and all', async () => {
    await site.write(
      'old.md',
      '# Tasks\n\n- [x] T001: Set up (phase: setup, type: backend)\n- [ ] T002: Model (phase: core, depends: T001, T003, priority: high, tags: a b)\n- [ ] T003: Page (phase: core, depends: T001 T004)\n- [~] T004: Last\n',
    );
    expect(await caller.call('tasks_filter', { tasksPath: 'old.md', blocker: 'blocked' })).toMatchObject({
      tasks: [{ id: 'T002' }, { id: 'T003' }],
    });
    expect(await caller.call('tasks_filter', { tasksPath: 'old.md', status: 'in_progress' })).toMatchObject({
      tasks: [{ id: 'T004' }],
    });
    expect(await caller.call('tasks_filter', { tasksPath: 'old.md', tags: ['a', 'b'] })).toMatchObject({
      tasks: [{ id: 'T002' }],
    });
  });

  it('a pattern cannot hang the search', async () => {
    const many = Array.from(
      { length: 500 },
      (_, index) => `- [ ] T${String(index + 1).padStart(3, '0')} ${'a'.repeat(200)}!`,
    );
    await site.write('many.md', `# Tasks\n\n${many.join('\n')}\n`);
    for (const query of ['(a+)+$', '(a|a)*$', '(a*)*b', '((a{1,100}){1,10})$', '(?:a?){100}a{100}$']) {
      await caller.tell('tasks_search', { query, useRegex: true, tasksPath: 'many.md' });
    }
    expect(
      (await caller.tell('tasks_search', { query: '(((a{30}){30}){30}){30}', useRegex: true, tasksPath: 'many.md' }))
        .refused,
    ).toBe(true);
    expect(
      (await caller.tell('tasks_search', { query: 'A+!', useRegex: true, tasksPath: 'many.md' })).value,
    ).toMatchObject({ total: 10 });
  });
});
