import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { median, medianDifference, medianRatio, quantile } from './statistics.ts';

describe('median', () => {
  it('takes the middle, or the mean of the two in the middle', () => {
    expect(median([9, 1, 5])).toBe(5);
    expect(median([10, 2, 4, 1])).toBe(3);
  });

  it('leaves out what is missing, and never reads it as zero', () => {
    expect(median([null, 7, undefined, Number.NaN])).toBe(7);
    expect(median([null, undefined])).toBeUndefined();
  });

  it('has as many values below as above', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ noNaN: true, min: -1e6, max: 1e6 }), { minLength: 1 }), (values) => {
        const middle = median(values) as number;
        const below = values.filter((value) => value < middle).length;
        const above = values.filter((value) => value > middle).length;
        expect(Math.max(below, above)).toBeLessThanOrEqual(values.length / 2);
      }),
    );
  });
});

describe('quantile', () => {
  it('is the value that the share does not exceed', () => {
    const hundred = Array.from({ length: 100 }, (_, index) => index + 1);
    expect([0.5, 0.9, 0.99, 1].map((share) => quantile(hundred, share))).toEqual([50, 90, 99, 100]);
    expect(quantile([], 0.5)).toBeUndefined();
    expect(quantile([4], 0.01)).toBe(4);
  });
});

describe('medianRatio', () => {
  it('compares within a round: noise that hits both cancels out', () => {
    // Every round is slower than the one before, the ratio stays.
    expect(medianRatio([20, 200, 2000], [10, 100, 1000])).toBe(2);
    // The quotient of the medians would be 3.
    expect(medianRatio([10, 30, 90], [10, 10, 30])).toBe(3);
    expect(medianRatio([10, 30, 10], [1, 100, 2])).toBe(5);
  });

  it('leaves out rounds in which one is missing or zero', () => {
    expect(medianRatio([1, null, 6, 8], [0, 2, 3, undefined])).toBe(2);
    expect(medianRatio([1, 2], [])).toBeUndefined();
  });
});

describe('medianDifference', () => {
  it('subtracts within a round', () => {
    expect(medianDifference([110, 220, 330], [100, 200, 300])).toBe(20);
    expect(medianDifference([110, null], [null, 1])).toBeUndefined();
  });
});
