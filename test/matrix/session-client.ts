/** A client of the session era by hand, over Streamable HTTP (2025-11-25, lifecycle and transports). */
import type { IncomingHttpHeaders } from 'node:http';
import type { AnswerQuestion, Asked, MatrixClient, RequestOptions, Subscription } from './client.ts';
import { send } from './http.ts';
import type { Head, Sent } from './http.ts';
import { clientCapabilities } from './questions.ts';
import { sendsVersionHeader } from './revisions.ts';
import type { Revision } from './revisions.ts';
import { createTape } from './wire.ts';
import type { Id, Json, Message, Tape } from './wire.ts';

interface Pending {
  readonly resolve: (answer: Message) => void;
  readonly onQuestion: AnswerQuestion | undefined;
}

export class SessionClient implements MatrixClient {
  readonly revision: Revision;
  readonly tape: Tape = createTape();
  negotiated = '';
  readonly #url: string;
  readonly #pending: Map<Id, Pending> = new Map();
  #headers: Record<string, string> = {};
  #own: Sent | undefined;
  #ids = 0;

  constructor(url: string, revision: Revision) {
    this.#url = url;
    this.revision = revision;
  }

  /** Begins the session. */
  async open(): Promise<void> {
    const params = {
      protocolVersion: this.revision,
      capabilities: clientCapabilities(this.revision),
      clientInfo: { name: `client ${this.revision}`, version: '1' },
    };
    const message = { id: 0, method: 'initialize', params };
    const { promise, resolve } = Promise.withResolvers<Message>();
    this.#pending.set(0, { resolve, onQuestion: undefined });
    const { headers } = await this.#send(this.tape.said(message), 0).head;
    this.negotiated = String((await promise).result?.['protocolVersion']);
    this.#headers = {
      'mcp-session-id': String(headers['mcp-session-id']),
      ...(sendsVersionHeader(this.revision) && { 'mcp-protocol-version': this.revision }),
    };
    await this.tell({ method: 'notifications/initialized' });
  }

  request(method: string, params: Json = {}, options: RequestOptions = {}): Asked {
    const id = ++this.#ids;
    const { progressToken } = options;
    const meta = progressToken === undefined ? {} : { _meta: { progressToken } };
    const text = this.tape.said({ id, method, params: { ...params, ...meta } });
    const { promise: answer, resolve, reject } = Promise.withResolvers<Message>();
    answer.catch(() => undefined);
    this.#pending.set(id, { resolve, onQuestion: options.onQuestion });
    const { head, ended } = this.#send(text, id);
    head.catch(reject);
    void ended.then(() => reject(new Error(`the response to ${method} ended without an answer`)));
    const cancel = async (): Promise<void> => {
      await this.tell({ method: 'notifications/cancelled', params: { requestId: id, reason: 'not wanted' } });
      await ended;
    };
    return { id, answer, cancel };
  }

  async setLevel(level: string): Promise<void> {
    const { error } = await this.request('logging/setLevel', { level }).answer;
    if (error !== undefined) throw new Error(error.message);
  }

  async subscribe(uri: string): Promise<Subscription> {
    await this.#openStream();
    const { error } = await this.request('resources/subscribe', { uri }).answer;
    if (error !== undefined) throw new Error(error.message);
    const end = async (): Promise<void> => void (await this.request('resources/unsubscribe', { uri }).answer);
    return { via: undefined, end };
  }

  /** Sends messages that are answered together; resolves when the response has ended. */
  async batch(messages: readonly Message[]): Promise<Head> {
    const { head, ended } = this.#send(`[${messages.map((each) => this.tape.said(each)).join(',')}]`, undefined);
    await ended;
    return await head;
  }

  /** A notification, or an answer to a question. */
  async tell(message: Message): Promise<void> {
    const { status } = await this.#send(this.tape.said(message), undefined).head;
    if (status !== 202) throw new Error(`HTTP ${status} for ${JSON.stringify(message)}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#own?.abort();
    await send({ url: this.#url, method: 'DELETE', headers: this.#headers, heard: () => undefined }).ended;
  }

  /** The stream of what belongs to no request. */
  async #openStream(): Promise<void> {
    this.#own ??= send({
      url: this.#url,
      method: 'GET',
      headers: this.#headers,
      heard: (text, headers) => this.#heard(text, headers, undefined),
    });
    const { status } = await this.#own.head;
    if (status !== 200) throw new Error(`HTTP ${status} for the session's stream`);
  }

  #send(body: string, via: Id | undefined): Sent {
    return send({
      url: this.#url,
      headers: this.#headers,
      body,
      heard: (text, headers) => this.#heard(text, headers, via),
    });
  }

  #heard(text: string, headers: IncomingHttpHeaders, via: Id | undefined): void {
    const message = this.tape.heard(text, headers, via);
    for (const each of Array.isArray(message) ? (message as Message[]) : [message]) this.#take(each, via);
  }

  #take(message: Message, via: Id | undefined): void {
    const { id, method, params } = message;
    if (id === undefined) return;
    if (method === undefined) return this.#pending.get(id)?.resolve(message);
    const { onQuestion } = this.#pending.get(via ?? '') ?? {};
    void this.#answer(id, method, params, onQuestion);
  }

  async #answer(
    id: Id,
    method: string,
    params: Json | undefined,
    onQuestion: AnswerQuestion | undefined,
  ): Promise<void> {
    if (onQuestion === undefined) {
      return await this.tell({ id, error: { code: -32601, message: `nobody answers ${method}` } });
    }
    await this.tell({ id, result: await onQuestion(method, params) });
  }
}

export async function openSession(url: string, revision: Revision): Promise<SessionClient> {
  const client = new SessionClient(url, revision);
  await client.open();
  return client;
}
