/** Counts of tasks by status, phase, type and priority, and what holds the others up. */
import type { Task } from '../grammar/tasks.ts';
import type { TaskGraph } from './graph.ts';
import { phaseTitle, priorityOf, typeOf } from './select.ts';

export interface Count {
  readonly name: string;
  readonly total: number;
  readonly completed: number;
}

export interface TaskStats {
  readonly total: number;
  readonly completed: number;
  readonly inProgress: number;
  readonly pending: number;
  readonly ready: number;
  readonly blocked: number;
  /** 0 to 100. */
  readonly percent: number;
  readonly byPhase: readonly Count[];
  readonly byType: readonly Count[];
  readonly byPriority: readonly Count[];
  /** Unfinished tasks most others name as what they depend on, at most ten. */
  readonly blockers: readonly { readonly id: string; readonly waiting: number }[];
  readonly criticalPath: readonly string[];
}

function countBy(tasks: readonly Task[], name: (task: Task) => string): Count[] {
  return [...Map.groupBy(tasks, name)].map(([key, group]) => ({
    name: key === '' ? 'none' : key,
    total: group.length,
    completed: group.filter(({ status }) => status === 'completed').length,
  }));
}

export function statsOf(graph: TaskGraph): TaskStats {
  const { tasks } = graph;
  const of = (status: Task['status']): number => tasks.filter((task) => task.status === status).length;
  const completed = of('completed');
  const waiting = new Map<string, number>();
  for (const task of tasks) {
    if (task.status === 'completed') continue;
    for (const id of task.dependsOn) {
      const before = graph.byId.get(id);
      if (before !== undefined && before.status !== 'completed') waiting.set(id, (waiting.get(id) ?? 0) + 1);
    }
  }
  return {
    total: tasks.length,
    completed,
    inProgress: of('in_progress'),
    pending: of('pending'),
    ready: graph.ready.length,
    blocked: of('pending') - graph.ready.length,
    percent: tasks.length === 0 ? 0 : Math.round((completed / tasks.length) * 100),
    byPhase: countBy(tasks, (task) => phaseTitle(graph, task)),
    byType: countBy(tasks, typeOf),
    byPriority: countBy(tasks, priorityOf),
    blockers: [...waiting]
      .map(([id, count]) => ({ id, waiting: count }))
      .toSorted((a, b) => b.waiting - a.waiting || (a.id < b.id ? -1 : 1))
      .slice(0, 10),
    criticalPath: graph.criticalPath(),
  };
}

/** A bar of 50 characters. */
export const barOf = (percent: number): string => {
  const full = Math.round(percent / 2);
  return `${'█'.repeat(full)}${'░'.repeat(50 - full)} ${percent} %`;
};
