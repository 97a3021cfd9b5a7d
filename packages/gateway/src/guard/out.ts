/**
 * Guard out: what a server answers, before a client reads it. What nothing is found in passes byte for byte, and a large body
 * is looked at as it flows; it is gathered only where something must be changed in it or its meaning be looked at.
 */

import type { Answer } from '@sallyport/server';
import { isObject, type JsonObject, type JsonRpcErrorObject, type JsonValue } from '@sallyport/wire';
import type { Call, Step } from '../call.ts';
import { Refused } from '../errors.ts';
import { META_GUARD, type Finding, type GuardSettings } from './finding.ts';
import { placeholderOwner } from './in.ts';
import { inspectText, textsOf } from './injection/inspect.ts';
import { findFormats, type Found } from './secrets/formats.ts';
import type { OwnSecrets } from './secrets/own.ts';
import type { Placeholders } from './secrets/placeholders.ts';
import { lookedThrough } from './secrets/stream.ts';

type ResultAnswer = Extract<Answer, { readonly kind: 'result' }>;

export interface GuardOutOptions {
  readonly settings: () => GuardSettings;
  readonly own: OwnSecrets;
  readonly placeholders: Placeholders;
  readonly report: (finding: Finding, call: Call) => void;
  /** The whole response as text, with id 0. */
  readonly textOf: (answer: ResultAnswer, exchange: Call['exchange']) => Promise<string>;
  /** The response cut at its id again, with members put into its result. */
  readonly withFront: (text: string, front: JsonObject) => Answer;
  /** Lets others have their turn. */
  readonly pause: () => Promise<void>;
}

/** Bytes that wait for those behind them, at least and at most. */
const LEAST_HELD = 2048;
const MOST_HELD = 64 * 1024;
/** An escape of a character has six bytes. */
const ESCAPED = 6;
/** Characters that are looked at in one go, and those that are looked at again with the next. */
const SLICE = 32 * 1024;
const OVERLAP = 512;

const OWN_CREDENTIAL = 'The answer of the server holds a credential of the gateway, so it is withheld.';
const WITHHELD = 'The server answered with an error whose text is withheld.';

