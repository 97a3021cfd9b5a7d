/**
 * Streamable HTTP in both eras on one path: POST carries messages, GET opens a session's own stream, DELETE ends it
 * (2025-11-25 and 2026-07-28, transports). The order of the checks on a message is `#post`, top to bottom.
 * Host, Origin and the credential were checked before; what a request means is for `Served` to say.
 */

import type { IncomingMessage } from 'node:http';
import {
  atLeast,
  classifyRequest,
  singleHeader,
  wireError,
  type Incoming,
  type JsonRpcNotification,
  type JsonRpcRequest,
  type JsonValue,
  type MessageLimits,
  type RequestId,
} from '@sallyport/wire';
import { releaseAnswer } from '../answer-bytes.ts';
import type { Seats } from '../connection/seats.ts';
import { errorAnswer, refusedAnswer, type Answer, type LocalClient, type Principal, type Served } from '../exchange.ts';
import { discoverResult, INITIALIZE_NEEDS, initializeResult, readInitialize } from '../handshake.ts';
import type { HttpSession, Resumption, SessionTable } from '../sessions.ts';
import { Roster } from '../under-way.ts';
import { readAccept } from './accept.ts';
import type { Arrival } from './arrival.ts';
import { batchProblem, readBatch } from './batch.ts';
import { HttpCall, sessionFacts, statelessFacts, type CallFacts, type Caller } from './call.ts';
import { openEventStream, type EventStream } from './event-stream.ts';
import { flat } from './flat-headers.ts';
import { accept, readPost, type Posted } from './post.ts';
import { refuseArrival } from './refuse.ts';
import { ReplyChannel } from './reply-channel.ts';
import { findSession, saysStateless, statedVersion } from './session-headers.ts';

export interface McpEndpointOptions {
  readonly served: Served;
  readonly sessions: SessionTable;
  readonly seats: Seats;
  readonly maxBodyBytes: number;
  readonly messageLimits: MessageLimits;
  readonly resumeMs: number;
  /** The folder that a client works in, where its requests tell. Asked when it is wanted. */
  readonly localOf?: (request: IncomingMessage, principal: Principal) => LocalClient | undefined;
}

export class McpEndpoint {
  readonly #options: McpEndpointOptions;
  /** Responses to POST under way, for heartbeats and dead peers. */
  readonly #replies: Roster<ReplyChannel> = new Roster();
  /** The same to GET. */
  readonly #streams: Set<EventStream> = new Set();
  /** Ends the streams that no call stands behind. */
  readonly #listening: Set<() => void> = new Set();
  #draining = false;

  constructor(options: McpEndpointOptions) {
    this.#options = options;
  }

  /** Responses under way. */
  get open(): number {
    return this.#replies.size + this.#streams.size;
  }

  handle(arrival: Arrival): void {
    switch (arrival.request.method) {
      case 'POST':
        return this.#post(arrival);
      case 'GET':
        return this.#get(arrival);
      case 'DELETE':
        return this.#delete(arrival);
      default:
        refuseArrival(arrival, wireError('method_not_allowed'), { headers: { allow: 'GET, POST, DELETE' } });
    }
  }

  /** Heartbeats, streams that nobody came back for, and peers that have stopped reading. */
  sweep(nowMs: number): void {
    for (const reply of this.#replies.values()) reply.sweep(nowMs);
    for (const stream of this.#streams) stream.sweep();
  }

  /** Ends the sessions' own streams and opens no more, so that a listener can close; calls go on to their end. */
  drain(): void {
    this.#draining = true;
    for (const end of this.#listening) end();
  }

  #post(arrival: Arrival): void {
    const accepts = readAccept(arrival.request.headers.accept);
    if (!accepts.json && !accepts.stream) return refuseArrival(arrival, wireError('not_acceptable'));
    readPost(arrival, this.#options, (posted, text) => this.#message(arrival, posted, text));
  }

  #message(arrival: Arrival, posted: Posted, text: string): void {
    switch (posted.kind) {
      case 'batch':
        return this.#batch(arrival, posted.entries, text);
      case 'request':
        return this.#request(arrival, posted.message, text);
      case 'notification':
      case 'response':
        return this.#oneWay(arrival, posted);
    }
  }

  #request(arrival: Arrival, message: JsonRpcRequest, text: string): void {
    const classified = classifyRequest(message, arrival.request.headers);
    if (classified.era === 'refused') {
      return refuseArrival(arrival, classified.error, { id: message.id, era: 'stateless' });
    }
    if (classified.era === 'stateless') {
      return this.#run(arrival, [statelessFacts(this.#caller(arrival), message, text, classified.envelope)], false);
    }
    if (message.method === 'initialize') return void this.#initialize(arrival, message);
    const session = this.#sessionOf(arrival, message.id);
    if (session !== undefined) this.#run(arrival, [sessionFacts(this.#caller(arrival), message, text, session)], false);
  }

  #caller({ address, endpoint, principal, request }: Arrival): Caller {
    const { localOf } = this.#options;
    const local = localOf === undefined ? elsewhere : () => localOf(request, principal);
    return { endpoint, address, local, principal, headers: request.headers };
  }

