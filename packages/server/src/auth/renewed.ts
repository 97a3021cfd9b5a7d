/**
 * A value that is loaded from elsewhere, as keys and metadata of an authorization server are: kept for a while, renewed
 * before it is too old, believed some time longer when it cannot be renewed. One load at a time, and not too often, whoever
 * asks. Nothing runs by itself: without anybody who asks nothing is loaded.
 */

export interface RenewedOptions<Value> {
  /** Gives `previous` itself when nothing has changed. */
  readonly load: (previous: Value | undefined) => Promise<Value>;
  /** For how long it is believed. */
  readonly freshMs: number;
  /** For how long it is believed beyond that while it cannot be renewed. */
  readonly staleMs: number;
  /** Between two loads at least; after failures less at first, from a second on, doubled each time. */
  readonly intervalMs: number;
  readonly onFailure: (error: unknown) => void;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

export interface Renewed<Value> {
  /** Undefined: there is none that may be believed. Begins to renew it in time. */
  current(): Value | undefined;
  /** The value after an attempt to renew it, unless the last one was too recent. Never rejects. */
  renew(): Promise<Value | undefined>;
}

const FIRST_RETRY_MS = 1000;
/** Part of `freshMs` after which it is renewed while it is still believed, so that nobody has to wait. */
const EARLY = 0.8;

export function createRenewed<Value extends object>(options: RenewedOptions<Value>): Renewed<Value> {
  const { freshMs, intervalMs, load, now, onFailure, staleMs } = options;
  let value: Value | undefined;
  let loadedMs = 0;
  let triedMs: number | undefined;
  let failures = 0;
  let flight: Promise<void> | undefined;

  const isTooSoon = (): boolean => {
    if (triedMs === undefined) return false;
    const waitMs = failures === 0 ? intervalMs : Math.min(intervalMs, FIRST_RETRY_MS * 2 ** (failures - 1));
    return now() - triedMs < waitMs;
  };

  const attempt = async (): Promise<void> => {
    try {
      value = await load(value);
      loadedMs = now();
      failures = 0;
    } catch (error) {
      failures++;
      onFailure(error);
    } finally {
      triedMs = now();
      flight = undefined;
    }
  };

  const begin = (): Promise<void> | undefined => {
    if (flight === undefined && !isTooSoon()) flight = attempt();
    return flight;
  };

  const current = (): Value | undefined => {
    if (value === undefined) return undefined;
    const ageMs = now() - loadedMs;
    if (ageMs >= freshMs * EARLY) void begin();
    if (ageMs < freshMs) return value;
    // Older than it should be: only when it was just tried in vain.
    return failures > 0 && (isTooSoon() || flight !== undefined) && ageMs < freshMs + staleMs ? value : undefined;
  };

  const renew = async (): Promise<Value | undefined> => {
    await begin();
    return current();
  };
  return { current, renew };
}
