/** Who waits for which login in this process, and is told how it ended. */

/** For how long is waited. */
export interface Patience {
  readonly ms: number;
  /** Nobody waits any more. */
  readonly signal: AbortSignal;
}

export type Outcome = 'came' | 'failed' | 'late';

export interface Waiting {
  /** From now on it is noticed when a login of this owner ends. */
  watch(key: string): Watch;
  /** It has ended: everybody who waits for it is told. */
  ended(key: string, came: boolean): void;
}

export interface Watch {
  /** Undefined: it has not ended yet. */
  readonly came: () => boolean | undefined;
  /** Resolves when it has ended, after so many milliseconds, or when nobody waits any more. */
  readonly orAfter: (ms: number, signal: AbortSignal) => Promise<void>;
  readonly forget: () => void;
}

export function createWaiting(): Waiting {
  const waiting = new Map<string, Set<(came: boolean) => void>>();
  return {
    watch: (key) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      let outcome: boolean | undefined;
      const end = (came: boolean): void => {
        outcome ??= came;
        resolve();
      };
      const others = waiting.get(key) ?? new Set();
      waiting.set(key, others.add(end));
      return {
        came: () => outcome,
        orAfter: (ms, signal) => raced(promise, ms, signal),
        forget: () => {
          others.delete(end);
          if (others.size === 0) waiting.delete(key);
        },
      };
    },
    ended: (key, came) => {
      for (const end of waiting.get(key) ?? []) end(came);
    },
  };
}

/** A login, as it is looked after. */
export interface Watched {
  readonly now: () => number;
  /** Of whoever the login is for, at this moment. */
  readonly token: () => Promise<string | undefined>;
  readonly isUnderWay: () => Promise<boolean>;
  /** Another process has finished it: nobody here knows yet. */
  readonly cameElsewhere: () => void;
}

/** Other processes of the same store finish logins too. */
const LOOK_MS = 1000;
/** From the end of a login in another process until its token is there. */
const REDEEM_MS = 10_000;

/** `came`: what wanted the login may be tried again. `late`: nobody waits any more. */
export async function untilLoggedIn(
  finished: Watch,
  { ms, signal }: Patience,
  { cameElsewhere, isUnderWay, now, token }: Watched,
): Promise<Outcome> {
  const endMs = now() + ms;
  try {
    const before = await token();
    let goneMs = (await isUnderWay()) ? undefined : -Infinity;
    while (now() < endMs && !signal.aborted) {
      const came = finished.came();
      if (came !== undefined) return came ? 'came' : 'failed';
      if ((await token()) !== before) {
        cameElsewhere();
        return 'came';
      }
      if (goneMs === undefined && !(await isUnderWay())) goneMs = now();
      if (goneMs !== undefined && now() - goneMs >= REDEEM_MS) return 'came';
      await finished.orAfter(Math.min(LOOK_MS, Math.max(0, endMs - now())), signal);
    }
    return 'late';
  } finally {
    finished.forget();
  }
}

function raced(what: Promise<void>, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms).unref();
    signal.addEventListener('abort', end, { once: true });
    void what.then(end);
    if (signal.aborted) end();
  });
}
