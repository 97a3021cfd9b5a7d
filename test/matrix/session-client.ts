/** A client of the session era by hand (2025-11-25, lifecycle and transports). */
import type { IncomingHttpHeaders } from 'node:http';
import type { Carrier, OpenCarrier } from './carrier.ts';
import type { AnswerQuestion, Asked, MatrixClient, RequestOptions, Subscription } from './client.ts';
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

export const BATCH = 'batch';

export class SessionClient implements MatrixClient {
  readonly revision: Revision;
  readonly tape: Tape = createTape();
  negotiated = '';
  readonly #pending: Map<Id, Pending> = new Map();
  #carrier: Carrier | undefined;
  #headers: Record<string, string> = {};
  #ids = 0;

  constructor(revision: Revision) {
    this.revision = revision;
  }

  get carrier(): Carrier {
    if (this.#carrier === undefined) throw new Error('The client is not open yet.');
    return this.#carrier;
  }

  /** Begins the session. */
  async open(openCarrier: OpenCarrier): Promise<void> {
    this.#carrier = await openCarrier((text, headers, via) => this.#heard(text, headers, via));
    const params = {
      protocolVersion: this.revision,
      capabilities: clientCapabilities(this.revision),
      clientInfo: { name: `client ${this.revision}`, version: '1' },
    };
    const { promise, resolve } = Promise.withResolvers<Message>();
    this.#pending.set(0, { resolve, onQuestion: undefined });
    const { headers } = await this.#send(this.tape.said({ id: 0, method: 'initialize', params }), 0).head;
    this.negotiated = String((await promise).result?.['protocolVersion']);
    const session = headers['mcp-session-id'];
    this.#headers = {
      ...(typeof session === 'string' && { 'mcp-session-id': session }),
      ...(sendsVersionHeader(this.revision) && { 'mcp-protocol-version': this.revision }),
    };
    await this.tell({ method: 'notifications/initialized' });
  }

  request(method: string, params: Json = {}, options: RequestOptions = {}): Asked {
    const id = ++this.#ids;
    const from = this.tape.items.length;
    const { progressToken } = options;
    const meta = progressToken === undefined ? {} : { _meta: { progressToken } };
    const text = this.tape.said({ id, method, params: { ...params, ...meta } });
    const { promise: answer, resolve, reject } = Promise.withResolvers<Message>();
    answer.catch(() => undefined);
    this.#pending.set(id, { resolve, onQuestion: options.onQuestion });
    const { head, ended } = this.#send(text, id);
    head.catch(reject);
    void ended.then(() => reject(new Error(`nothing more comes, and no answer to ${method}`)));
    const cancel = async (): Promise<void> => {
      this.#pending.delete(id);
      await this.tell({ method: 'notifications/cancelled', params: { requestId: id, reason: 'not wanted' } });
      if (!this.carrier.isDuplex) await ended;
    };
    return { id, from, answer, cancel };
  }

  async setLevel(level: string | undefined): Promise<void> {
    const { error } = await this.request('logging/setLevel', { level }).answer;
    if (error !== undefined) throw new Error(error.message);
  }

  async subscribe(uri: string): Promise<Subscription> {
    await this.carrier.listen(this.#headers);
    const { error } = await this.request('resources/subscribe', { uri }).answer;
    if (error !== undefined) throw new Error(error.message);
    const end = async (): Promise<void> => void (await this.request('resources/unsubscribe', { uri }).answer);
    return { id: undefined, end };
  }

  /** Sends messages together; resolves when the response has ended. What comes in it is on the tape as via `BATCH`. */
  async batch(messages: readonly Message[], onQuestion?: AnswerQuestion): Promise<Head> {
    const text = `[${messages.map((each) => this.tape.said(each)).join(',')}]`;
    this.#pending.set(BATCH, { resolve: () => undefined, onQuestion });
    const { head, ended } = this.#send(text, BATCH);
    await ended;
    return await head;
  }

  /** A notification, or an answer to a question. */
  async tell(message: Message): Promise<void> {
    const { status } = await this.#send(this.tape.said(message), undefined).head;
    if (status !== 202) throw new Error(`HTTP ${status} for ${JSON.stringify(message)}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.carrier.end(this.#headers);
  }

  #send(text: string, via: Id | undefined): Sent {
    return this.carrier.send(text, this.#headers, via);
  }

  #heard(text: string, headers: IncomingHttpHeaders, via: Id | undefined): void {
    const message: Message | Message[] = this.tape.heard(text, headers, via);
    for (const each of Array.isArray(message) ? (message as Message[]) : [message]) this.#take(each, via);
  }

  #take({ id, method, params, ...rest }: Message, via: Id | undefined): void {
    if (id === undefined) return;
    if (method === undefined) {
      this.#pending.get(id)?.resolve({ id, ...rest });
      this.#pending.delete(id);
    } else void this.#answer(id, method, params, this.#causeOf(via)?.onQuestion);
  }

  /** On one line the only call under way must be meant. */
  #causeOf(via: Id | undefined): Pending | undefined {
    const [only] = this.#pending.values();
    return this.carrier.isDuplex ? only : this.#pending.get(via ?? '');
  }

  async #answer(
    id: Id,
    method: string,
    params: Json | undefined,
    onQuestion: AnswerQuestion | undefined,
  ): Promise<void> {
    if (onQuestion !== undefined) return await this.tell({ id, result: await onQuestion(method, params) });
    await this.tell({ id, error: { code: -32601, message: `nobody answers ${method}` } });
  }
}

export async function openSession(open: OpenCarrier, revision: Revision): Promise<SessionClient> {
  const client = new SessionClient(revision);
  await client.open(open);
  return client;
}
