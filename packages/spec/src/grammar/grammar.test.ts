import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  CHECKLIST_TEMPLATE,
  CONSTITUTION_TEMPLATE,
  PLAN_TEMPLATE,
  SPEC_TEMPLATE,
  TASKS_TEMPLATE,
} from '../templates/core.ts';
import { PROJECT_TEMPLATES } from '../templates/projects.ts';
import { CONSTITUTION, DATA_MODEL, PLAN, RESEARCH, SPEC, TASKS } from '../testing/sample.ts';
import { parseChecklist } from './checklist.ts';
import { parseConstitution } from './constitution.ts';
import { parseDataModel, researchProblems } from './design.ts';
import { templateTokens } from './leftovers.ts';
import { itemsIn, outlineOf } from './markdown.ts';
import { parsePlan } from './plan.ts';
import { parseSpec } from './spec.ts';
import { countTasks, parseTasks, pathsIn } from './tasks.ts';

const rules = (problems: readonly { rule: string; line: number; severity: string }[]): string[] =>
  problems.filter(({ severity }) => severity === 'error').map(({ rule, line }) => `${line} ${rule}`);

describe('files written by hand in the format of spec-kit', () => {
  it('have no problem', () => {
    for (const { problems } of [parseConstitution(CONSTITUTION), parseSpec(SPEC), parsePlan(PLAN), parseTasks(TASKS)]) {
      expect(problems).toEqual([]);
    }
    expect(researchProblems(RESEARCH)).toEqual([]);
    expect(parseDataModel(DATA_MODEL).entities).toMatchObject([
      { name: 'Note', fields: [{ name: 'id' }, { name: 'text' }, { name: 'createdAt' }] },
    ]);
  });

  it('are read with CRLF, a BOM, front matter and comments alike', () => {
    const dressed =
      `\u{FEFF}---\ntitle: x\n---\n<!-- - **FR-001**: not this\n### User Story 9 - no -->\n${SPEC}`.replaceAll(
        '\n',
        '\r\n',
      );
    const { problems, stories, requirements } = parseSpec(dressed);
    expect(problems).toEqual([]);
    expect([stories.length, requirements.length]).toEqual([2, 3]);
  });

  it('may mark optional sections and the first story as spec-kit does', () => {
    const text = SPEC.replace('## Requirements *(mandatory)*', '## Requirements _(mandatory)_').replace(
      '(Priority: P1)',
      '(Priority: P1) 🎯 MVP',
    );
    expect(parseSpec(text).problems).toEqual([]);
  });

  it('take both forms of a convergence heading', () => {
    for (const heading of ['## Phase 6: Convergence', '## Phase 6 — Convergence']) {
      const { phases } = parseTasks(`${TASKS}\n${heading}\n\n- [ ] T010 x per FR-001 (missing)\n`);
      expect(phases.at(-1)).toMatchObject({ number: 6, kind: 'convergence', title: 'Convergence' });
    }
  });

  it('count code blocks for nothing', () => {
    const { tasks, problems } = parseTasks(`${TASKS}\n\`\`\`text\n- [ ] T001 twice\n\`\`\`\n`);
    expect([tasks.length, problems.length]).toEqual([9, 0]);
  });
});

describe('templates', () => {
  it('are full of what must be replaced, and of nothing else that is wrong', () => {
    const spec = parseSpec(SPEC_TEMPLATE, templateTokens(SPEC_TEMPLATE));
    expect(new Set(spec.problems.filter(({ severity }) => severity === 'error').map(({ rule }) => rule))).toEqual(
      new Set(['spec.leftover']),
    );
    const plan = parsePlan(PLAN_TEMPLATE, templateTokens(PLAN_TEMPLATE));
    expect(new Set(plan.problems.filter(({ severity }) => severity === 'error').map(({ rule }) => rule))).toEqual(
      new Set(['plan.leftover']),
    );
    expect(parseTasks(TASKS_TEMPLATE).tasks).toEqual([]);
    expect(
      rules(parseConstitution(CONSTITUTION_TEMPLATE).problems).some((rule) => rule.endsWith('constitution.leftover')),
    ).toBe(true);
    expect(parseChecklist(CHECKLIST_TEMPLATE).problems).toEqual([]);
  });

  it('of projects are whole once names and dates are in', () => {
    for (const { constitution } of PROJECT_TEMPLATES) {
      const text = constitution.replaceAll('[PROJECT_NAME]', 'X').replaceAll(/\[[A-Z_]+DATE\]/g, '2026-01-05');
      expect(parseConstitution(text).problems).toEqual([]);
    }
  });
});

