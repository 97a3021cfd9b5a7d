/**
 * News of tasks for stateless clients (2026-07-28, tasks extension, "Task Status Notifications"): who listens to which task, and
 * what its server is told of that. What a server's news say is not passed on: the task is asked for in its listener's name, on the
 * whole route of any `tasks/get`, so news are what that client would be answered at that moment, and guarded and recorded as that.
 */

import type { Answer, ClientReply, Exchange } from '@sallyport/server';
import {
  ERRORS,
  isObject,
  type JsonObject,
  type JsonRpcNotification,
  type JsonRpcRequest,
  type JsonValue,
} from '@sallyport/wire';
import type { Instance } from '../call.ts';
import { supplierOf, Wants, type Supplier, type Want } from './wants.ts';
import { Windows, type SetTimer } from './windows.ts';

export interface TaskNewsOptions {
  /** Tells a server which of its tasks somebody listens to. */
  readonly want: Want;
  /** The whole route. */
  readonly handle: (exchange: Exchange) => Promise<Answer>;
  /** The whole response as text. */
  readonly textOf: (answer: Answer & { kind: 'result' }, exchange: Exchange) => Promise<string>;
  readonly setTimer: SetTimer;
}

/** A task that somebody may listen to. */
export interface Listenable {
  /** As its client knows it. */
  readonly taskId: string;
  readonly server: string;
  /** The server's own id. */
  readonly original: string;
  /** That it runs in; undefined: the one that all share. */
  readonly instance: Instance | undefined;
}

/** Parameters of a `notifications/tasks`, but for the id of the subscription. */
export type TellTask = (params: JsonObject) => void;

interface Listening {
  readonly id: number;
  readonly exchange: Exchange;
  readonly taskId: string;
  readonly tell: TellTask;
  /** Under way. */
  asking: Asking | undefined;
}

export class TaskNews {
  readonly #options: TaskNewsOptions;
  readonly #wants: Wants;
  readonly #windows: Windows;
  /** By supplier and task. */
  readonly #listening: Map<string, Set<Listening>> = new Map();
  #count = 0;

  constructor(options: TaskNewsOptions) {
    this.#options = options;
    this.#wants = new Wants(options.want);
    this.#windows = new Windows(options.setTimer);
  }

  /** Until what is returned is called. */
  listen(exchange: Exchange, tasks: readonly Listenable[], tell: TellTask): () => void {
    const all = tasks.map((task) => {
      const supplier = supplierOf(task.server, task.instance);
      const key = keyOf(supplier, task.original);
      const one: Listening = { id: ++this.#count, exchange, taskId: task.taskId, tell, asking: undefined };
      const others = this.#listening.get(key);
      if (others === undefined) this.#listening.set(key, new Set([one]));
      else others.add(one);
      return { key, one, original: task.original, supplier };
    });
    this.#wants.change(all.map(({ original, supplier }) => [original, undefined, supplier]));
    return () => {
      for (const { key, one } of all) {
        const others = this.#listening.get(key);
        if (others?.delete(one) === true && others.size === 0) this.#listening.delete(key);
        one.asking?.cancel();
      }
      this.#wants.change(all.map(({ original, supplier }) => [original, supplier, undefined]));
    };
  }

  /** A server has said that something is new about one of its tasks. */
  told(server: string, { params }: JsonRpcNotification, instance: Instance | undefined): void {
    const original = params?.['taskId'];
    if (typeof original !== 'string') return;
    for (const one of this.#listening.get(keyOf(supplierOf(server, instance), original)) ?? []) {
      this.#windows.say(String(one.id), () => void this.#ask(one));
    }
  }

  /** A server, or an instance of it, has come up again. */
  renew(server: string, instance: Instance | undefined): void {
    const taskIds = this.#wants.of(supplierOf(server, instance));
    if (taskIds.length > 0) this.#options.want(server, taskIds, instance);
  }

  async #ask(one: Listening): Promise<void> {
    const { exchange, taskId, tell } = one;
    if (exchange.cancelled) return;
    one.asking?.cancel();
    const asking = new Asking(exchange, taskId);
    one.asking = asking;
    const answer = await this.#options.handle(asking);
    const task = await this.#taskIn(answer, asking).catch(() => undefined);
    if (one.asking !== asking) return;
    one.asking = undefined;
    if (task !== undefined && !asking.cancelled) tell(task);
  }

  async #taskIn(answer: Answer, asking: Asking): Promise<JsonObject | undefined> {
    if (answer.kind === 'error') return undefined;
    const text = answer.kind === 'result' ? await this.#options.textOf(answer, asking) : undefined;
    const { result } = (text === undefined ? answer : JSON.parse(text)) as { readonly result: JsonValue };
    if (!isObject(result)) return undefined;
    const { resultType: _, ...task } = result;
    return task;
  }
}

function keyOf({ key }: Supplier, original: string): string {
  return `${key}\n\n${original}`;
}

/** A `tasks/get` in the name of one who listens. What is said or asked during it is for nobody: it is no call of the client's. */
class Asking implements Exchange {
  readonly message: JsonRpcRequest;
  readonly text: string;
  readonly era: Exchange['era'];
  readonly revision: Exchange['revision'];
  readonly transport: Exchange['transport'];
  readonly endpoint: string;
  readonly local: Exchange['local'];
  readonly address: Exchange['address'];
  readonly principal: Exchange['principal'];
  readonly client: Exchange['client'];
  readonly logLevel: Exchange['logLevel'] = undefined;
  readonly session: Exchange['session'] = undefined;
  readonly headers: Exchange['headers'];
  readonly #outer: Exchange;
  readonly #listeners: (() => void)[] = [];
  #cancelled = false;

  constructor(outer: Exchange, taskId: string) {
    const _meta = outer.message.params?.['_meta'];
    const params = { ...(_meta !== undefined && { _meta }), taskId };
    this.message = { jsonrpc: '2.0', id: 0, method: 'tasks/get', params };
    this.text = JSON.stringify(this.message);
    this.era = outer.era;
    this.revision = outer.revision;
    this.transport = outer.transport;
    this.endpoint = outer.endpoint;
    this.local = outer.local;
    this.address = outer.address;
    this.principal = outer.principal;
    this.client = outer.client;
    this.headers = outer.headers;
    this.#outer = outer;
  }

  get cancelled(): boolean {
    return this.#cancelled || this.#outer.cancelled;
  }

  /** Idempotent. */
  cancel(): void {
    if (this.#cancelled) return;
    this.#cancelled = true;
    for (const listener of this.#listeners.splice(0)) listener();
  }

  onCancel(listener: () => void): void {
    if (this.cancelled) listener();
    else this.#listeners.push(listener);
  }

  hold(): void {}

  notify(): void {}

  ask(): Promise<ClientReply> {
    return Promise.resolve({ error: { code: ERRORS.method_not_found.code, message: 'Nobody can be asked here.' } });
  }
}
