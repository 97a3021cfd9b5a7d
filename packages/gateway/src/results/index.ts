/**
 * Big results: what costs more tokens than the budget is kept for its caller, who reads its head and pages through the rest by a
 * handle (docs/CODE.md). Off unless a budget is set. Programs read results whole, so the calls they make are left alone; so are results
 * that are no result of a tool.
 */

import { principalKey, type Answer, type Exchange } from '@sallyport/server';
import type { JsonObject, JsonValue } from '@sallyport/wire';
import type { Call, Next, Step } from '../call.ts';
import type { AnsweringTool, Sight } from '../meta.ts';
import { longResult, piece, type Long } from './clip.ts';
import { Shelf, type ShelfOptions } from './shelf.ts';

export { removeLeft, shelfFolder } from './shelf.ts';

type Result = Extract<Answer, { kind: 'result' }>;

export interface ResultsOptions extends ShelfOptions {
  /** False while no budget is set anywhere. */
  readonly isOn: () => boolean;
  /** Tokens that a result may cost at the endpoint; undefined: any number. */
  readonly budgetOf: (exchange: Exchange) => number | undefined;
  /** Whether the tool of a call, by its shown name, declares what is structured in its results. */
  readonly isTyped: (exchange: Exchange, name: string) => boolean;
  /** For handles. */
  readonly sealHandle: (plain: string, bound: string) => string;
  readonly openHandle: (sealed: string, bound: string) => string | undefined;
  /** The response from behind its id on. */
  readonly bytesOf: (answer: Result, exchange: Exchange) => Promise<Buffer>;
  readonly parsed: (bytes: Buffer) => JsonObject;
  /** The response with other members in its result; undefined takes one out. All else stays as it was written. */
  readonly withMembers: (bytes: Buffer, changes: Readonly<Record<string, JsonValue | undefined>>) => Answer;
  readonly log: (level: 'warn', text: string, detail: Readonly<Record<string, unknown>>) => void;
}

export interface Results {
  /** Around whatever answers a call. */
  readonly clip: Step;
  /** `read_result`. */
  readonly read: AnsweringTool;
  /** What somebody (`principalKey`) has is gone. */
  forget(owner: string): Promise<void>;
  /** The same for all of whom it is said that they are out. */
  forgetWhere(isOut: (owner: string) => Promise<boolean>): Promise<void>;
  /** All is gone. Idempotent. */
  close(): Promise<void>;
}

/** Tokens of one byte, at the most: of three in one character that is not Latin. */
const MOST_PER_BYTE = 0.25;
/** Tokens for what is said of a text beside it. */
const NOTE = 120;
/** A handle that is longer is none of ours. */
const MAX_HANDLE = 500;

export function createResults(options: ResultsOptions): Results {
  const shelf = new Shelf(options);
  const parts = { ...options, shelf };
  return {
    clip: (call, next) => (options.isOn() ? clipped(call, next, parts) : next(call)),
    read: createReadResult(parts),
    forget: (owner) => shelf.forget(owner),
    forgetWhere: async (isOut) => {
      for (const owner of shelf.owners) if (await isOut(owner)) await shelf.forget(owner);
    },
    close: () => shelf.close(),
  };
}

type Parts = ResultsOptions & { readonly shelf: Shelf };

async function clipped(call: Call, next: Next, parts: Parts): Promise<Answer> {
  const answer = await next(call);
  const { exchange } = call;
  const { method, params } = exchange.message;
  const name = params?.['name'];
  if (answer.kind !== 'result' || method !== 'tools/call' || typeof name !== 'string') return answer;
  const budget = parts.budgetOf(exchange);
  if (budget === undefined || sizeOf(answer) * MOST_PER_BYTE <= budget) return answer;
  return await shortened(answer, { budget, exchange, name }, parts);
}

async function shortened(answer: Result, place: Place, parts: Parts): Promise<Answer> {
  const { budget, exchange, name } = place;
  const isTyped = parts.isTyped(exchange, name);
  const response = await parts.bytesOf(answer, exchange);
  const long = longResult(parts.parsed(response), budget, isTyped);
  const head = long && (await headOf(long, place, parts));
  if (long === undefined || head === undefined) return parts.withMembers(response, {});
  const content = long.contentWith(head);
  // Whoever was promised what is structured gets it, all of it.
  return parts.withMembers(response, isTyped ? { content } : { content, structuredContent: undefined });
}

