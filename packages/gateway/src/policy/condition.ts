/** A condition as the rest of the room knows it. What evaluates it is in condition-engine.ts, loaded when a rule has one. */

import type { ConditionInput } from './condition-input.ts';

export interface Condition {
  /** As it is written. */
  readonly text: string;
  /** Throws a ConditionError when it cannot say: a missing key, a wrong type, too many steps. */
  holds(input: ConditionInput): boolean;
}

/** Compiles one expression. Throws a ConditionError. */
export type CompileCondition = (text: string) => Condition;

/** What is wrong with a condition; fit for the person who wrote it. */
export class ConditionError extends Error {
  override readonly name = 'ConditionError';
}
