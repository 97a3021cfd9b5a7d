/**
 * The server under `sallyport dev`, restarted when its sources are others. A new one is started beside the old one and takes its
 * place when it is up; one that does not start leaves the old one where it is. Where both want one port, the old one goes first.
 * Knows no terminal.
 */
import type { Client } from '@sallyport/client';

/** One start of the server. */
export interface DevServer {
  readonly client: Client;
  /** Resolves when it has ended, by itself or by `close`. Never rejects. */
  readonly ended: Promise<Error | undefined>;
  close(): Promise<void>;
}

export interface DevSessionOptions {
  /** Starts the server. Rejects with what is wrong, for a person. */
  readonly start: () => Promise<DevServer>;
  /** Two of them cannot be told apart: the old one always goes first. */
  readonly isAlone: boolean;
  /** The old one has what the new one needs, and is ended. */
  readonly onInTheWay: () => void;
  /** Of the sources as they are. */
  readonly print: () => Promise<string>;
  readonly onUp: (client: Client, isAgain: boolean) => Promise<void>;
  readonly onFailed: (error: unknown, isOldOneUp: boolean) => void;
  /** It ended by itself. */
  readonly onEnded: (error: Error | undefined) => void;
}

export class DevSession {
  readonly #options: DevSessionOptions;
  #server: DevServer | undefined;
  #print: string | undefined;
  #wasUp = false;
  #asked = false;
  #settling: Promise<void> | undefined;
  #closed = false;

  constructor(options: DevSessionOptions) {
    this.#options = options;
  }

  /** Of the one that is up; undefined: none is. */
  get client(): Client | undefined {
    return this.#server?.client;
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
    await this.#end();
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
    const { isAlone, onFailed, onUp } = this.#options;
    try {
      if (isAlone) await this.#end();
      const server = await this.#start();
      const old = this.#server;
      this.#server = server;
      await old?.close();
      void server.ended.then((error) => this.#onEnded(server, error));
      const isAgain = this.#wasUp;
      this.#wasUp = true;
      await onUp(server.client, isAgain);
    } catch (error) {
      onFailed(error, this.#server !== undefined);
    }
  }

  async #start(): Promise<DevServer> {
    try {
      return await this.#options.start();
    } catch (error) {
      if (this.#server === undefined || !String(error).includes('EADDRINUSE')) throw error;
      this.#options.onInTheWay();
      await this.#end();
      return await this.#options.start();
    }
  }

  async #end(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    await server?.close();
  }

  #onEnded(server: DevServer, error: Error | undefined): void {
    if (this.#server !== server) return;
    this.#server = undefined;
    // Its client would try to reach it for ever.
    void server.close();
    this.#options.onEnded(error);
  }
}
