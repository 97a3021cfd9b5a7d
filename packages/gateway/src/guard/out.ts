/**
 * Guard out: what a server answers, before a client reads it. What nothing is found in passes byte for byte, and a large body
 * is looked at as it flows; it is gathered only where something must be changed in it or its meaning be looked at. Errors are
 * in out-error.ts.
 */

import type { Answer } from '@sallyport/server';
import { isObject, type JsonObject, type JsonValue } from '@sallyport/wire';
import type { Call, Step } from '../call.ts';
import { Refused } from '../errors.ts';
import type { AskExternalGuard } from './external.ts';
import { META_GUARD, type Finding, type GuardSettings } from './finding.ts';
import { placeholderOwner } from './in.ts';
import { inspectText, MAX_PASSAGE, textsOf } from './injection/inspect.ts';
import { checkedError } from './out-error.ts';
import type { Found } from './secrets/formats.ts';
import { secretsIn, type OwnSecrets } from './secrets/own.ts';
import type { Placeholders } from './secrets/placeholders.ts';
import { NOT_REPLACED, redacted } from './secrets/redacted.ts';
import { lookedThrough } from './secrets/stream.ts';

type ResultAnswer = Extract<Answer, { readonly kind: 'result' }>;

export interface GuardOutOptions {
  readonly settings: () => GuardSettings;
  readonly own: OwnSecrets;
  readonly placeholders: Placeholders;
  readonly external: AskExternalGuard;
  readonly report: (finding: Finding, call: Call) => void;
  /** The response from behind its id on: `,"result":{…}}`. */
  readonly bytesOf: (answer: ResultAnswer, exchange: Call['exchange']) => Promise<Buffer>;
  /** Such bytes as a response, with members put into the result. */
  readonly withFront: (bytes: Buffer, front: JsonObject) => Answer;
  /** Lets others have their turn. */
  readonly pause: () => Promise<void>;
}

/** Bytes that wait for those behind them, at least and at most. */
const LEAST_HELD = 2048;
const MOST_HELD = 64 * 1024;
/** An escape of a character has six bytes. */
const ESCAPED = 6;
/** Characters that are looked at again with the next. */
const OVERLAP = 512;
/** What stands before such bytes. */
const HEAD: Buffer = Buffer.from('{"jsonrpc":"2.0","id":');

const OWN_CREDENTIAL = 'The answer of the server holds a credential of the gateway, so it is withheld.';
const INSTRUCTIONS = 'The answer of the server holds what looks like hidden instructions, so it is withheld.';

export function createGuardOut(options: GuardOutOptions): Step {
  return async (call, next) => {
    const answer = await next(call);
    const settings = options.settings();
    if (answer.kind === 'error') return checkedError(answer, call, settings, options);
    if (answer.kind === 'value') return await checkedValue(answer, call, settings, options);
    if (passes(answer, call, settings, options)) return answer;
    const bytes = answer.before.length + answer.after.length + (answer.rest?.bytes ?? 0);
    try {
      if (bytes > settings.resultMaxBytes) throw tooLarge(call);
      return await checkedResult(answer, call, settings, options);
    } catch (error) {
      answer.rest?.cancel();
      throw error;
    }
  };
}

/** What is small and there as a whole, as most answers are, needs nothing more than to be looked at. */
function passes(answer: ResultAnswer, call: Call, settings: GuardSettings, { own }: GuardOutOptions): boolean {
  const { after, before, rest } = answer;
  if (rest !== undefined || before.length + after.length > settings.resultMaxBytes) return false;
  if (needsMeaning(call, settings)) return false;
  return settings.secrets === 'off' || (isClean(before, own) && isClean(after, own));
}

function isClean(bytes: Buffer, own: OwnSecrets): boolean {
  return bytes.equals(HEAD) || secretsIn(bytes, own) === undefined;
}

function tooLarge({ target }: Call): Refused {
  const data = { ...(target !== undefined && { server: target.server }), reason: 'too_large' };
  return new Refused('unavailable', 'The server answered with more than may pass.', { data });
}

async function checkedResult(
  answer: ResultAnswer,
  call: Call,
  settings: GuardSettings,
  options: GuardOutOptions,
): Promise<Answer> {
  const isRead = needsMeaning(call, settings);
  if (settings.secrets === 'off' && !isRead) return answer;
  const { rest } = answer;
  if (rest !== undefined && settings.secrets !== 'redact' && !isRead) {
    const watch = new Watch(call, settings, options);
    return lookedThrough({ ...answer, rest }, heldFor(options.own), (bytes, again) => watch.look(bytes, again));
  }
  const bytes = await options.bytesOf(answer, call.exchange);
  const changed = await checkedBytes(bytes, call, settings, options);
  return changed ?? (rest === undefined ? answer : { kind: 'result', before: HEAD, after: bytes });
}

/** Whether a result must be there as a whole. */
function needsMeaning(call: Call, settings: GuardSettings): boolean {
  return settings.external?.on.includes('results') === true || isInspected(call, settings);
}

/** Prompts always are; other results where that is asked for. */
function isInspected({ exchange }: Call, { injection, injectionResults }: GuardSettings): boolean {
  return injection !== 'off' && (injectionResults || exchange.message.method === 'prompts/get');
}

function heldFor({ literals }: OwnSecrets): number {
  return Math.min(MOST_HELD, Math.max(LEAST_HELD, literals.longest * ESCAPED));
}

async function checkedValue(
  answer: Extract<Answer, { readonly kind: 'value' }>,
  call: Call,
  settings: GuardSettings,
  options: GuardOutOptions,
): Promise<Answer> {
  if (settings.secrets === 'off' && !needsMeaning(call, settings)) return answer;
  const bytes = bytesWith(answer.result);
  if (bytes.length > settings.resultMaxBytes) throw tooLarge(call);
  return (await checkedBytes(bytes, call, settings, options)) ?? answer;
}

