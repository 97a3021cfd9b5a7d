import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { execFileSync } from 'node:child_process';
import { symlinkSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Fields, testProject, type TestProject, writeSample } from '../testing/project.ts';

let at: TestProject;

beforeAll(async () => {
  at = await testProject();
  await writeSample(at);
  const git = (...args: string[]): void => {
    execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@t', '-c', 'init.defaultBranch=main', ...args], {
      cwd: at.folder,
      stdio: 'ignore',
    });
  };
  await at.write(
    'package.json',
    JSON.stringify({
      name: 'notes',
      scripts: {
        format: 'node -p 1',
        'format:check': 'node -p 1',
        lint: "node -e 'process.exit(3)'",
        test: 'node print-environment.mjs',
      },
    }),
  );
  await at.write('print-environment.mjs', 'console.log(`CI=${process.env.CI} canary=${process.env.CANARY_SECRET}`);\n');
  await at.write(
    'package-lock.json',
    JSON.stringify({
      lockfileVersion: 3,
      packages: {
        '': {},
        'node_modules/a': { license: 'MIT' },
        'node_modules/b': { license: '(GPL-3.0 OR MIT)' },
        'node_modules/c': { license: 'MIT AND GPL-3.0' },
        'node_modules/d': {},
      },
    }),
  );
  git('init');
  git('add', '-A');
  git('commit', '-m', 'first');
});

afterAll(async () => at.close());

/** Every one of DinCoder's tools with the input its documents give. */
const DOCUMENTED: readonly [name: string, args: Fields, result: Fields][] = [
  ['test_echo', { message: 'hello' }, { message: 'Echo: hello' }],
  [
    'prereqs_check',
    { checkFor: { node: '>=20', git: true, customCommands: ['sh'] } },
    { programs: [{ name: 'node', passed: true }, { name: 'git', passed: true }, { name: 'sh' }] },
  ],
  ['spec_validate', { checks: { completeness: true } }, { passed: true }],
  [
    'artifacts_analyze',
    { artifacts: ['spec', 'tasks'] },
    {
      coverage: 100,
      artifacts: [
        { artifact: 'spec', exists: true, problems: [] },
        { artifact: 'tasks', exists: true },
      ],
    },
  ],
  [
    'artifacts_read',
    { artifactType: 'all' },
    {
      files: [
        { path: 'specs/001-note-keeping/spec.md' },
        { path: 'specs/001-note-keeping/plan.md' },
        { path: 'specs/001-note-keeping/tasks.md' },
      ],
    },
  ],
  ['spec_lint', { autoFix: false, format: 'json' }, { passed: true, errors: 0 }],
  [
    'spec_refine',
    {
      section: 'goals',
      changes:
        '### Measurable Outcomes\n\n- **SC-001**: A stored note is found again within 1 second in 95 % of searches.',
      reason: 'faster',
    },
    { problems: [] },
  ],
  [
    'clarify_add',
    { question: 'How long are notes kept?', context: 'Members are known already.', options: ['a year', 'for ever'] },
    { clarification: { id: 'CLARIFY-001', status: 'pending' }, marked: true },
  ],
  ['clarify_list', { status: 'pending' }, { total: 1, pending: 1 }],
  ['spec_lint', {}, { errors: 0 }],
  [
    'clarify_resolve',
    { clarificationId: 'CLARIFY-001', resolution: 'Notes are kept a year.', rationale: 'law' },
    { clarification: { status: 'resolved' } },
  ],
  [
    'research_append',
    { topic: 'Search', content: 'Full text of SQLite is enough.' },
    { path: 'specs/001-note-keeping/research.md' },
  ],
  [
    'contracts_generate',
    { format: 'openapi', includeExamples: true },
    { path: 'specs/001-note-keeping/contracts/openapi.yaml', models: 1 },
  ],
  ['contracts_generate', { format: 'graphql' }, { path: 'specs/001-note-keeping/contracts/schema.graphql' }],
  ['contracts_generate', { format: 'json-schema', outputPath: 'schemas/notes.json' }, { path: 'schemas/notes.json' }],
  ['templates_list', { includeCustom: true, category: 'project' }, { total: 4 }],
  ['tasks_tick', { taskId: 'T001' }, { ticked: ['T001'], done: 1, total: 9 }],
  [
    'tasks_tick_range',
    { taskIds: ['T002', 'T003-T004'], notes: 'done', strict: true },
    { ticked: ['T002', 'T003', 'T004'] },
  ],
  [
    'tasks_visualize',
    { format: 'mermaid', includeCompleted: true, groupByPhase: true, highlightCriticalPath: true },
    { drawing: expect.stringContaining('T005 --> T006') },
  ],
  [
    'tasks_filter',
    { status: 'pending', phase: 'user story 1', preset: 'ready', sortBy: 'priority', limit: 5 },
    { tasks: [{ id: 'T005' }] },
  ],
  [
    'tasks_search',
    { query: 'serach', searchFields: ['description'], fuzzy: true, fuzzyThreshold: 60 },
    { hits: [{ task: { id: 'T007' } }, { task: { id: 'T008' } }] },
  ],
  ['tasks_stats', { groupBy: 'phase', includeCharts: true, showBlockers: true }, { total: 9, completed: 4 }],
  ['quality_format', {}, { passed: true }],
  ['quality_lint', { fix: false }, { passed: false, exitCode: 3 }],
  [
    'quality_license_check',
    { allowedLicenses: ['MIT', 'Apache-2.0', 'BSD-3', 'BSD-2', 'ISC'] },
    { passed: false, refused: [{ name: 'c' }, { name: 'd', licence: 'UNKNOWN' }] },
  ],
  [
    'metrics_report',
    { startDate: '2020-01-01', endDate: '2099-01-01', format: 'json' },
    { report: { space: { commits: 1, authors: 1 }, burndown: { total: 9, done: 4 } } },
  ],
  [
    'metrics_export',
    { outputPath: 'metrics.csv', format: 'csv', startDate: '2020-01-01', endDate: '2099-01-01' },
    { path: 'metrics.csv' },
  ],
];

