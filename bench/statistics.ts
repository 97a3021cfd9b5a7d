/** Order statistics of measurements. Missing values (a round that failed) are left out, never read as zero. */

export type Maybe = number | null | undefined;

/** The middle value, or the mean of the two in the middle; undefined without values. */
export function median(values: readonly Maybe[]): number | undefined {
  const sorted = values.filter((value): value is number => Number.isFinite(value)).toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle];
  const lower = sorted[middle - 1];
  if (upper === undefined) return undefined;
  return sorted.length % 2 === 0 && lower !== undefined ? (lower + upper) / 2 : upper;
}

/** The smallest value that at least `share` (0 to 1) of the values do not exceed. `sorted` ascends. */
export function quantile(sorted: ArrayLike<number>, share: number): number | undefined {
  if (sorted.length === 0) return undefined;
  const index = Math.ceil(sorted.length * share) - 1;
  return sorted[Math.min(sorted.length - 1, Math.max(0, index))];
}

/**
 * The median of the quotients of values measured in the same round: what disturbs the machine for a while disturbs both.
 * Rounds in which either is missing, or the divisor is zero, are left out: their quotient is no number.
 */
export function medianRatio(values: readonly Maybe[], divisors: readonly Maybe[]): number | undefined {
  return median(
    values.map((value, round) => {
      const divisor = divisors[round];
      return value == null || divisor == null ? undefined : value / divisor;
    }),
  );
}

/** The median of the differences within a round. */
export function medianDifference(values: readonly Maybe[], others: readonly Maybe[]): number | undefined {
  return median(
    values.map((value, round) => {
      const other = others[round];
      return value == null || other == null ? undefined : value - other;
    }),
  );
}
