/**
 * Everything of one kind that a server offers, by name and in the order in which it was added. An entry keeps its place when it is
 * changed, so that whoever reads a list page by page misses nothing and sees nothing twice.
 */

import type { JsonObject } from '@sallyport/wire';
import type { Viewer } from './context.ts';
import type { See } from './visibility.ts';

export interface Entry {
  /** Unique in its registry: a name, or a URI. */
  readonly key: string;
  /** As lists show it. */
  readonly shown: JsonObject;
  /** Undefined: everybody. */
  readonly see: See | undefined;
}

interface Placed<E> {
  readonly entry: E;
  /** Grows with every entry that is added. */
  readonly place: number;
}

/** Of an entry that was added, changed (then both) or removed. */
export type Changed = (before: Entry | undefined, after: Entry | undefined) => void;

export class Registry<E extends Entry> {
  readonly #entries: Map<string, Placed<E>> = new Map();
  readonly #noun: string;
  readonly #changed: Changed;
  #next = 0;
  #restricted = 0;
  /** Another number after every change. */
  edition = 0;
  /** Whether anything was ever in it. */
  used = false;

  /** `noun`: what an entry is called in errors. */
  constructor(noun: string, changed: Changed) {
    this.#noun = noun;
    this.#changed = changed;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Whether all who ask see the same. */
  get isOpen(): boolean {
    return this.#restricted === 0;
  }

  /** Throws a `TypeError` for an empty key, and for one that is there. */
  add(entry: E): void {
    const { key } = entry;
    if (key === '') throw new TypeError(`A ${this.#noun} must have a name that is not empty.`);
    if (this.#entries.has(key)) throw new TypeError(`There is a ${this.#noun} ${JSON.stringify(key)} already.`);
    this.#put(key, { entry, place: this.#next++ });
    this.#told(undefined, entry);
  }

  /** In the place of one that is there; nothing happens when it is not there any more. */
  replace(before: E, entry: E): void {
    const placed = this.#entries.get(before.key);
    if (placed?.entry !== before) return;
    this.#drop(before);
    this.#put(before.key, { entry, place: placed.place });
    this.#told(before, entry);
  }

  remove(entry: E): void {
    if (this.#entries.get(entry.key)?.entry !== entry) return;
    this.#drop(entry);
    this.#entries.delete(entry.key);
    this.#told(entry, undefined);
  }

  /** Whether it may be seen is for the caller to ask. */
  get(key: string): E | undefined {
    return this.#entries.get(key)?.entry;
  }

  *entries(): Iterable<E> {
    for (const { entry } of this.#entries.values()) yield entry;
  }

  /** In order, those that a viewer sees. */
  *seenBy(viewer: Viewer): Iterable<Placed<E>> {
    for (const placed of this.#entries.values()) {
      if (placed.entry.see === undefined || placed.entry.see(viewer) !== 'hidden') yield placed;
    }
  }

  /** The same text for all who see the same. */
  audienceOf(viewer: Viewer): string {
    if (this.#restricted === 0) return '';
    let text = '';
    for (const { entry } of this.#entries.values()) {
      if (entry.see !== undefined) text += entry.see(viewer) === 'hidden' ? '0' : '1';
    }
    return text;
  }

  #put(key: string, placed: Placed<E>): void {
    this.#entries.set(key, placed);
    if (placed.entry.see !== undefined) this.#restricted++;
  }

  #drop(entry: E): void {
    if (entry.see !== undefined) this.#restricted--;
  }

  #told(before: E | undefined, after: E | undefined): void {
    this.edition++;
    this.used = true;
    this.#changed(before, after);
  }
}

/** Whether somebody sees an entry, and has the scopes to use it. */
export function isUsable({ see }: Entry, viewer: Viewer): boolean {
  return see === undefined || see(viewer) === 'visible';
}

/** Whether somebody sees an entry, scopes aside. */
export function isSeen({ see }: Entry, viewer: Viewer): boolean {
  return see === undefined || see(viewer) !== 'hidden';
}
