/** A leg, a client and a bridge between them by hand, for tests: nothing happens that a test does not do. */

import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import {
  UpstreamError,
  type Cause,
  type ErrorAnswer,
  type Leg,
  type Outgoing,
  type ServerRequestAnswer,
  type UpstreamAnswer,
} from '@sallyport/client';
import type { Answer, Exchange } from '@sallyport/server';
import { eraOf, isObject, wireError, type JsonObject, type JsonRpcNotification, type Revision } from '@sallyport/wire';
import type { Call } from '../../call.ts';
import { createBridge, type Bridge, type BridgeOptions } from '../index.ts';

/** A request as it reached the server. */
export interface Sent {
  readonly outgoing: Outgoing;
  readonly params: JsonObject;
  readonly cause: Cause;
  /** Why it was cancelled; empty while it is not. */
  readonly cancelled: string[];
  answer(answer: UpstreamAnswer): void;
  fail(error: Error): void;
  /** A question of the server. */
  ask(method: string, params?: JsonObject, id?: number): Promise<ServerRequestAnswer>;
}

export interface FakeLeg extends Leg {
  readonly sent: Sent[];
  /** Resolves when so many requests have come. */
  until(count: number): Promise<Sent>;
}

export function fakeLeg(revision: Revision): FakeLeg {
  const sent: Sent[] = [];
  const waits: (() => void)[] = [];
  return {
    sent,
    until: async (count) => {
      while (sent.length < count) await new Promise<void>((resolve) => void waits.push(resolve));
      return sent[count - 1] as Sent;
    },
    era: eraOf(revision),
    revision,
    server: { info: { name: 'fake', version: '1' }, capabilities: {}, instructions: undefined, revisions: [revision] },
    ownMeta: undefined,
    inFlight: 0,
    subscriptions: 0,
    request: (outgoing) => {
      const { promise, resolve, reject } = Promise.withResolvers<UpstreamAnswer>();
      const cancelled: string[] = [];
      const cause = outgoing.cause as Cause;
      sent.push({
        outgoing,
        params: (JSON.parse(outgoing.text(sent.length + 1)) as { params: JsonObject }).params,
        cause,
        cancelled,
        answer: resolve,
        fail: reject,
        ask: (method, params, id = 1) =>
          cause.ask({ jsonrpc: '2.0', id, method, ...(params !== undefined && { params }) }),
      });
      for (const wake of waits.splice(0)) wake();
      return {
        answer: promise,
        cancel: (reason = '') => {
          cancelled.push(reason);
          reject(new UpstreamError('cancelled', reason));
        },
      };
    },
    notify: () => undefined,
    setSubscriptions: () => undefined,
    close: () => Promise.resolve(),
    destroy: () => undefined,
  };
}

/** A result of a server, as its bytes. */
export function resultOf(result: JsonObject): UpstreamAnswer {
  return {
    kind: 'result',
    before: Buffer.from('{"jsonrpc":"2.0","id":'),
    after: Buffer.from(`,"result":${JSON.stringify(result)}}`),
  };
}

export function errorOf(code: number, message: string, data?: JsonObject): ErrorAnswer {
  return { kind: 'error', error: { code, message, ...(data !== undefined && { data }) }, status: 200 };
}

/** The result in an answer to the client. */
export function valueOf(answer: Answer): JsonObject {
  if (answer.kind === 'value') return answer.result;
  if (answer.kind === 'error') throw new Error(`an error: ${JSON.stringify(answer.error)}`);
  const text = `${answer.before.toString()}0${answer.after.toString()}`;
  return (JSON.parse(text) as { result: JsonObject }).result;
}

export interface FakeCall extends Call {
  readonly heard: JsonRpcNotification[];
  cancel(): void;
}

export interface CallOptions {
  readonly method?: string;
  readonly params?: JsonObject;
  readonly capabilities?: JsonObject;
  readonly subject?: string;
  readonly endpoint?: string;
  readonly revision?: Revision;
  readonly server?: string;
  /** What a session-era client answers. */
  readonly ask?: (method: string, params: JsonObject | undefined) => Promise<ServerRequestAnswer>;
  readonly logLevel?: Exchange['logLevel'];
}

export function fakeCall(options: CallOptions): FakeCall {
  const { method = 'tools/call', params = { name: 'tool' }, revision = '2026-07-28', ask } = options;
  const listeners: (() => void)[] = [];
  const heard: JsonRpcNotification[] = [];
  const message = { jsonrpc: '2.0', id: 1, method, params } as const;
  const exchange = {
    message,
    text: JSON.stringify(message),
    era: eraOf(revision),
    revision,
    transport: 'http' as const,
    endpoint: options.endpoint ?? '/mcp',
    local: undefined,
    address: undefined,
    principal: { issuer: 'local', subject: options.subject ?? 'ada', roles: [] },
    client: { info: { name: 'client', version: '1' }, capabilities: options.capabilities ?? {} },
    logLevel: options.logLevel,
    session: undefined,
    headers: {},
    cancelled: false,
    onCancel: (listener: () => void) => {
      if (exchange.cancelled) listener();
      else listeners.push(listener);
    },
    hold: () => undefined,
    notify: (notification: JsonRpcNotification) => void heard.push(notification),
    ask: ask ?? (() => Promise.reject(new Error('nobody is asked'))),
  };
  const target = { server: options.server ?? 's', kind: 'tool', canonicalId: 's__tool', original: 'tool' } as const;
  return {
    exchange,
    target,
    heard,
    cancel: () => {
      exchange.cancelled = true;
      for (const listener of listeners.splice(0)) listener();
    },
  };
}