  /** Runs the requests of one POST, each as a call of its own, into one response. */
  #run(arrival: Arrival, all: readonly CallFacts[], batch: boolean): void {
    const session = all[0]?.session;
    const accepts = readAccept(arrival.request.headers.accept);
    const calls: HttpCall[] = [];
    const channel = new ReplyChannel(
      arrival.response,
      {
        expected: all.length,
        batch,
        acceptsStream: accepts.stream,
        headers: flat(arrival.headers),
        session,
        prime: session !== undefined && atLeast(session.revision, '2025-11-25'),
        resumeMs: this.#options.resumeMs,
        onGone: () => {
          for (const call of calls) call.abandon();
        },
      },
      this.#replies,
    );
    for (const facts of all) calls.push(new HttpCall(facts, channel));
    if (!accepts.json) channel.startStream();
    for (const call of calls) this.#start(call, channel);
  }

  #start(call: HttpCall, channel: ReplyChannel): void {
    const { era, message, session } = call;
    if (session?.calls.has(message.id) === true) {
      return channel.answer(message.id, errorAnswer('invalid_request', 'session', 'This id is in use.'));
    }
    session?.calls.set(message.id, call);
    this.#dispatch(call).then(
      (answer) => this.#settle(call, channel, answer),
      () => this.#settle(call, channel, errorAnswer('internal', era)),
    );
  }

  #settle({ message, session, cancelled }: HttpCall, channel: ReplyChannel, answer: Answer): void {
    if (session !== undefined) {
      session.calls.delete(message.id);
      this.#options.sessions.touch(session);
    }
    if (cancelled) releaseAnswer(answer);
    else channel.answer(message.id, answer);
  }

  #dispatch(call: HttpCall): Promise<Answer> {
    const { method } = call.message;
    const { served } = this.#options;
    if (method !== (call.era === 'session' ? 'ping' : 'server/discover')) return served.handle(call);
    const refused = served.admit?.(call);
    if (refused !== undefined) return Promise.resolve(refusedAnswer(refused, call.era));
    return method === 'ping' ? Promise.resolve({ kind: 'value', result: {} }) : this.#discover(call);
  }

  async #discover(call: HttpCall): Promise<Answer> {
    return { kind: 'value', result: discoverResult(await this.#options.served.describe(call, 'stateless')) };
  }

  async #initialize(arrival: Arrival, message: JsonRpcRequest): Promise<void> {
    const greeting = readInitialize(message);
    const { id } = message;
    if (greeting === undefined) return refuseArrival(arrival, wireError('invalid_params', INITIALIZE_NEEDS), { id });
    const { endpoint, principal, response } = arrival;
    const { served, sessions } = this.#options;
    const { address, headers, local } = this.#caller(arrival);
    const facts = { address, headers, local: local(), message, principal, session: undefined };
    const refused = served.admit?.({ ...facts, transport: 'http' });
    if (refused !== undefined) return refuseArrival(arrival, refused.error, { id, headers: refused.headers });
    try {
      const description = await served.describe({ endpoint, principal }, 'session');
      // Nobody would ever use the session of a client that has gone.
      if (response.destroyed) return;
      const session = sessions.open({ endpoint, principal, ...greeting });
      if (session === undefined) {
        const error = wireError('rate_limited', 'Too many sessions are open.');
        return refuseArrival(arrival, error, { id, headers: { 'retry-after': '60' } });
      }
      const channel = new ReplyChannel(
        response,
        {
          expected: 1,
          batch: false,
          acceptsStream: !readAccept(arrival.request.headers.accept).json,
          headers: [...flat(arrival.headers), 'mcp-session-id', session.id],
          session: undefined,
          prime: false,
          resumeMs: this.#options.resumeMs,
          onGone: () => sessions.end(session),
        },
        this.#replies,
      );
      channel.startStream();
      channel.answer(id, { kind: 'value', result: initializeResult(greeting.revision, description) });
    } catch {
      refuseArrival(arrival, wireError('internal'), { id });
    }
  }

  /** The session that a session-era message names; refuses the message when there is none. */
  #sessionOf(arrival: Arrival, id?: RequestId): HttpSession | undefined {
    const found = findSession(arrival, this.#options.sessions);
    if (!('key' in found)) return found;
    refuseArrival(arrival, found, { id });
    return undefined;
  }

  #oneWay(arrival: Arrival, incoming: Incoming & { kind: 'notification' | 'response' }): void {
    if (saysStateless(arrival)) {
      // Nothing a stateless client may tell outside a request changes anything here.
      if (incoming.kind === 'response') {
        return refuseArrival(arrival, wireError('invalid_request', 'A client posts no responses in this revision.'));
      }
    } else {
      const session = this.#sessionOf(arrival);
      if (session === undefined) return;
      this.#take(session, incoming);
    }
    accept(arrival);
  }

  #take(session: HttpSession, incoming: Incoming & { kind: 'notification' | 'response' }): void {
    if (incoming.kind === 'response') session.asks.answer(incoming.message);
    else this.#notified(session, incoming.message);
  }

  #notified(session: HttpSession, message: JsonRpcNotification): void {
    if (message.method === 'notifications/initialized') return;
    if (message.method !== 'notifications/cancelled') return this.#options.served.notified(message, session);
    const id = message.params?.['requestId'];
    if (typeof id === 'string' || typeof id === 'number') session.calls.get(id)?.cancel();
  }

  /** Each entry is a call of its own. */
  #batch(arrival: Arrival, entries: readonly JsonValue[], text: string): void {
    if (saysStateless(arrival)) return refuseArrival(arrival, wireError('invalid_request', NO_BATCHES));
    const session = this.#sessionOf(arrival);
    if (session === undefined) return;
    const problem = batchProblem(statedVersion(arrival), session);
    const batch = problem === undefined ? readBatch(entries, text, this.#options.messageLimits) : undefined;
    if (batch === undefined) return refuseArrival(arrival, wireError('invalid_request', problem ?? NOT_IN_BATCH));
    for (const entry of batch.told) this.#take(session, entry);
    const facts = batch.requests.map((entry) =>
      sessionFacts(this.#caller(arrival), entry.message, entry.text, session),
    );
    if (facts.length === 0) accept(arrival);
    else this.#run(arrival, facts, true);
  }

  /** The session's own stream, or the rest of a broken one. */
  #get(arrival: Arrival): void {
    if (saysStateless(arrival)) return this.#refuseMethod(arrival);
    if (!readAccept(arrival.request.headers.accept ?? 'none').stream) {
      return refuseArrival(arrival, wireError('not_acceptable', 'Accept must allow text/event-stream.'));
    }
    const session = this.#sessionOf(arrival);
    if (session === undefined) return;
    if (this.#draining) return refuseArrival(arrival, wireError('shutting_down'));
    const lastId = singleHeader(arrival.request.headers, 'last-event-id');
    const resumed: Resumption | undefined =
      lastId === undefined ? { stream: session.own, sequence: undefined } : session.streamOf(lastId);
    if (resumed === undefined) {
      return refuseArrival(arrival, wireError('invalid_request', 'What came after this Last-Event-ID is not kept.'));
    }
    const refusal = this.#options.seats.refusal(arrival.principal);
    if (refusal !== undefined) return refuseArrival(arrival, refusal, { headers: { 'retry-after': '60' } });
    this.#listen(arrival, session, resumed);
  }

  #listen(arrival: Arrival, session: HttpSession, { stream, sequence }: Resumption): void {
    const writer = openEventStream(arrival.response, arrival.headers);
    const end = (): void => stream.disconnect(writer, true);
    const leave = this.#options.seats.take(arrival.principal);
    this.#streams.add(writer);
    if (stream === session.own) this.#listening.add(end);
    arrival.response.once('close', () => {
      this.#streams.delete(writer);
      this.#listening.delete(end);
      leave();
      stream.disconnect(writer);
      this.#options.sessions.touch(session);
    });
    stream.connect(writer, sequence);
  }

  #delete(arrival: Arrival): void {
    if (saysStateless(arrival)) return this.#refuseMethod(arrival);
    const session = this.#sessionOf(arrival);
    if (session === undefined) return;
    this.#options.sessions.end(session);
    arrival.response.writeHead(204, arrival.headers).end();
  }

  /** The stateless era knows POST alone. */
  #refuseMethod(arrival: Arrival): void {
    refuseArrival(arrival, wireError('method_not_allowed'), { headers: { allow: 'POST' }, era: 'stateless' });
  }
}

const NO_BATCHES = 'This revision knows no batches.';
const NOT_IN_BATCH = 'The batch holds an entry that may not stand in one.';

const elsewhere = (): undefined => undefined;
