/** Whether a server lists its tasks, and the list (2025-11-25, "Tasks"): session era only. */

import { askAllPages, type Leg } from '@sallyport/client';
import { isObject } from '@sallyport/wire';

export function listsTasks(legs: readonly Leg[]): boolean {
  return legs.some(({ era, server }) => {
    const { tasks } = server.capabilities;
    return era === 'session' && isObject(tasks) && tasks['list'] !== undefined;
  });
}

export async function listTasks(legs: readonly Leg[], timeoutMs: number): Promise<readonly unknown[]> {
  const leg = legs.find(({ era }) => era === 'session');
  return leg === undefined ? [] : (await askAllPages(leg, 'tasks/list', 'tasks', { timeoutMs })).items;
}