/** Composes as the pipeline's last step does: the changes in the parameters, and the call's own client as the cause. */
function composeFor({ exchange }: Call): (changes: Readonly<Record<string, string | undefined>>) => Outgoing {
  const { method, params } = exchange.message;
  const meta = params?.['_meta'];
  const token = isObject(meta) ? meta['progressToken'] : undefined;
  return (changes) => {
    const changed = Object.entries(changes).map(([name, text]) => [name, text === undefined ? text : JSON.parse(text)]);
    const whole = { ...params, ...(Object.fromEntries(changed) as JsonObject) };
    return {
      method,
      text: (id) => JSON.stringify({ jsonrpc: '2.0', id, method, params: whole }),
      timeoutMs: 1000,
      maxMs: 1000,
      cause: {
        notify: (message) => exchange.notify({ ...message, params: { ...message.params, progressToken: token } }),
        ask: () => Promise.reject(new Error('not by this way')),
      },
    };
  };
}

const ALGORITHM = 'aes-256-gcm';

/** Authenticated encryption, bound to what it is for. */
export function createSealer(): Pick<BridgeOptions, 'seal' | 'unseal'> {
  const key = randomBytes(32);
  return {
    seal: (plain, bound) => {
      const nonce = randomBytes(12);
      const cipher = createCipheriv(ALGORITHM, key, nonce).setAAD(Buffer.from(bound));
      const body = Buffer.concat([cipher.update(plain), cipher.final()]);
      return Buffer.concat([nonce, body, cipher.getAuthTag()]).toString('base64url');
    },
    unseal: (sealed, bound) => {
      const bytes = Buffer.from(sealed, 'base64url');
      if (bytes.length < 28 || bytes.toString('base64url') !== sealed) return undefined;
      const decipher = createDecipheriv(ALGORITHM, key, bytes.subarray(0, 12), { authTagLength: 16 });
      decipher.setAAD(Buffer.from(bound)).setAuthTag(bytes.subarray(-16));
      const plain = decipher.update(bytes.subarray(12, -16));
      try {
        return Buffer.concat([plain, decipher.final()]).toString('utf8');
      } catch {
        return undefined;
      }
    },
  };
}

/** Timers that fire when a test says so. */
export interface FakeTimers {
  nowMs: number;
  readonly set: NonNullable<BridgeOptions['setTimer']>;
  /** How many are set. */
  readonly count: number;
  pass(ms: number): void;
}

export function fakeTimers(): FakeTimers {
  const timers = new Set<{ readonly atMs: number; readonly fire: () => void }>();
  return {
    nowMs: 0,
    set(fire, ms) {
      const timer = { atMs: this.nowMs + ms, fire };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
    get count() {
      return timers.size;
    },
    pass(ms) {
      this.nowMs += ms;
      for (const timer of timers) {
        if (timer.atMs > this.nowMs) continue;
        timers.delete(timer);
        timer.fire();
      }
    },
  };
}

export const REQUEST_STATE_MS = 600_000;

export interface FakeBridge extends Bridge {
  readonly timers: FakeTimers;
  /** A client's request to a leg. */
  call(leg: Leg, call: Call): Promise<Answer>;
}

/** A bridge whose clients can do what their capabilities name, form and URL apart. */
export function fakeBridge(options: Partial<BridgeOptions> = {}, timers: FakeTimers = fakeTimers()): FakeBridge {
  const bridge = createBridge({
    metaText: (meta) => JSON.stringify(meta),
    ask: ({ exchange }, method, params) => exchange.ask(method, params),
    unasked,
    needLevel: () => Promise.resolve(),
    statusFor: () => 200,
    ...createSealer(),
    requestStateMs: REQUEST_STATE_MS,
    randomId: () => randomBytes(16).toString('base64url'),
    now: () => timers.nowMs,
    setTimer: (fire, ms) => timers.set(fire, ms),
    ...options,
  });
  return { ...bridge, timers, call: (leg, call) => bridge.carry(call, leg, composeFor(call)) };
}

function unasked(call: Call, method: string, params: JsonObject | undefined): ServerRequestAnswer | undefined {
  const { capabilities } = call.exchange.client;
  const name = method.split('/')[0] as string;
  const declared = capabilities[name];
  const mode = params?.['mode'];
  if (isObject(declared) && (mode !== 'url' || declared['url'] !== undefined)) return undefined;
  return { error: wireError('method_not_found', `not declared: ${name}`).error };
}
