/** Working with a list of tasks: tick, filter, search, count, draw. Names and arguments are DinCoder's. */
import { drawTasks, DRAWINGS } from '../tasks/draw.ts';
import { graphOfText, type TaskGraph } from '../tasks/graph.ts';
import { searchTasks, SEARCH_FIELDS } from '../tasks/search.ts';
import { PRESETS, selectTasks, SORTS } from '../tasks/select.ts';
import { barOf, type Count, statsOf, type TaskStats } from '../tasks/stats.ts';
import { viewOf } from '../workflow/implement.ts';
import type { Project } from '../workflow/project.ts';
import { markTasks, taskFile, textOfTasks, type Ticked } from '../workflow/tasks.ts';
import { NAMES, TASK } from './results.ts';
import {
  choice,
  flag,
  list,
  many,
  num,
  object,
  optional,
  type OptionalShape,
  type Shape,
  str,
  text,
  whole,
} from './shape.ts';
import { FEATURE, type Tool, tool } from './tool.ts';

const TASKS_PATH: OptionalShape<string> = optional(
  text('A file of tasks in the workspace. That of the feature when left out.', { maxLength: 4096 }),
);

async function graphAt(project: Project, path: string | undefined, feature: string | undefined): Promise<TaskGraph> {
  const file = await taskFile(project, path, feature);
  return project.workspace.derive(await textOfTasks(project.workspace, file), graphOfText);
}

const TICKED: Shape<Ticked> = object({
  feature: str,
  ticked: NAMES,
  already: NAMES,
  missing: NAMES,
  done: num,
  total: num,
  next: NAMES,
  changed: NAMES,
});

const told = ({ ticked, already, missing, done, total, next }: Ticked): string => {
  const percent = total === 0 ? 0 : Math.round((done / total) * 100);
  return [
    `Marked: ${ticked.join(', ') || 'none'}`,
    ...(already.length === 0 ? [] : [`Marked before: ${already.join(', ')}`]),
    ...(missing.length === 0 ? [] : [`Not there: ${missing.join(', ')}`]),
    `Progress: ${done}/${total} ${barOf(percent)}`,
    `Next: ${next.slice(0, 3).join(', ') || 'nothing can be begun'}`,
  ].join('\n');
};

const tick = tool({
  name: 'tasks_tick',
  title: 'Tick a task',
  description: 'Marks one task as done; nothing but its mark changes. Answers progress and what can be begun next.',
  input: { taskId: text('Such as T001.', { pattern: '^T[0-9]{3,5}$' }), tasksPath: TASKS_PATH, feature: FEATURE },
  output: TICKED,
  run: async (project, { taskId, tasksPath, feature }) =>
    markTasks(
      project,
      { ids: [taskId], status: 'completed', strict: true },
      await taskFile(project, tasksPath, feature),
    ),
  text: told,
});

const TASK_IDS: Shape<string | readonly string[]> = {
  json: {
    description: 'Ids and ranges: "T001-T005", "T001, T003", or a list of them.',
    anyOf: [
      { type: 'string', minLength: 1, maxLength: 2000 },
      { type: 'array', items: { type: 'string', maxLength: 200 }, minItems: 1, maxItems: 1000 },
    ],
  },
};

const tickRange = tool({
  name: 'tasks_tick_range',
  title: 'Mark several tasks',
  description:
    'Marks tasks by ids and ranges, as done unless another status is given. With strict, a missing id refuses all.',
  input: {
    taskIds: TASK_IDS,
    status: optional(choice('The mark.', ['completed', 'in_progress', 'pending'])),
    strict: optional(flag('Refuse all when one is missing. Default false.')),
    notes: optional(text('For the reader of the answer; not written to the file.', { maxLength: 2000 })),
    tasksPath: TASKS_PATH,
    feature: FEATURE,
  },
  output: TICKED,
  run: async (project, { taskIds, status = 'completed', strict = false, tasksPath, feature }) =>
    markTasks(
      project,
      { ids: typeof taskIds === 'string' ? [taskIds] : taskIds, status, strict },
      await taskFile(project, tasksPath, feature),
    ),
  text: told,
});

const visualize = tool({
  name: 'tasks_visualize',
  title: 'Draw the tasks',
  description: 'The graph of tasks as Mermaid, Graphviz or text: what waits for what.',
  reads: true,
  input: {
    format: optional(choice('Default mermaid.', DRAWINGS)),
    includeCompleted: optional(flag('Default false.')),
    groupByPhase: optional(flag('Default false.')),
    highlightCriticalPath: optional(flag('Marks the longest chain of open tasks. Default false.')),
    tasksPath: TASKS_PATH,
    feature: FEATURE,
  },
  output: object({ format: str, drawing: str }),
  async run(project, { format = 'mermaid', tasksPath, feature, ...options }) {
    const graph = await graphAt(project, tasksPath, feature);
    return { format, drawing: drawTasks(graph, { format, ...options }) };
  },
  text: ({ format, drawing }) =>
    `\`\`\`${format === 'ascii' ? 'text' : format === 'graphviz' ? 'dot' : format}\n${drawing}\n\`\`\``,
});

