/**
 * What is under way, in the order in which it began. Not a Map or a Set: where thousands of entries a second come and go,
 * their outgrown tables keep what they held alive until the next full collection, which cost more than the calls (measured).
 */

/** An entry is in one chain at most. */
export interface Linked<T> {
  previous: T | undefined;
  next: T | undefined;
}

export class Chain<T extends Linked<T>> {
  #first: T | undefined;
  #last: T | undefined;

  get first(): T | undefined {
    return this.#first;
  }

  add(entry: T): void {
    entry.previous = this.#last;
    if (this.#last === undefined) this.#first = entry;
    else this.#last.next = entry;
    this.#last = entry;
  }

  /** An entry that is in no chain is left as it is. */
  delete(entry: T): void {
    const { previous, next } = entry;
    if (previous === undefined && this.#first !== entry) return;
    if (previous === undefined) this.#first = next;
    else previous.next = next;
    if (next === undefined) this.#last = previous;
    else next.previous = previous;
    entry.previous = undefined;
    entry.next = undefined;
  }
}
