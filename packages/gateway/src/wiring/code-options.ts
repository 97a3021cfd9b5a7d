/** What code mode is given of the other rooms: how a program is carried for its client, and how it makes its calls. */

import type { Cause } from '@sallyport/client';
import type { Exchange, Visitor } from '@sallyport/server';
import type { JsonObject, JsonRpcNotification } from '@sallyport/wire';
import type { Bridge, Compose } from '../bridge/index.ts';
import { resultText } from '../bridge/result-bytes.ts';
import type { Call } from '../call.ts';
import type { CatalogView } from '../catalog/index.ts';
import { readyView } from '../catalog/view.ts';
import type { createCode } from '../code/index.ts';
import type { Config } from '../config/index.ts';
import { INNER_PROGRESS } from '../inner-exchange.ts';
import type { InnerCall } from '../meta.ts';
import { setTimer } from '../steps.ts';
import { progressToken } from '../upstream/request-text.ts';

export interface CodeParts {
  readonly info: JsonObject;
  readonly inner: InnerCall;
  readonly bridge: Bridge;
  /** Calls that one client may have under way. */
  readonly concurrency: () => number;
  /** Programs that are tools, of the configuration in force. */
  readonly saved: () => Config['tools'];
  /** What somebody sees. */
  readonly viewOf: (visitor: Visitor) => CatalogView;
}

export function codeOptions({
  bridge,
  concurrency,
  info,
  inner,
  saved,
  viewOf,
}: CodeParts): Parameters<typeof createCode>[0] {
  return {
    info,
    inner,
    concurrency,
    toolNamed: (name) => (Object.hasOwn(saved(), name) ? saved()[name] : undefined),
    see: async (exchange) => (await readyView(() => viewOf(exchange), ['tools'])).catalog.tools.values(),
    carry: async (call, leg) => {
      const { exchange } = call;
      if (exchange.era === 'stateless') return await bridge.carry(call, leg, composeFor(call));
      const pending = leg.request(composeFor(call)({}));
      exchange.onCancel(() => pending.cancel());
      const answer = await pending.answer;
      return answer.kind === 'result' ? answer : { kind: 'error', error: answer.error, status: 200 };
    },
    goesOn: ({ exchange }) => exchange.era === 'stateless' && exchange.message.params?.['requestState'] !== undefined,
    setTimer,
    monotonic: () => performance.now(),
    textOf: resultText,
  };
}

/** A program gets its order otherwise, and keeps its own time. */
function composeFor({ exchange }: Call): Compose {
  const outgoing: ReturnType<Compose> = {
    method: exchange.message.method,
    text: () => exchange.text,
    timeoutMs: 0,
    maxMs: 0,
    cause: causeOf(exchange),
  };
  return () => outgoing;
}

/** What is said and asked passed the guard and the capabilities of the client on the way of the inner call. */
function causeOf(exchange: Exchange): Cause {
  return {
    notify: (message) => {
      const own = forClient(exchange, message);
      if (own !== undefined) exchange.notify(own);
    },
    ask: ({ method, params }) => exchange.ask(method, params),
  };
}

function forClient({ message }: Exchange, said: JsonRpcNotification): JsonRpcNotification | undefined {
  if (said.params?.['progressToken'] !== INNER_PROGRESS) return said;
  const token = progressToken(message);
  return token === undefined ? undefined : { ...said, params: { ...said.params, progressToken: token } };
}
