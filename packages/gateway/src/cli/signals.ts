/** The signals of a gateway that runs: to stop, to stop at once, to read its configuration again. */
import { closeSync, openSync } from 'node:fs';
import type { Log } from '../telemetry/index.ts';
import { exitCodes } from './exit.ts';

export interface Stop {
  /** Resolves when somebody asks to stop. */
  readonly asked: Promise<void>;
  /** Asks from here. */
  ask(): void;
  /** No longer listens. */
  forget(): void;
}

/** The first SIGINT or SIGTERM asks to stop; a second one ends the process at once. */
export function untilSignal(): Stop {
  const { promise, resolve } = Promise.withResolvers<void>();
  let asked = false;
  const ask = (): void => {
    asked = true;
    resolve();
  };
  const onSignal = (): void => {
    if (asked) process.exit(exitCodes.failed);
    ask();
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  return {
    asked: promise,
    ask,
    forget: () => {
      process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
    },
  };
}

export interface HangupOptions {
  /** Reads the configuration again; what came of it stands in the log. */
  readonly reload: () => Promise<unknown>;
  /** The terminal in which the gateway ran in the foreground was closed. */
  readonly onGone: () => void;
  readonly log: Log;
}

/** SIGHUP means both: a terminal that is gone, and a wish to reload. Gives the way to take it back. */
export function onHangup({ reload, onGone, log }: HangupOptions): () => void {
  const hadTerminal = hasTerminal();
  const onSignal = (): void => {
    if (hadTerminal && !hasTerminal()) return onGone();
    reload().catch((error: unknown) => log('error', 'the reload failed', { error: String(error) }));
  };
  process.on('SIGHUP', onSignal);
  return () => void process.off('SIGHUP', onSignal);
}

/** A process whose terminal was closed can no longer open it. */
function hasTerminal(): boolean {
  try {
    closeSync(openSync('/dev/tty', 'r'));
    return true;
  } catch {
    return false;
  }
}
