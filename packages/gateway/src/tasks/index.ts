/**
 * Tasks of servers as clients see them. Their ids are sealed with the server's name, bound to the principal and the
 * endpoint that they were given at; which tasks are whose is remembered, so that a list and news of a shared server
 * reach their owner alone. Tasks pass within their era; nothing is known here of what they do (2025-11-25, "Tasks";
 * the tasks extension of 2026-07-28).
 */

import { UpstreamError } from '@sallyport/client';
import { preparedResult, principalKey, type Answer, type Exchange, type Session } from '@sallyport/server';
import {
  applyEdits,
  isObject,
  members,
  type Edit,
  type JsonObject,
  type JsonRpcNotification,
  type Span,
} from '@sallyport/wire';
import type { Call, Step, Target } from '../call.ts';
import { Refused } from '../errors.ts';

const TASKS_EXTENSION = 'io.modelcontextprotocol/tasks';
const RELATED_TASK = 'io.modelcontextprotocol/related-task';
/** Tasks whose owner is remembered; the oldest is forgotten first. */
const MAX_TASKS = 10_000;

export interface TasksOptions {
  readonly seal: (plain: string, bound: string) => string;
  /** Undefined for what was not sealed here, or for another bearer. */
  readonly unseal: (sealed: string, bound: string) => string | undefined;
  /** The whole response as text. */
  readonly textOf: (answer: Answer & { kind: 'result' }, exchange: Exchange) => Promise<string>;
  /** Servers that list tasks, in configuration order. */
  readonly servers: () => readonly string[];
  /** All tasks of a server, whoever's they are. Rejects when it cannot be asked. */
  readonly list: (server: string) => Promise<readonly unknown[]>;
  readonly log: (level: 'debug', text: string, detail: Readonly<Record<string, unknown>>) => void;
}

interface Owner {
  readonly bound: string;
  session: Session | undefined;
}

export class TaskRoom {
  readonly #options: TasksOptions;
  readonly #owners: Map<string, Owner> = new Map();

  constructor(options: TasksOptions) {
    this.#options = options;
  }

  /** The server and its own id of a task, from the id that a client was given. */
  open(taskId: string, { exchange }: Call): { readonly server: string; readonly original: string } | undefined {
    const plain = this.#options.unseal(taskId, boundTo(exchange));
    const cut = plain?.indexOf(' ') ?? -1;
    if (plain === undefined || cut === -1) return undefined;
    return { server: plain.slice(0, cut), original: plain.slice(cut + 1) };
  }

  /** Seals the ids of tasks in answers. */
  readonly step: Step = (call, next) => (mayNameTask(call) ? this.#sealing(call, next) : next(call));

  readonly #sealing: Step = async (call, next) => {
    const answer = await next(call);
    if (answer.kind !== 'result' || call.target === undefined) return answer;
    return this.#sealed(await this.#options.textOf(answer, call.exchange), call, call.target);
  };

