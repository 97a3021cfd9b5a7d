/**
 * The one place where secrets are kept out of the log: every text and every detail of a record passes here. What is masked:
 * the values that the configuration names as secrets, in the forms in which they travel; what has the shape of a secret
 * (secret-spans.ts); members whose name says so, at any depth. Texts and details are bounded before they are looked at.
 *
 * It is a net under the rule that secrets are not logged, not a licence to do so.
 */

import { isSecretName, isSecretNumberName, secretSpans, type TextSpan } from './secret-spans.ts';

export interface Redactor {
  /** The text without secrets and without what could forge a record; tabs and line breaks stay. */
  text(text: string): string;
  /** The same for the texts of a detail, which becomes plain JSON: errors are their message. */
  detail(detail: Readonly<Record<string, unknown>>): Record<string, unknown>;
  /** From now on these are masked too. Never forgotten: what a reload replaces may still be under way. */
  learn(secrets: Iterable<string>): void;
}

export const MASK = '[redacted]';
/** Characters of one text. */
const MAX_TEXT = 4096;
/** Characters behind those that are shown, looked at so that a secret across the cut is recognised. */
const LOOK_AHEAD = 4096;
/** Characters of all texts of one detail. */
const MAX_DETAIL = 16_384;
const MAX_DEPTH = 6;
const MAX_MEMBERS = 64;
/** Shorter values are words that occur everywhere. */
const MIN_SECRET = 8;

/** Control characters of whoever wrote the text: in a log they could forge lines or move the cursor. */
const CONTROL = /(?![\t\n])[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu;

export function createRedactor(): Redactor {
  return new KnownSecrets();
}

/** Where secrets stand in a server's configuration. */
export interface ConfiguredTarget {
  readonly env?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly auth?: Readonly<
    Record<string, { readonly value?: string; readonly password?: string; readonly clientSecret?: string }>
  >;
}

interface ConfiguredClient {
  readonly clientSecret?: string;
  readonly privateKey?: string;
}

/** The values of the configuration that must not be logged: of environment variables, headers and clients, and `more`. */
export function configuredSecrets(
  servers: Iterable<{
    readonly target: ConfiguredTarget;
    readonly oauth?: ConfiguredClient & { readonly exchange?: ConfiguredClient };
  }>,
  more: readonly (string | undefined)[] = [],
): string[] {
  const ofServers = [...servers].flatMap(({ oauth, target }) => [
    ...Object.values(target.env ?? {}),
    ...Object.values(target.headers ?? {}),
    ...Object.values(target.auth ?? {}).flatMap(({ clientSecret, password, value }) => [clientSecret, password, value]),
    ...[oauth, oauth?.exchange].flatMap((client) => [client?.clientSecret, client?.privateKey]),
  ]);
  return [...more, ...ofServers].filter((value) => value !== undefined);
}

class KnownSecrets implements Redactor {
  /** Every form of every secret. */
  readonly #forms: Set<string> = new Set();
  #longest = LOOK_AHEAD;

  learn(secrets: Iterable<string>): void {
    for (const secret of secrets) for (const part of partsOf(secret)) for (const form of formsOf(part)) this.#add(form);
  }

  text(text: string): string {
    const isCut = text.length > MAX_TEXT + this.#longest;
    const read = isCut ? text.slice(0, MAX_TEXT + this.#longest) : text;
    const spans = [...this.#known(read), ...secretSpans(read, isCut)];
    const shown = masked(read, spans, MAX_TEXT).replace(CONTROL, escaped);
    return text.length > MAX_TEXT ? `${shown}… (${text.length} characters)` : shown;
  }

  detail(detail: Readonly<Record<string, unknown>>): Record<string, unknown> {
    return this.#members(detail, 0, { left: MAX_DETAIL });
  }

  #add(form: string): void {
    this.#forms.add(form);
    this.#longest = Math.max(this.#longest, form.length);
  }

  #known(text: string): TextSpan[] {
    const spans: TextSpan[] = [];
    for (const form of this.#forms) {
      for (let start = text.indexOf(form); start !== -1; start = text.indexOf(form, start + form.length)) {
        spans.push({ start, end: start + form.length });
      }
    }
    return spans;
  }

  #members(source: object, depth: number, budget: Budget): Record<string, unknown> {
    const entries = Object.entries(source);
    const members: [string, unknown][] = [];
    for (const [name, value] of entries) {
      if (members.length === MAX_MEMBERS || budget.left <= 0) {
        members.push(['…', `${entries.length} members`]);
        break;
      }
      const shown = hides(name, value) ? MASK : this.#value(value, depth, budget);
      members.push([this.#bounded(name, budget), shown]);
    }
    return Object.fromEntries(members);
  }

  #value(value: unknown, depth: number, budget: Budget): unknown {
    // Every value counts, so that there is an end to many small ones.
    budget.left--;
    if (typeof value === 'string') return this.#bounded(value, budget);
    if (value === null || typeof value !== 'object')
      return isScalar(value) ? value : this.#bounded(String(value), budget);
    if (value instanceof Error) return this.#bounded(value.message, budget);
    if (depth >= MAX_DEPTH) return '…';
    if (Array.isArray(value)) return this.#elements(value, depth + 1, budget);
    return isPlain(value) ? this.#members(value, depth + 1, budget) : this.#bounded(nameOfForeign(value), budget);
  }

  #elements(values: readonly unknown[], depth: number, budget: Budget): unknown[] {
    const elements: unknown[] = [];
    for (const value of values) {
      if (elements.length === MAX_MEMBERS || budget.left <= 0) return [...elements, `… (${values.length} elements)`];
      elements.push(this.#value(value, depth, budget));
    }
    return elements;
  }

  #bounded(text: string, budget: Budget): string {
    const shown = this.text(text);
    budget.left -= shown.length;
    return shown;
  }
}

