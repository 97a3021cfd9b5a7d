/**
 * Streamable HTTP in both eras on one path: POST carries messages, GET opens a session's own stream, DELETE ends it
 * (2025-11-25 and 2026-07-28, transports). The order of the checks on a message is `post`, top to bottom.
 * Host, Origin and the credential were checked before; what a request means is for `Served` to say.
 */

import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  BATCH_REVISION,
  classify,
  classifyRequest,
  isSessionRevision,
  isStatelessRevision,
  readMessage,
  singleHeader,
  SSE_HEARTBEAT,
  UNSTATED_REVISION,
  unsupportedVersion,
  wireError,
  type Envelope,
  type Incoming,
  type JsonRpcNotification,
  type JsonRpcRequest,
  type MessageLimits,
  type WireError,
} from '@sallyport/wire';
import { errorAnswer, type Answer, type Principal, type Served } from '../exchange.ts';
import { discoverResult, INITIALIZE_NEEDS, initializeResult, readInitialize } from '../handshake.ts';
import type { EventWriter } from '../outbox.ts';
import type { HttpSession, SessionTable } from '../sessions.ts';
import { checkBodyHeaders, readBody } from './body.ts';
import { HttpCall, primesStreams, type CallFacts } from './call.ts';
import { refuse } from './refuse.ts';
import { ReplyChannel } from './reply-channel.ts';

export interface McpEndpointOptions {
  readonly endpoint: string;
  readonly served: Served;
  readonly sessions: SessionTable;
  readonly maxBodyBytes: number;
  readonly messageLimits: MessageLimits;
  readonly resumeMs: number;
}

/** A request whose caller is known. */
export interface Arrival {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly principal: Principal;
  /** CORS and the like, for every answer. */
  readonly headers: Readonly<Record<string, string>>;
}

interface Post extends Arrival {
  /** `headers` as a flat list, which node:http writes fastest. */
  readonly flat: readonly string[];
}

interface Stream extends EventWriter {
  sweep(nowMs: number): void;
  readonly stalledBytes: number;
  destroy(): void;
}

export class McpEndpoint {
  readonly #options: McpEndpointOptions;
  /** Responses under way, for heartbeats and dead peers. */
  readonly #open: Map<Stream | ReplyChannel, number> = new Map();

  constructor(options: McpEndpointOptions) {
    this.#options = options;
  }

  /** Responses under way. */
  get open(): number {
    return this.#open.size;
  }

  handle(arrival: Arrival): void {
    switch (arrival.request.method) {
      case 'POST':
        return this.#post({ ...arrival, flat: Object.entries(arrival.headers).flat() });
      case 'GET':
        return this.#get(arrival);
      case 'DELETE':
        return this.#delete(arrival);
      default:
        this.#refuse(arrival, wireError('method_not_allowed'), { headers: { allow: 'GET, POST, DELETE' } });
    }
  }

  /** Heartbeats, streams that nobody came back for, and peers that have stopped reading. */
  sweep(nowMs: number): void {
    for (const [stream, stalledBefore] of this.#open) {
      const stalled = stream.stalledBytes;
      if (stalled > 0 && stalled >= stalledBefore && stalledBefore > 0) stream.destroy();
      else {
        stream.sweep(nowMs);
        this.#open.set(stream, stalled);
      }
    }
  }

