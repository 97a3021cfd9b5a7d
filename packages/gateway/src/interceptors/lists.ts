/**
 * Lists of tools as interceptors leave them. They are asked when a server lists its tools, once for everybody, before the list comes
 * into force: so what they take out is not there for anybody, by whatever way it is called. They can take tools out and shorten
 * descriptions, and nothing else. What could not be asked is asked again.
 */

import { hash } from 'node:crypto';
import type { JsonObject } from '@sallyport/wire';
import { canonicalId } from '../canonical-id.ts';
import { NoVerdict, type Interceptor } from './asking.ts';
import type { Intervention, ListedTool } from './types.ts';

/** What becomes of a tool; undefined: it is as it was listed. */
export type ToolVerdict = { readonly hidden: string } | { readonly description: string } | undefined;

export interface ListInterceptors {
  /** Asks about tools that a server lists. Never rejects. */
  observe(server: string, tools: readonly JsonObject[]): Promise<void>;
  /** `tool`: the definition as its server gave it. */
  verdict(server: string, tool: JsonObject): ToolVerdict;
  /** Another number when a verdict is another. */
  version(): number;
  onChanged(listener: () => void): void;
}

export interface ListsOptions {
  /** Those in force that are asked about a list, in order. */
  readonly interceptors: () => readonly Interceptor[];
  /** Whether the guard keeps a definition back: it is shown to nobody. */
  readonly isKeptBack: (server: string, tool: JsonObject) => boolean;
  readonly report: (intervention: Intervention, server: string) => void;
  /** Calls `fire` after so many milliseconds; gives the way to take it back. */
  readonly setTimer: (fire: () => void, ms: number) => () => void;
}

/** When it is asked again what could not be asked. */
const RETRY_MS = 15_000;
/** Definitions of one server of which something is known. */
const MAX_KNOWN = 20_000;

const NOT_ASKED = 'an interceptor that must be asked about it has not answered yet';

/** What came of asking about one tool. */
interface Said {
  verdict: ToolVerdict;
  /** Somebody could not be asked. */
  isOpen: boolean;
}

export class Lists implements ListInterceptors {
  readonly #options: ListsOptions;
  /** By server, then by the digest of a definition. */
  readonly #known: Map<string, Map<string, ToolVerdict>> = new Map();
  readonly #digests: WeakMap<JsonObject, string> = new WeakMap();
  /** To be asked about, by server. */
  readonly #due: Map<string, Map<string, JsonObject>> = new Map();
  readonly #listeners: (() => void)[] = [];
  #version = 0;
  #epoch = 0;
  #cancel: (() => void) | undefined;
  #dueMs = Infinity;
  #isClosed = false;

  constructor(options: ListsOptions) {
    this.#options = options;
  }

  /** Others are asked from now on. */
  reset(): void {
    this.#epoch++;
    this.#known.clear();
    this.#due.clear();
    this.#changed();
  }

  /** Nothing is asked any more. */
  close(): void {
    this.#isClosed = true;
    this.#epoch++;
    this.#cancel?.();
    this.#due.clear();
  }

  version(): number {
    return this.#version;
  }

  onChanged(listener: () => void): void {
    this.#listeners.push(listener);
  }

  verdict(server: string, tool: JsonObject): ToolVerdict {
    const asked = this.#askedAbout(server, tool);
    if (asked.length === 0) return undefined;
    const digest = this.#digestOf(tool);
    const known = this.#known.get(server);
    if (known?.has(digest) === true) return known.get(digest);
    this.#askLater(server, digest, tool, 0);
    return asked.some(({ settings }) => settings.onError === 'closed') ? { hidden: NOT_ASKED } : undefined;
  }

