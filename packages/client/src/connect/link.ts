/**
 * The connection under a client, kept alive: a supervised upstream with a heartbeat, tried again for as long as the client
 * lives, and logins where the server wants one. What is asked on it is not known here.
 */

import { createReaper, type Reaper } from '@sallyport/host';
import type { Era, JsonObject, JsonRpcNotification } from '@sallyport/wire';
import { createConnector } from '../connectors.ts';
import { UpstreamError, type Leg, type LegEvents } from '../leg.ts';
import { createUpstream } from '../supervise.ts';
import type { OnWire, Target, Upstream, UpstreamOptions, Verdict } from '../upstream.ts';
import { unlessAborted } from './abort.ts';
import type { ClientState } from './api.ts';
import { ClientError, clientError } from './error.ts';
import { createBeatingConnector, type BeatingConnector, type HeartbeatOptions } from './heartbeat.ts';
import type { Logins } from './login.ts';
import type { ClientParts, Diagnostic } from './options.ts';

/** Logins for one request: a first one, and one for more scope. */
const MAX_LOGINS = 2;

export interface LinkOptions {
  /** For messages. */
  readonly name: string;
  readonly target: Target;
  readonly era: 'auto' | Era;
  readonly connectTimeoutMs: number;
  readonly maxMessageBytes: number;
  readonly heartbeat: HeartbeatOptions;
  readonly reconnect: boolean;
  readonly clientInfo: JsonObject;
  readonly capabilities: JsonObject;
  readonly logins: Logins | undefined;
  readonly onUnattributed: LegEvents['onUnattributed'];
  readonly onNotification: (message: JsonRpcNotification) => void;
  /** `isAgain`: it was up before. */
  readonly onUp: (leg: Leg, isAgain: boolean) => void;
  readonly onState: (state: ClientState, error: ClientError | undefined) => void;
  readonly onDiagnostic: (diagnostic: Diagnostic) => void;
  readonly onWire?: OnWire;
}

/** Starts nothing yet. */
export function createLink(options: LinkOptions, parts: ClientParts): Link {
  return new Link(options, parts);
}

