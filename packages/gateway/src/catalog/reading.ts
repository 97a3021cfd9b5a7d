/**
 * Reading the lists of one server: one reading at a time, and whatever is asked for meanwhile is one more after it. A
 * server that reports changes without end costs no more than a list in flight.
 */

import type { JsonObject } from '@sallyport/wire';
import { LIST_KINDS, type ListKind } from './snapshot.ts';

/** One server, answering. */
export interface Source {
  readonly capabilities: JsonObject;
  readonly info: JsonObject;
  readonly instructions: string | undefined;
  /** Every page of a list, usable entries alone; nothing when the server does not have such a list. */
  list(kind: ListKind): Promise<readonly JsonObject[]>;
}

type Read = (source: Source, kinds: readonly ListKind[]) => Promise<void>;

interface Request {
  readonly kinds: Set<ListKind>;
  source: Source;
  readonly done: Promise<void>;
}

export class Reading {
  readonly #read: Read;
  #running: Promise<void> | undefined;
  #next: Request | undefined;

  /** `read` must not reject. */
  constructor(read: Read) {
    this.#read = read;
  }

  /** Resolves when nothing is being read any more. */
  get done(): Promise<void> {
    return this.#next?.done ?? this.#running ?? Promise.resolve();
  }

  request(source: Source, kinds: readonly ListKind[]): Promise<void> {
    if (this.#next !== undefined) {
      this.#next.source = source;
      for (const kind of kinds) this.#next.kinds.add(kind);
      return this.#next.done;
    }
    if (this.#running === undefined) return this.#run(source, kinds);
    const done = this.#running.then(() => {
      this.#next = undefined;
      return this.#run(next.source, inOrder(next.kinds));
    });
    const next: Request = { kinds: new Set(kinds), source, done };
    this.#next = next;
    return done;
  }

  #run(source: Source, kinds: readonly ListKind[]): Promise<void> {
    const running = this.#read(source, kinds).finally(() => {
      if (this.#running === running) this.#running = undefined;
    });
    this.#running = running;
    return running;
  }
}

function inOrder(kinds: ReadonlySet<ListKind>): ListKind[] {
  return LIST_KINDS.filter((kind) => kinds.has(kind));
}