const LIMIT: OptionalShape<number> = optional(whole('Most tasks.', 1, 1000));

const filter = tool({
  name: 'tasks_filter',
  title: 'Filter tasks',
  description:
    'Tasks by status, phase, type, tags, priority and whether something holds them up. Preset "next": what to begin with.',
  reads: true,
  input: {
    status: optional(choice('Default all.', ['all', 'pending', 'in_progress', 'completed'])),
    phase: optional(text('Part of its title, its kind or its number.', { maxLength: 120 })),
    type: optional(text('Such as backend, frontend, test.', { maxLength: 60 })),
    blocker: optional(choice('Default all.', ['all', 'blocked', 'unblocked'])),
    tags: optional(list(text('A tag.', { maxLength: 60 }), 'All of them.')),
    priority: optional(choice('Default all.', ['all', 'high', 'medium', 'low'])),
    preset: optional(choice('Default none.', PRESETS)),
    sortBy: optional(choice('Default id.', SORTS)),
    limit: LIMIT,
    tasksPath: TASKS_PATH,
    feature: FEATURE,
  },
  output: object({ total: num, tasks: many(TASK) }),
  async run(project, { tasksPath, feature, ...wanted }) {
    const graph = await graphAt(project, tasksPath, feature);
    const tasks = selectTasks(graph, wanted).map((task) => viewOf(task, graph.phases));
    return { total: tasks.length, tasks };
  },
});

const search = tool({
  name: 'tasks_search',
  title: 'Search tasks',
  description:
    'Tasks by text, by likeness, or by a pattern (RE2: without lookaround and back references). Scores are 0 to 100.',
  reads: true,
  input: {
    query: text('What to look for.', { minLength: 1, maxLength: 500 }),
    searchFields: optional(list(choice('A field.', SEARCH_FIELDS), 'Default description.')),
    caseSensitive: optional(flag('Default false.')),
    fuzzy: optional(flag('Finds what is spelled alike. Default false.')),
    fuzzyThreshold: optional(whole('Least likeness. Default 70.', 0, 100)),
    useRegex: optional(flag('The query is a pattern. Default false.')),
    limit: optional(whole('Default 10.', 1, 100)),
    tasksPath: TASKS_PATH,
    feature: FEATURE,
  },
  output: object({ total: num, hits: many(object({ score: num, task: TASK })) }),
  async run(project, { tasksPath, feature, ...wanted }) {
    const graph = await graphAt(project, tasksPath, feature);
    const hits = searchTasks(graph, wanted).map(({ task, score }) => ({ score, task: viewOf(task, graph.phases) }));
    return { total: hits.length, hits };
  },
});

const COUNTS: Shape<readonly Count[]> = many(object({ name: str, total: num, completed: num }));

function statsText(stats: TaskStats, groupBy: string): string {
  const groups: [string, readonly Count[]][] = [
    ['phase', stats.byPhase],
    ['type', stats.byType],
    ['priority', stats.byPriority],
  ];
  const shown = groups.filter(([name]) => groupBy === 'all' || groupBy === name);
  return [
    barOf(stats.percent),
    `${stats.completed} of ${stats.total} done, ${stats.inProgress} in work, ${stats.ready} can be begun, ${stats.blocked} wait`,
    ...shown.flatMap(([name, counts]) => [
      '',
      `By ${name}:`,
      ...counts.map((one) => `- ${one.name}: ${one.completed}/${one.total}`),
    ]),
    '',
    `Held up by: ${stats.blockers.map(({ id, waiting }) => `${id} (${waiting})`).join(', ') || 'nothing'}`,
  ].join('\n');
}

const stats = tool({
  name: 'tasks_stats',
  title: 'Count tasks',
  description: 'Counts by status, phase, type and priority, what holds others up, and the longest open chain.',
  reads: true,
  input: {
    groupBy: optional(choice('What the text shows. Default all.', ['all', 'status', 'phase', 'type', 'priority'])),
    includeCharts: optional(flag('Accepted; the bar is always shown.')),
    showBlockers: optional(flag('Accepted; blockers are always shown.')),
    showVelocity: optional(flag('Accepted; speed over time is in metrics_report.')),
    tasksPath: TASKS_PATH,
    feature: FEATURE,
  },
  output: object({
    groupBy: str,
    total: num,
    completed: num,
    inProgress: num,
    pending: num,
    ready: num,
    blocked: num,
    percent: num,
    byPhase: COUNTS,
    byType: COUNTS,
    byPriority: COUNTS,
    blockers: many(object({ id: str, waiting: num })),
    criticalPath: NAMES,
  }),
  run: async (project, { groupBy = 'all', tasksPath, feature }) => ({
    groupBy,
    ...statsOf(await graphAt(project, tasksPath, feature)),
  }),
  text: (value) => statsText(value, value.groupBy),
});

export const TASK_TOOLS: readonly Tool[] = [tick, tickRange, visualize, filter, search, stats];
