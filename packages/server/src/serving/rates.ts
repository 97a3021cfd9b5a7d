/**
 * Requests over time: how many an address, a principal, a session, a method and a tool may make. What a limit counts is known
 * for certain: a session is one that was found, a principal one that was proven, so nobody gets a fresh bucket by naming
 * another. All limits of a request are asked before any is used; `initialize` counts as everything else does.
 */

import { wireError, type JsonRpcRequest } from '@sallyport/wire';
import { principalKey, type Exchange, type NotAdmitted, type Principal, type Session } from '../exchange.ts';
import { take, type Bucket, type Rate } from '../limits/bucket.ts';
import { retryAfterSeconds, spentHeaders, spentOf, type Spent } from '../limits/exceeded.ts';
import { createBucketTable, type BucketTable } from '../limits/table.ts';
import { durationText, rateText } from '../limits/text.ts';
import { networkOf } from '../network.ts';
import { LOCAL } from './auth/provider.ts';
import { askAuthor } from '../framework/author.ts';
import { badOption } from './errors.ts';
import type { Log } from './log.ts';

/** `1000/m` (s, m, h, d), or so many in a period. */
export type RateText = Rate | `${number}/${'s' | 'm' | 'h' | 'd'}`;

export type RateLimitName = 'perAddress' | 'perPrincipal' | 'perSession' | 'perMethod' | 'perTool' | 'global';

/** Whose request it is. Before a request is known to be a call, there is its address alone. */
export interface RateCaller {
  readonly address: string | undefined;
  readonly principal?: Principal | undefined;
  readonly session?: Session | undefined;
  readonly method?: string | undefined;
  readonly tool?: string | undefined;
}

export interface LimitReached extends Spent {
  readonly limit: RateLimitName;
  readonly caller: RateCaller;
}

/** Each limit that is named holds for everybody; those in force without being named spare the user of this machine. */
export interface RateOptions {
  /** Every request that an address makes over HTTP, whatever becomes of it; over WebSocket, and what is no message there. */
  readonly perAddress?: RateText;
  readonly perPrincipal?: RateText;
  readonly perSession?: RateText;
  /** Of a principal, for each method, or for those that are named. */
  readonly perMethod?: RateText | Readonly<Record<string, RateText>>;
  /** Of a principal, for each tool, or for those that are named. */
  readonly perTool?: RateText | Readonly<Record<string, RateText>>;
  /** All together. */
  readonly global?: RateText;
  /** True: this request is not counted. Whatever else it gives, also a promise, counts as no. */
  readonly skip?: (caller: RateCaller) => unknown;
  /**
   * What `perPrincipal`, `perMethod` and `perTool` count by instead of the principal, such as its tenant: a text. Whatever else
   * it gives, also a promise, counts as nothing.
   */
  readonly key?: (caller: RateCaller) => unknown;
  /** Called for each request that was refused. Nobody waits for it. */
  readonly onLimitReached?: (reached: LimitReached) => unknown;
}

export type Calling = Pick<Exchange, 'address' | 'message' | 'principal' | 'session'>;

export interface Rates {
  /** For a request over HTTP, or a message, of which nothing is known yet. */
  readonly arrival: (client: { readonly address: string | undefined }) => NotAdmitted | undefined;
  /** For a request that is a call, or a greeting. */
  readonly call: (calling: Calling) => NotAdmitted | undefined;
}

/** A rate, and the buckets that are filled at it: a table knows one rate. */
interface Limit {
  readonly rate: Rate;
  readonly buckets: BucketTable;
}

type Few = ((name: string) => Limit | undefined) | undefined;

interface Settled {
  readonly perAddress: Limit | undefined;
  readonly perPrincipal: Limit | undefined;
  readonly perSession: Limit | undefined;
  readonly perMethod: Few;
  readonly perTool: Few;
  readonly global: Limit | undefined;
}

