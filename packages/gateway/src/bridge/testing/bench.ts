/** A stateless client at a session-era server, for tests: its requests, and what the rounds ask for. */

import type { UpstreamAnswer } from '@sallyport/client';
import type { Answer } from '@sallyport/server';
import type { JsonObject } from '@sallyport/wire';
import {
  fakeBridge,
  fakeCall,
  fakeLeg,
  resultOf,
  valueOf,
  type CallOptions,
  type FakeBridge,
  type FakeCall,
  type FakeLeg,
  type Sent,
} from './fakes.ts';

export const CAPABILITIES: JsonObject = { elicitation: { form: {}, url: {} }, sampling: {}, roots: {} };
export const FORM: JsonObject = { message: 'who?', requestedSchema: { type: 'object', properties: {} } };
export const ACCEPT: JsonObject = { action: 'accept', content: { name: 'Ada' } };
export const SAMPLED: JsonObject = { model: 'm', role: 'assistant', content: { type: 'text', text: 's' } };
export const DONE: UpstreamAnswer = resultOf({ content: [] });

export interface Asked {
  readonly requests: Readonly<Record<string, JsonObject>>;
  readonly keys: string[];
  readonly state: string;
}

/** What a round asked for. */
export function asked(answer: Answer): Asked {
  const { resultType, inputRequests, requestState } = valueOf(answer);
  if (resultType !== 'input_required') throw new Error(`no question but ${JSON.stringify(valueOf(answer))}`);
  const requests = inputRequests as Record<string, JsonObject>;
  return { requests, keys: Object.keys(requests), state: requestState as string };
}

export interface Bench {
  readonly bridge: FakeBridge;
  readonly leg: FakeLeg;
  /** A request of the client and its answer; `more` goes into its parameters. */
  readonly request: (
    more?: JsonObject,
    options?: CallOptions,
  ) => { readonly call: FakeCall; readonly answer: Promise<Answer> };
  readonly retry: (state: string, responses: JsonObject, options?: CallOptions) => Promise<Answer>;
}

export function bench(bridge: FakeBridge = fakeBridge(), leg: FakeLeg = fakeLeg('2025-11-25')): Bench {
  const request: Bench['request'] = (more = {}, options = {}) => {
    const call = fakeCall({
      capabilities: CAPABILITIES,
      ...options,
      params: { name: 'tool', ...options.params, ...more },
    });
    const answer = bridge.call(leg, call);
    answer.catch(() => undefined);
    return { call, answer };
  };
  return {
    bridge,
    leg,
    request,
    retry: (requestState, inputResponses, options) => request({ requestState, inputResponses }, options).answer,
  };
}

/** A call whose server has asked one thing, and the client of which was told. */
export async function parked(
  at: Bench,
  options: CallOptions = {},
): Promise<Asked & { sent: Sent; reply: ReturnType<Sent['ask']> }> {
  const { answer } = at.request({}, options);
  const sent = await at.leg.until(at.leg.sent.length);
  const reply = sent.ask('elicitation/create', FORM);
  return { ...asked(await answer), sent, reply };
}
