/**
 * Which URIs are wanted of which server, counted over everybody who wants them. A server is told when one is
 * wanted for the first time or by nobody any more.
 */

/** What one client wants: by URI, the server that it is wanted of; undefined while nobody owns it. */
export type Wishes = Map<string, string | undefined>;

/** Tells a server which of its resources are wanted now. */
export type Want = (server: string, uris: readonly string[]) => void;

export class Wants {
  readonly #want: Want;
  /** By server, then by URI. */
  readonly #counts: Map<string, Map<string, number>> = new Map();

  constructor(want: Want) {
    this.#want = want;
  }

  of(server: string): string[] {
    return [...(this.#counts.get(server)?.keys() ?? [])];
  }

  /** What somebody wants of a server and an update of `uri` is one of. */
  covering(server: string, uri: string): string[] {
    return this.of(server).filter((wanted) => covers(wanted, uri));
  }

  /** Servers that are gone need not be told of anything. */
  forget(servers: ReadonlySet<string>): void {
    for (const server of servers) this.#counts.delete(server);
  }

  /** Moves what one client wants of a URI from a server to another: from nobody when it is new, to nobody when it ends. */
  change(moves: Iterable<readonly [uri: string, from: string | undefined, to: string | undefined]>): void {
    const concerned = new Set<string>();
    for (const [uri, from, to] of moves) {
      if (from === to) continue;
      if (from !== undefined && this.#count(from, uri, -1) === 0) concerned.add(from);
      if (to !== undefined && this.#count(to, uri, 1) === 1) concerned.add(to);
    }
    for (const server of concerned) this.#want(server, this.of(server));
  }

  #count(server: string, uri: string, by: 1 | -1): number {
    const counts = this.#counts.get(server) ?? new Map<string, number>();
    const count = (counts.get(uri) ?? 0) + by;
    if (count > 0) counts.set(uri, count);
    else counts.delete(uri);
    if (counts.size > 0) this.#counts.set(server, counts);
    else this.#counts.delete(server);
    return count;
  }
}

/** True when an update of `uri` is one of `wanted`: servers may name a part of what was subscribed (2025-11-25, resources). */
export function covers(wanted: string, uri: string): boolean {
  if (uri === wanted) return true;
  return uri.startsWith(wanted.endsWith('/') ? wanted : `${wanted}/`);
}
