/**
 * Task ids of servers as clients see them: sealed with the server's name, bound to the principal and the endpoint that
 * they were given at. Tasks pass within their era; nothing is known here of what they do (2025-11-25, "Tasks"; the
 * tasks extension of 2026-07-28).
 */

import { principalKey, type Answer, type Exchange } from '@sallyport/server';
import { isObject, type JsonObject, type JsonRpcResult, type JsonValue } from '@sallyport/wire';
import type { Call, Step } from './call.ts';

export const TASKS_EXTENSION = 'io.modelcontextprotocol/tasks';

export interface TaskSeal {
  readonly seal: (plain: string, bound: string) => string;
  /** Undefined for what was not sealed here, or for another bearer. */
  readonly unseal: (sealed: string, bound: string) => string | undefined;
}

function boundTo(exchange: Exchange): string {
  return `${principalKey(exchange.principal)} ${exchange.endpoint}`;
}

export function openTaskId(
  seal: TaskSeal,
  taskId: string,
  { exchange }: Call,
): { server: string; original: string } | undefined {
  const plain = seal.unseal(taskId, boundTo(exchange));
  const cut = plain?.indexOf(' ') ?? -1;
  return plain === undefined || cut === -1
    ? undefined
    : { server: plain.slice(0, cut), original: plain.slice(cut + 1) };
}

/** True for calls whose answers may name a task: only those are looked into. */
function mayNameTask({ exchange }: Call): boolean {
  const { method, params } = exchange.message;
  if (method.startsWith('tasks/')) return true;
  if (exchange.era === 'session') return params?.['task'] !== undefined;
  const extensions = exchange.client.capabilities['extensions'];
  return isObject(extensions) && TASKS_EXTENSION in extensions;
}

/** Seals the ids of tasks in answers and in notifications of status. */
export function createTaskStep(seal: TaskSeal, textOf: (answer: Answer & { kind: 'result' }) => Promise<string>): Step {
  return async (call, next) => {
    const answer = await next(call);
    if (answer.kind !== 'result' || call.target === undefined || !mayNameTask(call)) return answer;
    const { server } = call.target;
    const { result } = JSON.parse(await textOf(answer)) as JsonRpcResult;
    const bound = boundTo(call.exchange);
    return { kind: 'value', result: sealIds(result, (id) => seal.seal(`${server} ${id}`, bound)) };
  };
}

/** `taskId` at the places where the revisions put it: the result itself, `task`, `tasks[]`, and the related-task `_meta`. */
function sealIds(result: JsonObject, seal: (id: string) => string): JsonObject {
  const sealed = sealOwn(result, seal);
  if (isObject(sealed['task'])) sealed['task'] = sealOwn(sealed['task'], seal);
  if (Array.isArray(sealed['tasks']))
    sealed['tasks'] = sealed['tasks'].map((task) => (isObject(task) ? sealOwn(task, seal) : task));
  const meta = sealed['_meta'];
  if (isObject(meta))
    sealed['_meta'] = Object.fromEntries(
      Object.entries(meta).map(([key, value]) => [key, relatedTask(key, value, seal)]),
    );
  return sealed;
}

function relatedTask(key: string, value: JsonValue | undefined, seal: (id: string) => string): JsonValue | undefined {
  return key === 'io.modelcontextprotocol/related-task' && isObject(value) ? sealOwn(value, seal) : value;
}

function sealOwn(value: JsonObject, seal: (id: string) => string): JsonObject {
  return typeof value['taskId'] === 'string' ? { ...value, taskId: seal(value['taskId']) } : { ...value };
}
