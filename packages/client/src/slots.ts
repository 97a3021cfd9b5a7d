/**
 * What is under way, found by a rising integer id that is given out here. An array in which an id's last bits say its
 * place; ids whose place is taken are skipped. Not a Map, for the reason that `chain.ts` gives.
 */

const FIRST_SIZE = 64;

export class Slots<T extends { readonly id: number }> {
  #entries: Array<T | undefined> = Array.from({ length: FIRST_SIZE });
  #size = 0;
  #lastId = 0;

  /** Adds what `make` makes of the next id. */
  add(make: (id: number) => T): T {
    if (this.#size * 2 >= this.#entries.length) this.#grow();
    do this.#lastId++;
    while (this.#entries[this.#place(this.#lastId)] !== undefined);
    const entry = make(this.#lastId);
    this.#entries[this.#place(entry.id)] = entry;
    this.#size++;
    return entry;
  }

  get(id: number): T | undefined {
    const entry = this.#entries[this.#place(id)];
    return entry?.id === id ? entry : undefined;
  }

  has(entry: T): boolean {
    return this.#entries[this.#place(entry.id)] === entry;
  }

  delete(entry: T): void {
    if (!this.has(entry)) return;
    this.#entries[this.#place(entry.id)] = undefined;
    this.#size--;
  }

  /** In no order. */
  values(): T[] {
    return this.#entries.filter((entry) => entry !== undefined);
  }

  #place(id: number): number {
    return id & (this.#entries.length - 1);
  }

  /** Two ids that had different places have different ones among twice as many. */
  #grow(): void {
    const entries = this.values();
    this.#entries = Array.from({ length: this.#entries.length * 2 });
    for (const entry of entries) this.#entries[this.#place(entry.id)] = entry;
  }
}
