/** For tests: what waits for the next of something, in order. Nothing of the package imports it. */

export class Inbox<T> {
  readonly all: T[] = [];
  #taken = 0;
  readonly #waiting: Array<() => void> = [];

  push(value: T): void {
    this.all.push(value);
    for (const wake of this.#waiting.splice(0)) wake();
  }

  /** The first of all that fits, taken or not. */
  async find(wanted: (value: T) => boolean): Promise<T> {
    for (;;) {
      const found = this.all.find(wanted);
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  async next(wanted: (value: T) => boolean = () => true): Promise<T> {
    for (;;) {
      while (this.#taken < this.all.length) {
        const value = this.all[this.#taken++] as T;
        if (wanted(value)) return value;
      }
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }
}
