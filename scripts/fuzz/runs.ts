/** Tries inputs of one target, one after the other, until one shows a defect. It does not see when one takes too long. */
import { mutated, randomOf } from './input.ts';
import type { Target } from './target.ts';

/** Numbers of inputs: the first, and the one behind the last. */
export interface Part {
  readonly seed: number;
  readonly from: number;
  readonly to: number;
}

export type Report =
  | { readonly kind: 'passed'; readonly slowestMs: number }
  | { readonly kind: 'failed'; readonly run: number; readonly reason: string };

/** `onRun` hears of each input before it is checked. */
export async function tryRuns(
  { name, open }: Pick<Target, 'name' | 'open'>,
  { from, seed, to }: Part,
  onRun: (run: number) => void = () => undefined,
): Promise<Report> {
  const { check, close, corpus } = await open();
  let slowestMs = 0;
  try {
    for (let run = from; run < to; run++) {
      const random = randomOf(seed, name, run);
      const text = mutated(random, corpus);
      const beganMs = performance.now();
      onRun(run);
      try {
        const pending = check(text, random);
        if (pending !== undefined) await pending;
      } catch (error) {
        return { kind: 'failed', run, reason: `${describe(error)}\ninput: ${JSON.stringify(text)}` };
      }
      slowestMs = Math.max(slowestMs, performance.now() - beganMs);
    }
    return { kind: 'passed', slowestMs };
  } finally {
    await close?.();
  }
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message}: ${describe(error.cause)}`;
}
