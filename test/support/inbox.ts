/** What arrived, and a way to wait for what has not: tests wait for events, never for time. */

/** How long a wait lasts before it fails; a bound against hanging, not a measure. */
export const WAIT_MS = 20_000;

export interface Inbox<T> {
  /** Everything that arrived, oldest first. */
  readonly items: readonly T[];
  push(item: T): void;
  /** No more will come: every wait that is not satisfied rejects with `reason`, now and later. */
  end(reason: string): void;
  /**
   * The first item that is accepted, also among those that came earlier.
   * @param what names it in the error when it does not come within `timeoutMs`.
   */
  until(accept: (item: T) => boolean, what: string, timeoutMs?: number): Promise<T>;
}

interface Wait<T> {
  readonly accept: (item: T) => boolean;
  readonly resolve: (item: T) => void;
  readonly fail: (reason: string) => void;
}

export function createInbox<T>(): Inbox<T> {
  const items: T[] = [];
  const waits = new Set<Wait<T>>();
  const ends: string[] = [];
  const until: Inbox<T>['until'] = (accept, what, timeoutMs = WAIT_MS) =>
    new Promise((resolve, reject) => {
      const found = items.find(accept);
      if (found !== undefined) return resolve(found);
      const fail = (reason: string): void => reject(new Error(`waited for ${what}: ${reason}`));
      if (ends[0] !== undefined) return fail(ends[0]);
      const timer = setTimeout(() => settle(() => fail(`nothing within ${timeoutMs} ms`)), timeoutMs);
      const settle = (how: () => void): void => {
        clearTimeout(timer);
        waits.delete(wait);
        how();
      };
      const wait: Wait<T> = {
        accept,
        resolve: (item) => settle(() => resolve(item)),
        fail: (reason) => settle(() => fail(reason)),
      };
      waits.add(wait);
    });
  return {
    items,
    push: (item) => {
      items.push(item);
      for (const wait of waits) if (wait.accept(item)) wait.resolve(item);
    },
    end: (reason) => {
      ends.push(reason);
      for (const wait of waits) wait.fail(reason);
    },
    until,
  };
}
