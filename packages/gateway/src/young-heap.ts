/**
 * Large answers come as buffers of 64 KiB, one for each read of a socket. V8 counts these against a limit of their own, and when they reach
 * it, it looks through the whole heap: a third of the time that such calls took. They are dead long before, and a collection of what is
 * young, which takes a millisecond, frees the same. Nothing is done for small answers, whose garbage V8 collects in time by itself.
 */

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Answer } from '@sallyport/server';

/** Bytes of answers between two collections: the guard and the way out may hold as much again. V8's own limit is 64 MiB. */
const STEP_BYTES = 16 * 1024 * 1024;
/** What is not larger leaves little. */
const SMALL_BYTES = 64 * 1024;

/** Is told of every answer. */
export function createYoungHeap(open: () => () => void = openCollection): (answer: Answer) => void {
  let collect: (() => void) | undefined;
  let passedBytes = 0;
  return (answer) => {
    if (answer.kind !== 'result') return;
    const bytes = answer.before.length + answer.after.length + (answer.rest?.bytes ?? 0);
    if (bytes <= SMALL_BYTES) return;
    passedBytes += bytes;
    if (passedBytes < STEP_BYTES) return;
    passedBytes = 0;
    collect ??= open();
    collect();
  };
}

/** V8 shows its collector to contexts that are made while a flag is set, and to no others. */
export function openCollection(): () => void {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as (options: { readonly type: 'minor' }) => void;
  setFlagsFromString('--no-expose-gc');
  return () => collect({ type: 'minor' });
}
