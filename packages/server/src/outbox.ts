/**
 * The outgoing side of an event stream that a client may resume (2025-11-25, transports, "Resumability and
 * redelivery"): events are numbered, the last ones are kept, and a new connection continues where the old one broke.
 * It knows nothing of HTTP: a connection is something that takes text.
 *
 * An event id is the name of a stream within its session and a number in that stream. It holds nothing secret and is
 * no capability: it is only ever looked up in a session that was found by its own id, its principal and its endpoint,
 * so somebody else's event id means nothing there. That binding is what a seal would give, without one to verify.
 */

/** Where events go while a client is connected. */
export interface EventWriter {
  write(event: string | Buffer): void;
  end(): void;
}

interface Kept {
  readonly sequence: number;
  readonly data: string;
  readonly bytes: number;
}

/** What is told of events as they are kept and dropped, for who keeps them too. */
export interface OutboxJournal {
  readonly kept: (sequence: number, data: string) => void;
  /** All up to this one. */
  readonly dropped: (sequence: number) => void;
}

export interface OutboxLimits {
  readonly events: number;
  readonly bytes: number;
}

/** A stream's kept events. `name` makes event ids of different streams differ. */
export class Outbox {
  readonly name: string;
  /** Ended by the server: nothing will be added. */
  ended = false;
  readonly #kept: Kept[] = [];
  #keptBytes = 0;
  #sequence = 0;
  #delivered = 0;
  /** The last event that is not kept any more. */
  #lost = 0;
  #writer: EventWriter | undefined;
  readonly #limits: OutboxLimits;
  readonly #frame: (data: string, id: string) => string;
  readonly #journal: OutboxJournal | undefined;

  constructor(
    name: string,
    limits: OutboxLimits,
    frame: (data: string, id: string) => string,
    journal?: OutboxJournal,
  ) {
    this.name = name;
    this.#limits = limits;
    this.#frame = frame;
    this.#journal = journal;
  }

  /** Begins where a stream of this name left off: with what was kept of it, all of which was delivered as far as is known. */
  restore(events: readonly { readonly sequence: number; readonly data: string }[]): void {
    for (const { sequence, data } of events) {
      if (this.#kept.length === 0) this.#lost = sequence - 1;
      this.#sequence = sequence;
      this.#kept.push({ sequence, data, bytes: Buffer.byteLength(data) });
      this.#keptBytes += Buffer.byteLength(data);
    }
    this.#delivered = this.#sequence;
  }

  get connected(): boolean {
    return this.#writer !== undefined;
  }

  /** True once a client may have an id to resume from. */
  get resumable(): boolean {
    return this.#delivered > 0;
  }

  /** True when a client that has seen `sequence` can be given all that came after it. */
  holds(sequence: number): boolean {
    return sequence >= this.#lost && sequence <= this.#sequence;
  }

  /** Sends a message, or keeps it until somebody is there to take it. */
  send(data: string): void {
    this.#sequence++;
    this.#keep({ sequence: this.#sequence, data, bytes: Buffer.byteLength(data) });
    if (this.#writer === undefined) return;
    this.#delivered = this.#sequence;
    this.#writer.write(this.#frame(data, `${this.name}.${this.#sequence}`));
  }

  /**
   * Connects a writer: first what came after `lastSequence` (or, without one, what was never delivered), then live.
   * A writer that was connected before is ended: the newest connection wins, the old one may be a dead peer.
   */
  connect(writer: EventWriter, lastSequence: number | undefined): void {
    this.#writer?.end();
    this.#writer = writer;
    const from = lastSequence ?? this.#delivered;
    for (const { sequence, data } of this.#kept) {
      if (sequence > from) writer.write(this.#frame(data, `${this.name}.${sequence}`));
    }
    this.#delivered = this.#sequence;
    if (this.ended) this.disconnect(writer, true);
  }

  /** Forgets a writer, when it is still the one that is connected. */
  disconnect(writer: EventWriter, end = false): void {
    if (this.#writer !== writer) return;
    this.#writer = undefined;
    if (end) writer.end();
  }

  end(): void {
    this.ended = true;
    if (this.#writer !== undefined) this.disconnect(this.#writer, true);
  }

  #keep(event: Kept): void {
    this.#kept.push(event);
    this.#journal?.kept(event.sequence, event.data);
    this.#keptBytes += event.bytes;
    while (this.#kept.length > this.#limits.events || this.#keptBytes > this.#limits.bytes) {
      const { sequence, bytes } = this.#kept.shift() as Kept;
      this.#keptBytes -= bytes;
      this.#lost = sequence;
      this.#journal?.dropped(sequence);
    }
  }
}

/** Reads an event id back: the stream's name and the sequence in it. */
export function parseEventId(id: string): { readonly name: string; readonly sequence: number } | undefined {
  const found = /^([0-9a-z]{1,16})\.(\d{1,15})$/.exec(id);
  return found === null ? undefined : { name: found[1] as string, sequence: Number(found[2]) };
}
