/** Our own tools as lists, with those that are shown in every mode: made once for the same tools, servers and settings. */

import { preparedResult } from '@sallyport/server';
import { META_SERVER_INFO, type Era, type JsonObject } from '@sallyport/wire';
import { globMatcher } from '../glob.ts';
import type { DiscoveryMode, DiscoverySetting, MetaTool } from '../meta.ts';
import type { Page } from './shown.ts';
import type { SeenTool, Sight } from './types.ts';

export interface PagesOptions {
  /** Name and version of this gateway. */
  readonly info: JsonObject;
  /** Our own. */
  readonly tools: (mode: DiscoveryMode, setting: DiscoverySetting) => readonly MetaTool[];
}

/** Pages that are kept of the same tools. */
const MAX_PAGES = 8;

export class Pages {
  readonly #options: PagesOptions;
  readonly #made: WeakMap<Sight['tools'], Map<string, Page>> = new WeakMap();

  constructor(options: PagesOptions) {
    this.#options = options;
  }

  /** The servers are in the key: their descriptions stand in ours. */
  of(sight: Sight, mode: DiscoveryMode, era: Era, setting: DiscoverySetting): Page {
    const key = JSON.stringify([mode, era, isBudgeted(setting), setting.always, sight.servers]);
    let pages = this.#made.get(sight.tools);
    if (pages === undefined) this.#made.set(sight.tools, (pages = new Map()));
    let page = pages.get(key);
    if (page === undefined) {
      // A server that comes and goes makes another key each time.
      if (pages.size >= MAX_PAGES) pages.clear();
      page = this.#make(sight, mode, era, setting);
      pages.set(key, page);
    }
    return page;
  }

  #make(sight: Sight, mode: DiscoveryMode, era: Era, setting: DiscoverySetting): Page {
    const own = this.#options.tools(mode, setting);
    const isOwn = new Set(own.map(({ name }) => name));
    const isAlways = mode === 'full' ? () => true : globMatcher(setting.always);
    const kept = [...sight.tools.values()].filter(({ id, name }) => isAlways(id) && !isOwn.has(name));
    const tools = [...own.map((tool) => tool.definition(sight)), ...kept.map(({ shown }) => shown)];
    const list = era === 'session' ? tools : tools.map(withoutExecution);
    const ofEra = {
      resultType: 'complete',
      ttlMs: 0,
      cacheScope: 'private',
      _meta: { [META_SERVER_INFO]: this.#options.info },
    };
    const text = JSON.stringify({ tools: list, ...(era === 'stateless' && ofEra) });
    return { text, answer: preparedResult(text) };
  }
}

/** Whether long results are read in pieces. */
export function isBudgeted({ resultBudget = 0 }: DiscoverySetting): boolean {
  return resultBudget > 0;
}

/** A member that the stateless era does not know on a tool. */
function withoutExecution({ execution: _execution, ...definition }: SeenTool['shown']): JsonObject {
  return definition;
}
