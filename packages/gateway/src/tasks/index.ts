/**
 * Tasks of servers as clients see them. Their ids are sealed with the server's name and the tool whose call made them, bound
 * to the principal and the endpoint that they were given at: so what is asked of a task can be decided as a call of that
 * tool. Which tasks are whose is remembered, so that a list and news of a shared server reach their owner alone, as long as
 * the tool may be seen. Tasks pass within their era; nothing is known here of what they do (2025-11-25, "Tasks"; the tasks
 * extension of 2026-07-28).
 */

import { UpstreamError } from '@sallyport/client';
import {
  preparedResult,
  principalKey,
  type Answer,
  type Exchange,
  type Session,
  type Visitor,
} from '@sallyport/server';
import {
  applyEdits,
  isObject,
  members,
  type Edit,
  type JsonObject,
  type JsonRpcNotification,
  type Span,
} from '@sallyport/wire';
import type { Audience, Call, Instance, MadeBy, Step, Target } from '../call.ts';
import { Refused } from '../errors.ts';
import { idText, readId, type Made, type TaskName } from './made.ts';

export { createAnnotationsOf } from './made.ts';

const TASKS_EXTENSION = 'io.modelcontextprotocol/tasks';
const RELATED_TASK = 'io.modelcontextprotocol/related-task';
/** Tasks whose owner is remembered; the oldest is forgotten first. */
const MAX_TASKS = 10_000;
/** Characters of arguments that are remembered with a task. */
const MAX_ARGUMENTS = 1024;
/** Of a message that may have so few arguments: what goes with them is mostly small. */
const MAX_TEXT = 64 * 1024;

export interface TasksOptions {
  readonly seal: (plain: string, bound: string) => string;
  /** Undefined for what was not sealed here, or for another bearer. */
  readonly unseal: (sealed: string, bound: string) => string | undefined;
  /** The whole response as text. */
  readonly textOf: (answer: Answer & { kind: 'result' }, exchange: Exchange) => Promise<string>;
  /** Servers that list tasks and are there for somebody, in configuration order. */
  readonly servers: (visitor: Visitor) => readonly string[];
  /** What somebody may see at this moment; undefined without a policy. */
  readonly audienceOf: (visitor: Visitor) => Audience | undefined;
  /** The pinned annotations of a tool, by canonical id, as somebody has it. */
  readonly annotationsOf: (tool: string, visitor: Visitor) => JsonObject | undefined;
  /** All tasks of a server that it lists for somebody, whoever's they are. Rejects when it cannot be asked. */
  readonly list: (server: string, visitor: Visitor) => Promise<readonly unknown[]>;
  readonly log: (level: 'debug', text: string, detail: Readonly<Record<string, unknown>>) => void;
}

interface Owner {
  readonly bound: string;
  /** As its owner knows it: the same each time, since clients tell tasks apart by it. */
  readonly taskId: string;
  session: Session | undefined;
  readonly made: Made | undefined;
  /** That it runs in; undefined: the one that all share. */
  readonly instance: Instance | undefined;
}

export interface ListenableTask {
  /** As its client knows it. */
  readonly taskId: string;
  readonly server: string;
  /** The server's own id. */
  readonly original: string;
  readonly instance: Instance | undefined;
}

export interface OpenedTask {
  readonly server: string;
  /** The server's own id. */
  readonly original: string;
  /** Absent where no tool made it: nothing is known of it but its server. */
  readonly madeBy?: MadeBy;
}

export class TaskRoom {
  readonly #options: TasksOptions;
  readonly #owners: Map<string, Owner> = new Map();

  constructor(options: TasksOptions) {
    this.#options = options;
  }

