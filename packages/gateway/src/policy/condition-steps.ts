/**
 * What a condition may cost. Every function call, comparison and loop that can be made expensive by what a caller sends is
 * paid for before it happens; a decision has so many steps for all its conditions, and none ever takes more than about 8 µs.
 * Counted, not timed: the same call has the same outcome on a busy machine.
 */

import { isTooLarge, type ConditionInput } from './condition-input.ts';

export interface Steps {
  spend(count: number): void;
  /** Runs with the steps that the input has left. */
  count<T>(input: ConditionInput, run: () => T): T;
}

export function createSteps(): Steps {
  let left = 0;
  return {
    spend: (count) => {
      left -= count;
      if (left < 0) throw new Error('it takes too many steps');
    },
    count: (input, run) => {
      left = input.steps;
      try {
        return run();
      } finally {
        input.steps = left;
      }
    },
  };
}

/** Characters that a step goes through, and elements or members. */
const CHARACTERS_PER_STEP = 1024;
const ELEMENTS_PER_STEP = 20;

/** The functions that pay, by their signature. Each gives back what it was given. */
export function pricesOf(steps: Steps): Readonly<Record<string, (value: unknown, number: bigint) => unknown>> {
  return {
    /** `weight` times what the whole value costs. */
    'charged(dyn, int): dyn': (value, weight) => {
      steps.spend(Number(weight));
      payFor(value, Number(weight), steps);
      return value;
    },
    /** One that is looped over: `nodes` steps for each element, before the first. */
    'looped(dyn, int): dyn': (value, nodes) => {
      steps.spend(sizeOf(value) * Number(nodes));
      return value;
    },
    /** Text that is sought or read in ways that get slow with its length. */
    'short(dyn, int): dyn': (value, most) => {
      if (typeof value === 'string' && value.length > Number(most))
        throw new Error(`text longer than ${most} characters`);
      return value;
    },
  };
}

function sizeOf(value: unknown): number {
  if (Array.isArray(value)) return value.length;
  if (value instanceof Map) return value.size;
  return typeof value === 'object' && value !== null ? Object.keys(value).length : 0;
}

/** Goes through the value; what it costs to go through it is what it costs to compare or copy it. */
function payFor(value: unknown, weight: number, steps: Steps): void {
  if (isTooLarge(value)) throw new Error('a value is too large');
  if (typeof value === 'string') return steps.spend((weight * value.length) / CHARACTERS_PER_STEP);
  if (typeof value !== 'object' || value === null) return;
  if (value instanceof Uint8Array) return steps.spend((weight * value.length) / CHARACTERS_PER_STEP);
  const inner = Array.isArray(value) ? value : value instanceof Map ? value.values() : Object.values(value);
  for (const each of inner) {
    steps.spend(weight / ELEMENTS_PER_STEP);
    payFor(each, weight, steps);
  }
}
