/**
 * Discovery: what a client is shown instead of the whole catalogue, and the gateway's own tools by which it reaches the rest
 * (docs/DISCOVERY.md). What is shown is no matter of permission: whoever knows a name may call it in every mode, if the policy lets
 * him; so nothing here decides that, except that in modes in which a model finds tools by itself a person is asked about those that
 * destroy.
 */

import type { Answer, Exchange, Session, Visitor } from '@sallyport/server';
import { isObject, type Era, type JsonObject } from '@sallyport/wire';
import type { Call, Decision, Next, Step } from '../call.ts';
import { Refused } from '../errors.ts';
import { globMatcher } from '../glob.ts';
import type { AnsweringTool, DiscoveryMode, MetaTool } from '../meta.ts';
import { toolError } from './answers.ts';
import { createCallDynamicTool, createGetDynamicTools } from './group-tools.ts';
import { createFind, type Find } from './finder.ts';
import { Indexes, type IndexesOptions } from './indexes.ts';
import { Meanings, type MeaningsOptions } from './meanings.ts';
import { Modes, type Looked, type ModesOptions } from './modes.ts';
import { isBudgeted, Pages } from './pages.ts';
import {
  createCallReadTool,
  createCallTool,
  createDescribeTools,
  createFindTools,
  AS_CALLED,
  type Writing,
} from './search-tools.ts';
import { parametersOf } from './signature.ts';
import { Shown, type Look } from './shown.ts';
import type { SeenServer, SeenTool, Sight } from './types.ts';

/** What somebody sees at an endpoint now. */
export interface Seen extends Looked {
  /** In configuration order. */
  servers(): readonly SeenServer[];
}

export interface DiscoveryOptions extends IndexesOptions, ModesOptions {
  readonly see: (visitor: Visitor) => Seen;
  /** The same when its tools are there, as far as servers answer in time. */
  readonly seeReady: (exchange: Exchange) => Promise<Seen>;
  /** Whoever runs this gateway, on this machine. */
  readonly isUser: (exchange: Exchange) => boolean;
  /** Name and version of this gateway. */
  readonly info: JsonObject;
  readonly code?: CodeTools;
  /** Reads on in results that are longer than a budget. */
  readonly readResult?: AnsweringTool;
  /** What ranks by meaning too. */
  readonly meanings?: MeaningsOptions;
}

/** What mode `code` is made of beside `find_tools`. */
export interface CodeTools {
  readonly run: AnsweringTool;
  /** Definitions as a program sees them. */
  readonly stubs: (tools: readonly SeenTool[]) => string;
  /** `tools.server.tool`, as a program writes it. */
  readonly path: (tool: SeenTool) => string;
  /** Told that somebody looks around who may bring a program soon. */
  expect(): void;
}

export interface Discovery {
  /**
   * Takes a call of one of our own tools. True: it is answered here, by `answer`. False: it goes on, perhaps as the call that was
   * meant. Throws `Refused`.
   */
  begin(call: Call): boolean;
  /** Answers what `begin` has taken. */
  readonly answer: Step;
  /** Around the lists: what is shown of the tools. */
  readonly list: Step;
  /** Behind the policy: what it did not allow outright is asked about where it destroys; and what only reads must do so. */
  readonly caution: Step;
  /** How the tools are shown to whoever sends this. */
  modeOf(exchange: Exchange): DiscoveryMode;
  /** A client without a session wants to hear of changes from now on. */
  awaits(exchange: Exchange): void;
  /**
   * Whether a client sees the same list of tools that it was shown, asked of many at one moment. It is taken to be told where that
   * is not so.
   */
  looking(): (client: Session | Exchange) => boolean;
  /** What is made in the background ends. Idempotent. */
  close(): void;
}

/** By place, then by mode and era. */
type Looks = Map<object, Map<string, Look>>;

/** Every name that one of our own tools has: all other calls pass with one look. */
const NAMES: ReadonlySet<string> = new Set([
  'find_tools',
  'describe_tools',
  'call_tool',
  'call_read_tool',
  'run_code',
  'read_result',
  'get_dynamic_tools',
  'call_dynamic_tool',
]);

/** What decides where nobody has written a rule. */
const BY_DEFAULT = 'default';
const ASK: Decision = {
  effect: 'ask',
  rule: 'builtin:destructive',
  reason: 'The tool says of itself that it may destroy something, and no rule of the policy allows it outright.',
};

export function createDiscovery(options: DiscoveryOptions): Discovery {
  return new DiscoveryRoom(options);
}