describe('what breaks a rule is named with its line', () => {
  const broken: readonly [string, (text: string) => string, string][] = [
    [
      'a missing section',
      (text) =>
        text.replace('## Success Criteria *(mandatory)*', '## Other').replace('### Measurable Outcomes', '### More'),
      '0 spec.section-missing',
    ],
    [
      'a story without scenario',
      (text) => text.replace(/^1\. \*\*Given\*\* two notes.*$/m, ''),
      '23 spec.story-scenarios',
    ],
    ['a story without priority', (text) => text.replace(' (Priority: P2)', ''), '23 spec.story-priority'],
    ['stories out of order', (text) => text.replace('User Story 2', 'User Story 3'), '23 spec.story-number'],
    ['a bullet without id', (text) => text.replace('**FR-003**: ', ''), '45 spec.requirement-form'],
    [
      'four questions',
      (text) =>
        text.replace(
          'Members are known already.',
          '[NEEDS CLARIFICATION: a] [NEEDS CLARIFICATION: b] [NEEDS CLARIFICATION: c] [NEEDS CLARIFICATION: d]',
        ),
      '59 spec.too-many-questions',
    ],
    ['a checklist inside', (text) => `${text}\n- [ ] done\n`, '61 spec.checklist-inside'],
    ['what is left of the template', (text) => text.replace('Note keeping', '[FEATURE NAME]'), '1 spec.leftover'],
  ];
  it.each(broken)('%s', (_name, change, rule) => {
    const text = change(SPEC);
    expect(text).not.toBe(SPEC);
    expect(rules(parseSpec(text).problems)).toContain(rule);
  });

  it('in tasks', () => {
    const text = TASKS.replace('- [ ] T002 [P]', '- [ ] [P]')
      .replace('T005 [P] [US1]', 'T004 [P] [Story]')
      .replace('[US2] Search', 'Search')
      .replace('(depends on T004, T005)', '(depends on T099)');
    expect(rules(parseTasks(text).problems)).toEqual([
      '9 tasks.line-form',
      '18 tasks.label',
      '18 tasks.duplicate-id',
      '18 tasks.story-label',
      '19 tasks.unknown-dependency',
      '24 tasks.story-label',
    ]);
  });

  it('in research', () => {
    expect(rules(researchProblems('# R\n\n**Decision**: a\n\n**Rationale**: b\n\n[NEEDS CLARIFICATION: x]\n'))).toEqual(
      ['7 research.open-question', '3 research.alternatives'],
    );
  });
});

describe('old task lines', () => {
  it('are read with all their dependencies', () => {
    const { tasks } = parseTasks(
      '# Tasks: x\n\n- [~] T007: Do it (phase: core, depends: T001, T002 T003, priority: high, tags: a b)\n',
    );
    expect(tasks).toMatchObject([
      { id: 'T007', status: 'in_progress', text: 'Do it', dependsOn: ['T001', 'T002', 'T003'] },
    ]);
    expect(Object.fromEntries(tasks[0]?.metadata ?? [])).toMatchObject({
      phase: 'core',
      priority: 'high',
      tags: 'a b',
    });
  });
});

it('requirements with an id count under any heading of their section', () => {
  const more =
    '### Non-Functional Requirements\n\n- **NFR-001**: Notes MUST be kept 10 years.\n- Free words.\n\n### Key Entities';
  const { requirements, problems } = parseSpec(SPEC.replace('### Key Entities', more));
  expect([requirements.map(({ id }) => id), rules(problems)]).toEqual([['FR-001', 'FR-002', 'FR-003', 'NFR-001'], []]);
});

