/**
 * Which mode counts: the one that is written, or by what the catalogue costs that somebody sees. That changes back only when the cost
 * has left the budget by a fifth, and for a session not at all: its client has been shown its tools.
 */

import type { Session } from '@sallyport/server';
import type { DiscoveryMode, DiscoverySetting } from '../meta.ts';
import { createToolCost, type ToolCost } from '../tool-cost.ts';
import type { Sight } from './types.ts';

/** What is looked at. */
export interface Looked {
  /** The same object for the same eyes at the same endpoint. */
  readonly place: object;
  readonly endpoint: string;
  readonly tools: Sight['tools'];
  readonly setting: DiscoverySetting;
}

export interface ModesOptions {
  readonly log: (level: 'info', text: string, detail: Readonly<Record<string, unknown>>) => void;
}

/** How far below the budget it is shown in full again. */
const HYSTERESIS = 0.2;

interface Chosen {
  readonly tools: Sight['tools'];
  readonly budget: number;
  readonly mode: 'full' | 'search';
}

export class Modes {
  readonly #options: ModesOptions;
  readonly #costOf: ToolCost = createToolCost();
  readonly #chosen: WeakMap<object, Chosen> = new WeakMap();
  readonly #ofSessions: WeakMap<Session, DiscoveryMode> = new WeakMap();

  constructor(options: ModesOptions) {
    this.#options = options;
  }

  /** `isShown`: the client is being shown its tools, and that is what its session keeps. */
  of(looked: Looked, session: Session | undefined, isShown: boolean): DiscoveryMode {
    const { mode } = looked.setting;
    if (mode !== 'auto') return mode;
    const fixed = session && this.#ofSessions.get(session);
    if (fixed !== undefined) return fixed;
    const chosen = this.#choose(looked);
    if (isShown && session !== undefined) this.#ofSessions.set(session, chosen);
    return chosen;
  }

  #choose({ endpoint, place, setting: { budget }, tools }: Looked): 'full' | 'search' {
    const before = this.#chosen.get(place);
    if (before?.tools === tools && before.budget === budget) return before.mode;
    const limit = before?.mode === 'search' && before.budget === budget ? budget * (1 - HYSTERESIS) : budget;
    const mode = this.#costs(tools, limit) ? 'search' : 'full';
    this.#chosen.set(place, { tools, budget, mode });
    if (before?.mode !== mode && (before !== undefined || mode === 'search')) {
      this.#options.log('info', `discovery: the tools are shown in mode ${mode}`, {
        endpoint,
        budget,
        tools: tools.size,
      });
    }
    return mode;
  }

  /** Whether the tools cost as much as that or more. No more of them are counted than it takes to know. */
  #costs(tools: Sight['tools'], limit: number): boolean {
    let cost = 0;
    for (const tool of tools.values()) {
      cost += this.#costOf(tool);
      if (cost >= limit) return true;
    }
    return false;
  }
}
