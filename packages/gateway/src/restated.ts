/** A request as it goes on when a part of it was meant for the gateway: the same caller, other parameters. */

import type { Exchange } from '@sallyport/server';
import {
  applyEdits,
  nestedMembers,
  type JsonObject,
  type JsonRpcNotification,
  type JsonRpcRequest,
  type JsonValue,
} from '@sallyport/wire';

/** The exchange with these members of `params`; undefined takes one out. */
export function withParams(exchange: Exchange, changes: Readonly<Record<string, JsonValue | undefined>>): Exchange {
  const params: JsonObject = Object.fromEntries(
    Object.entries({ ...exchange.message.params, ...changes }).filter(([, value]) => value !== undefined),
  );
  return new Restated(exchange, { ...exchange.message, params }, restated(exchange, params, changes));
}

/** The text of the request: what did not change stands in it as it was written, numbers that no double holds included. */
function restated(
  { message, text }: Exchange,
  params: JsonObject,
  changes: Readonly<Record<string, JsonValue | undefined>>,
): string {
  const found = nestedMembers(text, 0, 'params');
  const span = found?.outer.get('params');
  if (found?.inner === undefined || span === undefined) return JSON.stringify({ ...message, params });
  const kept = [...found.inner].filter(([name]) => !Object.hasOwn(changes, name));
  const members = [
    ...kept.map(([name, { start, end }]) => `${JSON.stringify(name)}:${text.slice(start, end)}`),
    ...Object.entries(changes).flatMap(([name, value]) =>
      value === undefined ? [] : [`${JSON.stringify(name)}:${JSON.stringify(value)}`],
    ),
  ];
  return applyEdits(text, [{ ...span, text: `{${members.join(',')}}` }]);
}

class Restated implements Exchange {
  readonly message: JsonRpcRequest;
  readonly text: string;
  readonly era: Exchange['era'];
  readonly revision: Exchange['revision'];
  readonly transport: Exchange['transport'];
  readonly endpoint: string;
  readonly address: Exchange['address'];
  readonly principal: Exchange['principal'];
  readonly client: Exchange['client'];
  readonly logLevel: Exchange['logLevel'];
  readonly session: Exchange['session'];
  readonly headers: Exchange['headers'];
  readonly #of: Exchange;

  constructor(of: Exchange, message: JsonRpcRequest, text: string) {
    this.#of = of;
    this.message = message;
    this.text = text;
    this.era = of.era;
    this.revision = of.revision;
    this.transport = of.transport;
    this.endpoint = of.endpoint;
    this.address = of.address;
    this.principal = of.principal;
    this.client = of.client;
    this.logLevel = of.logLevel;
    this.session = of.session;
    this.headers = of.headers;
  }

  get local(): Exchange['local'] {
    return this.#of.local;
  }

  get cancelled(): boolean {
    return this.#of.cancelled;
  }

  onCancel(listener: () => void): void {
    this.#of.onCancel(listener);
  }

  hold(): void {
    this.#of.hold();
  }

  notify(message: JsonRpcNotification): void {
    this.#of.notify(message);
  }

  ask(method: string, params: JsonObject | undefined): ReturnType<Exchange['ask']> {
    return this.#of.ask(method, params);
  }
}
