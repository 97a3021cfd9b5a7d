/** Choosing tasks: by status, phase, type, tags, priority and what they wait for, and in which order. */
import type { Task } from '../grammar/tasks.ts';
import type { TaskGraph } from './graph.ts';

export const PRESETS = ['none', 'next', 'frontend', 'backend', 'ready', 'cleanup'] as const;
export const SORTS = ['id', 'priority', 'dependencies', 'phase'] as const;

export interface TaskFilter {
  readonly status?: 'all' | Task['status'];
  /** Part of a phase's title or kind, or its number. */
  readonly phase?: string;
  readonly type?: string;
  readonly blocker?: 'all' | 'blocked' | 'unblocked';
  /** All of them. */
  readonly tags?: readonly string[];
  readonly priority?: 'all' | 'high' | 'medium' | 'low';
  readonly preset?: (typeof PRESETS)[number];
  readonly sortBy?: (typeof SORTS)[number];
  readonly limit?: number;
}

const UI = /\b(?:ui|frontend|page|screen|component|css|form|button|view|client)\b|\.(?:tsx|jsx|vue|svelte|css|html)\b/i;
const SERVER =
  /\b(?:api|backend|server|endpoint|service|model|database|migration|schema|repository|handler|route)s?\b/i;
const CLEANUP = /\b(?:clean|refactor|document|docs|remove|rename|polish|lint|format)\w*\b/i;

export const phaseTitle = (graph: TaskGraph, task: Task): string => graph.phases[task.phase]?.title ?? '';

export const typeOf = (task: Task): string => {
  const said = task.metadata.get('type');
  if (said !== undefined) return said.toLowerCase();
  if (/\btests?\b/i.test(task.text)) return 'test';
  if (UI.test(task.text)) return 'frontend';
  return SERVER.test(task.text) ? 'backend' : 'other';
};

export const priorityOf = (task: Task): 'high' | 'medium' | 'low' => {
  const said = task.metadata.get('priority')?.toLowerCase();
  if (said === 'high' || said === 'low') return said;
  return task.text.startsWith('CRITICAL:') ? 'high' : 'medium';
};

export const tagsOf = (task: Task): readonly string[] =>
  (task.metadata.get('tags') ?? '')
    .toLowerCase()
    .split(/\s+/)
    .filter((tag) => tag !== '');

type InPreset = (graph: TaskGraph, ready: ReadonlySet<string>, task: Task) => boolean;

const isReady: InPreset = (_graph, ready, { id }) => ready.has(id);

const IN_PRESET: Readonly<Record<(typeof PRESETS)[number], InPreset>> = {
  none: () => true,
  next: isReady,
  ready: isReady,
  frontend: (_graph, _ready, task) => typeOf(task) === 'frontend',
  backend: (_graph, _ready, task) => typeOf(task) === 'backend',
  cleanup: (graph, _ready, task) => graph.phases[task.phase]?.kind === 'polish' || CLEANUP.test(task.text),
};

function inPhase(graph: TaskGraph, task: Task, wanted: string): boolean {
  const phase = graph.phases[task.phase];
  const said = wanted.toLowerCase();
  if (task.metadata.get('phase')?.toLowerCase() === said) return true;
  if (phase === undefined) return false;
  return (
    phase.title.toLowerCase().includes(said) ||
    phase.kind === said ||
    said === String(phase.number) ||
    said === `phase ${phase.number}`
  );
}

const RANK = { high: 0, medium: 1, low: 2 };

const byId = (a: Task, b: Task): number => Number(a.id.slice(1)) - Number(b.id.slice(1));

const COMPARE: Readonly<Record<(typeof SORTS)[number], (a: Task, b: Task) => number>> = {
  id: byId,
  priority: (a, b) => RANK[priorityOf(a)] - RANK[priorityOf(b)] || byId(a, b),
  dependencies: (a, b) => a.dependsOn.length - b.dependsOn.length || byId(a, b),
  phase: (a, b) => a.phase - b.phase || byId(a, b),
};

export function selectTasks(graph: TaskGraph, filter: TaskFilter): readonly Task[] {
  const ready = new Set(graph.ready.map(({ id }) => id));
  const isBlocked = (task: Task): boolean => task.status === 'pending' && !ready.has(task.id);
  const wanted = (filter.tags ?? []).map((tag) => tag.toLowerCase());
  const any = (value: string | undefined): boolean => value === undefined || value === 'all';
  const tests: ((task: Task) => boolean)[] = [
    (task) => any(filter.status) || task.status === filter.status,
    (task) => filter.phase === undefined || inPhase(graph, task, filter.phase),
    (task) => filter.type === undefined || typeOf(task) === filter.type.toLowerCase(),
    (task) => any(filter.blocker) || isBlocked(task) === (filter.blocker === 'blocked'),
    (task) => wanted.every((tag) => tagsOf(task).includes(tag)),
    (task) => any(filter.priority) || priorityOf(task) === filter.priority,
    (task) => IN_PRESET[filter.preset ?? 'none'](graph, ready, task),
  ];
  const found = graph.tasks.filter((task) => tests.every((test) => test(task)));
  const sorted = found.toSorted(COMPARE[filter.sortBy ?? 'id']);
  const limit = filter.limit ?? (filter.preset === 'next' ? 5 : sorted.length);
  return sorted.slice(0, limit);
}