describe("DinCoder's tools by their names", () => {
  it.each(DOCUMENTED)('%s works with its documented input', async (name, args, result) => {
    expect(await at.call(name, args)).toMatchObject(result);
  });

  it('puts the answer where the mark stood, and notes it', async () => {
    const spec = await at.read('specs/001-note-keeping/spec.md');
    expect(spec).toContain('Members are known already. Notes are kept a year.');
    expect(spec).toContain('- Q: How long are notes kept? → A: Notes are kept a year.');
    expect(spec).not.toContain('NEEDS CLARIFICATION');
  });

  it('lists all 34 tools and 7 prompts', async () => {
    const listed = new Set<string>();
    for (let cursor: string | undefined, more = true; more; more = cursor !== undefined) {
      const page: Fields = await at.client.request('tools/list', cursor === undefined ? {} : { cursor });
      for (const { name } of page['tools'] as { name: string }[]) listed.add(name);
      cursor = page['nextCursor'] as string | undefined;
    }
    const names =
      'constitution_create specify_start specify_describe plan_create tasks_generate tasks_tick tasks_tick_range tasks_visualize tasks_filter tasks_search tasks_stats clarify_add clarify_resolve clarify_list spec_validate artifacts_analyze spec_refine spec_lint contracts_generate templates_list templates_customize metrics_report metrics_export quality_format quality_lint quality_test quality_security_audit quality_deps_update quality_license_check artifacts_read research_append git_create_branch prereqs_check test_echo'.split(
        ' ',
      );
    expect(names).toHaveLength(34);
    expect(names.filter((name) => !listed.has(name))).toEqual([]);
    const prompts = ((await at.client.request('prompts/list', {}))['prompts'] as { name: string }[]).map(
      ({ name }) => name,
    );
    expect(prompts).toEqual(
      expect.arrayContaining(
        'start_project create_spec generate_plan create_tasks review_progress validate_spec next_tasks'.split(' '),
      ),
    );
  });

  it('P1-10/P3-08 a command of the project gets CI and none of our environment', async () => {
    const { output } = await at.call('quality_test', { coverage: false });
    expect(output).toContain('CI=true canary=undefined');
  });

  it('makes a branch without a shell, and refuses names that are none', async () => {
    for (const branchName of ['x;touch pwned', '--orphan', 'a..b', 'x y']) {
      expect(await at.refused('git_create_branch', { branchName })).toContain('no name of a branch');
    }
    expect(await at.refused('git_create_branch', { branchName: 'ok', fromBranch: 'main; touch pwned' })).toContain(
      'no name of a branch',
    );
    expect(await at.refused('prereqs_check', { checkFor: { customCommands: ['sh -c "touch pwned"'] } })).toContain(
      'no name of a program',
    );
    expect(await at.refused('git_create_branch', { branchName: '002-next' })).toContain('not committed');
  });
});