function sizeOf({ after, before, rest }: Result): number {
  return before.length + after.length + (rest?.bytes ?? 0);
}

interface Place {
  readonly budget: number;
  readonly exchange: Exchange;
  /** Of the tool, as it was called. */
  readonly name: string;
}

/** What is read in its place; undefined where it cannot be kept: then it is given as it is. */
async function headOf(
  { cost, text }: Long,
  { budget, exchange, name }: Place,
  parts: Parts,
): Promise<string | undefined> {
  const { log, sealHandle, shelf } = parts;
  try {
    const id = await shelf.keep(ownerOf(exchange), text);
    if (id === undefined) return undefined;
    const handle = sealHandle(JSON.stringify([id, name]), bearer(exchange));
    const head = piece(text, 0, Math.max(1, budget - NOTE), budget * 5);
    return `${head}\n\n[The first ${head.length} of ${text.length} characters, about ${cost} tokens. To read on: read_result {"handle": "${handle}", "offset": ${head.length}}]`;
  } catch (error) {
    log('warn', 'a big result could not be kept, and was given whole', { error: String(error) });
    return undefined;
  }
}

function createReadResult(parts: Parts): AnsweringTool {
  return {
    kind: 'answers',
    name: 'read_result',
    definition: () => ({
      name: 'read_result',
      title: 'Read on in a result',
      description: 'Gives more of a result of which only the head was given, by the handle that stands below it.',
      inputSchema: {
        type: 'object',
        properties: {
          handle: { type: 'string' },
          offset: { type: 'integer', minimum: 0, default: 0, description: 'In characters' },
          limit: { type: 'integer', minimum: 1, description: 'Characters at most' },
        },
        required: ['handle'],
      },
      annotations: { readOnlyHint: true, openWorldHint: false },
    }),
    answer: async (call, args, sight) => {
      const told = await read(call.exchange, args, sight, parts);
      const result = { content: [{ type: 'text', text: told.text }], ...(told.isError && { isError: true }) };
      const ofEra = call.exchange.era === 'stateless' && { resultType: 'complete' };
      return { kind: 'value', result: { ...result, ...ofEra } };
    },
  };
}

interface Told {
  readonly text: string;
  readonly isError: boolean;
}

const wrong = (text: string): Told => ({ text, isError: true });

async function read(exchange: Exchange, args: JsonObject, sight: Sight, parts: Parts): Promise<Told> {
  const { handle, limit = Number.MAX_SAFE_INTEGER, offset = 0 } = args;
  if (typeof handle !== 'string') return wrong('read_result needs a handle: it stands below the head of a result.');
  if (!isCount(offset, 0)) return wrong('offset must be a whole number from 0.');
  if (!isCount(limit, 1)) return wrong('limit must be a whole number from 1.');
  const text = await opened(handle, { exchange, sight }, parts);
  if (text === undefined) return wrong('There is no result with this handle, or not any more: call the tool again.');
  if (offset >= text.length) return wrong(`The result has ${text.length} characters.`);
  const budget = parts.budgetOf(exchange) ?? NOTE;
  const page = piece(text, offset, Math.max(1, budget - NOTE), limit);
  const end = offset + page.length;
  const rest = end < text.length ? `the next one has offset ${end}` : 'the last ones';
  return { text: `${page}\n\n[Characters ${offset} to ${end} of ${text.length}; ${rest}]`, isError: false };
}

interface Reader {
  readonly exchange: Exchange;
  readonly sight: Sight;
}

async function opened(handle: string, { exchange, sight }: Reader, parts: Parts): Promise<string | undefined> {
  const plain = handle.length > MAX_HANDLE ? undefined : parts.openHandle(handle, bearer(exchange));
  if (plain === undefined) return undefined;
  const [id, name] = JSON.parse(plain) as [string, string];
  // What somebody may not call any more he does not read on in.
  if (name !== OWN && !sight.tools.has(name)) return undefined;
  return await parts.shelf.read(ownerOf(exchange), id);
}

/** A tool of the gateway's own whose results may be big. */
const OWN = 'run_code';

function isCount(value: JsonValue, least: number): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= least;
}

function ownerOf({ principal, session }: Exchange): string {
  return principalKey(session?.principal ?? principal);
}

/** Whom a handle is good for, and where. */
function bearer(exchange: Exchange): string {
  return JSON.stringify(['result', ownerOf(exchange), exchange.endpoint]);
}