function bytesWith(result: JsonObject): Buffer {
  return Buffer.from(`,"result":${JSON.stringify(result)}}`);
}

function resultIn(bytes: Buffer): JsonObject {
  return (JSON.parse(`{"id":0${bytes.toString('utf8')}`) as { result: JsonObject }).result;
}

/** A response, with something done about what is in it; undefined: nothing is. Throws a `Refused`. */
async function checkedBytes(
  bytes: Buffer,
  call: Call,
  settings: GuardSettings,
  options: GuardOutOptions,
): Promise<Answer | undefined> {
  const meta: Record<string, JsonValue> = {};
  let shown = bytes;
  if (settings.secrets !== 'off') {
    const watch = new Watch(call, settings, options);
    const found = watch.look(bytes, 0);
    if (watch.kinds.size > 0) meta['secrets'] = [...watch.kinds];
    if (settings.secrets === 'redact' && found.length > 0) {
      shown = Buffer.from(redacted(bytes, found, placeholderOwner(call), options.placeholders));
    }
  }
  const kinds = isInspected(call, settings) ? await instructionsIn(bytes, call, settings, options) : [];
  if (kinds.length > 0) meta['injection'] = kinds;
  const replaced = await replacedByOthers(shown, call, settings, options);
  if (Object.keys(meta).length > 0) {
    return options.withFront(unclaimed(replaced ?? shown), { _meta: { [META_GUARD]: meta } });
  }
  return replaced && options.withFront(replaced, {});
}

/** What an external guard puts in the place of a response; undefined: nothing. It sees what the client would have seen. */
async function replacedByOthers(
  bytes: Buffer,
  call: Call,
  { external, resultMaxBytes, secrets }: GuardSettings,
  options: GuardOutOptions,
): Promise<Buffer | undefined> {
  if (external === undefined || !external.on.includes('results')) return undefined;
  const asked = { place: 'results', content: resultIn(bytes), maxBytes: resultMaxBytes } as const;
  const result = await options.external(call, asked, external);
  if (result === undefined) return undefined;
  const replaced = bytesWith(result);
  if (secrets !== 'off' && secretsIn(replaced, options.own)?.isOwn === true)
    throw new Refused('refused', OWN_CREDENTIAL);
  return replaced;
}

/** The response without what a server says in our name: it would hide what we say. */
function unclaimed(bytes: Buffer): Buffer {
  const result = resultIn(bytes);
  const { _meta: meta } = result;
  if (!isObject(meta) || meta[META_GUARD] === undefined) return bytes;
  const { [META_GUARD]: _claimed, ...others } = meta;
  return bytesWith({ ...result, _meta: others });
}

/** Kinds of them that may pass. Throws a `Refused`. */
async function instructionsIn(
  bytes: Buffer,
  call: Call,
  { injection }: GuardSettings,
  { pause, report }: GuardOutOptions,
): Promise<string[]> {
  const kinds = await inspectedResult(bytes, pause);
  if (kinds.length === 0) return kinds;
  const action = injection === 'block' ? 'block' : 'flag';
  report({ check: 'injection', where: 'result', kinds, action }, call);
  if (action === 'block') throw new Refused('refused', INSTRUCTIONS);
  return kinds;
}

async function inspectedResult(bytes: Buffer, pause: () => Promise<void>): Promise<string[]> {
  const kinds = new Set<string>();
  let read = 0;
  for (const part of textsOf(resultIn(bytes))) {
    for (let start = 0; start < part.length; start += MAX_PASSAGE - OVERLAP) {
      const passage = part.slice(start, start + MAX_PASSAGE);
      for (const kind of inspectText(passage)) kinds.add(kind);
      read += passage.length;
      if (read < MAX_PASSAGE) continue;
      read = 0;
      await pause();
    }
  }
  return [...kinds];
}

const NOTHING: readonly Found[] = [];

/** One answer that is looked at, in one piece or many. */
class Watch {
  readonly kinds: Set<string> = new Set();
  readonly #call: Call;
  readonly #mode: GuardSettings['secrets'];
  readonly #options: GuardOutOptions;

  constructor(call: Call, settings: GuardSettings, options: GuardOutOptions) {
    this.#call = call;
    this.#mode = settings.secrets;
    this.#options = options;
  }

  /** Secrets that may pass, or be replaced; of the first `again` bytes those that end behind them. Throws a `Refused`. */
  look(bytes: Buffer, again: number): readonly Found[] {
    const secrets = secretsIn(bytes, this.#options.own, again);
    if (secrets === undefined) return NOTHING;
    if (secrets.isOwn) {
      this.#report(secrets.kinds, 'block');
      throw new Refused('refused', OWN_CREDENTIAL);
    }
    const fresh = secrets.kinds.filter((kind) => !this.kinds.has(kind));
    for (const kind of fresh) this.kinds.add(kind);
    const action = this.#mode === 'off' ? 'flag' : this.#mode;
    if (fresh.length > 0) this.#report(fresh, action);
    if (fresh.length > 0 && action === 'block') {
      throw new Refused('refused', `The answer of the server holds a secret (${fresh.join(', ')}), so it is withheld.`);
    }
    if (secrets.isHidden && action === 'redact') throw new Refused('refused', NOT_REPLACED);
    return secrets.found;
  }

  #report(kinds: readonly string[], action: Finding['action']): void {
    this.#options.report({ check: 'secrets', where: 'result', kinds, action }, this.#call);
  }
}