class DiscoveryRoom implements Discovery {
  readonly #options: DiscoveryOptions;
  readonly #modes: Modes;
  readonly #tools: Readonly<Record<DiscoveryMode, readonly MetaTool[]>>;
  readonly #taken: WeakMap<Call, (sight: Sight) => Answer | Promise<Answer>> = new WeakMap();
  readonly #pages: Pages;
  readonly #shown: Shown = new Shown();
  readonly #meanings: Meanings | undefined;

  constructor(options: DiscoveryOptions) {
    this.#options = options;
    this.#modes = new Modes(options);
    this.#meanings = options.meanings && new Meanings(options.meanings);
    this.#tools = ownTools(createFind(new Indexes(options), this.#meanings), options.code);
    this.#pages = new Pages({ info: options.info, tools: (mode, setting) => this.#ownIn(mode, setting) });
  }

  begin(call: Call): boolean {
    const { params } = call.exchange.message;
    const name = params?.['name'];
    if (typeof name !== 'string' || !NAMES.has(name)) return false;
    const seen = this.#options.see(call.exchange);
    const tool = this.#toolNamed(name, seen, call.exchange);
    if (tool === undefined) return false;
    if (tool.kind === 'answers') {
      this.#taken.set(call, (sight) => tool.answer(call, argumentsOf(call), sight));
      return true;
    }
    const args = argumentsOf(call);
    const meant = tool.meant(call.exchange, args, sightOf(seen));
    if ('wrong' in meant) {
      this.#taken.set(call, () => toolError(call, meant.wrong));
      return true;
    }
    const { reads, serverIn, told } = tool;
    const server = serverIn === undefined ? undefined : args[serverIn];
    call.via = { name, ...(reads && { reads }), ...(typeof server === 'string' && { server }), ...(told && { told }) };
    call.exchange = meant;
    return false;
  }

  readonly answer: Step = async (call) => {
    const answer = this.#taken.get(call);
    if (answer === undefined) throw new Error('A call was not taken and is to be answered.');
    return await answer(sightOf(await this.#options.seeReady(call.exchange)));
  };

  readonly list: Step = async (call, next) => {
    const { exchange } = call;
    const { method, params } = exchange.message;
    if (method !== 'tools/list') {
      return params?.['group'] === undefined || this.modeOf(exchange) !== 'groups'
        ? await next(call)
        : this.#group(call, next);
    }
    const { setting } = this.#options.see(exchange);
    if (setting.mode === 'full' && !isBudgeted(setting)) {
      this.#shown.listed(exchange.session, undefined);
      return await next(call);
    }
    const seen = await this.#options.seeReady(exchange);
    const mode = this.#modes.of(seen, exchange.session, true);
    if (mode === 'code') this.#options.code?.expect();
    const look = this.#look(seen, mode, exchange.era);
    this.#shown.listed(exchange.session, look);
    return look === undefined ? await next(call) : look.page.answer;
  };

  awaits(exchange: Exchange): void {
    this.#shown.awaits(exchange, this.#lookOf(exchange));
  }

  looking(): (client: Session | Exchange) => boolean {
    const looks: Looks = new Map();
    return (client) => this.#shown.isSame(client, this.#lookOf(client, looks));
  }

  close(): void {
    this.#meanings?.close();
  }

  #lookOf(client: Session | Exchange, looks?: Looks): Look | undefined {
    const [era, session] = 'message' in client ? [client.era, client.session] : (['session', client] as const);
    const seen = this.#options.see(client);
    const mode = this.#modes.of(seen, session, false);
    const key = `${mode} ${era}`;
    const known = looks?.get(seen.place)?.get(key);
    if (known !== undefined) return known;
    const look = this.#look(seen, mode, era);
    if (look !== undefined) looks?.set(seen.place, (looks.get(seen.place) ?? new Map<string, Look>()).set(key, look));
    return look;
  }

  /** Undefined where the catalogue itself is shown. */
  #look(seen: Seen, mode: DiscoveryMode, era: Era): Look | undefined {
    if (mode === 'full' && !isBudgeted(seen.setting)) return undefined;
    const page = this.#pages.of(sightOf(seen), mode, era, seen.setting);
    return { place: seen.place, key: `${mode} ${era}`, page };
  }

