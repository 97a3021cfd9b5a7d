/**
 * What every check of a schema shares: one run over one value, with what it may cost and what it has found. A schema comes from
 * a server and a value from a client; neither may make the other's check endless.
 */

import type { JsonValue } from '../json.ts';

/** A schema that cannot be checked by; the message says why, in words for the operator. */
export class SchemaError extends Error {
  override readonly name: string = 'SchemaError';
}

/** Checking this value by this schema costs more than may be spent on one. */
export class TooCostly extends Error {
  override readonly name: string = 'TooCostly';
}

/** What is wrong at a place of the value. */
export interface Problem {
  /** `a.b[0]`; empty: the value itself. */
  readonly at: string;
  readonly message: string;
}

/** Members and elements that a schema has looked at (JSON Schema 2020-12 §11). */
export interface Seen {
  readonly members: Set<string>;
  readonly elements: Set<number>;
}

export type Check = (value: JsonValue, run: Run, seen: Seen | undefined) => boolean;

/** Checks that one value may cost. */
const MAX_STEPS = 200_000;
/** References inside each other. */
const MAX_REFERENCES = 200;
/** Problems that are told. */
const MAX_PROBLEMS = 5;
/** Characters of a name in a problem. */
const MAX_NAME = 100;

export class Run {
  problems: Problem[] = [];
  readonly #path: (string | number)[] = [];
  #steps = MAX_STEPS;
  #references = 0;

  spend(steps: number): void {
    this.#steps -= steps;
    if (this.#steps < 0) throw new TooCostly('The check of the value costs too much.');
  }

  /** One check inside a member or an element. */
  within(place: string | number, check: () => boolean): boolean {
    this.#path.push(place);
    const isValid = check();
    this.#path.pop();
    return isValid;
  }

  /** One check behind a reference. */
  behind(check: () => boolean): boolean {
    if (++this.#references > MAX_REFERENCES) throw new TooCostly('References of the schema lead on without an end.');
    const isValid = check();
    this.#references--;
    return isValid;
  }

  /** Always false, so that a check can end with it. */
  fail(message: string, name?: string): false {
    if (this.problems.length < MAX_PROBLEMS) {
      const path = name === undefined ? this.#path : [...this.#path, name];
      this.problems.push({ at: placeText(path), message });
    }
    return false;
  }

  /** A check whose problems are not the value's: they are returned. */
  aside(check: () => boolean): { readonly isValid: boolean; readonly problems: readonly Problem[] } {
    const outer = this.problems;
    this.problems = [];
    const isValid = check();
    const { problems } = this;
    this.problems = outer;
    return { isValid, problems };
  }

  get here(): string {
    return placeText(this.#path);
  }
}

function placeText(path: readonly (string | number)[]): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`;
    const name = part.length > MAX_NAME ? `${part.slice(0, MAX_NAME)}…` : part;
    return text === '' ? name : `${text}.${name}`;
  }, '');
}

export function newSeen(): Seen {
  return { members: new Set(), elements: new Set() };
}

/** What one of several schemas has looked at counts for all when it holds. */
export function addSeen(to: Seen | undefined, from: Seen | undefined): void {
  if (to === undefined || from === undefined) return;
  for (const name of from.members) to.members.add(name);
  for (const index of from.elements) to.elements.add(index);
}

/** The same text for equal values; the order of members is nothing. */
export function canonicalJson(value: JsonValue | undefined): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value) ?? 'null';
  if (Array.isArray(value)) return `[${value.map((element) => canonicalJson(element)).join(',')}]`;
  const members = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonicalJson(member)}`).join(',')}}`;
}