describe('the core chain of DinCoder', () => {
  it('keeps one feature from start to tasks, without a sample', async () => {
    const one = await testProject();
    try {
      expect(
        await one.call('constitution_create', {
          projectName: 'Notes',
          principles: ['Test first: tests MUST come before code'],
          constraints: ['No cloud'],
          preferences: { libraries: ['zod'] },
        }),
      ).toMatchObject({ version: '1.0.0', changed: true });
      expect(
        await one.call('constitution_create', {
          projectName: 'Notes',
          principles: ['Test first: tests MUST come before code'],
          constraints: ['No cloud'],
          preferences: { libraries: ['zod'] },
        }),
      ).toMatchObject({ version: '1.0.0', changed: false });
      expect(
        await one.call('constitution_create', {
          projectName: 'Notes',
          principles: ['Test first: tests MUST come before code', 'Small'],
          constraints: ['No cloud'],
        }),
      ).toMatchObject({ version: '1.1.0' });
      const started = await one.call('specify_start', { projectName: 'Note keeping', agent: 'claude' });
      expect(started).toMatchObject({ directory: 'specs/001-note-keeping' });
      expect(await one.call('specify_describe', { description: 'Members keep "short" notes' })).toMatchObject({
        directory: 'specs/001-note-keeping',
      });
      expect(await one.read('specs/001-note-keeping/spec.md')).toContain(
        '**Input**: User description: "Members keep \'short\' notes"',
      );
      expect(await one.refused('tasks_generate', { scope: 'MVP' })).toContain('still the template');
      const { SPEC } = await import('../testing/sample.ts');
      await one.call('spec_write', { content: SPEC });
      expect(await one.call('plan_create', { constraintsText: 'Node only' })).toMatchObject({
        path: 'specs/001-note-keeping/plan.md',
      });
      expect(await one.read('specs/001-note-keeping/plan.md')).toMatch(/^\*\*Constraints\*\*: Node only$/m);
      await one.call('tasks_generate', { scope: 'MVP' });
      const tasks = await one.read('specs/001-note-keeping/tasks.md');
      expect(tasks).toContain('[US1] Fulfil FR-001: Members MUST be able to store a note');
      expect(tasks).not.toMatch(/user\.py|TXXX/);
      expect(await one.call('tasks_filter', {})).toMatchObject({ total: 11 });
      expect(
        await one.call('templates_customize', {
          templateId: 'spec-template',
          customizationPath: 'specs/001-note-keeping/plan.md',
          hooks: [{ type: 'before', script: 'touch pwned' }],
          variables: { a: 'b' },
          extends: 'spec-template',
        }),
      ).toMatchObject({ path: '.specify/templates/overrides/spec-template.md', hooksNotRun: ['before: touch pwned'] });
    } finally {
      await one.close();
    }
  });

  it('upgrades old features and task lines with a copy of each, and takes it back', async () => {
    const one = await testProject();
    try {
      const old =
        '# Tasks: Old\n\n- [x] T001: Set up (phase: setup, type: backend)\n- [ ] T002: Model (phase: core, depends: T001, T003, priority: high, tags: a b)\n- [ ] T003: Page (phase: core)\n';
      await one.write('.dincoder/specs/001-old/tasks.md', old);
      await one.write('.dincoder/specs/001-old/spec.md', '# Feature Specification: Old\n');
      await one.write('.dincoder/research.md', '# Research\n\n## Search\n\nFull text.\n');
      expect(await one.call('tasks_filter', { blocker: 'unblocked', status: 'pending' })).toMatchObject({
        tasks: [{ id: 'T003' }],
      });
      expect(await one.call('dincoder_upgrade')).toMatchObject({
        backup: '.dincoder/backup-20260107-120000',
        moved: [
          { from: '.dincoder/specs/001-old', to: 'specs/001-old' },
          { from: '.dincoder/research.md', to: 'specs/001-old/research.md' },
        ],
      });
      expect(await one.read('specs/001-old/tasks.md')).toBe(
        '# Tasks: Old\n\n## Phase 1: Setup\n\n- [X] T001 Set up (type: backend)\n\n## Phase 2: Core\n\n' +
          '- [ ] T002 Model (depends on T001, T003) (priority: high, tags: a b)\n- [ ] T003 Page\n',
      );
      expect(await one.read('.dincoder/backup-20260107-120000/.dincoder/specs/001-old/tasks.md')).toBe(old);
      expect(await one.read('specs/001-old/research.md')).toBe(
        '# Research: 001-old\n\n## Research\n\n## Search\n\nFull text.\n',
      );
      expect(await one.call('dincoder_upgrade')).toMatchObject({ backup: '', moved: [], rewritten: [] });
      await one.call('undo');
      expect(await one.read('.dincoder/specs/001-old/tasks.md')).toBe(old);
      expect(await one.read('.dincoder/research.md')).toContain('Full text.');
    } finally {
      await one.close();
    }
  });
});

