/** A client of 2026-07-28 by hand: an envelope in each request, input by rounds. */
import type { Carrier, OpenCarrier } from './carrier.ts';
import type { AnswerQuestion, Asked, MatrixClient, RequestOptions, Subscription } from './client.ts';
import type { Sent } from './http.ts';
import { clientCapabilities } from './questions.ts';
import { createTape, metaOf, objectOf } from './wire.ts';
import type { Id, Json, Message, Seen, Tape } from './wire.ts';

const REVISION = '2026-07-28';
const PREFIX = 'io.modelcontextprotocol/';
const NAMED: Readonly<Record<string, string>> = {
  'tools/call': 'name',
  'resources/read': 'uri',
  'prompts/get': 'name',
};
const SUBSCRIPTION_ID = `${PREFIX}subscriptionId`;
const MAX_ROUNDS = 10;

/** One HTTP request under way. */
interface Round {
  readonly id: Id;
  readonly sent: Sent;
  readonly answer: Promise<Message>;
}

export class StatelessClient implements MatrixClient {
  readonly revision = REVISION;
  readonly tape: Tape = createTape();
  negotiated = '';
  readonly #pending: Map<Id, (answer: Message) => void> = new Map();
  #carrier: Carrier | undefined;
  #level: string | undefined;
  /** The first request is 0, as in a session. */
  #ids = -1;

  get carrier(): Carrier {
    if (this.#carrier === undefined) throw new Error('The client is not open yet.');
    return this.#carrier;
  }

  /** The gateway must take the envelope, and name the revision among those that it speaks. */
  async open(openCarrier: OpenCarrier): Promise<void> {
    this.#carrier = await openCarrier((text, headers, via) => {
      const message = this.tape.heard(text, headers, via);
      if (message.id !== undefined && message.method === undefined) this.#pending.get(message.id)?.(message);
    });
    const { result } = await this.request('server/discover').answer;
    const supported = result?.['supportedVersions'];
    if (Array.isArray(supported) && supported.includes(REVISION)) this.negotiated = REVISION;
  }

  request(method: string, params: Json = {}, options: RequestOptions = {}): Asked {
    const from = this.tape.items.length;
    const at = { round: this.#round(method, params, options.progressToken) };
    const { id } = at.round;
    const answer = this.#answered(at, method, params, options);
    answer.catch(() => undefined);
    const cancel = async (): Promise<void> => {
      const { id: requestId, sent } = at.round;
      this.#pending.delete(requestId);
      if (this.carrier.isDuplex) {
        const text = this.tape.said({ method: 'notifications/cancelled', params: { requestId } });
        return void (await this.carrier.send(text, {}, undefined).head);
      }
      sent.abort();
      await sent.ended;
    };
    return { id, from, answer, cancel };
  }

  async setLevel(level: string | undefined): Promise<void> {
    this.#level = level;
  }

  async subscribe(uri: string): Promise<Subscription> {
    const listen = this.request('subscriptions/listen', { notifications: { resourceSubscriptions: [uri] } });
    const { id } = listen;
    const isAck = ({ message }: Seen): boolean =>
      message.method === 'notifications/subscriptions/acknowledged' && metaOf(message)[SUBSCRIPTION_ID] === id;
    const ack = await this.tape.until(isAck, 'the acknowledgement');
    const { resourceSubscriptions } = objectOf(ack.message.params?.['notifications']);
    if (JSON.stringify(resourceSubscriptions) !== JSON.stringify([uri]))
      throw new Error(`not acknowledged: ${ack.text}`);
    return { id, end: () => listen.cancel() };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.carrier.end({});
  }

  /** Goes on with the input that is asked for until there is a result. */
  async #answered(
    at: { round: Round },
    method: string,
    params: Json,
    { progressToken, onQuestion }: RequestOptions,
  ): Promise<Message> {
    for (let rounds = 0; rounds < MAX_ROUNDS; rounds++) {
      const message = await at.round.answer;
      const { resultType, inputRequests, requestState } = message.result ?? {};
      if (resultType !== 'input_required') return message;
      if (onQuestion === undefined) throw new Error(`nobody answers ${JSON.stringify(inputRequests)}`);
      const inputResponses = await answers(objectOf(inputRequests), onQuestion);
      const state = requestState === undefined ? {} : { requestState };
      at.round = this.#round(method, { ...params, inputResponses, ...state }, progressToken);
    }
    throw new Error('the questions do not end');
  }

  #round(method: string, params: Json, progressToken: Id | undefined): Round {
    const id = ++this.#ids;
    const text = this.tape.said({ id, method, params: { ...params, _meta: this.#envelope(progressToken) } });
    const name = params[NAMED[method] ?? ''];
    const { promise: answer, resolve, reject } = Promise.withResolvers<Message>();
    answer.catch(() => undefined);
    this.#pending.set(id, resolve);
    const headers = {
      'mcp-protocol-version': REVISION,
      'mcp-method': method,
      ...(typeof name === 'string' && { 'mcp-name': name }),
    };
    const sent = this.carrier.send(text, headers, id);
    sent.head.catch(reject);
    void sent.ended.then(() => reject(new Error(`nothing more comes, and no answer to ${method}`)));
    return { id, sent, answer };
  }

  #envelope(progressToken: Id | undefined): Json {
    return {
      [`${PREFIX}protocolVersion`]: REVISION,
      [`${PREFIX}clientInfo`]: { name: `client ${REVISION}`, version: '1' },
      [`${PREFIX}clientCapabilities`]: clientCapabilities(REVISION),
      ...(this.#level !== undefined && { [`${PREFIX}logLevel`]: this.#level }),
      ...(progressToken !== undefined && { progressToken }),
    };
  }
}

async function answers(inputRequests: Json, onQuestion: AnswerQuestion): Promise<Json> {
  const responses: Json = {};
  for (const [key, request] of Object.entries(inputRequests)) {
    const { method, params } = objectOf(request) as { method?: string; params?: Json };
    responses[key] = await onQuestion(String(method), params);
  }
  return responses;
}

export async function openStateless(open: OpenCarrier): Promise<StatelessClient> {
  const client = new StatelessClient();
  await client.open(open);
  return client;
}