  readonly caution: Step = (call, next) => {
    const annotations = call.target?.annotations;
    if (call.via?.reads === true && traitOf(annotations) !== 'reading') {
      return Promise.reject(new Refused('refused', NOT_READING));
    }
    if (
      call.outer?.target !== undefined &&
      traitOf(call.outer.target.annotations) === 'reading' &&
      traitOf(annotations) !== 'reading'
    ) {
      return Promise.reject(new Refused('refused', NOT_READING_EITHER));
    }
    // Of nearly all calls nothing else is looked at.
    if (traitOf(annotations) === 'destructive' && this.#isUnasked(call)) call.decision = ASK;
    return next(call);
  };

  /**
   * Allowed by nothing but default, and found by a model whose client has shown nobody what it is. What is always shown is called by
   * its own name, and so is anything by a person with a shell.
   */
  #isUnasked({ decision, exchange, outer, target, via }: Call): boolean {
    if (via === undefined && outer === undefined && (this.#options.isUser(exchange) || this.#isShown(exchange, target)))
      return false;
    if (target?.kind !== 'tool' || decision?.effect !== 'allow' || decision.rule !== BY_DEFAULT) return false;
    const mode = this.modeOf(exchange);
    return mode === 'search' || mode === 'code';
  }

  #isShown(exchange: Exchange, target: Call['target']): boolean {
    const { always } = this.#options.see(exchange).setting;
    return always.length > 0 && target !== undefined && globMatcher(always)(target.canonicalId);
  }

  modeOf(exchange: Exchange): DiscoveryMode {
    return this.#modes.of(this.#options.see(exchange), exchange.session, false);
  }

  #toolNamed(name: string, seen: Seen, { session }: Exchange): MetaTool | undefined {
    const mode = this.#modes.of(seen, session, false);
    if (mode === 'code') this.#options.code?.expect();
    const own = this.#ownIn(mode, seen.setting).find((tool) => tool.name === name);
    // A client that was shown the other mode, perhaps by another replica, is answered all the same.
    if (own !== undefined || seen.setting.mode !== 'auto' || seen.tools.has(name)) return own;
    return this.#tools.search.find((tool) => tool.name === name);
  }

  #ownIn(mode: DiscoveryMode, setting: Seen['setting']): readonly MetaTool[] {
    const { readResult } = this.#options;
    return isBudgeted(setting) && readResult !== undefined ? [...this.#tools[mode], readResult] : this.#tools[mode];
  }

  /** A list of one group alone, as dynamic-mcp gives it. */
  async #group(call: Call, next: Next): Promise<Answer> {
    const group = call.exchange.message.params?.['group'];
    const seen = await this.#options.seeReady(call.exchange);
    const server = seen.servers().find(({ name }) => name === group);
    if (server === undefined) throw new Refused('internal', 'Failed to list: there is no such group.');
    call.group = server.name;
    return await next(call);
  }
}

function ownTools(search: Find, code?: CodeTools): Readonly<Record<DiscoveryMode, readonly MetaTool[]>> {
  const find = createFindTools(search, AS_CALLED);
  const describe = createDescribeTools(AS_CALLED);
  return {
    full: [],
    groups: [createGetDynamicTools(), createCallDynamicTool()],
    search: [find, describe, createCallReadTool(), createCallTool()],
    code: code === undefined ? [] : codeTools(search, code),
  };
}

function codeTools(search: Find, { path, run, stubs }: CodeTools): readonly MetaTool[] {
  const asProgram: Writing = {
    signature: (tool) => {
      const parameters = parametersOf(tool.shown);
      return `${path(tool)}(${parameters === '' ? '' : `{${parameters}}`})`;
    },
    definitions: stubs,
    // Definitions are long: who reads types needs no schemas.
    data: () => undefined,
    named: (name, tools) => tools.values().find((tool) => path(tool) === name),
  };
  return [createFindTools(search, asProgram), createDescribeTools(asProgram), run];
}

/** What a client is shown in a mode of our own tools; `run` is the definition of `run_code`. */
export function ownDefinitions(mode: DiscoveryMode, sight: Sight, run: JsonObject): readonly JsonObject[] {
  const indexes = new Indexes({ monotonic: () => 0, pause: () => Promise.resolve() });
  const own = ownTools(createFind(indexes, undefined));
  if (mode !== 'code') return own[mode].map((tool) => tool.definition(sight));
  return [...own.search.slice(0, 2).map((tool) => tool.definition(sight)), run];
}

const NOT_READING =
  'call_read_tool calls only tools that are known to change nothing, and this one is not: use call_tool.';

const NOT_READING_EITHER =
  'This program says of itself that it changes nothing, so it calls only tools that are known to change nothing; this one is not.';

/** A tool that claims to be both is no reader. */
function traitOf(annotations: JsonObject | undefined): 'plain' | 'reading' | 'destructive' {
  if (annotations?.['destructiveHint'] === true) return 'destructive';
  return annotations?.['readOnlyHint'] === true ? 'reading' : 'plain';
}

function sightOf(seen: Seen): Sight {
  return { tools: seen.tools, servers: seen.servers() };
}

/** What is no object are no arguments: the tool says what it needs. */
function argumentsOf({ exchange }: Call): JsonObject {
  const given = exchange.message.params?.['arguments'];
  return isObject(given) ? given : {};
}
