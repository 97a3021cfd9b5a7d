/**
 * An API as the gateway's other rooms know servers: a leg whose answers are made here, one HTTP request for each call. It keeps
 * the clock of each, and tries none again but one whose token was refused.
 */

import { setImmediate } from 'node:timers/promises';
import { UpstreamError, type Leg, type Outgoing, type Pending, type UpstreamAnswer } from '@sallyport/client';
import type { GuardedOrigin, OriginResponse } from '@sallyport/client/egress';
import { ERRORS, isObject, type JsonObject, type JsonValue } from '@sallyport/wire';
import { errorResult, resultOf } from './answer.ts';
import { BadArgument } from './parameters.ts';
import { outgoing, requestOf, type ApiRequest, type CredentialNames } from './request.ts';
import type { Credentials } from './security.ts';
import type { ApiTool } from './tool.ts';

export interface ApiLegOptions {
  /** By the names of tools, in their order. */
  readonly tools: ReadonlyMap<string, ApiTool>;
  readonly info: JsonObject;
  readonly instructions: string | undefined;
  readonly credentials: Credentials;
  /** Where a base leads. */
  readonly open: (base: URL) => GuardedOrigin;
  /** Sent with every request; lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly secretNames: CredentialNames;
  /** Of one answer. */
  readonly maxBytes: number;
  /** Of multipart; nobody can guess it. */
  readonly boundary: () => string;
  readonly setTimer: (fire: () => void, ms: number) => () => void;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** Tools on one page of their list. */
const PAGE = 20;

export function createApiLeg(options: ApiLegOptions): Leg {
  return new ApiLeg(options);
}

class ApiLeg implements Leg {
  readonly era = 'session';
  readonly revision = '2025-11-25';
  readonly ownMeta = undefined;
  readonly subscriptions = 0;
  readonly server: Leg['server'];
  readonly #options: ApiLegOptions;
  readonly #definitions: readonly JsonObject[];
  readonly #running: Set<AbortController> = new Set();
  readonly #origins: Map<string, GuardedOrigin> = new Map();
  #isClosed = false;

  constructor(options: ApiLegOptions) {
    this.#options = options;
    this.#definitions = [...options.tools.values()].map(({ definition }) => definition);
    const { info, instructions } = options;
    this.server = { info, capabilities: { tools: {} }, instructions, revisions: [] };
  }

  get inFlight(): number {
    return this.#running.size;
  }

  request({ maxMs, text, timeoutMs }: Outgoing): Pending {
    const stop = new AbortController();
    this.#running.add(stop);
    const ms = Math.min(timeoutMs, maxMs);
    const takeBack = this.#options.setTimer(() => {
      stop.abort(new UpstreamError('timeout', `The API did not answer within ${ms} ms.`));
    }, ms);
    const answer = this.#answer(JSON.parse(text(0)) as JsonObject, stop.signal).finally(() => {
      takeBack();
      this.#running.delete(stop);
    });
    return {
      answer,
      cancel: (reason) => stop.abort(new UpstreamError('cancelled', reason ?? 'The call was given up.')),
    };
  }

  notify(): void {
    // There is nobody who would hear it.
  }

  setSubscriptions(): void {
    // It has no resources.
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all([...this.#origins.values()].map((origin) => origin.close()));
  }

  destroy(): void {
    this.#isClosed = true;
    for (const stop of this.#running) stop.abort(new UpstreamError('down', 'The server is not used any more.'));
    for (const origin of this.#origins.values()) origin.destroy();
  }

  async #answer({ method, params }: JsonObject, signal: AbortSignal): Promise<UpstreamAnswer> {
    if (this.#isClosed) throw new UpstreamError('down', 'The server is not used any more.');
    const given = isObject(params) ? params : {};
    if (method === 'tools/call') return await this.#call(given, signal);
    if (method === 'tools/list') return resultAnswer(await this.#page(given['cursor']));
    if (method === 'ping') return resultAnswer({});
    return { kind: 'error', error: { code: ERRORS.method_not_found.code, message: 'An API has nothing but tools.' } };
  }

  /** A long list made and read in one go would stop everything else meanwhile. A cursor says how many came before. */
  async #page(cursor: JsonValue | undefined): Promise<JsonObject> {
    const first = typeof cursor === 'string' ? Number(cursor) : 0;
    if (first > 0) await setImmediate();
    const end = first + PAGE;
    const tools = this.#definitions.slice(first, end);
    return end < this.#definitions.length ? { tools, nextCursor: String(end) } : { tools };
  }

  async #call({ arguments: args, name }: JsonObject, signal: AbortSignal): Promise<UpstreamAnswer> {
    const { boundary, credentials, now, secretNames, tools } = this.#options;
    const tool = typeof name === 'string' ? tools.get(name) : undefined;
    if (tool === undefined)
      return { kind: 'error', error: { code: ERRORS.invalid_params.code, message: 'Unknown tool' } };
    const problem = credentials.problem(tool.requirements);
    if (problem !== undefined) return resultAnswer(errorResult(problem));
    let request: ApiRequest;
    try {
      request = requestOf(tool, args, { boundary, secretNames });
    } catch (error) {
      if (error instanceof BadArgument) return resultAnswer(errorResult(error.message));
      throw new UpstreamError('protocol', `The request could not be made: ${String(error)}`, { cause: error });
    }
    return resultAnswer(resultOf(tool, request, await this.#send(tool, request, signal), now()));
  }

  async #send(tool: ApiTool, request: ApiRequest, signal: AbortSignal): Promise<OriginResponse> {
    const response = await this.#sendOnce(tool, request, signal);
    // It was not served, so it may be sent again.
    const isRefused = response.status === 401 && response.refused !== undefined;
    response.refused?.();
    return isRefused ? await this.#sendOnce(tool, request, signal) : response;
  }

  async #sendOnce(
    tool: ApiTool,
    request: ApiRequest,
    signal: AbortSignal,
  ): Promise<OriginResponse & { readonly refused?: () => void }> {
    const { credentials, headers, maxBytes } = this.#options;
    const along = await unless(credentials.along(tool.requirements), signal).catch((error: unknown) => {
      if (error instanceof UpstreamError) throw error;
      throw new UpstreamError('down', `There is no token for the API: ${(error as Error).message}`, { cause: error });
    });
    const sent = outgoing(request, along, headers);
    const { method } = tool.operation;
    const response = await this.#origin(tool.base).request({ ...sent, method, maxBytes, signal });
    if (response.isCut && response.status < 400) {
      throw new UpstreamError('too_large', `The answer of the API is larger than ${maxBytes} bytes.`);
    }
    return response.status === 401 && along.refused !== undefined ? { ...response, refused: along.refused } : response;
  }

  #origin(base: URL): GuardedOrigin {
    const known = this.#origins.get(base.origin);
    if (known !== undefined) return known;
    const opened = this.#options.open(base);
    this.#origins.set(base.origin, opened);
    return opened;
  }
}

function resultAnswer(result: JsonObject): UpstreamAnswer {
  return {
    kind: 'result',
    before: Buffer.from('{"jsonrpc":"2.0","id":'),
    after: Buffer.from(`,"result":${JSON.stringify(result)}}`),
  };
}

/** What comes of `promise`, or the signal's reason. */
function unless<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const giveUp = (): void => reject(signal.reason as Error);
    signal.addEventListener('abort', giveUp);
    if (signal.aborted) giveUp();
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', giveUp));
  });
}
