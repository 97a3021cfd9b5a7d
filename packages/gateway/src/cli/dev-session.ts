/**
 * The server under `sallyport dev`, restarted when its sources are others. A new one is started beside the old one and takes its
 * place when it is up; one that does not start leaves the old one where it is. Knows no terminal.
 */
import type { Client } from '@sallyport/client';

export interface DevSessionOptions {
  /** Starts the server. Rejects with what is wrong, for a person. */
  readonly start: () => Promise<Client>;
  /** Of the sources as they are. */
  readonly print: () => Promise<string>;
  readonly onUp: (client: Client, isAgain: boolean) => Promise<void>;
  readonly onFailed: (error: unknown, isOldOneUp: boolean) => void;
  /** It ended by itself. */
  readonly onEnded: (error: Error | undefined) => void;
}

export class DevSession {
  readonly #options: DevSessionOptions;
  #client: Client | undefined;
  #print: string | undefined;
  #wasUp = false;
  #asked = false;
  #settling: Promise<void> | undefined;
  #closed = false;

  constructor(options: DevSessionOptions) {
    this.#options = options;
  }

  /** The one that is up; undefined: none is. */
  get client(): Client | undefined {
    return this.#client;
  }

  /** Starts it again if its sources are others than of the last start. Asked meanwhile it looks once more. Never rejects. */
  settle(): Promise<void> {
    this.#asked = true;
    this.#settling ??= this.#settle().finally(() => (this.#settling = undefined));
    return this.#settling;
  }

  /** Starts it again whatever its sources are. */
  restart(): Promise<void> {
    this.#print = undefined;
    return this.settle();
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#settling;
    await this.#client?.close();
    this.#client = undefined;
  }

  async #settle(): Promise<void> {
    while (this.#asked && !this.#closed) {
      this.#asked = false;
      const print = await this.#options.print();
      if (print === this.#print) continue;
      this.#print = print;
      await this.#replace();
    }
  }

  async #replace(): Promise<void> {
    const { onFailed, onUp, start } = this.#options;
    try {
      const client = await start();
      const old = this.#client;
      this.#client = client;
      client.on('state', ({ state, error }) => {
        if (state === 'closed') this.#onClosed(client, error);
      });
      await old?.close();
      const isAgain = this.#wasUp;
      this.#wasUp = true;
      await onUp(client, isAgain);
    } catch (error) {
      onFailed(error, this.#client !== undefined);
    }
  }

  #onClosed(client: Client, error: Error | undefined): void {
    if (this.#client !== client || this.#closed) return;
    this.#client = undefined;
    this.#options.onEnded(error);
  }
}
