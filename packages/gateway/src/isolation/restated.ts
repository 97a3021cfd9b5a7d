/** A request as it goes on when a part of it was meant for the gateway: the same caller, other parameters. */

import type { Exchange } from '@sallyport/server';
import type { JsonObject, JsonRpcNotification, JsonRpcRequest, JsonValue } from '@sallyport/wire';

/** The exchange with these members of `params`; undefined takes one out. */
export function withParams(exchange: Exchange, changes: Readonly<Record<string, JsonValue | undefined>>): Exchange {
  const params: JsonObject = Object.fromEntries(
    Object.entries({ ...exchange.message.params, ...changes }).filter(([, value]) => value !== undefined),
  );
  return new Restated(exchange, { ...exchange.message, params });
}

class Restated implements Exchange {
  readonly message: JsonRpcRequest;
  readonly text: string;
  readonly era: Exchange['era'];
  readonly revision: Exchange['revision'];
  readonly transport: Exchange['transport'];
  readonly endpoint: string;
  readonly principal: Exchange['principal'];
  readonly client: Exchange['client'];
  readonly logLevel: Exchange['logLevel'];
  readonly session: Exchange['session'];
  readonly headers: Exchange['headers'];
  readonly #of: Exchange;

  constructor(of: Exchange, message: JsonRpcRequest) {
    this.#of = of;
    this.message = message;
    this.text = JSON.stringify(message);
    this.era = of.era;
    this.revision = of.revision;
    this.transport = of.transport;
    this.endpoint = of.endpoint;
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
