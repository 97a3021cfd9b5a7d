/**
 * What is under way, where thousands of entries a second come and go. Not a Map or a Set: their outgrown tables keep what
 * they held alive until the next full collection, which cost more than the calls (measured). In no order.
 */

/** An entry of one `Roster` at most. */
export interface Listed {
  /** Where it stands; the roster's to write. */
  place: number;
}

export const UNLISTED = -1;

export class Roster<T extends Listed> {
  readonly #entries: T[] = [];

  get size(): number {
    return this.#entries.length;
  }

  add(entry: T): void {
    entry.place = this.#entries.push(entry) - 1;
  }

  /** An entry that does not stand in it is left as it is. */
  delete(entry: T): void {
    const { place } = entry;
    if (this.#entries[place] !== entry) return;
    const last = this.#entries.pop() as T;
    entry.place = UNLISTED;
    if (last === entry) return;
    this.#entries[place] = last;
    last.place = place;
  }

  /** Those of now: entries may come and go while they are looked at. */
  values(): readonly T[] {
    return this.#entries.slice();
  }
}

/** By key. It is looked through from the start: for what one client has under way, which is little. */
export class ShortMap<K, V> {
  readonly #keys: K[] = [];
  readonly #values: V[] = [];

  get size(): number {
    return this.#keys.length;
  }

  has(key: K): boolean {
    return this.#keys.includes(key);
  }

  get(key: K): V | undefined {
    return this.#values[this.#keys.indexOf(key)];
  }

  set(key: K, value: V): void {
    const place = this.#keys.indexOf(key);
    if (place !== -1) this.#values[place] = value;
    else {
      this.#keys.push(key);
      this.#values.push(value);
    }
  }

  delete(key: K): void {
    const place = this.#keys.indexOf(key);
    if (place === -1) return;
    const lastKey = this.#keys.pop() as K;
    const lastValue = this.#values.pop() as V;
    if (place === this.#keys.length) return;
    this.#keys[place] = lastKey;
    this.#values[place] = lastValue;
  }

  /** Those of now. */
  values(): readonly V[] {
    return this.#values.slice();
  }
}
