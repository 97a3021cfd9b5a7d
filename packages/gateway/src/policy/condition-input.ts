/**
 * What a condition sees of a call. Objects become maps, so that no member that a caller names can be taken for one of the
 * language; what is too large becomes a value that fails when it is touched, so that a condition on a path is not stopped by
 * the megabyte beside it. Made when it is first asked for, and used for one decision.
 */

import type { Principal } from '@sallyport/server';
import { isObject, type JsonObject, type JsonValue } from '@sallyport/wire';
import type { Facts, TargetKind } from './facts.ts';

/** For all conditions of one decision. */
export const MAX_STEPS = 2000;
/** Characters of one text; elements or members of one list or object; values in all; lists in lists. */
const MAX_TEXT = 65_536;
const MAX_ELEMENTS = 1000;
const MAX_VALUES = 10_000;
const MAX_DEPTH = 32;

/** Unknown to the engine: whatever touches it fails. */
class TooLarge {
  readonly tooLarge = true;
}

const TOO_LARGE: TooLarge = new TooLarge();

export function isTooLarge(value: unknown): boolean {
  return value instanceof TooLarge;
}

export class PrincipalFacts {
  readonly issuer: string;
  readonly subject: string;
  readonly roles: readonly string[];
  readonly groups: readonly string[];
  readonly scopes: readonly string[];
  readonly claims: unknown;

  /** `roles`: all that count. */
  constructor({ issuer, subject, groups = [], scopes = [], claims = {} }: Principal, roles: ReadonlySet<string>) {
    this.issuer = issuer;
    this.subject = subject;
    this.roles = [...roles];
    this.groups = groups;
    this.scopes = scopes;
    this.claims = celValue(claims);
  }
}

export class TargetFacts {
  readonly kind: TargetKind;
  readonly server: string;
  readonly id: string;
  /** As the server calls it. */
  readonly name: string;

  constructor({ kind, server, canonicalId }: Facts['target']) {
    this.kind = kind;
    this.server = server;
    this.id = canonicalId;
    this.name = nameOf(server, canonicalId);
  }
}

/** What a server calls what has this canonical id. */
export function nameOf(server: string, canonicalId: string): string {
  const prefix = `${server}__`;
  return canonicalId.startsWith(prefix) ? canonicalId.slice(prefix.length) : canonicalId;
}

export class ConditionInput {
  /** Those that are left. */
  steps: number = MAX_STEPS;
  readonly principal: PrincipalFacts;
  readonly #facts: Facts;
  #target: TargetFacts | undefined;
  #arguments: unknown;

  constructor(facts: Facts, principal: PrincipalFacts) {
    this.#facts = facts;
    this.principal = principal;
  }

  get target(): TargetFacts {
    return (this.#target ??= new TargetFacts(this.#facts.target));
  }

  get arguments(): unknown {
    return (this.#arguments ??= celValue(this.#facts.arguments ?? {}));
  }

  get annotations(): unknown {
    return celValue(this.#facts.target.annotations ?? {});
  }

  get time(): Date {
    return new Date(this.#facts.nowMs);
  }

  get address(): string {
    return this.#facts.address ?? '';
  }
}

/** A JSON value as the engine takes it: whole numbers stay doubles, as CEL has them of JSON. */
function celValue(value: JsonObject): unknown {
  const room = { values: MAX_VALUES };
  return converted(value, 0, room);
}

function converted(value: JsonValue, depth: number, room: { values: number }): unknown {
  if (--room.values < 0) return TOO_LARGE;
  if (typeof value === 'string') return value.length > MAX_TEXT ? TOO_LARGE : value;
  if (typeof value !== 'object' || value === null) return value;
  if (depth >= MAX_DEPTH) return TOO_LARGE;
  if (Array.isArray(value)) {
    return value.length > MAX_ELEMENTS ? TOO_LARGE : value.map((each) => converted(each, depth + 1, room));
  }
  if (!isObject(value)) return TOO_LARGE;
  const entries = Object.entries(value);
  if (entries.length > MAX_ELEMENTS) return TOO_LARGE;
  return new Map(entries.map(([key, each]) => [key, converted(each ?? null, depth + 1, room)]));
}
