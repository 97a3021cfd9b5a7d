/**
 * A closed loop: every connection sends its next call when the last was answered and checked. Latency runs from the write
 * to the last byte of the reply, before the check.
 */

import { callText, deepProblem, problem, type Expected } from './check.ts';
import { envelope, type Connection, type Era, type Reply } from './connection.ts';

export interface Plan {
  /** The tool as the gateway shows it. */
  readonly name: string;
  readonly bytes: number;
  readonly era: Era;
}

export interface Tally {
  /** Latencies in ms, of the calls that began and ended while measuring. */
  readonly latencies: number[];
  /** Calls that ended while measuring, whenever they began. */
  ended: number;
  /** Calls since the first that were answered wrongly, or not at all. */
  wrong: number;
  readonly complaints: string[];
}

/** Up to here the text travels both ways (`echo`); beyond, the server makes it (`payload`). */
export const ECHO_BYTES = 1000;
/** One reply in so many is parsed and compared whole. */
const DEEP_EVERY = 32;
const COMPLAINTS = 5;
const PLACE = '__TEXT__';
const FIRST_ID = 1000;

export class Generator {
  readonly tally: Tally = { latencies: [], ended: 0, wrong: 0, complaints: [] };
  readonly #plan: Plan;
  readonly #now: () => number;
  readonly #before: string;
  readonly #after: string;
  #isMeasuring = false;
  #isStopped = false;
  #lastId = FIRST_ID;
  #checked = 0;
  #running = 0;
  #onIdle: (() => void) | undefined;

  /** `now` counts milliseconds. */
  constructor(plan: Plan, now: () => number) {
    this.#plan = plan;
    this.#now = now;
    const { name, bytes, era } = plan;
    const args = bytes <= ECHO_BYTES ? { text: PLACE } : { bytes, seed: PLACE };
    const params = JSON.stringify({ name, arguments: args, ...envelope(era) });
    [this.#before = '', this.#after = ''] = params.split(PLACE);
  }

  /** Calls under way. */
  get running(): number {
    return this.#running;
  }

  start(connection: Connection): void {
    this.#running++;
    this.#next(connection);
  }

  measure(isMeasuring: boolean): void {
    this.#isMeasuring = isMeasuring;
  }

  /** No further calls; resolves when the last ones were answered. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    if (this.#running === 0) return;
    await new Promise<void>((resolve) => {
      this.#onIdle = resolve;
    });
  }

  /** Counts the calls that are still not answered as wrong. */
  giveUp(): void {
    for (; this.#running > 0; this.#running--) this.#complain('no answer by the end');
  }

  #next(connection: Connection): void {
    if (this.#isStopped) {
      if (--this.#running === 0) this.#onIdle?.();
      return;
    }
    const { bytes, name } = this.#plan;
    const id = ++this.#lastId;
    const expected: Expected = { id, text: callText(id, bytes <= ECHO_BYTES ? bytes : 0), bytes };
    const params = `${this.#before}${expected.text}${this.#after}`;
    const body = `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":${params}}`;
    const wasMeasuring = this.#isMeasuring;
    const start = this.#now();
    connection.send(id, 'tools/call', name, body, (reply) => {
      const latency = this.#now() - start;
      const wrong = this.#problem(expected, reply);
      if (wrong !== undefined) this.#complain(wrong);
      else if (this.#isMeasuring) {
        this.tally.ended++;
        if (wasMeasuring) this.tally.latencies.push(latency);
      }
      this.#next(connection);
    });
  }

  #problem(expected: Expected, reply: Reply): string | undefined {
    const { status, parts, bytes, isStream, error } = reply;
    if (status !== 200) return `status ${status} ${error ?? Buffer.concat(parts).toString('latin1', 0, 200)}`;
    const found = problem(expected, parts, bytes);
    if (found !== undefined || ++this.#checked % DEEP_EVERY !== 0) return found;
    return deepProblem(expected, Buffer.concat(parts).toString(), isStream);
  }

  #complain(text: string): void {
    this.tally.wrong++;
    if (this.tally.complaints.length < COMPLAINTS) this.tally.complaints.push(text.slice(0, 300));
  }
}