  #refuse(
    { response, headers }: Arrival,
    error: WireError,
    more: {
      headers?: Record<string, string>;
      id?: string | number;
      era?: 'session' | 'stateless';
      close?: boolean;
    } = {},
  ): void {
    refuse(response, { error, ...more, headers: { ...headers, ...more.headers } });
  }

  #post(post: Post): void {
    const { request, response } = post;
    const accept = request.headers.accept;
    if (accept !== undefined && !/\*\/\*|application\/(?:json|\*)|text\/event-stream/i.test(accept)) {
      return this.#refuse(post, wireError('not_acceptable'), { close: true });
    }
    const problem = checkBodyHeaders(request, this.#options.maxBodyBytes);
    if (problem !== undefined) return this.#refuse(post, problem, { close: true });
    readBody(request, this.#options.maxBodyBytes, (body) => {
      if (body === undefined) return void response.destroy();
      if ('key' in body) return this.#refuse(post, body, { close: body.key === 'too_large' });
      this.#message(post, body.text);
    });
  }

  #message(post: Post, text: string): void {
    const incoming = readMessage(text, this.#options.messageLimits);
    switch (incoming.kind) {
      case 'invalid':
        return this.#refuse(post, incoming.error, incoming.id === undefined ? {} : { id: incoming.id });
      case 'batch':
        return this.#batch(
          post,
          incoming.entries.map((entry) => classify(entry, this.#options.messageLimits)),
        );
      case 'request':
        return this.#request(post, incoming.message, text);
      case 'notification':
      case 'response':
        return this.#oneWay(post, incoming);
    }
  }

  #request(post: Post, message: JsonRpcRequest, text: string): void {
    const classified = classifyRequest(message, post.request.headers);
    if (classified.era === 'refused') {
      return this.#refuse(post, classified.error, { id: message.id, era: 'stateless' });
    }
    if (classified.era === 'stateless') return this.#statelessCall(post, message, text, classified.envelope);
    if (message.method === 'initialize') return void this.#initialize(post, message);
    const session = this.#sessionOf(post, message.id);
    if (session !== undefined) this.#run(post, [this.#sessionFacts(post, session, message, text)], false);
  }

  #statelessCall(post: Post, message: JsonRpcRequest, text: string, envelope: Envelope): void {
    const facts: CallFacts = {
      message,
      text,
      era: 'stateless',
      revision: envelope.revision,
      endpoint: this.#options.endpoint,
      principal: post.principal,
      client: { info: envelope.clientInfo, capabilities: envelope.clientCapabilities },
      logLevel: envelope.logLevel,
      session: undefined,
      headers: post.request.headers,
    };
    this.#run(post, [facts], false);
  }

  #sessionFacts(post: Post, session: HttpSession, message: JsonRpcRequest, text: string): CallFacts {
    return {
      message,
      text,
      era: 'session',
      revision: session.revision,
      endpoint: this.#options.endpoint,
      principal: post.principal,
      client: session.client,
      logLevel: session.logLevel,
      session,
      headers: post.request.headers,
    };
  }

  /** Runs the requests of one POST, each as a call of its own, into one response. */
  #run(post: Post, all: readonly CallFacts[], batch: boolean): void {
    const session = all[0]?.session;
    const calls = all.map((facts) => new HttpCall(facts, () => channel));
    const accept = post.request.headers.accept;
    const channel: ReplyChannel = new ReplyChannel(post.response, {
      expected: calls.length,
      batch,
      acceptsStream: accept === undefined || /\*\/\*|text\/(?:\*|event-stream)/i.test(accept),
      headers: post.flat,
      openOutbox: session && (() => session.openStream()),
      prime: session !== undefined && primesStreams(session.revision),
      resumeMs: this.#options.resumeMs,
      onGone: () => {
        this.#open.delete(channel);
        for (const call of calls) call.cancel();
      },
    });
    this.#open.set(channel, 0);
    for (const call of calls) void this.#answer(call, channel);
  }

  async #answer(call: HttpCall, channel: ReplyChannel): Promise<void> {
    const { message, session } = call;
    if (session?.calls.has(message.id)) {
      channel.answer(message.id, errorAnswer('invalid_request', 'session', 'This id is in use.'));
      return;
    }
    session?.calls.set(message.id, call);
    const answer = await this.#dispatch(call);
    session?.calls.delete(message.id);
    if (call.cancelled && session !== undefined) channel.drop();
    else channel.answer(message.id, answer);
    if (channel.finished) this.#open.delete(channel);
  }

  async #dispatch(call: HttpCall): Promise<Answer> {
    if (call.era === 'session' && call.message.method === 'ping') return { kind: 'value', result: {} };
    if (call.era === 'stateless' && call.message.method === 'server/discover') return await this.#discover(call);
    return await this.#options.served.handle(call);
  }

  async #discover(call: HttpCall): Promise<Answer> {
    return { kind: 'value', result: discoverResult(await this.#options.served.describe(call, 'stateless')) };
  }

  async #initialize(post: Post, message: JsonRpcRequest): Promise<void> {
    const greeting = readInitialize(message);
    if (greeting === undefined) {
      return this.#refuse(post, wireError('invalid_params', INITIALIZE_NEEDS), { id: message.id });
    }
    const { revision, client } = greeting;
    const { endpoint, served, sessions } = this.#options;
    const description = await served.describe({ endpoint, principal: post.principal }, 'session');
    const session = sessions.open({ endpoint, principal: post.principal, revision, client });
    if (session === undefined) {
      const error = wireError('rate_limited', 'Too many sessions are open.');
      return this.#refuse(post, error, { id: message.id, headers: { 'retry-after': '60' } });
    }
    const channel = new ReplyChannel(post.response, {
      expected: 1,
      batch: false,
      acceptsStream: false,
      headers: [...post.flat, 'mcp-session-id', session.id],
      openOutbox: undefined,
      prime: false,
      resumeMs: 0,
      onGone: () => sessions.end(session),
    });
    channel.answer(message.id, { kind: 'value', result: initializeResult(revision, description) });
  }

  /** The session that a session-era message names; refuses the message when there is none. */
  #sessionOf(arrival: Arrival, id?: string | number): HttpSession | undefined {
    const { headers } = arrival.request;
    const version = singleHeader(headers, 'mcp-protocol-version') ?? UNSTATED_REVISION;
    const named = singleHeader(headers, 'mcp-session-id');
    const withId = id === undefined ? {} : { id };
    if (!isSessionRevision(version)) {
      this.#refuse(arrival, unsupportedVersion(version), withId);
    } else if (named === undefined) {
      this.#refuse(arrival, wireError('invalid_request', 'The Mcp-Session-Id header is missing.'), withId);
    } else {
      const session = this.#options.sessions.find(named, this.#options.endpoint, arrival.principal);
      if (session !== undefined) return session;
      this.#refuse(arrival, wireError('no_session'), withId);
    }
    return undefined;
  }

  #oneWay(post: Post, incoming: Incoming & { kind: 'notification' | 'response' }): void {
    const version = singleHeader(post.request.headers, 'mcp-protocol-version');
    if (isStatelessRevision(version)) {
      // Nothing a stateless client may tell outside a request changes anything here.
      if (incoming.kind === 'response') {
        return this.#refuse(post, wireError('invalid_request', 'A client posts no responses in this revision.'));
      }
    } else {
      const session = this.#sessionOf(post);
      if (session === undefined) return;
      this.#take(session, incoming);
    }
    post.response.writeHead(202, { ...post.headers, 'content-length': 0 }).end();
  }

  #take(session: HttpSession, incoming: Incoming & { kind: 'notification' | 'response' }): void {
    if (incoming.kind === 'response') return void session.asks.answer(incoming.message);
    this.#notified(session, incoming.message);
  }

  #notified(session: HttpSession, message: JsonRpcNotification): void {
    if (message.method === 'notifications/initialized') return;
    if (message.method === 'notifications/cancelled') {
      const id = message.params?.['requestId'];
      if (typeof id === 'string' || typeof id === 'number') session.calls.get(id)?.cancel();
      return;
    }
    this.#options.served.notified(message, session);
  }

  /** Arrays exist in one revision only; there each entry is a call, and `initialize` may not stand among others. */
  #batch(post: Post, entries: readonly Incoming[]): void {
    const version = singleHeader(post.request.headers, 'mcp-protocol-version') ?? UNSTATED_REVISION;
    if (version !== BATCH_REVISION) {
      return this.#refuse(post, wireError('invalid_request', 'This revision knows no batches.'));
    }
    const session = this.#sessionOf(post);
    if (session === undefined) return;
    if (session.revision !== BATCH_REVISION) {
      return this.#refuse(post, wireError('invalid_request', 'This session speaks a revision without batches.'));
    }
    for (const entry of entries) {
      if (entry.kind === 'invalid' || entry.kind === 'batch' || isInitialize(entry)) {
        return this.#refuse(post, wireError('invalid_request', 'The batch holds an entry that may not stand in one.'));
      }
    }
    for (const entry of entries)
      if (entry.kind === 'notification' || entry.kind === 'response') this.#take(session, entry);
    const requests = entries.flatMap((entry) => (entry.kind === 'request' ? [entry.message] : []));
    if (requests.length === 0) post.response.writeHead(202, { ...post.headers, 'content-length': 0 }).end();
    else
      this.#run(
        post,
        requests.map((message) => this.#sessionFacts(post, session, message, JSON.stringify(message))),
        true,
      );
  }

  /** The session's own stream, or the rest of a broken one. */
  #get(arrival: Arrival): void {
    const { request, response, headers } = arrival;
    if (isStatelessRevision(singleHeader(request.headers, 'mcp-protocol-version'))) {
      return this.#refuse(arrival, wireError('method_not_allowed'), { headers: { allow: 'POST' }, era: 'stateless' });
    }
    if (!/\*\/\*|text\/(?:\*|event-stream)/i.test(request.headers.accept ?? '')) {
      return this.#refuse(arrival, wireError('not_acceptable', 'Accept must allow text/event-stream.'));
    }
    const session = this.#sessionOf(arrival);
    if (session === undefined) return;
    const lastId = singleHeader(request.headers, 'last-event-id');
    const resumed = lastId === undefined ? { stream: session.own, sequence: undefined } : session.streamOf(lastId);
    if (resumed === undefined) {
      return this.#refuse(
        arrival,
        wireError('invalid_request', 'The stream of this Last-Event-ID is not kept any more.'),
      );
    }
    response.writeHead(200, {
      ...headers,
      'content-type': 'text/event-stream',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
    });
    response.flushHeaders();
    const writer = responseWriter(response);
    this.#open.set(writer, 0);
    response.once('close', () => {
      this.#open.delete(writer);
      resumed.stream.disconnect(writer);
      session.lastUsedMs = Math.max(session.lastUsedMs, this.#options.sessions.now());
    });
    resumed.stream.connect(writer, resumed.sequence);
  }

  #delete(arrival: Arrival): void {
    const { request, response, headers } = arrival;
    if (isStatelessRevision(singleHeader(request.headers, 'mcp-protocol-version'))) {
      return this.#refuse(arrival, wireError('method_not_allowed'), { headers: { allow: 'POST' }, era: 'stateless' });
    }
    const session = this.#sessionOf(arrival);
    if (session === undefined) return;
    this.#options.sessions.end(session);
    response.writeHead(204, headers).end();
  }
}

function isInitialize(entry: Incoming): boolean {
  return entry.kind === 'request' && entry.message.method === 'initialize';
}

function responseWriter(response: ServerResponse): Stream {
  return {
    write: (event) => void response.write(event),
    end: () => void response.end(),
    sweep: () => void response.write(SSE_HEARTBEAT),
    get stalledBytes() {
      return response.writableLength;
    },
    destroy: () => void response.destroy(),
  };
}
