/** A request as it goes on when a part of it was meant for the gateway: the same caller, other parameters. */

import type { Exchange } from '@sallyport/server';
import {
  applyEdits,
  isObject,
  members,
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

/** The exchange with another text of its request. */
export function withText(exchange: Exchange, text: string): Exchange {
  return new Restated(exchange, JSON.parse(text) as JsonRpcRequest, text);
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
  const written = [
    ...kept.map(([name, { start, end }]) => `${JSON.stringify(name)}:${text.slice(start, end)}`),
    ...Object.entries(changes).flatMap(([name, value]) =>
      value === undefined ? [] : [`${JSON.stringify(name)}:${JSON.stringify(value)}`],
    ),
  ];
  return applyEdits(text, [{ ...span, text: `{${written.join(',')}}` }]);
}

/**
 * A call of one tool as the call of another that its arguments name. `member` of the arguments becomes the arguments, in the text as
 * it was written; everything else stays: the token of progress, a task, what the client brings back of an earlier round.
 */
export function withTarget(exchange: Exchange, name: string, member: string): Exchange {
  const { message, text } = exchange;
  const { arguments: outer, ...rest } = message.params ?? {};
  const inner = isObject(outer) ? outer[member] : undefined;
  const params: JsonObject = { ...rest, name, ...(inner !== undefined && { arguments: inner }) };
  const restatedMessage = { ...message, params };
  return new Restated(exchange, restatedMessage, retargeted(text, name, member) ?? JSON.stringify(restatedMessage));
}

/** Undefined where the text could mean different things to different parsers, or has no such arguments. */
function retargeted(text: string, name: string, member: string): string | undefined {
  const found = nestedMembers(text, 0, 'params')?.inner;
  const [named, outer] = [found?.get('name'), found?.get('arguments')];
  const inner = outer && members(text, outer.start)?.get(member);
  if (named === undefined || outer === undefined || inner === undefined) return undefined;
  return applyEdits(text, [
    { ...named, text: JSON.stringify(name) },
    { ...outer, text: text.slice(inner.start, inner.end) },
  ]);
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