describe('a decision of research', () => {
  it.each([
    '**Decision**: x\n**Rationale**: y\n**Alternatives considered**: z\n',
    '- Decision: x\n- Rationale: y\n- Alternatives: z\n',
    '### Decision\n\nx\n\n### Rationale\n\ny\n\n### Alternatives Considered\n\nz\n',
    '### Decision 1: x\n\n**Rationale:** y\n\n**Alternatives considered:** z\n',
  ])('may be written %j', (text) => {
    expect(researchProblems(`# Research\n\n## Storage\n\n${text}`)).toEqual([]);
    const lacking = text.replace(/^.*Rationale.*$/m, '');
    expect(rules(researchProblems(`# Research\n\n## Storage\n\n${lacking}`)).join()).toContain('research.rationale');
  });

  it('is not a heading that speaks of decisions', () => {
    expect(rules(researchProblems('# Research\n\n## Decisions\n\n## Decision log\n')).join()).toContain(
      'research.decision-missing',
    );
  });
});

describe('the verdict of a gate', () => {
  it.each([
    ['- I: PASS, tests are seen to fail first', 'pass'],
    ['- I: FAIL, though most of it would pass', 'fail'],
    ['- I: ✅ no violations', 'pass'],
    ['- I: ❌ it breaks the rule', 'fail'],
    ['- I: violates the rule', 'fail'],
    ['**Violations**: none', 'open'],
    ['- [x] I: one library', 'pass'],
    ['- [ ] I: one library', 'open'],
    ['- I: [PASS, or FAIL with a row in Complexity Tracking]', 'open'],
    ['| I | complies |', 'pass'],
    ['### I\n\n- looked at twice\n- it fails', 'fail'],
  ])('%j', (gate, verdict) => {
    const table = gate.startsWith('|') ? '| a | b |\n|---|---|\n' : '';
    expect(parsePlan(`# P\n\n## Constitution Check\n\n${table}${gate}\n`).gates.map((one) => one.verdict)).toEqual([
      verdict,
    ]);
  });
});

describe('any text', () => {
  const line = fc.constantFrom(
    '# A',
    '## Phase 1: Setup',
    '### User Story 1 - x (Priority: P1)',
    '- [ ] T001 [P] x in a/b.ts',
    '- **FR-001**: x',
    '```',
    '<!--',
    '-->',
    '| a | b |',
    '|---|---|',
    '[NEEDS CLARIFICATION: x]',
    '---',
    '  more',
    '',
  );
  const text = fc.oneof(
    fc.array(fc.oneof(line, fc.string()), { maxLength: 40 }).map((lines) => lines.join('\n')),
    fc.string(),
  );

  it('is parsed without an error, and every line told is in it', () => {
    fc.assert(
      fc.property(text, (input) => {
        const count = input.split(/\r?\n/).length;
        for (const { problems } of [
          parseSpec(input),
          parsePlan(input),
          parseTasks(input),
          parseConstitution(input),
          parseChecklist(input),
        ]) {
          for (const problem of problems) expect(problem.line >= 0 && problem.line <= Math.max(1, count)).toBe(true);
        }
        const { total, done } = countTasks(input);
        const { tasks } = parseTasks(input);
        expect([total, done]).toEqual([tasks.length, tasks.filter(({ status }) => status === 'completed').length]);
      }),
      { numRuns: 300 },
    );
  });

  it('has headings whose sections nest', () => {
    fc.assert(
      fc.property(text, (input) => {
        const outline = outlineOf(input);
        for (const { line: from, end } of outline.headings)
          expect(end >= from && end <= outline.lines.length).toBe(true);
        expect(itemsIn(outline, 0, outline.lines.length).every(({ line: at }) => at >= 1)).toBe(true);
      }),
      { numRuns: 200 },
    );
  });
});

describe('paths in a task', () => {
  it.each([
    ['Create Note in src/note.ts', ['src/note.ts']],
    ['Write `docs/a.md`, then (tests/x_y.test.ts).', ['docs/a.md', 'tests/x_y.test.ts']],
    ['Use Node.js and/or TypeScript 5.2, e.g. for FR-001', []],
    ['Change package.json and src/', ['package.json', 'src/']],
  ])('%s', (text, paths) => expect(pathsIn(text)).toEqual(paths));
});
