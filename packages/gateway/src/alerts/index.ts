/**
 * Alerts (docs/ALERTS.md): tells people of what the audit trail is told, once and not a thousand times. It takes what happens
 * and gives lines of JSON to who sends them; it waits for nothing and decides nothing.
 */

import { messageOf, type News, type Teller } from './message.ts';
import { signOf, type Sign } from './signs.ts';
import type { AlertRule, Happened } from './types.ts';
import { AlertWatch } from './watch.ts';

export { messageOf, signatureOf } from './message.ts';
export type { AlertKind, Happened } from './types.ts';

/** A way to somebody. */
export interface Outlet {
  readonly add: (lines: readonly string[]) => void;
  /** What the operator should know of it. */
  readonly note: () => string | undefined;
  /** Gives it a moment for what is left. */
  readonly close: () => Promise<void>;
}

export interface AlertsOptions extends Teller {
  readonly alerts: readonly { readonly rule: AlertRule; readonly outlet: Outlet }[];
  readonly randomId: () => string;
  /** Calls `fire` after so many milliseconds; need not keep the process alive. Gives the way to take it back. */
  readonly setTimer: (fire: () => void, ms: number) => () => void;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

export interface Alerts {
  /** Never throws, never waits. */
  readonly take: (event: Happened) => void;
  readonly notes: () => readonly string[];
  /** Sends what is left. Idempotent. */
  readonly close: () => Promise<void>;
}

/** How often it is looked for what was quiet long enough. */
const SWEEP_MS = 5000;

export function createAlerts(options: AlertsOptions): Alerts {
  return new AlertRoom(options);
}

class AlertRoom implements Alerts {
  readonly #options: AlertsOptions;
  readonly #watches: readonly AlertWatch[];
  #cancelSweep: (() => void) | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: AlertsOptions) {
    this.#options = options;
    this.#watches = options.alerts.map(
      ({ outlet, rule }) => new AlertWatch(rule, (sign, news) => outlet.add([this.#line(sign, news)])),
    );
  }

  readonly take = (event: Happened): void => {
    const sign = signOf(event);
    if (sign === undefined || this.#closing !== undefined) return;
    const nowMs = this.#options.now();
    for (const watch of this.#watches) watch.take(sign, nowMs);
    this.#expectSweep();
  };

  readonly notes = (): readonly string[] => this.#options.alerts.flatMap(({ outlet }) => outlet.note() ?? []);

  readonly close = (): Promise<void> => {
    this.#closing ??= this.#close();
    return this.#closing;
  };

  async #close(): Promise<void> {
    this.#cancelSweep?.();
    await Promise.all(this.#options.alerts.map(({ outlet }) => outlet.close()));
  }

  #line(sign: Sign, news: Pick<News, 'state' | 'count' | 'windowMs'>): string {
    const { now, randomId } = this.#options;
    return messageOf(sign, { ...news, id: randomId(), timeMs: now() }, this.#options);
  }

  #expectSweep(): void {
    if (this.#closing !== undefined || this.#watches.every(({ isIdle }) => isIdle)) return;
    this.#cancelSweep ??= this.#options.setTimer(() => {
      this.#cancelSweep = undefined;
      const nowMs = this.#options.now();
      for (const watch of this.#watches) watch.sweep(nowMs);
      this.#expectSweep();
    }, SWEEP_MS);
  }
}
