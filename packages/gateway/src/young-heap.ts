/**
 * Large answers come as buffers of 64 KiB, one for each read of a socket. V8 counts these against a limit of their own, and when they reach
 * it, it looks through the whole heap: a third of the time that such calls took. They are dead long before, and a collection of what is
 * young, which takes a millisecond, frees the same. Nothing is done for small answers, whose garbage V8 collects in time by itself.
 *
 * In a pause of some seconds V8 also lowers its limits, and then looks through the whole heap again and again for what comes after it: twice
 * the CPU of such calls. So it is kept from that until no large answer has passed for a minute.
 */

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Answer } from '@sallyport/server';

/** Bytes of answers between two collections: the guard and the way out may hold as much again. V8's own limit is 64 MiB. */
const STEP_BYTES = 16 * 1024 * 1024;
/** What is not larger leaves little. */
const SMALL_BYTES = 64 * 1024;
/** Without a large answer, until memory is given back. */
const QUIET_MS = 60_000;

/** How far the heap may grow beyond what was alive until it is looked through again: four fold, as V8 itself lets a busy heap. */
const GROWING_PERCENT = 300;

/** V8's collector, as far as it is told what to do. */
export interface Collector {
  /** Frees what is young and dead. */
  young(): void;
  /** No memory is given back in pauses, and what a pause has taken away is given anew. */
  keep(): void;
  /** Frees everything that is dead and gives memory back, in steps beside other work. */
  giveBack(): void;
}

/** Calls `run` when `ms` have gone by since it was started or last refreshed; keeps no process alive. */
export type Timer = (run: () => void, ms: number) => { refresh(): unknown };

const realTimer: Timer = (run, ms) => setTimeout(run, ms).unref();

/** Is told of every answer. */
export function createYoungHeap(
  open: () => Collector = openCollector,
  timer: Timer = realTimer,
): (answer: Answer) => void {
  let collector: Collector | undefined;
  let quiet: { refresh(): unknown } | undefined;
  let passedBytes = 0;

  const step = (): void => {
    const used = (collector ??= open());
    if (quiet === undefined) {
      used.keep();
      quiet = timer(() => {
        quiet = undefined;
        used.giveBack();
      }, QUIET_MS);
    } else quiet.refresh();
    used.young();
  };

  return (answer) => {
    if (answer.kind !== 'result') return;
    const bytes = answer.before.length + answer.after.length + (answer.rest?.bytes ?? 0);
    if (bytes <= SMALL_BYTES) return;
    passedBytes += bytes;
    if (passedBytes < STEP_BYTES) return;
    passedBytes = 0;
    step();
  };
}

/** V8 shows its collector to contexts that are made while a flag is set, and to no others. */
export function openCollector(): Collector {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as (options: {
    readonly type: 'minor' | 'major';
    readonly execution?: 'async';
  }) => void;
  setFlagsFromString('--no-expose-gc');
  /** Steps of a whole collection beside other work: V8 sets its limit by what it finds alive. */
  const whole = (): void => collect({ type: 'major', execution: 'async' });
  return {
    young: () => collect({ type: 'minor' }),
    keep: () => {
      setFlagsFromString('--no-memory-reducer');
      setFlagsFromString(`--heap-growing-percent=${GROWING_PERCENT}`);
      whole();
    },
    giveBack: () => {
      setFlagsFromString('--memory-reducer');
      setFlagsFromString('--heap-growing-percent=0');
      whole();
    },
  };
}
