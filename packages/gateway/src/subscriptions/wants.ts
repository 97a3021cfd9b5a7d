/**
 * Which URIs are wanted of which server, counted over everybody who wants them of the same instance. It is told when one is
 * wanted for the first time or by nobody any more.
 */

import type { Instance } from '../call.ts';

/** Of whom something is wanted: a server, or of one that each principal has for itself that principal's instance. */
export interface Supplier {
  /** The same text: the same supplier. */
  readonly key: string;
  readonly server: string;
  readonly instance: Instance | undefined;
}

/** What one client wants: by URI, whom it is wanted of; undefined while nobody owns it. */
export type Wishes = Map<string, Supplier | undefined>;

/** Tells a server which of its resources are wanted now. */
export type Want = (server: string, uris: readonly string[], instance: Instance | undefined) => void;

export function supplierOf(server: string, instance: Instance | undefined): Supplier {
  return { key: instance === undefined ? server : `${server}\n${instance.key}`, server, instance };
}

interface Wanted {
  readonly supplier: Supplier;
  /** By URI, how often. */
  readonly counts: Map<string, number>;
}

export class Wants {
  readonly #want: Want;
  /** By `Supplier.key`. */
  readonly #wanted: Map<string, Wanted> = new Map();

  constructor(want: Want) {
    this.#want = want;
  }

  of({ key }: Supplier): string[] {
    return [...(this.#wanted.get(key)?.counts.keys() ?? [])];
  }

  /** What somebody wants of a supplier and an update of `uri` is one of. */
  covering(supplier: Supplier, uri: string): string[] {
    return this.of(supplier).filter((wanted) => covers(wanted, uri));
  }

  /** Servers that are gone need not be told of anything. */
  forget(servers: ReadonlySet<string>): void {
    for (const [key, { supplier }] of this.#wanted) if (servers.has(supplier.server)) this.#wanted.delete(key);
  }

  /** Moves what one client wants of a URI from a server to another: from nobody when it is new, to nobody when it ends. */
  change(moves: Iterable<readonly [uri: string, from: Supplier | undefined, to: Supplier | undefined]>): void {
    const concerned = new Map<string, Supplier>();
    for (const [uri, from, to] of moves) {
      if (from?.key === to?.key) continue;
      if (from !== undefined && this.#count(from, uri, -1) === 0) concerned.set(from.key, from);
      if (to !== undefined && this.#count(to, uri, 1) === 1) concerned.set(to.key, to);
    }
    for (const supplier of concerned.values()) this.#want(supplier.server, this.of(supplier), supplier.instance);
  }

  #count(supplier: Supplier, uri: string, by: 1 | -1): number {
    const { counts } = this.#wanted.get(supplier.key) ?? { counts: new Map<string, number>() };
    const count = (counts.get(uri) ?? 0) + by;
    if (count > 0) counts.set(uri, count);
    else counts.delete(uri);
    if (counts.size > 0) this.#wanted.set(supplier.key, { supplier, counts });
    else this.#wanted.delete(supplier.key);
    return count;
  }
}

/** True when an update of `uri` is one of `wanted`: servers may name a part of what was subscribed (2025-11-25, resources). */
export function covers(wanted: string, uri: string): boolean {
  if (uri === wanted) return true;
  return uri.startsWith(wanted.endsWith('/') ? wanted : `${wanted}/`);
}