/** Characters that a detail may still have. */
interface Budget {
  left: number;
}

function hides(name: string, value: unknown): boolean {
  if (typeof value === 'number') return isSecretNumberName(name);
  return isSecretName(name) && !isScalar(value);
}

/** Goes into JSON as it is. */
function isScalar(value: unknown): boolean {
  return value === undefined || typeof value === 'number' || typeof value === 'boolean' || value === null;
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}

/** Bytes and other machinery are named, not shown. */
function nameOfForeign(value: object): string {
  if (value instanceof URL) return value.href;
  return value instanceof Date ? String(value.getTime()) : `[${value.constructor.name}]`;
}

/** A secret is used whole, by lines (a child writes lines), and behind a scheme. */
function partsOf(secret: string): string[] {
  const lines = secret.split(/[\r\n]+/).map((line) => line.trim());
  const credentials = lines.flatMap((line) => {
    const [scheme = '', credential] = line.split(' ');
    if (credential === undefined) return [];
    const isBasic = scheme.toLowerCase() === 'basic';
    const pair = isBasic ? Buffer.from(credential, 'base64').toString('utf8').split(':').slice(1).join(':') : '';
    return /^[a-z]+$/i.test(scheme) ? [credential, pair] : [];
  });
  return [secret, ...lines, ...credentials].filter((part) => part.length >= MIN_SECRET);
}

/** The forms in which a secret travels: as it is, in JSON, in a URL, as bytes in base64 or hexadecimal. */
function formsOf(secret: string): string[] {
  const wellFormed = secret.toWellFormed();
  const bytes = Buffer.from(wellFormed);
  return [
    secret,
    JSON.stringify(secret).slice(1, -1),
    encodeURIComponent(wellFormed),
    bytes.toString('hex'),
    ...[0, 1, 2].flatMap((offset) => base64Forms(bytes, offset)),
  ];
}

/** What base64 makes of the bytes behind `offset` others: the characters that depend on these bytes alone (RFC 4648 §4, §5). */
function base64Forms(bytes: Buffer, offset: number): string[] {
  const shifted = Buffer.concat([Buffer.alloc(offset), bytes]);
  const first = offset === 0 ? 0 : offset + 1;
  const end = Math.floor((shifted.length * 8) / 6);
  return [shifted.toString('base64').slice(first, end), shifted.toString('base64url').slice(first, end)];
}

/** The first `max` characters, with every span as one mask; a span that begins in them is whole behind the cut. */
function masked(text: string, spans: readonly TextSpan[], max: number): string {
  if (spans.length === 0) return text.length > max ? text.slice(0, max) : text;
  let shown = '';
  let done = 0;
  for (const { start, end } of spans.toSorted((a, b) => a.start - b.start)) {
    if (start >= max) break;
    if (end <= done || end === start) continue;
    // What overlaps the one before is one secret with it.
    if (start >= done) shown += text.slice(done, start) + MASK;
    done = end;
  }
  return done < max ? shown + text.slice(done, max) : shown;
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
