/** What a target of fuzzing is. */
import type { Random } from './input.ts';

/** A target that is ready. */
export interface Opened {
  /** What inputs are made of. */
  readonly corpus: readonly string[];
  /** Throws for an input that shows a defect. */
  readonly check: (text: string, random: Random) => void | Promise<void>;
  readonly close?: () => Promise<void>;
}

export interface Target {
  readonly name: string;
  readonly what: string;
  /** Of a run: so many parts of the sum. */
  readonly share: number;
  readonly open: () => Promise<Opened>;
}
