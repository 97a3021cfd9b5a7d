/**
 * What a server says while it works on a call goes to the client of that call and to nobody else: progress under the
 * client's own token, log messages at its level, and questions that the client said it can answer.
 */

import type { Cause, ServerRequestAnswer } from '@sallyport/client';
import { LOG_LEVELS, type JsonObject, type JsonRpcNotification, type LogLevel } from '@sallyport/wire';
import type { Call } from '../call.ts';
import { progressToken } from './request-text.ts';

/** The client capability that a server's request needs. */
const NEEDS: ReadonlyMap<string, string> = new Map([
  ['sampling/createMessage', 'sampling'],
  ['elicitation/create', 'elicitation'],
  ['roots/list', 'roots'],
]);

/** True when the client declared what this request of a server needs. */
export function clientCan(capabilities: JsonObject, method: string): boolean {
  const capability = NEEDS.get(method);
  return capability === undefined || capabilities[capability] !== undefined;
}

export function lacksCapability(method: string): ServerRequestAnswer {
  return { error: { code: -32601, message: `The client of this call does not offer ${method}.` } };
}

/** True when a message of `level` is wanted by one who asked for `wanted` and above. */
export function reachesLevel(level: unknown, wanted: LogLevel): boolean {
  return LOG_LEVELS.indexOf(level as LogLevel) >= LOG_LEVELS.indexOf(wanted);
}

export function causeOf(call: Call): Cause {
  const { exchange } = call;
  return {
    notify: (message) => {
      const shown = forClient(call, message);
      if (shown !== undefined) exchange.notify(shown);
    },
    ask: async (message) => {
      if (!clientCan(exchange.client.capabilities, message.method)) return lacksCapability(message.method);
      return await exchange.ask(message.method, message.params);
    },
  };
}

function forClient(call: Call, message: JsonRpcNotification): JsonRpcNotification | undefined {
  const { exchange } = call;
  if (message.method === 'notifications/progress') {
    const token = progressToken(exchange.message);
    return token === undefined ? undefined : { ...message, params: { ...message.params, progressToken: token } };
  }
  if (message.method !== 'notifications/message') return message;
  if (exchange.logLevel === undefined) return exchange.era === 'session' ? message : undefined;
  return reachesLevel(message.params?.['level'], exchange.logLevel) ? message : undefined;
}
