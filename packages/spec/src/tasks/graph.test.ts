import { describe, expect, it } from 'vitest';
import { parseTasks } from '../grammar/tasks.ts';
import { TASKS } from '../testing/sample.ts';
import { drawTasks } from './draw.ts';
import { graphOf } from './graph.ts';
import { searchTasks } from './search.ts';
import { selectTasks } from './select.ts';

const graph = (text: string): ReturnType<typeof graphOf> => graphOf(parseTasks(text));
const ids = (tasks: readonly { id: string }[]): string[] => tasks.map(({ id }) => id);
const tick = (text: string, ...done: string[]): string =>
  done.reduce((all, id) => all.replace(`- [ ] ${id}`, `- [x] ${id}`), text);

describe('what can be begun', () => {
  it('is told of a phase that comes after the polish, and of headings that are no phases', () => {
    const text = `${TASKS}\n## Phase 6: Documentation\n\n- [ ] T010 Write docs/guide.md\n\n## Dependencies\n\n### Phase Dependencies\n\n- Setup first\n`;
    expect([graph(text).cycle, graph(text).phases.map(({ number }) => number)]).toEqual([
      undefined,
      [1, 2, 3, 4, 5, 6],
    ]);
    const all = Array.from({ length: 8 }, (_, index) => `T00${index + 1}`);
    expect(ids(graph(tick(text, ...all)).ready)).toEqual(['T009']);
    expect(ids(graph(tick(text, ...all, 'T009')).ready)).toEqual(['T010']);
    for (const title of ['Phase N: Polish', 'Phase Final – Polish', 'Phase 3.1: Setup', 'Phase: Setup', 'Phase 2'])
      expect(parseTasks(`# Tasks: x\n\n## ${title}\n\n- [ ] T001 x\n`).phases, title).toHaveLength(1);
  });

  it('follows phases, order, [P] and what tasks name', () => {
    expect(ids(graph(TASKS).ready)).toEqual(['T001']);
    expect(ids(graph(tick(TASKS, 'T001')).ready)).toEqual(['T002']);
    expect(ids(graph(tick(TASKS, 'T001', 'T002')).ready)).toEqual(['T003']);
    // Stories do not wait for each other; a run of [P] goes together.
    expect(ids(graph(tick(TASKS, 'T001', 'T002', 'T003')).ready)).toEqual(['T004', 'T005', 'T007']);
    expect(ids(graph(tick(TASKS, 'T001', 'T002', 'T003', 'T004')).ready)).toEqual(['T005', 'T007']);
    expect(ids(graph(tick(TASKS, 'T001', 'T002', 'T003', 'T004', 'T005', 'T007', 'T008')).ready)).toEqual(['T006']);
    expect(ids(graph(tick(TASKS, ...['1', '2', '3', '4', '5', '6', '7', '8'].map((n) => `T00${n}`))).ready)).toEqual([
      'T009',
    ]);
  });

  it('names what a task waits for', () => {
    const all = graph(tick(TASKS, 'T001', 'T002', 'T003', 'T004'));
    const task = all.byId.get('T006');
    expect(task === undefined ? [] : all.blockers(task)).toEqual(['T005']);
    expect(ids(selectTasks(all, { blocker: 'blocked' }))).toEqual(['T006', 'T008', 'T009']);
  });

  it('finds a cycle, also one through phases, and begins nothing then', () => {
    const straight = graph(
      TASKS.replace('T005 [P] [US1] Create the Note model in src/note.ts', 'T005 [P] [US1] Create (depends on T006)'),
    );
    expect(straight.cycle).toEqual(['T006', 'T005', 'T006']);
    expect(straight.ready).toEqual([]);
    const through = graph(TASKS.replace('T003 Open the database in src/database.ts', 'T003 Open (depends on T009)'));
    expect(through.cycle?.[0]).toBe(through.cycle?.at(-1));
    expect(through.cycle).toEqual(expect.arrayContaining(['T003', 'T009']));
  });

  it('measures the longest open chain by effort', () => {
    expect(graph(TASKS).criticalPath()).toEqual(['T001', 'T002', 'T003', 'T004', 'T006', 'T009']);
    const heavy = TASKS.replace('in tests/search.test.ts', 'in tests/search.test.ts (effort: 5)');
    expect(graph(heavy).criticalPath()).toEqual(['T001', 'T002', 'T003', 'T007', 'T008', 'T009']);
  });
});

describe('drawings', () => {
  const nasty = graph(
    '# Tasks: x\n\n## Phase 1: Set "up" <b>\n\n- [ ] T001 say "hi"] --> T9 <script> & \\\n- [x] T002 done\n',
  );
  it('quote what tasks say', () => {
    const mermaid = drawTasks(nasty, { format: 'mermaid', groupByPhase: true });
    expect(mermaid).toContain('T001["T001: say &quot;hi&quot;] --&gt; T9 &lt;script&gt; &amp; \\"]');
    expect(mermaid).toContain('["Set &quot;up&quot; &lt;b&gt;"]');
    expect(drawTasks(nasty, { format: 'graphviz' })).toContain('label="T001: say \\"hi\\"] --> T9 <script> & \\\\"');
    expect(drawTasks(nasty, { format: 'ascii' })).toBe('[ ] T001: say "hi"] --> T9 <script> & \\');
    expect(drawTasks(nasty, { format: 'ascii', includeCompleted: true })).toContain('[x] T002: done  ← T001');
  });

  it('draw direct edges only, also when tasks between are left out', () => {
    const drawn = drawTasks(graph(tick(TASKS, 'T002')), { format: 'graphviz' });
    expect(drawn.match(/T\d{3} -> T\d{3}/g)?.toSorted()).toEqual([
      'T001 -> T003',
      'T003 -> T004',
      'T003 -> T005',
      'T003 -> T007',
      'T004 -> T006',
      'T005 -> T006',
      'T006 -> T009',
      'T007 -> T008',
      'T008 -> T009',
    ]);
  });
});

describe('searching', () => {
  it('takes a pattern that would hang a backtracking engine', () => {
    const text = `# Tasks: x\n\n## Phase 1: Setup\n\n- [ ] T001 ${'a'.repeat(5000)}!\n`;
    expect(searchTasks(graph(text), { query: '(a+)+$', useRegex: true })).toEqual([]);
    expect(() => searchTasks(graph(text), { query: '(?=a)', useRegex: true })).toThrowError(/Lookaround/);
  });

  it('ranks what is written so above what is alike', () => {
    const hits = searchTasks(graph(TASKS), { query: 'note', fuzzy: true, fuzzyThreshold: 75 });
    expect(hits.map(({ task, score }) => [task.id, score])).toEqual([
      ['T004', 90],
      ['T005', 90],
      ['T006', 90],
      ['T007', 80],
      ['T008', 80],
    ]);
  });
});
