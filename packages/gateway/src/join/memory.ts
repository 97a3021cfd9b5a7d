/**
 * What a client has set up with its gateway, so that it can be set up again with another one: its session (2025-11-25 and
 * before), the log level and the resource subscriptions in force. Open `subscriptions/listen` of stateless clients are calls
 * in flight and are not kept here. Bounded like a session of the gateway is.
 */
import type { JsonObject } from '@sallyport/wire';

/** As many as a gateway takes of one session. */
const MAX_URIS = 1000;

export interface Setup {
  readonly method: string;
  readonly params: JsonObject;
}

export interface Memory {
  /** A request of the client was answered with a result. */
  accepted(method: string, params: JsonObject): void;
  /** `notifications/initialized` as the client wrote it. */
  initialized(line: Buffer): void;
  /** The parameters of `initialize`; undefined when there is no session. */
  readonly greeting: JsonObject | undefined;
  /** Undefined when the client has not said that it is ready. */
  readonly ready: Buffer | undefined;
  /** What must be asked for again once there is a session, in order. */
  readonly setups: readonly Setup[];
}

export function createMemory(): Memory {
  const state: { greeting?: JsonObject; ready?: Buffer; level?: JsonObject } = {};
  const subscriptions = new Map<string, JsonObject>();
  return {
    accepted(method, params) {
      const { uri } = params;
      if (method === 'initialize') state.greeting = params;
      else if (method === 'logging/setLevel') state.level = params;
      else if (typeof uri !== 'string') return;
      else if (method === 'resources/unsubscribe') subscriptions.delete(uri);
      else if (method === 'resources/subscribe' && subscriptions.size < MAX_URIS) subscriptions.set(uri, params);
    },
    initialized(line) {
      state.ready = line;
    },
    get greeting() {
      return state.greeting;
    },
    get ready() {
      return state.ready;
    },
    get setups() {
      const level = state.level === undefined ? [] : [{ method: 'logging/setLevel', params: state.level }];
      return [...level, ...[...subscriptions.values()].map((params) => ({ method: 'resources/subscribe', params }))];
    },
  };
}