  /** `tasks/list` over all servers: those of this caller alone. A server that cannot be asked is left out. */
  readonly list: Step = async ({ exchange }) => {
    const bound = boundTo(exchange);
    if (exchange.message.params?.['cursor'] !== undefined) {
      throw new Refused('invalid_params', 'The cursor is not one of this list.');
    }
    const lists = await Promise.all(this.#options.servers().map((server) => this.#listOf(server, bound)));
    return { kind: 'value', result: { tasks: lists.flat() } };
  };

  /** Parameters of what a server says during a call, with the id of a related task as the client knows it. */
  shown({ exchange, target }: Call, params: JsonObject | undefined): JsonObject | undefined {
    const meta = params?.['_meta'];
    const related = isObject(meta) ? meta[RELATED_TASK] : undefined;
    if (target === undefined || !isObject(meta) || !isObject(related)) return params;
    const own = { ...related, ...this.#sealedId(target.server, related['taskId'], boundTo(exchange)) };
    return { ...params, _meta: { ...meta, [RELATED_TASK]: own } };
  }

  /** News of a task go to the session that it belongs to. */
  status(server: string, message: JsonRpcNotification): void {
    const id = message.params?.['taskId'];
    const owner = typeof id === 'string' ? this.#owners.get(keyOf(server, id)) : undefined;
    if (owner?.session === undefined) return;
    const params = { ...message.params, ...this.#sealedId(server, id, owner.bound) };
    owner.session.notify({ ...message, params });
  }

  sessionClosed(session: Session): void {
    for (const owner of this.#owners.values()) if (owner.session === session) owner.session = undefined;
  }

  #sealed(text: string, call: Call, { server }: Target): Answer {
    const { exchange } = call;
    const bound = boundTo(exchange);
    const result = members(text, 0)?.get('result');
    if (result === undefined) throw new UpstreamError('protocol', 'The members of an answer are not plain.');
    const edits: Edit[] = [];
    for (const { span, isOwn } of idsIn(text, result)) {
      const id: unknown = JSON.parse(text.slice(span.start, span.end));
      if (typeof id !== 'string') continue;
      if (isOwn) this.#remember(keyOf(server, id), { bound, session: exchange.session });
      edits.push({
        start: span.start - result.start,
        end: span.end - result.start,
        text: JSON.stringify(this.#options.seal(`${server} ${id}`, bound)),
      });
    }
    return preparedResult(applyEdits(text.slice(result.start, result.end), edits));
  }

  #remember(key: string, owner: Owner): void {
    const known = this.#owners.get(key);
    this.#owners.delete(key);
    this.#owners.set(key, owner.session === undefined && known !== undefined ? known : owner);
    if (this.#owners.size > MAX_TASKS) this.#owners.delete(this.#owners.keys().next().value as string);
  }

  async #listOf(server: string, bound: string): Promise<JsonObject[]> {
    const tasks = await this.#options.list(server).catch((error: unknown) => {
      this.#options.log('debug', 'the tasks of a server could not be listed', { server, error: String(error) });
      return [];
    });
    return tasks.flatMap((task) => {
      const id = isObject(task) ? task['taskId'] : undefined;
      if (typeof id !== 'string' || this.#owners.get(keyOf(server, id))?.bound !== bound) return [];
      return [{ ...(task as JsonObject), ...this.#sealedId(server, id, bound) }];
    });
  }

  #sealedId(server: string, id: unknown, bound: string): JsonObject {
    return typeof id === 'string' ? { taskId: this.#options.seal(`${server} ${id}`, bound) } : {};
  }
}

function keyOf(server: string, id: string): string {
  return `${server} ${id}`;
}

function boundTo(exchange: Exchange): string {
  return `${principalKey(exchange.principal)} ${exchange.endpoint}`;
}

/** True for calls whose answers may name a task: only those are looked into. */
function mayNameTask({ exchange }: Call): boolean {
  const { method, params } = exchange.message;
  if (method.startsWith('tasks/')) return true;
  if (exchange.era === 'session') return params?.['task'] !== undefined;
  const extensions = exchange.client.capabilities['extensions'];
  return isObject(extensions) && TASKS_EXTENSION in extensions;
}

interface NamedId {
  readonly span: Span;
  /** False where another task is only pointed at. */
  readonly isOwn: boolean;
}

/** `taskId` at the places where the revisions put it: in the result itself, in `task`, and in the related-task `_meta`. */
function idsIn(text: string, result: Span): NamedId[] {
  const inner = members(text, result.start);
  const meta = inner?.get('_meta');
  const related = meta && members(text, meta.start)?.get(RELATED_TASK);
  const task = inner?.get('task');
  const places: [Span | undefined, boolean][] = [
    [inner?.get('taskId'), true],
    [task && members(text, task.start)?.get('taskId'), true],
    [related && members(text, related.start)?.get('taskId'), false],
  ];
  return places.flatMap(([span, isOwn]) => (span === undefined ? [] : [{ span, isOwn }]));
}
