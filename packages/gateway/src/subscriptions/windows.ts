/**
 * Windows of time in which one thing is told once: the first time at once, and what is said meanwhile when the window ends,
 * in its last form. A thing that does not stop is told once a window.
 */

/** Calls `fire` once after `ms`; returns what takes it back. Need not keep the process alive. */
export type SetTimer = (fire: () => void, ms: number) => () => void;

const WINDOW_MS = 50;

export class Windows {
  readonly #setTimer: SetTimer;
  /** By what is told: how it is told when the window ends; undefined when nothing was said meanwhile. */
  readonly #open: Map<string, (() => void) | undefined> = new Map();

  constructor(setTimer: SetTimer) {
    this.#setTimer = setTimer;
  }

  get size(): number {
    return this.#open.size;
  }

  has(key: string): boolean {
    return this.#open.has(key);
  }

  say(key: string, tell: () => void): void {
    if (this.#open.has(key)) this.#open.set(key, tell);
    else this.#begin(key, tell);
  }

  #begin(key: string, tell: () => void): void {
    this.#open.set(key, undefined);
    this.#setTimer(() => this.#end(key), WINDOW_MS);
    tell();
  }

  #end(key: string): void {
    const tell = this.#open.get(key);
    this.#open.delete(key);
    if (tell !== undefined) this.#begin(key, tell);
  }
}
