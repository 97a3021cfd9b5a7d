/** Functions of the author that are asked in the midst of something: what goes wrong in one ends neither a request nor the process. */

import type { Log } from '../serving/log.ts';
import { isThenable } from './thenable.ts';

/** What it gives; undefined when it throws. That, and the rejection of a promise that it gives, is told to `failed`. */
export function askAuthor<T>(ask: () => T, failed: (error: unknown) => void): T | undefined {
  try {
    const found = ask();
    // Nobody else may ever look at it.
    if (isThenable(found)) found.then(undefined, failed);
    return found;
  } catch (error) {
    failed(error);
    return undefined;
  }
}

/** A log of the author. What goes wrong in it has nobody left to be told to. */
export function guardLog(log: Log): Log {
  return (level, text, detail) => askAuthor(() => log(level, text, detail), ignore);
}

export function ignore(): void {}
