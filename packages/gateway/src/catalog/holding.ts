/**
 * What one principal has of everything that is known: of personal servers what they said to it, of all others what everybody
 * has. Two principals share nothing that is made of it but what both were given. It is kept as long as somebody speaks with a
 * credential of that principal.
 */

import { principalKey, type Principal } from '@sallyport/server';
import type { Audience, Owner } from '../call.ts';
import { createRootNames, type Edition, type RootNames } from './composing.ts';
import type { Known } from './intake.ts';
import type { OfferOf } from './offer.ts';
import { LIST_KINDS, type Snapshot } from './snapshot.ts';

/** Everything that is known. As an edition, it is that of somebody who has logged in to no server. */
export interface Whole extends Edition, Known {}

/** One principal, as an audience. */
export interface OwnAudience extends Audience {
  readonly owner: Owner;
  readonly holding: Holding;
  /** What the policy says; undefined without one. */
  readonly ruled: Audience | undefined;
}

export function isOwn(audience: Audience | undefined): audience is OwnAudience {
  return audience !== undefined && 'holding' in audience;
}

export class Holding {
  readonly owner: Owner;
  readonly rootNames: RootNames;
  readonly #editions: WeakMap<Whole, Edition> = new WeakMap();
  readonly #audiences: WeakMap<Audience, OwnAudience> = new WeakMap();
  /** Without a policy. */
  readonly #open: OwnAudience;
  #last: { readonly inputs: readonly unknown[]; readonly edition: Edition } | undefined;

  constructor(owner: Owner, offerOf: OfferOf) {
    this.owner = owner;
    this.rootNames = createRootNames(offerOf);
    this.#open = ownAudience(this, undefined);
  }

  /** The owner under the rules of a policy, or under none. The same object for the same rules. */
  audience(ruled: Audience | undefined): OwnAudience {
    if (ruled === undefined) return this.#open;
    const known = this.#audiences.get(ruled);
    if (known !== undefined) return known;
    const made = ownAudience(this, ruled);
    this.#audiences.set(ruled, made);
    return made;
  }

  /** The same object as long as nothing in it is another. */
  editionOf(whole: Whole): Edition {
    const known = this.#editions.get(whole);
    if (known !== undefined) return known;
    const { owned, personal, pins, setup, snapshots } = whole;
    const own = owned.get(this.owner.key) ?? NOTHING;
    const inputs = [setup, snapshots, personal, own, pins];
    if (this.#last?.inputs.every((input, n) => input === inputs[n]) !== true) {
      const locked = new Set([...personal].filter((server) => isUnread(own.get(server))));
      this.#last = { inputs, edition: { setup, snapshots: new Map([...snapshots, ...own]), pins, locked } };
    }
    this.#editions.set(whole, this.#last.edition);
    return this.#last.edition;
  }
}

const NOTHING: ReadonlyMap<string, Snapshot> = new Map();

/** Some servers greet everybody, and want a login for their lists alone. */
function isUnread(snapshot: Snapshot | undefined): boolean {
  return snapshot === undefined || snapshot.unread.length === LIST_KINDS.length;
}

function ownAudience(holding: Holding, ruled: Audience | undefined): OwnAudience {
  const { owner } = holding;
  return {
    key: JSON.stringify([owner.key, ruled?.key ?? '']),
    owner,
    holding,
    ruled,
    maySee: (kind, server, id, annotations) => ruled?.maySee(kind, server, id, annotations) !== false,
    mayUse: (server) => ruled?.mayUse(server) !== false,
    mayKnow: (server) => ruled?.mayKnow(server) !== false,
    mayEnter: (view) => ruled?.mayEnter(view) !== false,
  };
}

/** How many keys are kept before those of principals that have gone are looked for. */
const FIRST_SWEEP = 256;

/** The holdings of all principals that are there. */
export class Holdings {
  readonly #offerOf: OfferOf;
  /** One principal has as many objects as it has credentials in use. */
  readonly #byPrincipal: WeakMap<Principal, Holding> = new WeakMap();
  readonly #byKey: Map<string, WeakRef<Holding>> = new Map();
  #sweepAt: number = FIRST_SWEEP;

  constructor(offerOf: OfferOf) {
    this.#offerOf = offerOf;
  }

  of(principal: Principal): Holding {
    const known = this.#byPrincipal.get(principal);
    if (known !== undefined) return known;
    const { issuer, subject } = principal;
    const key = principalKey(principal);
    const holding =
      this.#byKey.get(key)?.deref() ?? new Holding({ key, principal: { issuer, subject } }, this.#offerOf);
    this.#byPrincipal.set(principal, holding);
    this.#byKey.set(key, new WeakRef(holding));
    if (this.#byKey.size > this.#sweepAt) this.#sweep();
    return holding;
  }

  #sweep(): void {
    for (const [key, holding] of this.#byKey) if (holding.deref() === undefined) this.#byKey.delete(key);
    this.#sweepAt = Math.max(FIRST_SWEEP, 2 * this.#byKey.size);
  }
}
