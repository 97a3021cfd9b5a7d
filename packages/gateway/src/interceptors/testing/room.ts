/** Interceptors for tests: hooks that answer as they are told, and what came of it kept. */

import type { Answer, Exchange } from '@sallyport/server';
import type { JsonObject, JsonValue } from '@sallyport/wire';
import type { Call, Next, Step, Target } from '../../call.ts';
import { withParams } from '../../restated.ts';
import { createInterceptors, type Interceptors, type InterceptorSettings, type Intervention } from '../index.ts';

export type Reply = (question: JsonObject, name: string) => object | Promise<object>;

export interface Opened {
  readonly room: Interceptors;
  readonly asked: { readonly name: string; readonly question: JsonObject }[];
  readonly told: (Intervention & { readonly server?: string })[];
  readonly logged: string[];
  /** Names of interceptors, as they were opened, given up and closed. */
  readonly life: string[];
  readonly timers: { readonly ms: number; readonly fire: () => void; isOff: boolean }[];
  nowMs: number;
  /** In what they say and are shown. */
  own: string;
}

export function settings(name: string, more: Partial<InterceptorSettings> = {}): InterceptorSettings {
  return {
    name,
    target: { kind: 'http', url: `https://${name}.test/`, headers: {} },
    phases: ['before-call', 'after-call', 'list'],
    kinds: ['tool', 'prompt', 'resource'],
    timeoutMs: 1000,
    onError: 'closed',
    maxBytes: 10_000,
    ...more,
  };
}

export function open(all: readonly InterceptorSettings[], reply: Reply): Opened {
  const made: Omit<Opened, 'room'> = {
    asked: [],
    told: [],
    logged: [],
    life: [],
    timers: [],
    nowMs: 0,
    own: 'sally-own',
  };
  const room = createInterceptors({
    settings: all,
    open: ({ name }) => {
      made.life.push(`open ${name}`);
      return {
        ask: async (text, _timeoutMs, signal) => {
          const question = JSON.parse(text) as JsonObject;
          made.asked.push({ name, question });
          const gone = Promise.withResolvers<never>();
          signal?.addEventListener('abort', () => gone.reject(signal.reason as Error));
          return JSON.stringify(await Promise.race([reply(question, name), gone.promise]));
        },
        warm: () => undefined,
        renew: () => void made.life.push(`renew ${name}`),
        close: async () => void made.life.push(`close ${name}`),
        destroy: () => undefined,
      };
    },
    rolesOf: ({ roles }) => new Set(roles),
    logIdOf: () => 'c0ffee',
    withParams,
    isRefused: ({ text }) => text.includes(made.own),
    holdsOwn: (text) => text.includes(made.own),
    isKeptBack: (_server, tool) => tool['name'] === 'kept-back',
    bytesOf: async ({ after }) => after,
    parsed: (bytes) => (JSON.parse(`{"id":0${bytes.toString()}`) as { result: JsonObject }).result,
    reportCall: (news) => made.told.push(news),
    reportList: (news, server) => made.told.push({ ...news, server }),
    setTimer: (fire, ms) => {
      const timer = { ms, fire, isOff: false };
      made.timers.push(timer);
      return () => void (timer.isOff = true);
    },
    now: () => made.nowMs,
    log: (_level, text) => made.logged.push(text),
  });
  return Object.assign(made, { room });
}

export function callOf(args: JsonValue | undefined, target: Partial<Target> = {}): Call {
  const params = { name: 'shown', ...(args !== undefined && { arguments: args }) };
  const message = { jsonrpc: '2.0', id: 1, method: 'tools/call', params } as const;
  const principal = { issuer: 'i', subject: 's', roles: ['dev'] };
  const exchange = { message, text: JSON.stringify(message), era: 'session', principal, onCancel: () => undefined };
  return {
    exchange: exchange as unknown as Exchange,
    target: { server: 'up', kind: 'tool', canonicalId: 'up__t', original: 't', ...target },
  };
}

export function bytesAnswer(result: JsonObject): Extract<Answer, { kind: 'result' }> {
  return {
    kind: 'result',
    before: Buffer.from('{"jsonrpc":"2.0","id":'),
    after: Buffer.from(`,"result":${JSON.stringify(result)}}`),
  };
}

/** Through both steps; `again` is where a changed call is decided once more. */
export function route(room: Interceptors, last: Next, again: Step = (call, next) => next(call)): Next {
  const before = room.before(again);
  return (call) => before(call, (next) => room.after(next, last));
}
