/**
 * One configured server, kept alive: legs are started when they are wanted, shared by all who want them meanwhile,
 * stopped when idle, and tried again with back-off when they fail. Which era is spoken and over what is the connector's
 * to find; what a leg carries is the caller's.
 */

import type { Era } from '@sallyport/wire';
import { createBackoff, type Backoff } from './backoff.ts';
import { unrefTimer, type SetTimer } from './clock.ts';
import type { Connected, Connector } from './connector.ts';
import { createConnector } from './connectors.ts';
import { UpstreamError, type Leg, type LegEvents } from './leg.ts';
import type { Upstream, UpstreamOptions, UpstreamState, UpstreamStatus } from './upstream.ts';

/** A leg that goes down sooner than this has not been a success. */
const STABLE_MS = 10_000;

const ERAS: readonly Era[] = ['session', 'stateless'];

/** What tests replace. */
export interface SupervisionParts {
  readonly connector: Connector;
  /** Milliseconds, monotonic. */
  readonly monotonic: () => number;
  readonly setTimer: SetTimer;
  /** In [0, 1). */
  readonly random: () => number;
}

/** Starts nothing yet. */
export function createUpstream(options: UpstreamOptions, parts?: Partial<SupervisionParts>): Upstream {
  const monotonic = parts?.monotonic ?? (() => performance.now());
  return new SupervisedUpstream(options, {
    monotonic,
    connector: parts?.connector ?? createConnector(options, monotonic),
    setTimer: parts?.setTimer ?? unrefTimer,
    random: parts?.random ?? Math.random,
  });
}

/** A leg that is up. */
interface Running extends Connected {
  readonly upAtMs: number;
}

class SupervisedUpstream implements Upstream {
  readonly name: string;
  readonly #options: UpstreamOptions;
  readonly #parts: SupervisionParts;
  readonly #backoff: Backoff;
  readonly #running = new Map<Era, Running>();
  /** Idle legs that come to their end. */
  readonly #ending = new Map<Running, Promise<void>>();
  readonly #starting = new Map<Era | 'both', Promise<Leg>>();
  #closing: Promise<void> | undefined;
  #closed = false;
  #lastUseMs = 0;
  /** How many say that it is in use though nothing is under way. */
  #holds = 0;
  #takeBackIdle: (() => void) | undefined;
  #takeBackRestart: (() => void) | undefined;
  #lastError: string | undefined;
  #last: Connected | undefined;
  #starts = 0;
  #pastNoiseLines = 0;

  constructor(options: UpstreamOptions, parts: SupervisionParts) {
    this.name = options.name;
    this.#options = options;
    this.#parts = parts;
    this.#backoff = createBackoff({ now: parts.monotonic, random: parts.random });
  }

  ready(preferred: Era): Leg | undefined {
    const running = this.#running.get(preferred);
    if (running === undefined) return undefined;
    this.#lastUseMs = this.#parts.monotonic();
    return running.leg;
  }

  get legs(): readonly Leg[] {
    return this.#distinct().map(({ leg }) => leg);
  }