export class Link {
  readonly kind: Target['kind'];
  readonly #options: LinkOptions;
  readonly #parts: ClientParts;
  readonly #preferred: Era;
  readonly #upstream: Upstream;
  readonly #connector: BeatingConnector;
  readonly #reaper: Reaper;
  #state: ClientState = 'connecting';
  #wasUp = false;
  #takeBackRetry: (() => void) | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: LinkOptions, parts: ClientParts) {
    this.#options = options;
    this.#parts = parts;
    this.kind = options.target.kind;
    this.#preferred = options.era === 'session' ? 'session' : 'stateless';
    this.#reaper = createReaper({ log: (text) => this.#log('warn', text) });
    const upstream = this.#upstreamOptions();
    this.#connector = createBeatingConnector(createConnector(upstream, parts.monotonic), {
      ...options.heartbeat,
      name: options.name,
      kind: this.kind,
      setTimer: parts.setTimer,
      onUnattributed: options.onUnattributed,
    });
    this.#upstream = createUpstream(upstream, { ...parts, connector: this.#connector });
  }

  get state(): ClientState {
    return this.#state;
  }

  /** The leg that is up, if one is. */
  get leg(): Leg | undefined {
    return this.#upstream.legs[0];
  }

  /** Has somebody log in where that is needed, and does it again then. Rejects with `ClientError`. */
  async use<T>(act: (leg: Leg) => Promise<T>, signal?: AbortSignal): Promise<T> {
    for (let logins = 0; ; logins++) {
      try {
        if (this.#state === 'closed') throw closedError();
        return await unlessAborted(signal, async () => act(await this.#upstream.leg(this.#preferred)));
      } catch (error) {
        const needed = error instanceof UpstreamError && logins < MAX_LOGINS ? error.login : undefined;
        if (needed === undefined || this.#options.logins === undefined) throw this.#errorFor(error, signal);
        await this.#logIn(needed, signal);
      }
    }
  }

  /** Something came from the server. */
  alive(): void {
    this.#connector.alive();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  destroy(): void {
    this.#retire(undefined);
    this.#upstream.destroy();
    this.#options.logins?.close();
    void this.#reaper.close();
  }

  async #close(): Promise<void> {
    this.#retire(undefined);
    await this.#upstream.close();
    this.#options.logins?.close();
    await this.#reaper.close();
  }

  #retire(error: ClientError | undefined): void {
    this.#takeBackRetry?.();
    this.#connector.stop();
    this.#enter('closed', error);
  }

  #enter(state: ClientState, error: ClientError | undefined): void {
    if (this.#state === 'closed') return;
    this.#state = state;
    this.#options.onState(state, error);
  }

  async #logIn(needed: NonNullable<UpstreamError['login']>, signal: AbortSignal | undefined): Promise<void> {
    try {
      await this.#options.logins?.login(needed, signal);
    } catch (error) {
      throw this.#errorFor(error, signal);
    }
  }

  #errorFor(error: unknown, signal: AbortSignal | undefined): unknown {
    if (signal?.aborted === true) {
      return new ClientError('cancelled', 'The request was given up by its caller.', { cause: signal.reason });
    }
    const isOfEnd = error instanceof UpstreamError && error.reason === 'down' && this.#state === 'closed';
    return isOfEnd ? closedError(error) : clientError(error);
  }

  #upstreamOptions(): UpstreamOptions {
    const { logins, target, ...options } = this.#options;
    const verdicts = new Map<string, Verdict>();
    return {
      ...options,
      target,
      idleMs: 0,
      clientCapabilities: options.capabilities,
      verdicts: {
        get: async (key) => verdicts.get(key),
        put: async (key, verdict) => void verdicts.set(key, verdict),
      },
      events: {
        onUp: (leg) => this.#onUp(leg),
        onDown: (error) => this.#onDown(error),
        onFailedStart: (error) => this.#onFailedStart(error),
        onNotification: (_leg, message) => options.onNotification(message),
        // The connector has answered it before.
        onUnattributed: () => ({ result: {} }),
        log: (level, text, detail) => this.#log(level, text, detail),
      },
      env: this.#parts.env,
      now: Date.now,
      reaper: this.#reaper,
      ...(logins !== undefined && { authorization: logins.authorization }),
    };
  }

  #onUp(leg: Leg): void {
    const isAgain = this.#wasUp;
    this.#wasUp = true;
    this.#takeBackRetry?.();
    this.#options.onUp(leg, isAgain);
    this.#enter('up', undefined);
  }

  #onDown(error: UpstreamError): void {
    const failure = clientError(error) as ClientError;
    if (this.#options.reconnect) return this.#enter('down', failure);
    this.#retire(failure);
    this.destroy();
  }

  #onFailedStart(error: UpstreamError): void {
    this.#enter('down', clientError(error) as ClientError);
    // How long it is to be left alone is known when the upstream has counted the failure.
    queueMicrotask(() => this.#expectRetry());
  }

  #expectRetry(): void {
    if (this.#state !== 'down') return;
    const retry = (): void => {
      // Timers may be a little early.
      if (this.#upstream.status().retryInMs > 0) this.#expectRetry();
      else void this.#upstream.leg(this.#preferred).catch(() => undefined);
    };
    this.#takeBackRetry?.();
    this.#takeBackRetry = this.#parts.setTimer(retry, Math.ceil(this.#upstream.status().retryInMs));
  }

  #log(level: Diagnostic['level'], text: string, detail?: Diagnostic['detail']): void {
    this.#options.onDiagnostic({ level, text, detail });
  }
}

function closedError(cause?: unknown): ClientError {
  return new ClientError('closed', 'The client was closed.', { cause });
}
