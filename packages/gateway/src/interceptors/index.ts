/**
 * Interceptors: hooks and programs of the operator's own that are asked about calls of tools and lists of them, and may pass, change
 * or refuse (docs/INTERCEPTORS.md). Whom a call concerns is found once for each tool; where nobody is configured nothing of this is on
 * the route. It sees nothing that the guard keeps back, and what it answers is checked like a stranger's word.
 */

import { isDeepStrictEqual } from 'node:util';
import type { Step, Target } from '../call.ts';
import { Interceptor, type AskingOptions } from './asking.ts';
import { createAfter, createBefore, type CallStepsOptions, type Chain } from './calls.ts';
import { Lists, type ListInterceptors, type ListsOptions } from './lists.ts';
import type { Hook, InterceptorSettings, Kind, Outcome, Phase } from './types.ts';

export { createHttpHook } from './http.ts';
export { createProgramHook, type Program, type ProgramEvents } from './program.ts';
export type { ListInterceptors } from './lists.ts';
export type { Hook, InterceptorSettings, Intervention, ProgramPlace } from './types.ts';

export interface InterceptorsOptions
  extends
    Omit<CallStepsOptions, 'report'>,
    Omit<ListsOptions, 'interceptors' | 'report'>,
    Pick<AskingOptions, 'log' | 'now'> {
  /** In order. */
  readonly settings: readonly InterceptorSettings[];
  readonly open: (settings: InterceptorSettings) => Hook;
  readonly reportCall: CallStepsOptions['report'];
  readonly reportList: ListsOptions['report'];
}

/** So many questions ended like this. */
export interface InterceptorCount {
  readonly interceptor: string;
  readonly phase: Phase;
  readonly outcome: Outcome;
  readonly count: number;
}

export interface Interceptors {
  /** Whether anybody is asked about any call. */
  isOn(): boolean;
  /** `again`: decides a call once more whose arguments are others. */
  before(again: Step): Step;
  readonly after: Step;
  readonly lists: ListInterceptors;
  /** From now on these are asked, in this order. One that is the same goes on as it is. */
  use(settings: readonly InterceptorSettings[]): void;
  /** Programs are started before they are wanted. */
  warm(): void;
  /** Ends the program that was started for such an owner, if there is one; the next question starts it anew. */
  cut(owner: string): void;
  counts(): readonly InterceptorCount[];
  /** Those that do not answer, a sentence each. */
  notes(): readonly string[];
  close(): Promise<void>;
  destroy(): void;
}

export function createInterceptors(options: InterceptorsOptions): Interceptors {
  return new InterceptorRoom(options);
}

class InterceptorRoom implements Interceptors {
  readonly after: Step;
  readonly lists: Lists;
  readonly #options: InterceptorsOptions;
  #active: readonly Interceptor[] = [];
  #onLists: readonly Interceptor[] = [];
  #listing: readonly InterceptorSettings[] = [];
  #isOn = false;
  /** The same target is the same object from call to call. */
  #chains: WeakMap<Target, Chain> = new WeakMap();

  constructor(options: InterceptorsOptions) {
    this.#options = options;
    this.lists = new Lists({ ...options, interceptors: () => this.#onLists, report: options.reportList });
    this.after = createAfter(this.#chainOf, { ...options, report: options.reportCall });
    this.use(options.settings);
  }

  isOn(): boolean {
    return this.#isOn;
  }

  before(again: Step): Step {
    return createBefore(this.#chainOf, again, { ...this.#options, report: this.#options.reportCall });
  }

  use(all: readonly InterceptorSettings[]): void {
    const before = this.#active;
    this.#active = all.map((settings) => {
      const same = before.find((each) => isSamePlace(each.settings, settings));
      if (same === undefined)
        return new Interceptor(settings, { ...this.#options, hook: this.#options.open(settings) });
      same.settings = settings;
      return same;
    });
    for (const gone of before) if (!this.#active.includes(gone)) void gone.hook.close();
    this.#chains = new WeakMap();
    this.#isOn = all.some(({ phases }) => phases.some((phase) => phase !== 'list'));
    const onLists = this.#active.filter(({ settings }) => settings.phases.includes('list'));
    const listing = onLists.map(({ settings }) => settings);
    const isSame = isDeepStrictEqual(listing, this.#listing);
    this.#onLists = onLists;
    this.#listing = listing;
    if (!isSame) this.lists.reset();
  }

  warm(): void {
    for (const { hook } of this.#active) hook.warm();
  }

  cut(owner: string): void {
    for (const { hook, settings } of this.#active) if (ownerOf(settings) === owner) hook.renew();
  }

  counts(): readonly InterceptorCount[] {
    return this.#active.flatMap(({ counts, settings: { name: interceptor } }) =>
      [...counts].flatMap(([phase, outcomes]) =>
        Object.entries(outcomes).map(([outcome, count]) => {
          return { interceptor, phase, outcome: outcome as Outcome, count };
        }),
      ),
    );
  }

  notes(): readonly string[] {
    return this.#active
      .filter(({ isLeftAlone }) => isLeftAlone)
      .map(({ settings: { name, onError } }) => {
        const what = onError === 'open' ? 'passes unseen' : 'is refused';
        return `The interceptor "${name}" does not answer: what it is asked about ${what}. The log says why.`;
      });
  }

  async close(): Promise<void> {
    this.lists.close();
    await Promise.all(this.#active.map(({ hook }) => hook.close()));
  }

  destroy(): void {
    this.lists.close();
    for (const { hook } of this.#active) hook.destroy();
  }

  readonly #chainOf = (target: Target): Chain => {
    let chain = this.#chains.get(target);
    if (chain === undefined) this.#chains.set(target, (chain = this.#compiled(target)));
    return chain;
  };

  /** Of a task whose tool is not known any more everybody is asked who is asked about its server. */
  #compiled({ canonicalId, kind, madeBy, server }: Target): Chain {
    const id = kind === 'task' ? madeBy?.canonicalId : canonicalId;
    const as: Kind = kind === 'prompt' || kind === 'resource' ? kind : 'tool';
    return {
      before: this.#active.filter((each) => each.isAskedAbout('before-call', as, server, id)),
      after: this.#active.filter((each) => each.isAskedAbout('after-call', as, server, id)),
    };
  }
}

/** Whose child its program is. No server can have that name. */
export function ownerOf({ name }: Pick<InterceptorSettings, 'name'>): string {
  return `interceptor:${name}`;
}

/** The same but for what happens without an answer. */
function isSamePlace(was: InterceptorSettings, is: InterceptorSettings): boolean {
  return isDeepStrictEqual({ ...was, onError: is.onError }, is);
}