  async leg(preferred: Era): Promise<Leg> {
    const ready = this.ready(preferred);
    if (ready !== undefined) return ready;
    const key = this.#parts.connector.isShared ? 'both' : preferred;
    const starting = this.#starting.get(key);
    if (starting !== undefined) return starting;
    if (this.#closed) throw this.#closedError();
    if (!this.#backoff.tryNow()) throw this.#heldBack();
    const start = this.#start(preferred).finally(() => this.#starting.delete(key));
    this.#starting.set(key, start);
    return start;
  }

  status(): UpstreamStatus {
    return {
      state: this.#state(),
      eras: this.#last?.eras ?? [],
      revision: this.#last?.leg.revision,
      pid: this.#anyRunning()?.pid,
      lastError: this.#lastError,
      retryInMs: this.#anyRunning() === undefined ? this.#backoff.retryInMs() : 0,
      restarts: Math.max(0, this.#starts - 1),
      noiseLines: this.#pastNoiseLines + this.#distinct().reduce((sum, { noiseLines }) => sum + noiseLines(), 0),
    };
  }

  hold(): () => void {
    this.#holds++;
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      this.#holds--;
      this.#lastUseMs = this.#parts.monotonic();
    };
  }

  close(): Promise<void> {
    this.#closing ??= this.#end();
    return this.#closing;
  }

  destroy(): void {
    this.#retire();
    for (const { leg } of [...this.#distinct(), ...this.#ending.keys()]) leg.destroy();
    this.#running.clear();
    this.#parts.connector.destroy();
  }

  async #end(): Promise<void> {
    this.#retire();
    const ends = this.#distinct().map(({ leg }) => leg.close());
    // What is being started need not be drained: its callers are told.
    await Promise.all([...ends, ...this.#ending.values()]);
    await this.#parts.connector.close();
    await Promise.allSettled(this.#starting.values());
    this.#running.clear();
  }

  #retire(): void {
    this.#closed = true;
    this.#takeBackIdle?.();
    this.#takeBackRestart?.();
  }

  #state(): UpstreamState {
    if (this.#closed) return 'closed';
    if (this.#running.size > 0) return 'up';
    if (this.#starting.size > 0) return 'starting';
    return this.#backoff.failures > 0 ? 'failed' : 'idle';
  }

  async #start(preferred: Era): Promise<Leg> {
    this.#takeBackRestart?.();
    this.#options.events.onStart?.(this.#starts > 0);
    this.#starts++;
    const attempt: Attempt = { preferred, running: undefined };
    try {
      // Two children of one server at a time could disturb each other.
      await Promise.all(this.#ending.values());
      const connected = await this.#parts.connector.connect({
        preferred,
        events: this.#eventsOf(attempt),
      });
      return this.#onUp(attempt, connected);
    } catch (error) {
      throw this.#onFailedStart(error);
    }
  }

  #onUp(attempt: Attempt, connected: Connected): Leg {
    this.#backoff.gaveUp();
    if (this.#closed) {
      connected.leg.destroy();
      throw this.#closedError();
    }
    const nowMs = this.#parts.monotonic();
    const running: Running = { ...connected, upAtMs: nowMs };
    // A leg that is up already stays the one for its era; two that were started at once may turn out to be for the same.
    const served = connected.serves.filter((era) => !this.#running.has(era));
    const other = this.#running.get(
      connected.serves.includes(attempt.preferred) ? attempt.preferred : connected.leg.era,
    );
    if (served.length === 0 && other !== undefined) {
      if (other.leg !== connected.leg) this.#letEnd(running);
      return other.leg;
    }
    attempt.running = running;
    for (const era of served) this.#running.set(era, running);
    this.#last = connected;
    this.#lastError = undefined;
    this.#lastUseMs = nowMs;
    this.#expectIdle(this.#options.idleMs);
    this.#options.events.onUp(connected.leg);
    return connected.leg;
  }

  #onFailedStart(error: unknown): UpstreamError {
    const failure =
      error instanceof UpstreamError
        ? error
        : new UpstreamError('down', `The server "${this.name}" could not be started: ${String(error)}`, {
            cause: error,
          });
    // A server that asks for a credential works, and has not been started; and a start that was broken off says nothing.
    if (this.#closed || failure.reason === 'unauthorized') {
      this.#backoff.gaveUp();
      this.#starts--;
      return failure;
    }
    this.#lastError = failure.message;
    this.#options.events.onFailedStart?.(failure);
    this.#fails();
    this.#options.events.log('error', failure.message, {
      server: this.name,
      failures: this.#backoff.failures,
      retryInMs: Math.round(this.#backoff.retryInMs()),
    });
    return failure;
  }

  #eventsOf(attempt: Attempt): LegEvents {
    const { events } = this.#options;
    return {
      onNotification: (message) => {
        if (attempt.running !== undefined) events.onNotification(attempt.running.leg, message);
      },
      onUnattributed: (message) =>
        attempt.running === undefined
          ? { error: { code: -32601, message: 'Nothing can be asked before the session is open.' } }
          : events.onUnattributed(attempt.running.leg, message),
      onDown: (error) => this.#onDown(attempt, error),
      log: (level, text, detail) => events.log(level, text, detail),
    };
  }

  #onDown({ preferred, running }: Attempt, error: UpstreamError): void {
    // Before it is up, its start fails and says why.
    if (running === undefined || !this.#forget(running)) return;
    if (this.#parts.monotonic() - running.upAtMs >= STABLE_MS) this.#backoff.succeeded();
    const isFailure = error.reason !== 'unauthorized';
    this.#lastError = error.message;
    this.#options.events.onDown(error);
    if (isFailure) this.#fails();
    if (isFailure && !this.#closed && !this.#backoff.isBroken) this.#expectRestart(preferred);
  }

  #fails(): void {
    const wasBroken = this.#backoff.isBroken;
    this.#backoff.failed();
    if (!wasBroken && this.#backoff.isBroken) this.#options.events.onBroken?.();
  }

  /** A leg that went down is started again without a caller: subscriptions and list changes hang on it. */
  #expectRestart(preferred: Era): void {
    const restart = (): void => {
      // Timers may be a little early.
      if (this.#backoff.retryInMs() > 0) this.#expectRestart(preferred);
      else void this.leg(preferred).catch(() => undefined);
    };
    this.#takeBackRestart = this.#parts.setTimer(restart, Math.ceil(this.#backoff.retryInMs()));
  }

  /** False when it was forgotten before. */
  #forget(running: Running): boolean {
    let found = false;
    for (const era of ERAS) if (this.#running.get(era) === running) found = this.#running.delete(era);
    if (found) this.#pastNoiseLines += running.noiseLines();
    return found;
  }

  #expectIdle(inMs: number): void {
    if (this.#options.idleMs === 0) return;
    this.#takeBackIdle?.();
    this.#takeBackIdle = this.#parts.setTimer(() => this.#stopIdle(), inMs);
  }

  #stopIdle(): void {
    const all = this.#distinct();
    if (all.length === 0) return;
    const nowMs = this.#parts.monotonic();
    if (this.#holds > 0 || all.some(({ leg }) => leg.inFlight > 0 || leg.subscriptions > 0)) this.#lastUseMs = nowMs;
    const leftMs = this.#lastUseMs + this.#options.idleMs - nowMs;
    if (leftMs > 0) {
      this.#expectIdle(leftMs);
      return;
    }
    this.#backoff.succeeded();
    for (const running of all) {
      this.#forget(running);
      this.#letEnd(running);
    }
    this.#options.events.log('info', `The server "${this.name}" was idle and is stopped until it is wanted again.`);
  }

  #letEnd(running: Running): void {
    this.#ending.set(
      running,
      running.leg.close().finally(() => this.#ending.delete(running)),
    );
  }

  #distinct(): readonly Running[] {
    return [...new Set(this.#running.values())];
  }

  #anyRunning(): Running | undefined {
    for (const running of this.#running.values()) return running;
    return undefined;
  }

  #closedError(): UpstreamError {
    return new UpstreamError('down', `The server "${this.name}" is not used any more.`);
  }

  #heldBack(): UpstreamError {
    const inSeconds = Math.ceil(this.#backoff.retryInMs() / 1000);
    const text = `The server "${this.name}" failed ${this.#backoff.failures} times in a row and is left alone for ${inSeconds} s.`;
    const last = this.#lastError === undefined ? '' : ` Last: ${this.#lastError}`;
    return new UpstreamError(this.#backoff.isBroken ? 'breaker' : 'down', text + last);
  }
}

/** One start, and what came of it. */
interface Attempt {
  readonly preferred: Era;
  running: Running | undefined;
}