describe('what is generated', () => {
  it('replaces what it generated before, and no other file of its kind', async () => {
    const rows: readonly (readonly [name: string, file: string, args: Fields])[] = [
      ['contracts_generate', 'specs/001-note-keeping/contracts/openapi.yaml', {}],
      ['contracts_generate', 'api/own.yml', { outputPath: 'api/own.yml' }],
      ['contracts_generate', 'api/own.gql', { format: 'graphql', outputPath: 'api/own.gql' }],
      ['contracts_generate', 'api/own.json', { format: 'json-schema', outputPath: 'api/own.json' }],
      ['metrics_export', 'm.csv', { format: 'csv', outputPath: 'm.csv' }],
      ['metrics_export', 'm.json', { format: 'json', outputPath: 'm.json' }],
    ];
    for (const [name, file, args] of rows) {
      await at.call(name, args);
      const made = await at.read(file);
      // As git may check it out, it is still what was generated.
      await at.write(file, made.replaceAll(/\r?\n/g, '\r\n'));
      await at.call(name, args);
      expect(await at.read(file), file).toBe(made);
      for (const changed of [made.replace(/\d/, '4711'), `${made}\n`, 'mine\n', '{"name":"mine"}\n']) {
        await at.write(file, changed);
        expect(await at.refused(name, args), file).toContain(`${file} is there and is not as it was generated here`);
        expect(await at.read(file), file).toBe(changed);
      }
      // Neither of the two takes the other's.
      const [own, other] = name === 'metrics_export' ? ['metrics', 'contract'] : ['contract', 'metrics'];
      await at.write(file, made.replace(`: ${own} sha`, `: ${other} sha`));
      expect(await at.refused(name, args), file).toContain('(conflict)');
    }
    for (const file of ['package.json', 'package-lock.json']) {
      const before = await at.read(file);
      await at.refused('metrics_export', { format: 'json', outputPath: file });
      await at.refused('contracts_generate', { format: 'json-schema', outputPath: file });
      expect(await at.read(file)).toBe(before);
    }
  });
});

describe('P3-06 every path argument stays inside the workspace', () => {
  it.each([
    ['spec_validate', { specPath: '/etc/passwd' }],
    ['spec_refine', { specPath: '../outside/spec.md', section: 'full', changes: 'x', reason: 'x' }],
    ['contracts_generate', { outputPath: '/tmp/pwned.yaml' }],
    ['metrics_export', { outputPath: '../pwned.csv', format: 'csv' }],
    ['metrics_export', { outputPath: '.GIT/config.json', format: 'json' }],
    ['tasks_filter', { tasksPath: 'link/passwd' }],
    ['tasks_tick', { taskId: 'T001', tasksPath: 'link/tasks.md' }],
    ['templates_customize', { templateId: 'spec-template', customizationPath: 'link/passwd' }],
    ['templates_customize', { templateId: 'x', customizationPath: 'package.json', overridePath: '../../../pwned' }],
    ['workflow_status', { workspacePath: '/etc' }],
    ['workflow_status', { workspacePath: '..' }],
    ['workflow_status', { workspacePath: 'link' }],
    ['workflow_status', { workspacePath: 'a\u0000b' }],
    ['feature_use', { feature: 'specs/../../x' }],
  ])('%s refuses %j', async (name, args) => {
    mkdirSync(join(at.folder, 'sub'), { recursive: true });
    try {
      symlinkSync('/etc', join(at.folder, 'link'));
    } catch {
      // An earlier row made it.
    }
    expect(await at.refused(name, args)).toMatch(
      /outside|absolute|climbs|NUL|not among|leads|There is no feature folder|An override is|into \.git/,
    );
  });
});