const PER_ADDRESS: Rate = { count: 3000, periodMs: 60_000 };
const PER_PRINCIPAL: Rate = { count: 1000, periodMs: 60_000 };

/** Throws a ServeError for a rate that is none. `monotonic`: milliseconds. */
export function createRates(options: RateOptions | false, monotonic: () => number, log: Log): Rates | undefined {
  if (options === false) return undefined;
  return new Limits(options, monotonic, log);
}

class Limits implements Rates {
  readonly #options: RateOptions;
  readonly #monotonic: () => number;
  readonly #log: Log;
  readonly #named: Settled;
  readonly #all: Settled;

  constructor(options: RateOptions, monotonic: () => number, log: Log) {
    this.#options = options;
    this.#log = log;
    this.#monotonic = monotonic;
    this.#named = settled(options);
    this.#all = {
      ...this.#named,
      perAddress: this.#named.perAddress ?? limit(PER_ADDRESS),
      perPrincipal: this.#named.perPrincipal ?? limit(PER_PRINCIPAL),
    };
  }

  readonly arrival: Rates['arrival'] = ({ address }) => {
    const { perAddress } = isThisMachine(address) ? this.#named : this.#all;
    if (perAddress === undefined) return undefined;
    const caller: RateCaller = { address };
    if (this.#isSkipped(caller)) return undefined;
    const bucket = this.#bucket(networkOf(address), perAddress);
    const refused = this.#refusal([['perAddress', bucket]], caller);
    if (refused === undefined) take(bucket);
    return refused;
  };

  readonly call: Rates['call'] = (calling) => {
    const rates = calling.principal === LOCAL ? this.#named : this.#all;
    if (rates === NOTHING) return undefined;
    const { address, message, principal, session } = calling;
    const caller = { address, principal, session, method: message.method, tool: toolOf(message) };
    if (this.#isSkipped(caller)) return undefined;
    const buckets = this.#buckets(rates, caller);
    const refused = this.#refusal(buckets, caller);
    if (refused === undefined) for (const [, bucket] of buckets) take(bucket);
    return refused;
  };

  // An author's function that throws has said nothing: nobody gets past a limit by it, and no request ends the process.

  #isSkipped(caller: RateCaller): boolean {
    const { skip } = this.#options;
    return skip !== undefined && this.#asked('skip', () => skip(caller)) === true;
  }

  #keyOf(caller: RateCaller): string | undefined {
    const { key } = this.#options;
    const found = key && this.#asked('key', () => key(caller));
    return typeof found === 'string' ? found : undefined;
  }

  #tell(reached: LimitReached): void {
    const { onLimitReached } = this.#options;
    if (onLimitReached !== undefined) this.#asked('onLimitReached', () => onLimitReached(reached));
  }

  #asked(option: string, ask: () => unknown): unknown {
    const failed = (error: unknown): void => this.#log('error', 'a function of limits.rate failed', { option, error });
    return askAuthor(ask, failed);
  }

  #buckets(rates: Settled, caller: RateCaller & Pick<Calling, 'principal'>): readonly Asked[] {
    const { method, principal, session, tool } = caller;
    const who = this.#keyOf(caller) ?? principalKey(principal);
    return [
      ['perPrincipal', this.#bucket(who, rates.perPrincipal)],
      ['perSession', this.#bucket(session?.id, rates.perSession)],
      ['perMethod', this.#bucket(join(who, method), rates.perMethod?.(method ?? ''))],
      ['perTool', this.#bucket(tool && join(who, tool), rates.perTool?.(tool ?? ''))],
      ['global', this.#bucket('all', rates.global)],
    ];
  }

  #bucket(name: string | undefined, counted: Limit | undefined): Bucket | undefined {
    return counted?.buckets.of(name, counted.rate, this.#monotonic());
  }

  /** That of the limit that lasts for longest: until then it is of no use to come again. */
  #refusal(asked: readonly Asked[], caller: RateCaller): NotAdmitted | undefined {
    let reached: LimitReached | undefined;
    let rate: Rate | undefined;
    for (const [name, bucket] of asked) {
      const spent = spentOf(bucket);
      if (spent === undefined || (reached !== undefined && reached.retryAfterMs >= spent.retryAfterMs)) continue;
      reached = { limit: name, caller, ...spent };
      rate = bucket?.rate;
    }
    if (reached === undefined || rate === undefined) return undefined;
    this.#tell(reached);
    const again = durationText(retryAfterSeconds(reached) * 1000);
    const text = `The limit of ${rateText(rate)} ${WHOSE[reached.limit]} is reached. Try again in ${again}.`;
    const data = { limit: reached.limit, retryAfterMs: Math.ceil(reached.retryAfterMs) };
    return { error: wireError('rate_limited', text, data), headers: spentHeaders(reached) };
  }
}

type Asked = readonly [limit: RateLimitName, bucket: Bucket | undefined];

const NOTHING: Settled = Object.freeze({
  perAddress: undefined,
  perPrincipal: undefined,
  perSession: undefined,
  perMethod: undefined,
  perTool: undefined,
  global: undefined,
});

const WHOSE: Readonly<Record<RateLimitName, string>> = {
  perAddress: 'for this address',
  perPrincipal: 'for this client',
  perSession: 'for this session',
  perMethod: 'for this method',
  perTool: 'for this tool',
  global: 'for all clients together',
};

/** Characters: as many as the name of a tool may have. */
const MAX_NAME = 128;

function toolOf({ method, params }: JsonRpcRequest): string | undefined {
  const name = method === 'tools/call' ? params?.['name'] : undefined;
  return typeof name === 'string' ? name : undefined;
}

function join(who: string, what: string | undefined): string {
  // A bucket is kept under its name, which a client may make as long as a message.
  return JSON.stringify([who, what?.slice(0, MAX_NAME)]);
}

function isThisMachine(address: string | undefined): boolean {
  return address === '127.0.0.1' || address === '::1' || address === '::ffff:127.0.0.1';
}

function settled(options: RateOptions): Settled {
  const { global, perAddress, perMethod, perPrincipal, perSession, perTool } = options;
  if ([global, perAddress, perMethod, perPrincipal, perSession, perTool].every((each) => each === undefined)) {
    return NOTHING;
  }
  return {
    perAddress: limitOf('perAddress', perAddress),
    perPrincipal: limitOf('perPrincipal', perPrincipal),
    perSession: limitOf('perSession', perSession),
    perMethod: few('perMethod', perMethod),
    perTool: few('perTool', perTool),
    global: limitOf('global', global),
  };
}

function few(option: string, given: RateOptions['perTool']): Few {
  if (given === undefined) return undefined;
  if (typeof given === 'string' || isRate(given)) {
    const one = limitOf(option, given);
    return () => one;
  }
  const limits = new Map(Object.entries(given).map(([name, each]) => [name, limitOf(`${option}.${name}`, each)]));
  return (name) => limits.get(name);
}

function isRate(value: object): value is Rate {
  return 'count' in value && 'periodMs' in value && typeof value.count === 'number';
}

const PERIODS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

function limit(rate: Rate): Limit {
  return { rate, buckets: createBucketTable() };
}

function limitOf(option: string, given: RateText | undefined): Limit | undefined {
  if (given === undefined) return undefined;
  const [, count, unit = ''] = typeof given === 'string' ? (/^(\d+)\/([smhd])$/.exec(given) ?? []) : [];
  const rate = typeof given === 'string' ? { count: Number(count), periodMs: PERIODS[unit] ?? 0 } : given;
  if (rate.count > 0 && rate.periodMs > 0 && Number.isFinite(rate.count / rate.periodMs)) return limit(rate);
  throw badOption(`limits.rate.${option}`, 'a rate is written "1000/m" (s, m, h or d) or { count, periodMs }');
}
