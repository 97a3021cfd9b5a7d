/**
 * The requests that are under way in both directions, by their ids. Of the client's it knows which must be failed when the
 * connection is lost and which are asked again; of the gateway's, which may still be answered. Bounded.
 */
import { isRequestId, type JsonObject, type RequestId } from '@sallyport/wire';

export interface ClientCall {
  readonly method: string;
  readonly params: JsonObject;
  readonly line: Buffer;
}

/** More than any gateway lets one principal have under way. */
const MAX_CALLS = 4096;
/**
 * A gateway that stops ends its streams of changes in order, and then the connection: what it takes to drain, and some. An
 * end that nothing follows is for the client.
 */
const HOLD_MS = 15_000;

const LISTEN = 'subscriptions/listen';
const INITIALIZE = 'initialize';
/** Of all other requests the parameters, which may be large, are of no use once they are sent. */
const REMEMBERED: ReadonlySet<string> = new Set(['logging/setLevel', 'resources/subscribe', 'resources/unsubscribe']);
const NOTHING: JsonObject = {};
const NO_LINE: Buffer = Buffer.alloc(0);

export class Calls {
  readonly #calls: Map<RequestId, ClientCall> = new Map();
  /** Open streams of changes. */
  readonly #listens: Map<RequestId, ClientCall> = new Map();
  /** Questions of the gateway of this moment, and of those before it. */
  readonly #asked: Set<RequestId> = new Set();
  readonly #stale: Set<RequestId> = new Set();
  readonly #deliver: (message: Buffer) => void;
  readonly #delay: (ms: number, signal: AbortSignal) => Promise<void>;
  readonly #stop: AbortSignal;
  #generation = 0;

  /** `deliver` writes an answer that was held back after all. */
  constructor(
    deliver: (message: Buffer) => void,
    delay: (ms: number, signal: AbortSignal) => Promise<void>,
    stop: AbortSignal,
  ) {
    this.#deliver = deliver;
    this.#delay = delay;
    this.#stop = stop;
  }

  /** How many a client that has left may still be answered. */
  get waiting(): number {
    return this.#calls.size;
  }

  /** False when there are too many. */
  begin(id: RequestId, call: ClientCall): boolean {
    if (this.#calls.size + this.#listens.size >= MAX_CALLS) return false;
    const { method, params, line } = call;
    if (method === LISTEN) this.#listens.set(id, { method, params, line: Buffer.from(line) });
    else if (method === INITIALIZE) this.#calls.set(id, { method, params, line: Buffer.from(line) });
    else this.#calls.set(id, { method, params: REMEMBERED.has(method) ? params : NOTHING, line: NO_LINE });
    return true;
  }

  cancel(id: unknown): void {
    if (!isRequestId(id)) return;
    this.#calls.delete(id);
    this.#listens.delete(id);
  }

  /** The call that an answer is for; `held` when the answer is kept back for now. */
  answered(id: RequestId, ok: boolean, message: Buffer): ClientCall | 'held' | undefined {
    if (ok && this.#listens.has(id)) {
      this.#hold(id, message);
      return 'held';
    }
    const call = this.#calls.get(id);
    this.#calls.delete(id);
    this.#listens.delete(id);
    return call;
  }

  #hold(id: RequestId, message: Buffer): void {
    const generation = this.#generation;
    void this.#delay(HOLD_MS, this.#stop).then(() => {
      if (this.#stop.aborted || generation !== this.#generation || !this.#listens.delete(id)) return;
      this.#deliver(message);
    });
  }

  /** The streams that the client believes to be open. */
  listens(): ReadonlyMap<RequestId, ClientCall> {
    return this.#listens;
  }

  /** The connection is gone: the calls that are lost with it, and lines that can be sent again as they are. */
  lost(): { readonly lost: readonly RequestId[]; readonly again: readonly Buffer[] } {
    this.#generation += 1;
    for (const id of this.#asked) this.#stale.add(id);
    this.#asked.clear();
    const calls = [...this.#calls];
    this.#calls.clear();
    return {
      lost: calls.filter(([, { method }]) => method !== INITIALIZE).map(([id]) => id),
      again: calls.filter(([, { method }]) => method === INITIALIZE).map(([, { line }]) => line),
    };
  }

  /** False when the client has yet to answer an earlier gateway under this id: it could not tell them apart. */
  askedByGateway(id: RequestId): boolean {
    if (this.#stale.has(id) || this.#asked.size >= MAX_CALLS) return false;
    this.#asked.add(id);
    return true;
  }

  /** True when the gateway of this moment has asked. */
  answeredByClient(id: RequestId): boolean {
    if (this.#stale.delete(id)) return false;
    return this.#asked.delete(id);
  }
}