export function createGuardOut(options: GuardOutOptions): Step {
  return async (call, next) => {
    const answer = await next(call);
    const settings = options.settings();
    if (answer.kind === 'error') return checkedError(answer, call, settings, options);
    if (answer.kind === 'value') return await checkedValue(answer, call, settings, options);
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
  const isRead = readsResult(call, settings);
  if (settings.secrets === 'off' && !isRead) return answer;
  const { rest } = answer;
  if (rest !== undefined && settings.secrets !== 'redact' && !isRead) {
    const watch = new Watch(call, settings, options);
    return lookedThrough({ ...answer, rest }, heldFor(options.own), (bytes, again) => watch.look(bytes, again));
  }
  if (rest === undefined && !isRead) {
    const isClean = ![answer.before, answer.after].some((bytes) => holdsSecret(bytes, options.own));
    if (isClean) return answer;
  }
  const text = await options.textOf(answer, call.exchange);
  return (
    (await checkedText(text, call, settings, options)) ?? (rest === undefined ? answer : options.withFront(text, {}))
  );
}

/** Prompts are always read; other results where that is asked for. */
function readsResult({ exchange }: Call, { injection, injectionResults }: GuardSettings): boolean {
  return injection !== 'off' && (injectionResults || exchange.message.method === 'prompts/get');
}

function holdsSecret(bytes: Buffer, own: OwnSecrets): boolean {
  return own.literals.holds(bytes) || findFormats(bytes).length > 0;
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
  const isRead = readsResult(call, settings);
  if (settings.secrets === 'off' && !isRead) return answer;
  const text = JSON.stringify({ jsonrpc: '2.0', id: 0, result: answer.result });
  if (Buffer.byteLength(text) > settings.resultMaxBytes) throw tooLarge(call);
  return (await checkedText(text, call, settings, options)) ?? answer;
}

/** A response as text, with something done about what is in it; undefined: nothing is. Throws a `Refused`. */
async function checkedText(
  text: string,
  call: Call,
  settings: GuardSettings,
  options: GuardOutOptions,
): Promise<Answer | undefined> {
  const meta: Record<string, JsonValue> = {};
  let shown = text;
  if (settings.secrets !== 'off') {
    const watch = new Watch(call, settings, options);
    const bytes = Buffer.from(text);
    const found = watch.look(bytes, 0);
    if (found.length > 0) meta['secrets'] = [...watch.kinds];
    if (settings.secrets === 'redact') shown = redacted(bytes, found, call, options);
  }
  if (readsResult(call, settings)) {
    const kinds = await inspectedResult(text, options.pause);
    const action = settings.injection === 'block' ? 'block' : 'flag';
    if (kinds.length > 0) options.report({ check: 'injection', where: 'result', kinds, action }, call);
    if (kinds.length > 0 && action === 'block') {
      throw new Refused(
        'refused',
        'The answer of the server holds what looks like hidden instructions, so it is withheld.',
      );
    }
    if (kinds.length > 0) meta['injection'] = kinds;
  }
  return Object.keys(meta).length === 0
    ? undefined
    : options.withFront(unclaimed(shown), { _meta: { [META_GUARD]: meta } });
}

/** The response without what a server says in our name: it would hide what we say. */
function unclaimed(text: string): string {
  const response = JSON.parse(text) as { result: JsonObject };
  const { _meta: meta } = response.result;
  if (!isObject(meta) || meta[META_GUARD] === undefined) return text;
  const { [META_GUARD]: _claimed, ...others } = meta;
  return JSON.stringify({ ...response, result: { ...response.result, _meta: others } });
}

/** Each secret as its placeholder. */
function redacted(bytes: Buffer, found: readonly Found[], call: Call, { placeholders }: GuardOutOptions): string {
  const owner = placeholderOwner(call);
  let text = '';
  let done = 0;
  for (const { end, kind, start } of found) {
    if (start < done) continue;
    const value = bytes.toString('utf8', start, end);
    // In a text inside of a text its line breaks are written otherwise than where it comes back.
    if (value.includes('\\\\'))
      throw new Refused('refused', 'The answer holds a secret that cannot be replaced safely, so it is withheld.');
    text += bytes.toString('utf8', done, start) + placeholders.put(owner, kind, value);
    done = end;
  }
  return text + bytes.toString('utf8', done);
}

async function inspectedResult(text: string, pause: () => Promise<void>): Promise<string[]> {
  const kinds = new Set<string>();
  const { result } = JSON.parse(text) as { result: JsonValue };
  let read = 0;
  for (const part of textsOf(result)) {
    for (let start = 0; start < part.length; start += SLICE - OVERLAP) {
      const slice = part.slice(start, start + SLICE);
      for (const kind of inspectText(slice)) kinds.add(kind);
      read += slice.length;
      if (read < SLICE) continue;
      read = 0;
      await pause();
    }
  }
  return [...kinds];
}

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
  look(bytes: Buffer, again: number): Found[] {
    const { own } = this.#options;
    const found = findFormats(bytes).filter(({ end }) => end > again);
    const isOwn = own.literals.holds(bytes) || found.some((each) => each.isOwn === true);
    if (isOwn) {
      this.#report(['sallyport'], 'block');
      throw new Refused('refused', OWN_CREDENTIAL);
    }
    const fresh = [...new Set(found.map(({ kind }) => kind))].filter((kind) => !this.kinds.has(kind));
    for (const kind of fresh) this.kinds.add(kind);
    const action = this.#mode === 'off' ? 'flag' : this.#mode;
    if (fresh.length > 0) this.#report(fresh, action);
    if (fresh.length > 0 && action === 'block') {
      throw new Refused('refused', `The answer of the server holds a secret (${fresh.join(', ')}), so it is withheld.`);
    }
    return found;
  }

  #report(kinds: readonly string[], action: Finding['action']): void {
    this.#options.report({ check: 'secrets', where: 'result', kinds, action }, this.#call);
  }
}

type ErrorAnswer = Extract<Answer, { readonly kind: 'error' }>;

function checkedError(answer: ErrorAnswer, call: Call, settings: GuardSettings, options: GuardOutOptions): Answer {
  const text = JSON.stringify(answer.error);
  for (const finding of [secretsIn(text, settings, options.own), instructionsIn(text, settings)]) {
    if (finding === undefined) continue;
    options.report(finding, call);
    if (finding.action === 'block') return withheld(answer);
  }
  return answer;
}

function secretsIn(text: string, { secrets }: GuardSettings, own: OwnSecrets): Finding | undefined {
  if (secrets === 'off') return undefined;
  const bytes = Buffer.from(text);
  const found = findFormats(bytes);
  const isOwn = own.literals.holds(bytes) || found.some((each) => each.isOwn === true);
  if (!isOwn && found.length === 0) return undefined;
  const kinds = isOwn ? ['sallyport'] : [...new Set(found.map(({ kind }) => kind))];
  return { check: 'secrets', where: 'error', kinds, action: isOwn || secrets !== 'flag' ? 'block' : 'flag' };
}

function instructionsIn(text: string, { injection }: GuardSettings): Finding | undefined {
  const kinds = injection === 'off' ? [] : inspectText(text.slice(0, SLICE));
  return kinds.length === 0 || injection === 'off'
    ? undefined
    : { check: 'injection', where: 'error', kinds, action: injection };
}

function withheld(answer: ErrorAnswer): Answer {
  const error: JsonRpcErrorObject = { code: answer.error.code, message: WITHHELD };
  return { ...answer, error };
}