  async observe(server: string, tools: readonly JsonObject[]): Promise<void> {
    const epoch = this.#epoch;
    const concerned = tools.filter((tool) => this.#askedAbout(server, tool).length > 0);
    if (concerned.length === 0) return;
    const said = await this.#ask(server, concerned);
    if (epoch !== this.#epoch) return;
    let known = this.#known.get(server);
    if (known === undefined || known.size > MAX_KNOWN) this.#known.set(server, (known = new Map()));
    let isOther = false;
    for (const [tool, { isOpen, verdict }] of said) {
      const digest = this.#digestOf(tool);
      if (isOpen) this.#askLater(server, digest, tool, RETRY_MS);
      if (known.has(digest) && isSame(known.get(digest), verdict)) continue;
      known.set(digest, verdict);
      isOther = true;
    }
    if (isOther) this.#changed();
  }

  #askedAbout(server: string, tool: JsonObject): readonly Interceptor[] {
    const id = canonicalId(server, tool['name'] as string);
    return this.#options.interceptors().filter((each) => each.isAskedAbout('list', 'tool', server, id));
  }

  async #ask(server: string, tools: readonly JsonObject[]): Promise<Map<JsonObject, Said>> {
    const said = new Map(tools.map((tool): [JsonObject, Said] => [tool, { verdict: undefined, isOpen: false }]));
    for (const each of this.#options.interceptors()) {
      const shown = [...said].filter(
        ([tool, { verdict }]) =>
          !(verdict !== undefined && 'hidden' in verdict) &&
          each.isAskedAbout('list', 'tool', server, canonicalId(server, tool['name'] as string)) &&
          !this.#options.isKeptBack(server, tool),
      );
      if (shown.length > 0) await this.#askOne(each, server, shown);
    }
    return said;
  }

  async #askOne(each: Interceptor, server: string, shown: readonly [JsonObject, Said][]): Promise<void> {
    const report = (news: Intervention): void => this.#options.report(news, server);
    const { name } = each.settings;
    const hide = (reason: string): void => {
      for (const [, said] of shown) said.verdict = { hidden: reason };
    };
    try {
      const tools = shown.map(([tool, { verdict }]) => ({
        ...tool,
        ...verdict,
        id: canonicalId(server, tool['name'] as string),
      }));
      const verdict = await each.ask('list', { server, tools }, { kind: 'tool', report });
      if (verdict === undefined) for (const [, said] of shown) said.isOpen = true;
      if (verdict?.action === 'deny') hide(takenOut(name));
      if (verdict?.action !== 'keep') return;
      const problem = problemOf(verdict.tools, tools);
      if (problem === undefined) keep(verdict.tools, shown, name);
      else each.failed('list', new Error(problem), report);
    } catch (error) {
      if (!(error instanceof NoVerdict)) throw error;
      hide(`the interceptor "${name}" could not be asked about it`);
      for (const [, said] of shown) said.isOpen = true;
    }
  }

  #askLater(server: string, digest: string, tool: JsonObject, ms: number): void {
    if (this.#isClosed) return;
    const due = this.#due.get(server) ?? new Map<string, JsonObject>();
    this.#due.set(server, due.set(digest, tool));
    if (ms >= this.#dueMs) return;
    this.#cancel?.();
    this.#dueMs = ms;
    this.#cancel = this.#options.setTimer(() => {
      this.#dueMs = Infinity;
      const all = [...this.#due];
      this.#due.clear();
      for (const [name, tools] of all) void this.observe(name, [...tools.values()]);
    }, ms);
  }

  #digestOf(tool: JsonObject): string {
    let digest = this.#digests.get(tool);
    if (digest === undefined) this.#digests.set(tool, (digest = hash('sha256', JSON.stringify(tool), 'base64')));
    return digest;
  }

  #changed(): void {
    this.#version++;
    for (const listener of this.#listeners) listener();
  }
}

function takenOut(interceptor: string): string {
  return `the interceptor "${interceptor}" took it out`;
}

/** Why an answer cannot be used: nothing is added, and no description gets longer. */
function problemOf(kept: readonly ListedTool[], shown: readonly JsonObject[]): string | undefined {
  const before = new Map(shown.map((tool) => [tool['name'], tool['description']]));
  for (const { description, name } of kept) {
    if (!before.has(name)) return 'it names a tool that is not in the list';
    const was = before.get(name);
    if (description !== undefined && description.length > (typeof was === 'string' ? was.length : 0)) {
      return 'it gives a tool a longer description';
    }
  }
  return undefined;
}

function keep(kept: readonly ListedTool[], shown: readonly [JsonObject, Said][], interceptor: string): void {
  const byName = new Map(kept.map((tool) => [tool.name, tool]));
  for (const [tool, said] of shown) {
    const stays = byName.get(tool['name'] as string);
    if (stays === undefined) said.verdict = { hidden: takenOut(interceptor) };
    else if (stays.description !== undefined) said.verdict = { description: stays.description };
  }
}

function isSame(one: ToolVerdict, other: ToolVerdict): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
