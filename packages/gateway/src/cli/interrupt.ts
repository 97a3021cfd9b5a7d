/** Ctrl+C and SIGTERM while a verb works: the first asks it to end in order, a second one ends the process at once. */
import type { CliContext } from './context.ts';
import { CliError, exitCodes } from './exit.ts';

export interface Interrupt {
  /** Rejects with a `CliError` when somebody asks to stop; never resolves. */
  readonly asked: Promise<never>;
  /** Called when somebody asks. */
  onAsked(listener: () => void): void;
  /** No longer listens. */
  forget(): void;
}

export function createInterrupt({ onInterrupt }: Pick<CliContext, 'onInterrupt'>): Interrupt {
  const { promise, reject } = Promise.withResolvers<never>();
  // Nobody may be waiting when it comes.
  promise.catch(() => undefined);
  const listeners: (() => void)[] = [];
  let asked = false;
  const forget = onInterrupt(() => {
    if (asked) process.exit(exitCodes.failed);
    asked = true;
    for (const listener of listeners) listener();
    reject(new CliError('stopped', exitCodes.failed));
  });
  return { asked: promise, onAsked: (listener) => void listeners.push(listener), forget };
}
