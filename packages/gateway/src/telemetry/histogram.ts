/** A histogram that is cheap to add to: flat numbers, no allocation, the bucket found by comparing. */

import type { HistogramSample, Labels } from './exposition.ts';

export class Histogram {
  readonly #bounds: readonly number[];
  readonly #counts: Float64Array;
  #sum = 0;

  /** `bounds`: upper bounds of the buckets, ascending; they include their bound. */
  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#counts = new Float64Array(bounds.length + 1);
  }

  add(value: number): void {
    const bounds = this.#bounds;
    let at = 0;
    while (at < bounds.length && value > (bounds[at] as number)) at++;
    (this.#counts[at] as number) += 1;
    this.#sum += value;
  }

  sample(labels: Labels): HistogramSample {
    return { labels, bounds: this.#bounds, counts: this.#counts, sum: this.#sum };
  }
}