  /** A task by the id that a client was given; undefined for a foreign one. */
  open(taskId: string, { exchange }: Call): OpenedTask | undefined {
    const task = this.#named(taskId, boundTo(exchange));
    if (task === undefined) return undefined;
    const { made, original, server } = task;
    return { server, original, ...(made && { madeBy: this.#madeBy(made, exchange) }) };
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
    if (exchange.message.params?.['cursor'] !== undefined) {
      throw new Refused('invalid_params', 'The cursor is not one of this list.');
    }
    const lists = await Promise.all(this.#options.servers(exchange).map((server) => this.#listOf(server, exchange)));
    return { kind: 'value', result: { tasks: lists.flat() } };
  };

  /** Parameters of what a server says during a call, with the id of a related task as the client knows it. */
  shown(call: Call, params: JsonObject | undefined): JsonObject | undefined {
    const { target } = call;
    const meta = params?.['_meta'];
    const related = isObject(meta) ? meta[RELATED_TASK] : undefined;
    if (target === undefined || !isObject(meta) || !isObject(related)) return params;
    const { taskId } = related;
    const own = typeof taskId === 'string' ? { taskId: this.#sealedId(taskId, call, target, false) } : {};
    return { ...params, _meta: { ...meta, [RELATED_TASK]: { ...related, ...own } } };
  }

  /** News of a task go to the session that it belongs to. From the instance of a principal they are about that one's tasks alone. */
  status(server: string, message: JsonRpcNotification, teller?: string): void {
    const id = message.params?.['taskId'];
    const owner = typeof id === 'string' ? this.#owners.get(keyOf(server, id)) : undefined;
    if (typeof id !== 'string' || owner?.session === undefined) return;
    const { made, session, taskId } = owner;
    if (teller !== undefined && principalKey(session.principal) !== teller) return;
    if (!this.#maySee(session, server, made)) return;
    session.notify({ ...message, params: { ...message.params, taskId } });
  }

  /** Of these tasks, those that somebody may hear of: their own, as far as they are remembered. The others are to be asked for. */
  listenable(exchange: Exchange, taskIds: readonly string[]): readonly ListenableTask[] {
    const bound = boundTo(exchange);
    return taskIds.flatMap((taskId) => {
      const task = this.#named(taskId, bound);
      const owner = task && this.#owners.get(keyOf(task.server, task.original));
      if (task === undefined || owner?.bound !== bound || !this.#maySee(exchange, task.server, task.made)) return [];
      return [{ taskId, server: task.server, original: task.original, instance: owner.instance }];
    });
  }

  sessionClosed(session: Session): void {
    for (const owner of this.#owners.values()) if (owner.session === session) owner.session = undefined;
  }

  #sealed(text: string, call: Call, target: Target): Answer {
    const result = members(text, 0)?.get('result');
    if (result === undefined) throw new UpstreamError('protocol', 'The members of an answer are not plain.');
    const edits: Edit[] = [];
    for (const { span, isOwn } of idsIn(text, result)) {
      const id: unknown = JSON.parse(text.slice(span.start, span.end));
      if (typeof id !== 'string') continue;
      edits.push({
        start: span.start - result.start,
        end: span.end - result.start,
        text: JSON.stringify(this.#sealedId(id, call, target, isOwn)),
      });
    }
    return preparedResult(applyEdits(text.slice(result.start, result.end), edits));
  }

  /** The id as the client of a call is given it. `isOwn`: it is the call's own task, and is remembered as such. */
  #sealedId(original: string, call: Call, target: Target, isOwn: boolean): string {
    const { server } = target;
    const { exchange } = call;
    const bound = boundTo(exchange);
    const key = keyOf(server, original);
    // What a server points at keeps what it came from: so nobody gets at it with the rights to another tool.
    const known = this.#madeOf(key, bound);
    const made = isOwn && target.kind === 'tool' ? madeIn(call, target) : (known ?? this.#madeAround(call, target));
    const taskId =
      this.#givenId(key, { server, original, made }, call) ??
      this.#options.seal(idText({ server, original, made }), bound);
    if (isOwn) this.#remember(key, { bound, taskId, session: exchange.session, made, instance: call.instance });
    return taskId;
  }

  /** The id that its client has been given before, as it is remembered or as the client has just named it. */
  #givenId(key: string, task: TaskName, { exchange, target }: Call): string | undefined {
    const bound = boundTo(exchange);
    const owner = this.#owners.get(key);
    const named = target?.kind === 'task' ? exchange.message.params?.['taskId'] : undefined;
    const given = owner?.bound === bound ? owner.taskId : named;
    const isSame = typeof given === 'string' && this.#options.unseal(given, bound) === idText(task);
    return isSame ? given : undefined;
  }

  /** What may be known of a task that was never heard of: it has to do with the tool, or the task, of this call. */
  #madeAround(call: Call, target: Target): Made | undefined {
    if (target.kind === 'tool') return madeIn(call, target);
    const taskId = target.kind === 'task' ? call.exchange.message.params?.['taskId'] : undefined;
    return typeof taskId === 'string' ? this.#named(taskId, boundTo(call.exchange))?.made : undefined;
  }

  #named(taskId: string, bound: string): TaskName | undefined {
    const plain = this.#options.unseal(taskId, bound);
    if (plain === undefined) return undefined;
    const task = readId(plain);
    return { ...task, made: this.#madeOf(keyOf(task.server, task.original), bound) ?? task.made };
  }

  #madeOf(key: string, bound: string): Made | undefined {
    const owner = this.#owners.get(key);
    return owner?.bound === bound ? owner.made : undefined;
  }

  #madeBy(made: Made, visitor: Visitor): MadeBy {
    const { approved, arguments: given, tool } = made;
    const annotations = this.#options.annotationsOf(tool, visitor);
    return {
      canonicalId: tool,
      ...(annotations && { annotations }),
      ...(given !== undefined && { arguments: JSON.parse(given) as JsonObject }),
      approved,
    };
  }

  #maySee(visitor: Visitor, server: string, made: Made | undefined): boolean {
    const audience = this.#options.audienceOf(visitor);
    if (audience === undefined) return true;
    if (!audience.mayUse(server)) return false;
    return (
      made === undefined || audience.maySee('tool', server, made.tool, this.#options.annotationsOf(made.tool, visitor))
    );
  }

  #remember(key: string, owner: Owner): void {
    const known = this.#owners.get(key);
    this.#owners.delete(key);
    const isKept = owner.session === undefined && known !== undefined;
    const { made, taskId } = isKept && known.bound !== owner.bound ? known : owner;
    this.#owners.set(key, isKept ? { ...known, made, taskId } : owner);
    if (this.#owners.size > MAX_TASKS) this.#owners.delete(this.#owners.keys().next().value as string);
  }

  async #listOf(server: string, exchange: Exchange): Promise<JsonObject[]> {
    const tasks = await this.#options.list(server, exchange).catch((error: unknown) => {
      this.#options.log('debug', 'the tasks of a server could not be listed', { server, error: String(error) });
      return [];
    });
    const bound = boundTo(exchange);
    return tasks.flatMap((task) => {
      const original = isObject(task) ? task['taskId'] : undefined;
      const owner = typeof original === 'string' ? this.#owners.get(keyOf(server, original)) : undefined;
      if (typeof original !== 'string' || owner?.bound !== bound) return [];
      const { made, taskId } = owner;
      return this.#maySee(exchange, server, made) ? [{ ...(task as JsonObject), taskId }] : [];
    });
  }
}

/** The call of a tool, as what comes from it. */
function madeIn({ decision, exchange }: Call, { canonicalId }: Target): Made {
  const given = exchange.message.params?.['arguments'];
  const text = isObject(given) && exchange.text.length <= MAX_TEXT ? JSON.stringify(given) : '';
  const isKept = text !== '' && text.length <= MAX_ARGUMENTS;
  return { tool: canonicalId, approved: decision?.effect === 'ask', ...(isKept && { arguments: text }) };
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
