/** A part of one target on a thread of its own, which says what input it is at: whoever watches sees when one takes too long. */
import { parentPort, workerData } from 'node:worker_threads';
import { tryRuns, type Part } from './runs.ts';
import { TARGETS } from './targets.ts';

export interface Work extends Part {
  readonly target: string;
  /** An Int32: the input that is being checked, or -1. */
  readonly at: SharedArrayBuffer;
}

const { at, target, ...part } = workerData as Work;
const place = new Int32Array(at);
for (const each of TARGETS.filter(({ name }) => name === target)) {
  const report = await tryRuns(each, part, (run) => void Atomics.store(place, 0, run));
  parentPort?.postMessage(report, []);
}
